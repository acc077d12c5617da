/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket. Who asks is told by the kernel (SO_PEERCRED), not by the request. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "control.h"
#include "exit_code.h"
#include "log.h"
#include "status.h"
#include "supervisor.h"

/* Bind relative to the directory's descriptor, so that no path can be exchanged under us. */
static int socket_bind(int fd, int runtime_dir_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
		       runtime_dir_fd, CONTROL_NAME);
	(void)unlinkat(runtime_dir_fd, CONTROL_NAME, 0); /* of a daemon that was killed: we hold
							    the lock */
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

/* Of what lies there now, if that is no link. */
static int socket_give(int runtime_dir_fd, gid_t gid)
{
	int fd __cleanup(cleanup_fd) = beneath_open(runtime_dir_fd, CONTROL_NAME, O_PATH, 0);
	char path[sizeof("/proc/self/fd/-2147483648")];

	if (fd < 0)
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	return fchownat(fd, "", 0, gid, AT_EMPTY_PATH) || chmod(path, 0660) ? -errno : 0;
}

int control_open(struct control *control, int runtime_dir_fd, gid_t gid)
{
	int fd __cleanup(cleanup_fd) =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = socket_bind(fd, runtime_dir_fd);
	if (!ret)
		ret = socket_give(runtime_dir_fd, gid);
	if (!ret && listen(fd, CONTROL_CLIENTS_MAX))
		ret = -errno;
	if (ret)
		return ret;
	control->listen_fd = take_fd(&fd);
	return 0;
}

void control_close(struct control *control, int runtime_dir_fd)
{
	if (control->listen_fd < 0)
		return;
	close_fd(&control->listen_fd);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close_fd(&control->client_fd[i]);
	(void)unlinkat(runtime_dir_fd, CONTROL_NAME, 0); /* absent is what is wanted */
}

size_t control_poll(const struct control *control, struct pollfd *ret_polls)
{
	size_t n = 0;

	if (control->listen_fd >= 0)
		ret_polls[n++] = (struct pollfd){ .fd = control->listen_fd, .events = POLLIN };
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->client_fd[i] >= 0)
			ret_polls[n++] =
				(struct pollfd){ .fd = control->client_fd[i], .events = POLLIN };
	return n;
}

/* All places taken by silent clients: the oldest makes room. */
static void client_accept(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t last = CONTROL_CLIENTS_MAX - 1;

	if (fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->client_fd[i] < 0) {
			control->client_fd[i] = fd;
			return;
		}
	close_fd(&control->client_fd[0]);
	memmove(control->client_fd, control->client_fd + 1, last * sizeof(*control->client_fd));
	control->client_fd[last] = fd;
}

static json_t *reply_error(int exit_code, const char *text)
{
	return json_pack("{s:i, s:s}", "exit", exit_code, "error", text);
}

static json_t *reply_result(int ret, const struct ipacct_problem *problem)
{
	if (!ret)
		return json_pack("{s:i}", "exit", EXIT_CODE_OK);
	return reply_error(ret == -EINVAL ? EXIT_CODE_CONFIG : EXIT_CODE_ERROR,
			   problem->text[0] ? problem->text : strerror(-ret));
}

static json_t *serve_cut(struct supervisor *supervisor)
{
	struct collector_answer answer;
	int ret = supervisor_ask(supervisor, COLLECTOR_CUT, 0, &answer);

	if (!ret)
		ret = answer.message.error;
	if (ret == -EPIPE)
		return reply_error(EXIT_CODE_ERROR,
				   "the collector ended and is being started again: "
				   "nothing is lost, try again");
	if (ret)
		return reply_error(EXIT_CODE_ERROR, strerror(-ret));
	return json_pack("{s:i, s:I}", "exit", EXIT_CODE_OK, "cut",
			 (json_int_t)answer.message.value);
}

static json_t *serve_detach(struct supervisor *supervisor, const json_t *request)
{
	const char *ifnames[IPACCT_IFS_MAX];
	struct ipacct_problem problem = {};
	const json_t *list = json_object_get(request, "interfaces");
	size_t n = json_array_size(list), i;

	if (n > IPACCT_IFS_MAX)
		return reply_error(EXIT_CODE_USAGE, "too many interfaces");
	for (i = 0; i < n; i++) {
		ifnames[i] = json_string_value(json_array_get(list, i));
		if (!ifnames[i])
			return reply_error(EXIT_CODE_USAGE, "an interface is not a string");
	}
	return reply_result(supervisor_detach(supervisor, ifnames, n, &problem), &problem);
}

static json_t *serve_confirm(struct supervisor *supervisor)
{
	if (!supervisor->confirm_ms)
		return reply_error(EXIT_CODE_ERROR, "nothing waits to be confirmed");
	supervisor->confirm_ms = 0;
	log_info("confirmed: it stays attached");
	return json_pack("{s:i}", "exit", EXIT_CODE_OK);
}

/* Takes *fd over and returns NULL when the answer comes later. */
static json_t *serve(struct supervisor *supervisor, const json_t *request, uid_t uid, int *fd)
{
	const char *command = json_string_value(json_object_get(request, "command"));

	if (!command)
		return reply_error(EXIT_CODE_USAGE, "no \"command\" in the request");
	if (!strcmp(command, "status"))
		return status_reply(supervisor);
	if (uid)
		return reply_error(EXIT_CODE_ERROR, "only root may do more than `status`");
	if (!strcmp(command, "cut"))
		return serve_cut(supervisor);
	if (!strcmp(command, "detach"))
		return serve_detach(supervisor, request);
	if (!strcmp(command, "confirm"))
		return serve_confirm(supervisor);
	if (!strcmp(command, "reload")) {
		reload_ask(supervisor, take_fd(fd));
		return NULL;
	}
	return reply_error(EXIT_CODE_USAGE, "unknown command");
}

/* A client that went away needs no answer. */
static void reply_send(int fd, const json_t *reply)
{
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	if (text)
		(void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
}

void control_answer(int fd, int ret, const struct ipacct_problem *problem)
{
	json_t *reply = reply_result(ret, problem);

	reply_send(fd, reply);
	json_decref(reply);
}

/* Closes *fd, now or when the answer is there. */
static void client_serve(struct supervisor *supervisor, int *fd)
{
	char *packet __cleanup(cleanup_free) = malloc(CONTROL_PACKET_BYTES);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t peer_bytes = sizeof(peer);
	json_t *request, *reply;
	ssize_t n = packet ? recv(*fd, packet, CONTROL_PACKET_BYTES, 0) : -1;

	if (n > 0 && !getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes)) {
		request = json_loadb(packet, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
		reply = request ? serve(supervisor, request, peer.uid, fd)
				: reply_error(EXIT_CODE_USAGE, "the request is not JSON");
		reply_send(*fd, reply);
		json_decref(request);
		json_decref(reply);
	}
	close_fd(fd);
}

void control_serve(struct supervisor *supervisor, const struct pollfd *polls, size_t n_polls)
{
	struct control *control = &supervisor->control;

	for (size_t i = 0; i < n_polls; i++) {
		if (!polls[i].revents)
			continue;
		if (polls[i].fd == control->listen_fd) {
			client_accept(control);
			continue;
		}
		for (size_t k = 0; k < CONTROL_CLIENTS_MAX; k++)
			if (control->client_fd[k] == polls[i].fd)
				client_serve(supervisor, &control->client_fd[k]);
	}
}
