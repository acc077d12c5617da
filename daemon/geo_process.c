/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo worker as a child of the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "child.h"
#include "exit_code.h"
#include "geo_file.h"
#include "geo_overrides.h"
#include "geo_process.h"
#include "geo_worker.h"
#include "log.h"
#include "runtime_file.h"
#include "supervisor.h"

#define STOP_MS        2000
#define RESTART_MS     100   /* after the first death; twice as long after each further one … */
#define RESTART_MS_MAX 60000 /* … up to this */
#define LONG_LIFE_MS   2000  /* who lived so long did not die of its start */

void geo_process_init(struct geo_process *process)
{
	memset(process, 0, sizeof(*process));
	process->socket_fd = process->file_fd = -1;
}

static _Noreturn void child_run(const struct supervisor *supervisor, int socket_fd, int ledger_fd)
{
	const struct geo_process *process = &supervisor->geo;
	const struct geo_start start = {
		.supervisor_pid = getppid(),
		.uid = supervisor->place.uid,
		.gid = supervisor->place.gid,
		.socket_fd = socket_fd,
		.ledger_fd = ledger_fd,
		.geo_fd = process->file_fd,
		.interval_ns = supervisor->config.interval_ns,
		.databases_bytes_max = supervisor->sizing.geo.databases_bytes,
		.memory_bytes = supervisor->sizing.geo.process_bytes,
		.crashed = process->crashed,
		.memory = process->memory,
		.settings = &supervisor->config.geo,
	};
	int keep[] = { socket_fd, ledger_fd, process->file_fd };
	int ret;

	child_signals_reset();
	(void)prctl(PR_SET_NAME, "ipacct-geo"); /* only how `ps` shows it */
	ret = descriptors_keep(keep, sizeof(keep) / sizeof(keep[0]));
	if (ret) {
		log_error("cannot limit the geo worker's descriptors: %s", strerror(-ret));
		_exit(EXIT_CODE_ERROR);
	}
	_exit(geo_worker_run(&start));
}

static int worker_spawn(struct supervisor *supervisor)
{
	struct geo_process *process = &supervisor->geo;
	int ledger_fd __cleanup(cleanup_fd) = runtime_file_open(
		supervisor->place.runtime_dir_fd, IPACCT_LEDGER_NAME, O_RDONLY, 0, NULL);
	int pair[2];
	pid_t pid;

	if (ledger_fd < 0)
		return ledger_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid)
		child_run(supervisor, pair[1], ledger_fd);
	close_fd(&pair[1]);
	if (pid < 0) {
		close_fd(&pair[0]);
		return -EAGAIN;
	}
	close_fd(&process->socket_fd);
	process->socket_fd = pair[0];
	process->pid = pid;
	process->room = supervisor->sizing.geo;
	process->started_ms = ipacct_monotonic_ms();
	process->retry_ms = 0;
	return 0;
}

