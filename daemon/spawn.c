/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The collector as a child. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "child.h"
#include "exit_code.h"
#include "log.h"
#include "spawn.h"
#include "supervisor.h"

#define ANSWER_MS  10000
#define STOP_MS    10000
#define RESTART_MS 1000 /* a dead collector is back within this; a dying one not more often */

/* All descriptors of a set, or how many. */
static size_t maps_fds(const struct ipacct_maps *maps, int *ret_fds)
{
	const int fds[] = {
#define FD(member, pin) maps->member##_fd,
		IPACCT_MAPS(FD)
#undef FD
	};
	uint32_t n_lru = maps->meta.n_parts * IPACCT_EPOCHS;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] < 0)
			continue; /* a map that an earlier version did not have */
		if (ret_fds)
			ret_fds[n] = fds[i];
		n++;
	}
	if (ret_fds)
		memcpy(ret_fds + n, maps->lru_fds, n_lru * sizeof(*ret_fds));
	return n + n_lru;
}

/* Close everything but what the collector may use: no link, no lock and no socket of the supervisor
 * survives the fork. */
static int descriptors_limit(const struct ipacct_maps *maps, const struct takeover *takeover,
			     const struct place *place, int socket_fd, int http_fd)
{
	size_t room = 3 + maps_fds(maps, NULL);
	int *keep __cleanup(cleanup_free) = NULL;
	size_t n = 0;

	for (size_t i = 0; i < takeover->n_sets; i++)
		room += maps_fds(&takeover->sets[i].maps, NULL);
	keep = calloc(room, sizeof(*keep));
	if (!keep)
		return -ENOMEM;
	keep[n++] = socket_fd;
	keep[n++] = place->runtime_dir_fd;
	if (http_fd >= 0)
		keep[n++] = http_fd;
	n += maps_fds(maps, keep + n);
	for (size_t i = 0; i < takeover->n_sets; i++)
		n += maps_fds(&takeover->sets[i].maps, keep + n);
	return descriptors_keep(keep, n);
}

static struct series_settings series_settings(const struct config *config)
{
	return (struct series_settings){
		.runtime_dir = config->runtime_dir,
		.top = { [IPACCT_SERIES_COUNTRY] = config->top_countries,
			 [IPACCT_SERIES_ASN] = config->top_asns,
			 [IPACCT_SERIES_GROUP] = config->top_groups,
			 [IPACCT_SERIES_ADDRESS] = config->top_addresses },
	};
}

static _Noreturn void child_run(struct supervisor *supervisor, int socket_fd)
{
	struct place place = supervisor->place;
	struct collector_settings settings = { .interval_ns = supervisor->config.interval_ns,
					       .http = { .listen_fd = supervisor->http.fd,
							 .cert = supervisor->secrets.cert,
							 .key = supervisor->secrets.key,
							 .auth = supervisor->secrets.auth },
					       .series = series_settings(&supervisor->config),
					       .cost = supervisor->cost.shared,
					       .drains = supervisor->takeover.sets,
					       .n_drains = supervisor->takeover.n_sets };
	int ret;

	child_signals_reset();
	(void)prctl(PR_SET_NAME, "ipacct-collect"); /* only how `ps` shows it */
	place.lock_fd = place.bpffs_fd = -1;
	ret = descriptors_limit(&supervisor->maps, &supervisor->takeover, &place, socket_fd,
				supervisor->http.fd);
	if (ret) {
		log_error("cannot limit the collector's descriptors: %s", strerror(-ret));
		_exit(EXIT_CODE_ERROR);
	}
	_exit(collector_run(&supervisor->maps, &place, &settings, socket_fd));
}

int collector_spawn(struct supervisor *supervisor)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid)
		child_run(supervisor, pair[1]);
	close_fd(&pair[1]);
	if (pid < 0) {
		close_fd(&pair[0]);
		return -EAGAIN;
	}
	close_fd(&supervisor->collector_fd);
	supervisor->collector_fd = pair[0];
	supervisor->collector_pid = pid;
	supervisor->collector_started_ms = ipacct_monotonic_ms();
	supervisor->upgrade_final = true; /* it drains */
	return 0;
}

int supervisor_ask(struct supervisor *supervisor, uint32_t command, uint64_t value,
		   struct collector_answer *ret_answer)
{
	struct collector_message message = { .command = command, .value = value };
	struct pollfd wait = { .fd = supervisor->collector_fd, .events = POLLIN };
	uint64_t deadline = ipacct_monotonic_ms() + ANSWER_MS;
	struct collector_answer answer;

	/* an answer that came after its question had timed out is nobody's */
	while (supervisor->collector_fd >= 0 &&
	       recv(supervisor->collector_fd, &answer, sizeof(answer), MSG_DONTWAIT) ==
		       sizeof(answer))
		supervisor->ready_pending |= answer.message.command == COLLECTOR_READY;
	if (supervisor->collector_fd < 0 ||
	    send(supervisor->collector_fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return -EPIPE;
	for (;;) {
		uint64_t now = ipacct_monotonic_ms();

		if (now >= deadline || poll(&wait, 1, (int)(deadline - now)) == 0)
			return -ETIMEDOUT;
		if (recv(supervisor->collector_fd, &answer, sizeof(answer), 0) != sizeof(answer))
			return -EPIPE;
		if (answer.message.command == command)
			break; /* else: READY of a collector that was just starting */
		supervisor->ready_pending |= answer.message.command == COLLECTOR_READY;
	}
	*ret_answer = answer;
	return 0;
}

void collector_stop(struct supervisor *supervisor)
{
	int pidfd __cleanup(cleanup_fd) = -1;
	struct pollfd ended = { .events = POLLIN };

	close_fd(&supervisor->collector_fd);
	if (!supervisor->collector_pid)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, supervisor->collector_pid, 0);
	ended.fd = pidfd;
	if (pidfd >= 0 && poll(&ended, 1, STOP_MS) == 0)
		(void)kill(supervisor->collector_pid, SIGKILL); /* gone already is fine */
	(void)waitpid(supervisor->collector_pid, NULL, 0);      /* SIGCHLD may have reaped it */
	supervisor->collector_pid = 0;
}

void collector_reap(struct supervisor *supervisor)
{
	uint64_t now = ipacct_monotonic_ms(), due = supervisor->collector_started_ms + RESTART_MS;
	int status;

	if (!supervisor->collector_pid ||
	    waitpid(supervisor->collector_pid, &status, WNOHANG) != supervisor->collector_pid)
		return;
	supervisor->collector_pid = 0;
	close_fd(&supervisor->collector_fd);
	if (WIFEXITED(status) &&
	    (!supervisor->collector_ready || WEXITSTATUS(status) == EXIT_CODE_RUNNING)) {
		supervisor->collector_exit = WEXITSTATUS(status);
		supervisor->stop = true;
		return;
	}
#ifdef IPACCT_CRASH_POINTS
	(void)unsetenv("IPACCT_CRASH_AT"); /* once */
#endif
	supervisor_retry_at(supervisor, due > now ? due : now + 1);
	log_warning("the collector ended (%s %d): starting it again, nothing is lost",
		    WIFSIGNALED(status) ? "signal" : "exit status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
