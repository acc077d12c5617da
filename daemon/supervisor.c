/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The privileged process: loop, what control may ask for, stop. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cut.h"
#include "exit_code.h"
#include "log.h"
#include "maps_make.h"
#include "notify.h"
#include "probe.h"
#include "protect.h"
#include "spawn.h"
#include "start.h"
#include "supervisor.h"

#define NS_PER_MS     1000000u
#define POLL_AGAIN_US 10000
#define POLLS_FIXED   5
#define POLLS_MAX     (POLLS_FIXED + 1 + CONTROL_CLIENTS_MAX)

/* After programs went: the final cut, and the end of everything when nothing is attached any more. */
static int detach_finish(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	struct collector_answer answer;
	/* a packet may still be in the program: the final cut comes after it */
	int ret = cut_grace(&supervisor->maps);

	if (!ret)
		ret = supervisor_ask(supervisor, COLLECTOR_CUT, 0, &answer);
	if (!ret)
		ret = answer.message.error;
	if (ret) {
		ipacct_problem_set(ret_problem,
				   "detached, but the final cut failed: %s; the maps "
				   "stay until it works",
				   strerror(-ret));
		return ret;
	}
	if (ports_attached(&supervisor->ports, NULL))
		return 0;
	start_settle(supervisor); /* it has cut, so it was ready: nobody may have heard that yet */
	collector_stop(supervisor);
	maps_unpin(supervisor->config.bpffs_dir, supervisor->maps.meta.n_parts);
	ipacct_maps_finish(&supervisor->maps);
	place_bpffs_leave(&supervisor->config, &supervisor->place);
	log_info("everything is detached after a final cut; the ledger stays in %s",
		 supervisor->config.runtime_dir);
	supervisor->stop = true;
	return 0;
}

int supervisor_detach(struct supervisor *supervisor, const char *const *ifnames, size_t n_ifnames,
		      struct ipacct_problem *ret_problem)
{
	for (size_t i = 0; i < n_ifnames; i++)
		if (!ports_attached(&supervisor->ports, ifnames[i])) {
			ipacct_problem_set(ret_problem, "%s is not attached", ifnames[i]);
			return -ENODEV;
		}
	for (size_t i = 0; i < n_ifnames; i++)
		(void)ports_detach(&supervisor->ports, ifnames[i]); /* twice the same: 0 */
	if (!n_ifnames)
		(void)ports_detach(&supervisor->ports, NULL); /* none attached: the pins still go */
	for (size_t i = 0; i < (n_ifnames ? n_ifnames : 1); i++)
		if (ports_attached(&supervisor->ports, n_ifnames ? ifnames[i] : NULL)) {
			ipacct_problem_set(ret_problem,
					   "libxdp does not detach (the log says why): "
					   "it goes on counting");
			return -EIO;
		}
	return detach_finish(supervisor, ret_problem);
}

static void signals_serve(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	if (read(supervisor->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		collector_reap(supervisor);
		geo_process_reap(supervisor);
		groups_reader_reap(&supervisor->reload.reader);
		break;
	case SIGHUP:
		reload_ask(supervisor, -1); /* the outcome is said in the log */
		break;
	case SIGUSR1: {
		struct collector_answer answer;

		(void)supervisor_ask(supervisor, COLLECTOR_CUT, 0, &answer); /* likewise */
		break;
	}
	default:
		log_info("stopping: the program keeps counting (ipacctctl detach ends that)");
		supervisor->stop = true;
	}
}

void supervisor_retry_at(struct supervisor *supervisor, uint64_t at_ms)
{
	if (!supervisor->retry_ms || at_ms < supervisor->retry_ms)
		supervisor->retry_ms = at_ms;
}

/* Only what this start attached; what counted before it goes on. */
static void unconfirmed_detach(struct supervisor *supervisor)
{
	struct ipacct_problem problem = {};

	if (ports_rollback(&supervisor->ports) && detach_finish(supervisor, &problem))
		log_error("%s", problem.text);
}

static void deadlines_serve(struct supervisor *supervisor)
{
	uint64_t now = ipacct_monotonic_ms();

	if (supervisor->confirm_ms && now >= supervisor->confirm_ms) {
		log_warning("not confirmed in time: detaching (`ipacctctl confirm` would have kept "
			    "it)");
		supervisor->confirm_ms = 0;
		supervisor->exit_code = EXIT_CODE_ERROR;
		unconfirmed_detach(supervisor);
		supervisor->stop = true;
	}
	if (supervisor->deadline_ms && now >= supervisor->deadline_ms) {
		log_info("--duration is over: stopping, the program keeps counting");
		supervisor->stop = true;
	}
	if (supervisor->retry_ms && now >= supervisor->retry_ms) {
		supervisor->retry_ms = 0;
		if (!supervisor->collector_pid && collector_spawn(supervisor))
			supervisor_retry_at(supervisor, now + RETRY_MS);
		if (ports_reconcile(&supervisor->ports))
			supervisor_retry_at(supervisor, now + RETRY_MS);
	}
	geo_process_retry(supervisor, now);
	cost_serve(supervisor, now);
}

static int wait_ms(const struct supervisor *supervisor)
{
	const uint64_t all[] = { supervisor->confirm_ms,
				 supervisor->deadline_ms,
				 supervisor->retry_ms,
				 supervisor->geo.retry_ms,
				 supervisor->watchdog.due_ms,
				 supervisor->cost.due_ms,
				 reload_due_ms(&supervisor->reload) };
	uint64_t now = ipacct_monotonic_ms(), least = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] && (!least || all[i] < least))
			least = all[i];
	if (!least)
		return -1;
	return least <= now ? 0 : least - now > 60000 ? 60000 : (int)(least - now);
}

