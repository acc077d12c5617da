/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the list of groups in a child.
 *
 * The supervisor opens the file and a memfd and forks. The child gives up every privilege and nearly
 * every system call, reads, checks and sorts, writes what it has made into the memfd, seals it and says
 * how it went. The supervisor waits for that in its loop, looks at all of it and maps it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "child.h"
#include "config_file.h"
#include "config_groups.h"
#include "groups_reader.h"
#include "groups_seccomp.h"
#include "maps.h"
#include "place.h"
#include "sanitized.h"

bool groups_reader_failed(int error)
{
	return error == -ECHILD || error == -ETIMEDOUT || error == -EBADMSG || error == -EBUSY;
}

void groups_reader_init(struct groups_reader *reader)
{
	memset(reader, 0, sizeof(*reader));
	reader->socket_fd = reader->list_fd = -1;
}

/* ---- The child --------------------------------------------------------------------------------- */

struct child {
	const char *path;
	uid_t uid;
	gid_t gid;
	pid_t parent;
	int text_fd, list_fd, socket_fd;
};

static int confine(const struct child *child)
{
	int keep[] = { child->text_fd, child->list_fd, child->socket_fd };
	int ret = descriptors_keep(keep, sizeof(keep) / sizeof(keep[0]));

	if (!ret && !geteuid())
		ret = privileges_drop(child->uid, child->gid);
	/* after another uid, which would undo it: nobody waits for a list when the supervisor is gone */
	if (!ret && prctl(PR_SET_PDEATHSIG, SIGKILL))
		ret = -errno;
	if (!ret && getppid() != child->parent)
		ret = -ESRCH;
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = -errno;
	return ret || SANITIZED
		       ? ret
		       : groups_seccomp_load(child->text_fd, child->list_fd, child->socket_fd);
}

static int list_hand_over(int fd, const struct group_image *image)
{
	int ret = group_image_write(image, fd);

	if (!ret &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		ret = -errno;
	return ret;
}

static _Noreturn void child_run(const struct child *child)
{
	struct groups_answer answer = {};
	struct group_image image;

	child_signals_reset();
	(void)prctl(PR_SET_NAME, "ipacct-groups"); /* only how `ps` shows it */
	answer.error = confine(child);
	if (answer.error) {
		(void)snprintf(answer.text, sizeof(answer.text),
			       "cannot confine the reader of groups: %s", strerror(-answer.error));
	} else {
		answer.error = config_groups_take(child->path, child->text_fd, &image, answer.text,
						  sizeof(answer.text));
		if (!answer.error) {
			answer.error = list_hand_over(child->list_fd, &image);
			if (answer.error)
				(void)snprintf(answer.text, sizeof(answer.text),
					       "cannot hand over the list of groups: %s",
					       strerror(-answer.error));
		}
	}
	/* one that cannot be told of it hears that we are gone */
	(void)send(child->socket_fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	_exit(0);
}

/* ---- The supervisor ---------------------------------------------------------------------------- */

static int spawn(struct groups_reader *reader, struct child *child)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	child->parent = getpid();
	child->socket_fd = pair[1];
	pid = fork();
	if (!pid)
		child_run(child);
	close_fd(&pair[1]);
	if (pid < 0) {
		close_fd(&pair[0]);
		return -EAGAIN;
	}
	reader->pid = pid;
	reader->socket_fd = pair[0];
	return 0;
}

int groups_reader_start(struct groups_reader *reader, const char *path, uid_t uid, gid_t gid,
			uint64_t timeout_ms, struct ipacct_problem *ret_problem)
{
	int text_fd __cleanup(cleanup_fd) = -1;
	int list_fd __cleanup(cleanup_fd) = -1;
	struct child child = { .path = path, .uid = uid, .gid = gid };
	int ret;

	groups_reader_reap(reader);
	if (reader->pid) {
		ipacct_problem_set(ret_problem, "%s: the last reader of it (pid %d) does not end",
				   path, (int)reader->pid);
		return -EBUSY;
	}
	child.text_fd = text_fd =
		config_file_open(path, ret_problem->text, sizeof(ret_problem->text));
	if (text_fd < 0)
		return text_fd;
	child.list_fd = list_fd = memfd_create("ipacct-groups", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ret = list_fd < 0 ? -errno : spawn(reader, &child);
	if (ret) {
		ipacct_problem_set(ret_problem, "%s: cannot start who reads it: %s", path,
				   strerror(-ret));
		return -ECHILD;
	}
	reader->list_fd = take_fd(&list_fd);
	reader->started_ms = ipacct_monotonic_ms();
	reader->deadline_ms = reader->started_ms + timeout_ms;
	reader->answered = false;
	return 0;
}

void groups_reader_reap(struct groups_reader *reader)
{
	if (reader->pid && reader->socket_fd < 0 &&
	    waitpid(reader->pid, NULL, WNOHANG) != 0) /* or −1: it was none of ours any more */
		reader->pid = 0;
}

/* It may sleep where no signal reaches it, so nobody waits for its end here. */
void groups_reader_stop(struct groups_reader *reader)
{
	close_fd(&reader->socket_fd);
	close_fd(&reader->list_fd);
	if (reader->pid)
		(void)kill(reader->pid, SIGKILL); /* gone already is fine: it was not waited for */
	groups_reader_reap(reader);
}

/* The socket is closed when all of its memory is given back; only then it can be waited for. */
static int end_wait(struct groups_reader *reader)
{
	int status = 0;

	close_fd(&reader->socket_fd);
	if (waitpid(reader->pid, &status, 0) == reader->pid)
		reader->pid = 0;
	return status;
}

static int died(int status, struct ipacct_problem *ret_problem)
{
	if (WIFSIGNALED(status))
		ipacct_problem_set(ret_problem, "the reader of the list of groups died (signal %d)",
				   WTERMSIG(status));
	else
		ipacct_problem_set(ret_problem,
				   "the reader of the list of groups ended without a word");
	return -ECHILD;
}

static int answer_take(struct groups_reader *reader, struct group_image *ret_image,
		       struct ipacct_problem *ret_problem)
{
	struct groups_answer *answer = &reader->answer;
	const char *why;
	int ret;

	answer->text[sizeof(answer->text) - 1] = '\0';
	if (answer->error < 0) {
		ipacct_problem_set(ret_problem, "%s", text_make_safe(answer->text));
		return answer->error;
	}
	ret = answer->error ? -EBADMSG : group_image_map(reader->list_fd, ret_image, &why);
	if (ret)
		ipacct_problem_set(ret_problem,
				   "what the reader of the list of groups made is "
				   "none: %s",
				   answer->error ? "it says nonsense" : why);
	return ret;
}

int groups_reader_serve(struct groups_reader *reader, struct group_image *ret_image,
			struct ipacct_problem *ret_problem)
{
	int status, ret;
	ssize_t n;

	do {
		n = recv(reader->socket_fd, &reader->answer, sizeof(reader->answer), MSG_DONTWAIT);
		reader->answered |= n == sizeof(reader->answer);
	} while (n > 0);
	if (n < 0 && errno == EAGAIN) {
		if (ipacct_monotonic_ms() < reader->deadline_ms)
			return -EAGAIN;
		ipacct_problem_set(
			ret_problem, "the reader of the list of groups did not end within %llu s",
			(unsigned long long)(reader->deadline_ms - reader->started_ms) / 1000);
		groups_reader_stop(reader);
		return -ETIMEDOUT;
	}
	status = end_wait(reader);
	ret = reader->answered ? answer_take(reader, ret_image, ret_problem)
			       : died(status, ret_problem);
	close_fd(&reader->list_fd);
	return ret;
}