static int memory_make(struct geo_process *process)
{
	void *at;

	if (process->memory)
		return 0;
	at = mmap(NULL, sizeof(*process->memory), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	process->memory = at;
	return 0;
}

static int file_take(struct supervisor *supervisor)
{
	struct geo_process *process = &supervisor->geo;
	uint32_t n_records = supervisor->sizing.n_addresses_max;
	int fd = geo_file_take(supervisor->place.runtime_dir_fd, supervisor->place.gid, n_records,
			       supervisor->sizing.geo.strings_bytes, process->fresh);

	if (fd < 0)
		return fd;
	close_fd(&process->file_fd);
	process->file_fd = fd;
	process->fresh = false;
	return 0;
}

/* How long to wait after the n-th death in a row. */
static uint64_t pause_ms(uint32_t n_deaths)
{
	uint64_t ms = RESTART_MS;

	for (uint32_t i = 1; i < n_deaths && ms < RESTART_MS_MAX; i++)
		ms *= 2;
	return ms < RESTART_MS_MAX ? ms : RESTART_MS_MAX;
}

/* One line for the first trouble of a row, then ever more seldom. */
static bool worth_a_line(uint32_t n_deaths)
{
	return !(n_deaths & (n_deaths - 1));
}

void geo_process_start(struct supervisor *supervisor)
{
	struct geo_process *process = &supervisor->geo;
	int ret;

	if (process->pid)
		return;
	process->retry_ms = 0;
	if (!supervisor->sizing.geo.wanted) {
		close_fd(&process->file_fd);
		geo_file_remove(supervisor->place.runtime_dir_fd);
		return;
	}
	ret = memory_make(process);
	if (!ret)
		ret = file_take(supervisor);
	if (!ret)
		ret = worker_spawn(supervisor);
	if (!ret)
		return;
	process->n_deaths++;
	process->retry_ms = ipacct_monotonic_ms() + pause_ms(process->n_deaths);
	if (worth_a_line(process->n_deaths))
		log_warning("cannot start the geo worker: %s, trying again; counting goes on",
			    strerror(-ret));
}

void geo_process_stop(struct supervisor *supervisor)
{
	struct geo_process *process = &supervisor->geo;
	int pidfd __cleanup(cleanup_fd) = -1;
	struct pollfd ended = { .events = POLLIN };

	close_fd(&process->socket_fd);
	close_fd(&process->file_fd);
	process->retry_ms = 0;
	if (!process->pid)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	ended.fd = pidfd;
	if (pidfd < 0 || poll(&ended, 1, STOP_MS) == 0)
		(void)kill(process->pid, SIGKILL); /* gone already is fine */
	(void)waitpid(process->pid, NULL, 0);      /* SIGCHLD may have reaped it */
	process->pid = 0;
}

/* Signals that a process brings upon itself, by a hostile file for instance. */
static bool own_fault(int status)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGSYS, SIGPROF };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (WIFSIGNALED(status) && WTERMSIG(status) == signals[i])
			return true;
	return false;
}

void geo_process_reap(struct supervisor *supervisor)
{
	struct geo_process *process = &supervisor->geo;
	uint64_t now = ipacct_monotonic_ms();
	int status;

	if (!process->pid || waitpid(process->pid, &status, WNOHANG) != process->pid)
		return;
	process->pid = 0;
	close_fd(&process->socket_fd);
	process->crashed = own_fault(status);
	process->fresh = WIFEXITED(status) && WEXITSTATUS(status) == GEO_EXIT_FRESH;
	process->n_deaths = now - process->started_ms >= LONG_LIFE_MS ? 1 : process->n_deaths + 1;
	process->n_restarts++;
	process->retry_ms = now + pause_ms(process->n_deaths);
	if (worth_a_line(process->n_deaths))
		log_warning("the geo worker ended (%s %d): starting it again, counting goes on",
			    WIFSIGNALED(status) ? "signal" : "exit status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void geo_process_retry(struct supervisor *supervisor, uint64_t now_ms)
{
	if (supervisor->geo.retry_ms && now_ms >= supervisor->geo.retry_ms)
		geo_process_start(supervisor);
}

/* It had no room when it was last asked for, and nobody asks for anything else now. */
static bool refused_before(const struct supervisor *supervisor, const struct config *config)
{
	const struct config *old = &supervisor->config;

	return geo_wanted(&old->geo) && !supervisor->sizing.geo.wanted &&
	       old->memory_bytes == config->memory_bytes &&
	       !memcmp(&old->geo, &config->geo, sizeof(old->geo));
}

int geo_process_check(const struct supervisor *supervisor, const struct config *config,
		      struct ipacct_problem *ret_problem)
{
	struct sizing sizing = supervisor->sizing;
	int ret = geo_overrides_check(config->geo.overrides, ret_problem->text,
				      sizeof(ret_problem->text));

	if (ret || refused_before(supervisor, config))
		return ret;
	return sizing_geo(config, &sizing, ret_problem);
}

void geo_process_reload(struct supervisor *supervisor)
{
	struct geo_process *process = &supervisor->geo;
	const struct geo_settings *settings = &supervisor->config.geo;
	struct ipacct_problem problem;

	if (sizing_geo(&supervisor->config, &supervisor->sizing,
		       &problem)) /* checked before: a file grew */
		log_warning("no geo: %s", problem.text);
	process->n_deaths = 0; /* what killed it may be mended */
	/* a worker has room for what there was when it began */
	if (process->pid && supervisor->sizing.geo.wanted &&
	    geo_sizing_suffices(&process->room, &supervisor->sizing.geo) &&
	    send(process->socket_fd, settings, sizeof(*settings), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		return;
	geo_process_stop(supervisor);
	geo_process_start(supervisor);
}