static void ready(struct supervisor *supervisor)
{
	supervisor->collector_ready = true;
	notify_ready();
	watchdog_start(supervisor);
	cost_start(supervisor);
	log_info("counting; control socket %s/%s", supervisor->config.runtime_dir, CONTROL_NAME);
	if (supervisor->confirm_ms) { /* anew: a start may take a while */
		supervisor->confirm_ms =
			ipacct_monotonic_ms() + supervisor->config.confirm_s * 1000u;
		log_warning("detaching in %llu s unless `ipacctctl confirm` comes",
			    (unsigned long long)supervisor->config.confirm_s);
	}
}

static void detach_when_asked(struct supervisor *supervisor)
{
	struct ipacct_problem problem = {};
	const char *names[IPACCT_IFS_MAX];
	const struct config *config = &supervisor->config;

	for (size_t i = 0; i < config->n_interfaces; i++)
		names[i] = config->interfaces[i].name;
	if (supervisor_detach(supervisor, names, config->n_interfaces, &problem)) {
		log_error("%s", problem.text);
		supervisor->exit_code = EXIT_CODE_ERROR;
	}
	supervisor->stop = true;
}

static void ready_serve(struct supervisor *supervisor)
{
	if (!supervisor->ready_pending)
		return;
	supervisor->ready_pending = false;
	start_settle(supervisor);
	if (supervisor->config.detach)
		detach_when_asked(supervisor);
	else if (!supervisor->collector_ready)
		ready(supervisor);
}

static void collector_serve(struct supervisor *supervisor)
{
	struct collector_answer answer;
	ssize_t n = recv(supervisor->collector_fd, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n == sizeof(answer) && answer.message.command == COLLECTOR_READY) {
		supervisor->ready_pending = true;
	} else if (n == 0 || (n < 0 && errno != EAGAIN)) {
		close_fd(&supervisor->collector_fd); /* its end is reported by SIGCHLD */
	}
}

/* Returns whether to go on: poll(2) may have no memory now, and have it a moment later. */
static bool events_wait(struct supervisor *supervisor, struct pollfd *polls, size_t n_polls)
{
	if (poll(polls, n_polls, wait_ms(supervisor)) >= 0 || errno == EINTR)
		return true;
	if (errno == ENOMEM) {
		(void)usleep(POLL_AGAIN_US); /* a signal may cut it short */
		return true;
	}
	log_error("cannot wait for events: %s", strerror(errno));
	supervisor->exit_code = EXIT_CODE_ERROR;
	return false;
}

static void loop(struct supervisor *supervisor)
{
	while (!supervisor->stop) {
		ready_serve(supervisor);
		if (supervisor->stop)
			break;
		struct pollfd polls[POLLS_MAX] = {
			{ .fd = supervisor->signal_fd, .events = POLLIN },
			{ .fd = rtnl_fd(&supervisor->rtnl), .events = POLLIN },
			{ .fd = supervisor->collector_fd, .events = POLLIN }, /* −1: ignored */
			{ .fd = supervisor->pins.fd, .events = POLLIN },
			{ .fd = reload_fd(&supervisor->reload), .events = POLLIN }, /* likewise */
		};
		size_t n_control = control_poll(&supervisor->control, polls + POLLS_FIXED);

		if (!events_wait(supervisor, polls, POLLS_FIXED + n_control))
			return;
		if (polls[0].revents)
			signals_serve(supervisor);
		if (!supervisor->stop && polls[1].revents && rtnl_drain(&supervisor->rtnl) &&
		    ports_reconcile(&supervisor->ports))
			supervisor_retry_at(supervisor, ipacct_monotonic_ms() + RETRY_MS);
		if (!supervisor->stop && polls[2].revents && supervisor->collector_fd >= 0)
			collector_serve(supervisor);
		if (!supervisor->stop && polls[3].revents)
			pin_watch_serve(&supervisor->pins, &supervisor->maps, &supervisor->ports,
					supervisor->place.gid);
		if (!supervisor->stop)
			control_serve(supervisor, polls + POLLS_FIXED, n_control);
		if (!supervisor->stop)
			reload_serve(supervisor);
		if (!supervisor->stop)
			deadlines_serve(supervisor);
		if (!supervisor->stop)
			watchdog_serve(supervisor);
	}
}

