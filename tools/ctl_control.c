// SPDX-License-Identifier: GPL-2.0-or-later
/* Talk to ipacctd: one JSON object to its control socket, one back. */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "common_text.h"

#define CONTROL_NAME "control"
#define DEADLINE_S   10 /* a cut of a full ledger takes well below one second */
/* A list of groups is read within 30 s or refused, the one before it as well; twice the change of the
 * collector, 10 s each. */
#define RELOAD_DEADLINE_S 90
#define REQUEST_BYTES_MAX (1u << 12) /* 64 interface names of 15 octets and the command */
#define REPLY_BYTES_MAX   (1u << 16) /* as the daemon promises */
#define EXIT_CODE_MAX     255        /* wait(2): exit codes have 8 bits */

static const char *runtime_dir(const struct tool_paths *paths)
{
	return paths->runtime_dir ? paths->runtime_dir : IPACCT_RUNTIME_DIR_DEFAULT;
}

/* The address is written through the socket's descriptor: sun_path has 108 octets, a path has more,
 * and no link that lies in its place is followed. */
static int control_connect(const struct tool_paths *paths, int deadline_s, int socket_flags,
			   int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval deadline = { .tv_sec = deadline_s };
	int dir_fd __cleanup(cleanup_fd) = -1;
	int name_fd __cleanup(cleanup_fd) = -1;
	int fd __cleanup(cleanup_fd) = -1;

	dir_fd = open(runtime_dir(paths), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	name_fd = beneath_open(dir_fd, CONTROL_NAME, O_PATH, 0);
	if (name_fd < 0)
		return name_fd;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", name_fd);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | socket_flags, 0);
	if (fd < 0)
		return -errno;
	/* unix(7): SO_SNDTIMEO bounds connect() as well, when the backlog is full */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int request_build(const char *command, char *const *interfaces, size_t n_interfaces,
			 char text[REQUEST_BYTES_MAX], size_t *ret_bytes)
{
	json_t *request __cleanup(cleanup_json) = json_pack("{s:s}", "command", command);
	json_t *names;
	size_t bytes;

	if (!request)
		return -ENOMEM;
	if (n_interfaces) {
		names = json_array();
		for (size_t i = 0; i < n_interfaces; i++)
			if (json_array_append_new(names, json_string(interfaces[i])) < 0) {
				json_decref(names);
				return -EINVAL; /* not UTF-8: no JSON can carry it */
			}
		if (json_object_set_new(request, "interfaces", names) < 0)
			return -ENOMEM;
	}
	bytes = json_dumpb(request, text, REQUEST_BYTES_MAX, JSON_COMPACT);
	if (bytes == 0 || bytes > REQUEST_BYTES_MAX)
		return -ENAMETOOLONG;
	*ret_bytes = bytes;
	return 0;
}

int control_receive(int fd, json_t **ret_reply)
{
	char *text __cleanup(cleanup_free) = malloc(REPLY_BYTES_MAX);
	json_t *reply __cleanup(cleanup_json) = NULL;
	json_t *code;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	do {
		n = recv(fd, text, REPLY_BYTES_MAX, MSG_TRUNC); /* the true size, however long */
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET; /* the daemon ended meanwhile */
	if ((size_t)n > REPLY_BYTES_MAX)
		return -EBADMSG;
	reply = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	code = json_object_get(reply, "exit");
	if (!json_is_integer(code) || json_integer_value(code) < 0 ||
	    json_integer_value(code) > EXIT_CODE_MAX)
		return -EBADMSG;
	*ret_reply = take_ptr(reply);
	return 0;
}

int control_send(const struct tool_paths *paths, const char *command, char *const *interfaces,
		 size_t n_interfaces, int socket_flags, int *ret_fd)
{
	char text[REQUEST_BYTES_MAX];
	int deadline_s = strcmp(command, "reload") == 0 ? RELOAD_DEADLINE_S : DEADLINE_S;
	int fd __cleanup(cleanup_fd) = -1;
	size_t bytes = 0;
	int r;

	r = request_build(command, interfaces, n_interfaces, text, &bytes);
	if (r < 0)
		return r;
	r = control_connect(paths, deadline_s, socket_flags, &fd);
	if (r < 0)
		return r;
	if (send(fd, text, bytes, MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int control_request(const struct tool_paths *paths, const char *command, char *const *interfaces,
		    size_t n_interfaces, json_t **ret_reply)
{
	int fd __cleanup(cleanup_fd) = -1;
	int r = control_send(paths, command, interfaces, n_interfaces, 0, &fd);

	return r < 0 ? r : control_receive(fd, ret_reply);
}

bool control_no_daemon(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED;
}

int control_explain(const struct tool_paths *paths, int error)
{
	const char *dir = runtime_dir(paths);

	if (control_no_daemon(error))
		tool_complain("ipacctd is not running: nothing answers at %s/" CONTROL_NAME, dir);
	else if (error == -EACCES || error == -EPERM)
		tool_complain("%s/" CONTROL_NAME ": %s: root, or for `status` the group ipacct "
			      "(usermod -aG ipacct USER, then log in again)",
			      dir, strerror(-error));
	else if (error == -ETIMEDOUT)
		tool_complain("ipacctd did not answer in time: its messages tell what it does");
	else if (error == -EBADMSG)
		tool_complain("what answered at %s/" CONTROL_NAME " is not this ipacctd", dir);
	else
		tool_complain("cannot ask ipacctd at %s/" CONTROL_NAME ": %s", dir,
			      strerror(-error));
	return TOOL_ERROR;
}

int control_exit_code(const json_t *reply)
{
	const char *error = json_string_value(json_object_get(reply, "error"));
	int code = (int)json_integer_value(json_object_get(reply, "exit"));
	char *text __cleanup(cleanup_free) = error ? strdup(error) : NULL;

	if (code != 0)
		tool_complain("%s", text ? text_make_safe(text) : "ipacctd refused");
	return code;
}

void ctl_print_json(const struct ctl_settings *settings, const json_t *object)
{
	/* an output error stays in the stream for tool_finish_output() */
	(void)json_dumpf(object, stdout, settings->pretty ? JSON_INDENT(2) : JSON_COMPACT);
	putchar('\n');
}
