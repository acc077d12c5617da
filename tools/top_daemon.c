// SPDX-License-Identifier: GPL-2.0-or-later
/* `status` over the control socket, without blocking. */
#include "top_daemon.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "ctl.h"

#define ASK_NS    (5 * NS_PER_S) /* its figures are of minutes; each answer costs it a millisecond */
#define SILENT_NS (10 * NS_PER_S) /* as the other tools wait */

void top_daemon_init(struct top_daemon *daemon, const struct tool_paths *paths)
{
	*daemon = (struct top_daemon){ .paths = paths, .fd = -1 };
}

void top_daemon_finish(struct top_daemon *daemon)
{
	close_fd(&daemon->fd);
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void programs_read(struct top_daemon *daemon, const json_t *programs)
{
	uint64_t n_runs = 0, run_ns = 0;

	for (size_t i = 0; i < json_array_size(programs); i++) {
		n_runs += number(json_array_get(programs, i), "run_cnt");
		run_ns += number(json_array_get(programs, i), "run_time_ns");
	}
	daemon->ns_per_run = 0;
	if (daemon->n_runs && n_runs > daemon->n_runs && run_ns >= daemon->run_ns)
		daemon->ns_per_run =
			(double)(run_ns - daemon->run_ns) / (double)(n_runs - daemon->n_runs);
	daemon->n_runs = n_runs;
	daemon->run_ns = run_ns;
}

static void failed(struct top_daemon *daemon, int error)
{
	daemon->state = control_no_daemon(error) ? TOP_DAEMON_NOT_RUNNING : TOP_DAEMON_SILENT;
	daemon->error = error;
}

static void take_answer(struct top_daemon *daemon)
{
	json_t *reply __cleanup(cleanup_json) = NULL;
	int r = control_receive(daemon->fd, &reply);
	const json_t *status = json_object_get(reply, "status");
	const json_t *memory = json_object_get(status, "memory");

	close_fd(&daemon->fd);
	if (r < 0 || !status) {
		failed(daemon, r < 0 ? r : -EACCES);
		return;
	}
	daemon->state = TOP_DAEMON_RUNS;
	daemon->pid = number(status, "pid");
	daemon->cut_p99_ns = number(json_object_get(status, "cut_duration_ns"), "p99");
	daemon->collector_bytes = number(memory, "collector_bytes");
	daemon->maps_bytes = number(memory, "maps_bytes");
	daemon->over_budget = json_is_true(json_object_get(status, "over_budget"));
	programs_read(daemon, json_object_get(status, "programs"));
}

void top_daemon_step(struct top_daemon *daemon)
{
	struct pollfd answer = { .fd = daemon->fd, .events = POLLIN };
	uint64_t now_ns = tool_monotonic_ns();
	int r;

	if (daemon->fd >= 0 && poll(&answer, 1, 0) > 0)
		take_answer(daemon);
	if (daemon->fd >= 0 && now_ns - daemon->asked_ns > SILENT_NS) {
		close_fd(&daemon->fd);
		failed(daemon, -ETIMEDOUT);
	}
	if (daemon->fd >= 0 || (daemon->asked_ns && now_ns - daemon->asked_ns < ASK_NS))
		return;
	daemon->asked_ns = now_ns;
	r = control_send(daemon->paths, "status", NULL, 0, SOCK_NONBLOCK, &daemon->fd);
	if (r < 0)
		failed(daemon, r);
}