static int signals_take(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void finish(struct supervisor *supervisor, bool start_failed)
{
	notify_stopping();
	reload_end(&supervisor->reload);
	geo_process_stop(supervisor);
	collector_stop(supervisor);
	cost_finish(&supervisor->cost);
	if (supervisor->collector_exit > 0)
		supervisor->exit_code = supervisor->collector_exit;
	/* a collector that never came to count is a failed start too */
	if (start_failed || (supervisor->collector_exit > 0 && !supervisor->collector_ready))
		start_undo(supervisor);
	control_close(&supervisor->control, supervisor->place.runtime_dir_fd);
	http_listen_close(&supervisor->config, &supervisor->http);
	http_secrets_finish(&supervisor->secrets);
	ports_finish(&supervisor->ports);
	rtnl_finish(&supervisor->rtnl);
	ipacct_maps_finish(&supervisor->maps);
	place_release(&supervisor->place);
	protect_finish(supervisor);
	group_image_finish(&supervisor->group_image);
	close_fd(&supervisor->signal_fd);
}

static void supervisor_init(struct supervisor *supervisor, int argc, char **argv,
			    const struct config *config)
{
	memset(supervisor, 0, sizeof(*supervisor));
	supervisor->config = *config;
	supervisor->argc = argc;
	supervisor->argv = argv;
	supervisor->started_ms = ipacct_monotonic_ms();
	supervisor->collector_fd = supervisor->signal_fd = supervisor->collector_exit = -1;
	supervisor->pins.fd = -1;
	supervisor->place.runtime_dir_fd = supervisor->place.lock_fd = -1;
	supervisor->place.bpffs_fd = -1;
	supervisor->control.listen_fd = supervisor->http.fd = -1;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		supervisor->control.client_fd[i] = -1;
	for (size_t i = 0; i < IPACCT_IFS_MAX; i++)
		supervisor->ports.port[i].link_fd = -1;
	ipacct_maps_init(&supervisor->maps);
	geo_process_init(&supervisor->geo);
	reload_init(&supervisor->reload);
	if (config->duration_ns)
		supervisor->deadline_ms = supervisor->started_ms + config->duration_ns / NS_PER_MS;
	if (config->confirm_s)
		supervisor->confirm_ms = supervisor->started_ms + config->confirm_s * 1000u;
}

static void start_failed(const struct ipacct_problem *problem, int error)
{
	if (problem->text[0])
		log_error("%s", problem->text);
	else
		log_error("cannot start: %s", strerror(-error));
}

int supervisor_run(int argc, char **argv, const struct config *config)
{
	static struct supervisor supervisor; /* large, and there is one */
	struct ipacct_problem problem = {};
	int ret;

	supervisor_init(&supervisor, argc, argv, config);
	ret = start_check(&supervisor, &problem);
	if (ret && !supervisor.exit_code)
		return EXIT_CODE_OK; /* said what there was to say */
	if (ret) {
		start_failed(&problem, ret);
		return supervisor.exit_code;
	}
	if (!config->detach) {
		struct dispatcher_use *dispatcher = &supervisor.dispatcher;

		dispatcher->available = probe_dispatcher(&dispatcher->reason);
		log_info("libxdp dispatcher: %s (%s)",
			 dispatcher->available ? "available" : "not available",
			 dispatcher->reason.text);
		if (ports_check_dispatcher(config, dispatcher, &problem)) {
			log_error("%s", problem.text);
			return EXIT_CODE_ERROR;
		}
	}
	if (config->dry_run) {
		sizing_log(&supervisor.sizing);
		start_dry_run(&supervisor);
		return EXIT_CODE_OK;
	}
	supervisor.signal_fd = signals_take();
	ret = supervisor.signal_fd < 0 ? supervisor.signal_fd : start_all(&supervisor, &problem);
	if (ret && supervisor.stop) {
		log_info("stopping: told to while starting");
	} else if (ret) {
		start_failed(&problem, ret);
	} else {
		pin_watch_begin(&supervisor.pins, supervisor.config.bpffs_dir);
		reload_begin(&supervisor);
		loop(&supervisor);
		pin_watch_end(&supervisor.pins);
	}
	finish(&supervisor, ret != 0);
	return supervisor.exit_code;
}
