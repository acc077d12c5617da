/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The unprivileged process that cuts and publishes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "budget.h"
#include "collector.h"
#include "collector_seccomp.h"
#include "crash.h"
#include "cut.h"
#include "drain.h"
#include "exit_code.h"
#include "groups.h"
#include "groups_file.h"
#include "ledger_file.h"
#include "log.h"
#include "pace.h"
#include "sanitized.h"

#define DURATIONS 1024u /* cut times kept for the percentiles */

struct collector {
	struct cutter cutter;
	uint64_t interval_ns;  /* wanted */
	uint64_t effective_ns; /* after stretching */
	int timer_fd;
	int socket_fd;
	uint64_t durations[DURATIONS];
	uint64_t n_cuts;
	int last_error; /* one line per change, not per cut */
	struct stats stats;
	struct stats_shared shared;
	struct http_server *http;
	struct groups *groups; /* NULL: none are configured */
	struct series *series;
	struct pace pace;
	struct cost_shared *cost;
	struct cost_cuts cuts; /* for the supervisor */
};

static int timer_arm(struct collector *collector)
{
	struct itimerspec spec = {
		.it_value.tv_sec = (time_t)(collector->effective_ns / 1000000000u),
		.it_value.tv_nsec = (long)(collector->effective_ns % 1000000000u),
	};

	return timerfd_settime(collector->timer_fd, 0, &spec, NULL) ? -errno : 0;
}

/* Readers of other processes and the HTTP thread look at it at any time. */
static void interval_tell(struct collector *collector, uint64_t interval_ns)
{
	__atomic_store_n(&collector->cutter.publisher.ledger.header->interval_ns, interval_ns,
			 __ATOMIC_RELAXED);
}

/* Other settings: the rung stays, the next cuts decide. */
static void interval_apply(struct collector *collector, uint64_t effective_ns)
{
	collector->effective_ns = effective_ns;
	interval_tell(collector, effective_ns);
}

/* The supervisor's half of the page; zeros are as good as a budget that nothing exceeds. */
static void facts_take(const struct collector *collector, struct cost_facts *ret_facts)
{
	if (!cost_facts_read(collector->cost, ret_facts))
		*ret_facts = (struct cost_facts){ .cpu_budget_ppb = PPB, .n_cpus = 1 };
}

/* After a cut that the timer brought: one that somebody asked for covers less time. */
static void interval_adapt(struct collector *collector, uint64_t cut_cpu_ns)
{
	const struct cutter *cutter = &collector->cutter;
	struct cost_facts facts;
	struct pace_cut cut = { .interval_ns = collector->interval_ns,
				.cut_ns = cut_cpu_ns,
				.lru_ppm = cutter->epoch.lru_fullest_ppm,
				.lru_refused = cutter->epoch.lru_refused };

	facts_take(collector, &facts);
	cut.longest_ns = facts.interval_longest_ns;
	cut.budget_ppb = facts.cpu_budget_ppb;
	cut.n_cpus = (uint32_t)facts.n_cpus;
	cut.other_ppb = facts.program_ppb + facts.process_ppb[COST_SUPERVISOR] +
			facts.process_ppb[COST_GEO];
	interval_apply(collector, pace_next(&collector->pace, &cut));
}

/* What the supervisor needs to know the program's share. */
static void cuts_tell(struct collector *collector)
{
	struct rusage usage;

	for (size_t i = 0; i < IPACCT_IFS_MAX; i++)
		collector->cuts.seen_packets += collector->cutter.epoch.totals[i].seen.packets;
	collector->cuts.cut_time_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	if (!getrusage(RUSAGE_SELF, &usage)) {
		collector->cuts.voluntary = (uint64_t)usage.ru_nvcsw;
		collector->cuts.involuntary = (uint64_t)usage.ru_nivcsw;
	}
	cost_cuts_write(collector->cost, &collector->cuts);
}

static void stats_update(struct collector *collector, bool committed)
{
	const struct cutter *cutter = &collector->cutter;
	struct stats *stats = &collector->stats;

	stats->interval_ns = collector->interval_ns;
	stats->effective_interval_ns = collector->effective_ns;
	stats->cut_errors += !committed;
	if (committed) {
		duration_add(&stats->cut, cutter->duration_ns);
		duration_add(&stats->read, cutter->read_ns);
		duration_add(&stats->publish, cutter->publish_ns);
		stats->last_commit_ns = ipacct_clock_ns(CLOCK_BOOTTIME);
		stats->last_duration_ns = cutter->duration_ns;
		stats->n_syscalls = cutter->n_syscalls;
		stats->n_addresses = cutter->n_entries;
		stats->lru_inserts = cutter->epoch.lru_inserts;
		stats->hot_rolled = cutter->epoch.hot_rolled;
		stats->hot_displaced = cutter->epoch.hot_displaced;
		stats->hot_lines_ipv4 = cutter->epoch.hot_lines_ipv4;
		stats->hot_lines_ipv6 = cutter->epoch.hot_lines_ipv6;
	}
	stats_publish(&collector->shared, stats);
}

static int cut_now(struct collector *collector, bool timed)
{
	uint64_t cpu_ns = ipacct_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int ret;

	http_server_yield(collector->http, true);
	ret = cutter_cut(&collector->cutter);
	http_server_yield(collector->http, false);
	cpu_ns = ipacct_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	collector->stats.cut_cpu_ns += cpu_ns;
	if (!ret) {
		collector->durations[collector->n_cuts++ % DURATIONS] =
			collector->cutter.duration_ns;
		cuts_tell(collector);
	}
	if (!ret && timed)
		interval_adapt(collector, cpu_ns);
	stats_update(collector, !ret);
	if (ret != collector->last_error) {
		if (ret)
			log_error("cut not published: %s, counts stay in the maps", strerror(-ret));
		else
			log_info("cuts are published again");
		collector->last_error = ret;
	}
	return ret;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t resident_bytes(void)
{
	FILE *file __cleanup(cleanup_file) = fopen("/proc/self/statm", "re");
	unsigned long size, resident;

	if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void status_fill(struct collector *collector, struct collector_status *status)
{
	const struct ipacct_ledger_header *header = collector->cutter.publisher.ledger.header;
	const struct ipacct_ledger_cut *facts =
		&header->version[header->version[1].cut == header->cut];
	static uint64_t sorted[DURATIONS];
	size_t n = collector->n_cuts < DURATIONS ? collector->n_cuts : DURATIONS;

	memcpy(sorted, collector->durations, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_u64);
	*status = (struct collector_status){
		.cut = publisher_cut(&collector->cutter.publisher),
		.effective_interval_ns = collector->effective_ns,
		.duration_last_ns = collector->cutter.duration_ns,
		.duration_p50_ns = n ? sorted[n / 2] : 0,
		.duration_p99_ns = n ? sorted[n * 99 / 100] : 0,
		.duration_max_ns = n ? sorted[n - 1] : 0,
		.resident_bytes = resident_bytes(),
		.n_syscalls = collector->cutter.n_syscalls,
		.n_entries = collector->cutter.n_entries,
		.n_cuts = collector->n_cuts,
		.hot_lines_ipv4 = collector->cutter.epoch.hot_lines_ipv4,
		.hot_lines_ipv4_max = collector->stats.hot_lines_ipv4_max,
		.hot_lines_ipv6 = collector->cutter.epoch.hot_lines_ipv6,
		.hot_lines_ipv6_max = collector->stats.hot_lines_ipv6_max,
		.guard_rolled = facts->guard_rolled,
		.guard_unrecorded = facts->guard_unrecorded,
	};
}

/* Somebody set it: told at once, the next cut may be hours away. */
static void interval_set(struct collector *collector, uint64_t interval_ns)
{
	struct stats *stats = &collector->stats;
	struct cost_facts facts;

	facts_take(collector, &facts);
	collector->interval_ns = interval_ns;
	interval_apply(collector,
		       pace_interval_ns(&collector->pace, interval_ns, facts.interval_longest_ns));
	stats->interval_ns = interval_ns;
	stats->effective_interval_ns = collector->effective_ns;
	stats->interval_since_ns = ipacct_clock_ns(CLOCK_BOOTTIME);
	stats_publish(&collector->shared, stats);
}

/* Returns 0, or −EPIPE when the supervisor is gone. */
static int command_serve(struct collector *collector)
{
	struct collector_answer answer = {};
	struct collector_message command;
	ssize_t n = recv(collector->socket_fd, &command, sizeof(command), 0);

	if (n != sizeof(command))
		return -EPIPE;
	answer.message = command;
	switch (command.command) {
	case COLLECTOR_GUARD:
		answer.message.error = cutter_guard_changed(&collector->cutter);
		(void)cut_now(collector, false); /* said in the log; the next one tries again */
		break;
	case COLLECTOR_CUT:
		answer.message.error = cut_now(collector, false);
		answer.message.value = publisher_cut(&collector->cutter.publisher);
		break;
	case COLLECTOR_INTERVAL:
		interval_set(collector, command.value);
		break;
	case COLLECTOR_STATUS:
		status_fill(collector, &answer.status);
		break;
	default:
		answer.message.error = -EINVAL;
	}
	/* asking for the status must not put the next cut off */
	if (command.command != COLLECTOR_STATUS && timer_arm(collector))
		return -errno;
	return send(collector->socket_fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 ? -EPIPE : 0;
}

static int ready_tell(const struct collector *collector)
{
	struct collector_answer answer = { .message.command = COLLECTOR_READY };

	return send(collector->socket_fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int loop(struct collector *collector)
{
	struct pollfd wait[] = { { .fd = collector->socket_fd, .events = POLLIN },
				 { .fd = collector->timer_fd, .events = POLLIN } };
	uint64_t expirations;
	int ret = timer_arm(collector);

	while (!ret) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (wait[0].revents)
			ret = command_serve(collector);
		if (!ret && wait[1].revents &&
		    read(collector->timer_fd, &expirations, sizeof(expirations)) > 0) {
			(void)cut_now(collector,
				      true); /* said in the log; the next one tries again */
			ret = timer_arm(collector);
		}
	}
	return ret;
}

/* Sums over partitions; the first has no hot tier. */
static void capacity_note(struct stats *stats, const struct ipacct_maps *maps)
{
	const struct ipacct_meta *meta = &maps->meta;

	stats->lru_budget = 0;
	for (uint32_t part = 0; part < meta->n_parts; part++)
		stats->lru_budget += maps->parts[IPACCT_EPOCHS * part].lru_budget;
	stats->hot_lines_ipv4_max =
		(uint64_t)(meta->n_parts - 1) * meta->hot4_sets * IPACCT_HOT4_WAYS;
	stats->hot_lines_ipv6_max =
		(uint64_t)(meta->n_parts - 1) * meta->hot6_sets * IPACCT_HOT6_WAYS;
}

/* By the list that is there now; a damaged one must not end the counting. */
static int groups_begin(struct collector *collector, int groups_fd)
{
	struct publisher *publisher = &collector->cutter.publisher;
	struct ipacct_problem problem = {};
	int ret;

	if (groups_fd == -ENOENT)
		return 0;
	ret = groups_fd < 0 ? groups_fd
			    : groups_init(&publisher->ledger, &publisher->addresses, groups_fd,
					  &collector->groups, &problem);
	if (ret)
		log_error("groups are not counted: %s",
			  problem.text[0] ? problem.text : strerror(-ret));
	publisher->groups = collector->groups;
	return 0;
}

static int series_start(struct collector *collector, const struct collector_settings *settings)
{
	struct publisher *publisher = &collector->cutter.publisher;
	struct series_settings series = settings->series;
	int ret;

	series.seed = collector->cutter.maps->ctl->seed;
	series.groups = collector->groups;
	ret = series_init(&publisher->ledger, &series, &collector->series);
	publisher->series = collector->series;
	return ret;
}

/* After this: no capability, no way back, few system calls; the HTTP thread inherits it. */
static int confine(const struct place *place)
{
	int ret = privileges_drop(place->uid, place->gid);

	return ret || SANITIZED ? ret : collector_seccomp_load();
}

/* A supervisor that dies while it starts a collector leaves one that nobody waits for: it would
 * hold up the next daemon's, which waits for the ledger and the port. Nothing is lost: all is in
 * the maps. */
static int supervisor_check(const struct collector *collector, struct ipacct_problem *problem)
{
	struct pollfd ended = { .fd = collector->socket_fd }; /* POLLHUP is always told */

	if (poll(&ended, 1, 0) <= 0)
		return 0;
	ipacct_problem_set(problem, "the supervisor ended before anything was begun");
	return -EPIPE;
}

static int setup(struct collector *collector, struct ipacct_maps *maps, const struct place *place,
		 const struct collector_settings *settings, int ledger_fd, int lock_fd,
		 int groups_fd, int kept_fd, struct ipacct_problem *problem)
{
	int ret = lock_fd < 0 ? lock_fd : lock_wait(lock_fd, OUTLIVE_WAIT_MS);

	if (ret) {
		ipacct_problem_set(problem, "another collector is using the ledger");
		return ret;
	}
	ret = supervisor_check(collector, problem); /* it was a while */
	if (!ret)
		ret = ipacct_maps_mmap(maps);
	if (!ret)
		ret = cutter_init(&collector->cutter, maps, ledger_fd, problem);
	if (!ret)
		capacity_note(&collector->stats, maps);
	if (!ret)
		ret = confine(place);
	if (!ret)
		ret = groups_begin(collector, groups_fd);
	if (!ret)
		cut_mask_init(&collector->cutter.mask, groups_fd, kept_fd);
	if (!ret)
		ret = series_start(collector, settings);
	if (!ret)
		ret = supervisor_check(collector, problem); /* a large ledger takes another while */
	if (!ret)
		ret = drain_all(&collector->cutter, settings->drains, settings->n_drains);
	if (!ret)
		ret = cutter_recover(&collector->cutter);
	if (!ret)
		ret = cut_now(collector, false);
	return ret;
}

static int http_start(struct collector *collector, const struct http_settings *settings,
		      struct ipacct_problem *problem)
{
	struct metrics_source source = { .ledger = &collector->cutter.publisher.ledger,
					 .stats = &collector->shared,
					 .series = collector->series,
					 .groups = collector->groups != NULL,
					 .cost = collector->cost,
					 .process_started_ns = ipacct_clock_ns(CLOCK_REALTIME) };

	if (settings->listen_fd < 0)
		return 0;
	return http_server_start(settings, &source, &collector->http, problem);
}

static int exit_code_of(int ret)
{
	return ret == -EWOULDBLOCK ? EXIT_CODE_RUNNING : ret == -EPROTO ? EXIT_CODE_CONFIG : 1;
}

int collector_run(struct ipacct_maps *maps, const struct place *place,
		  const struct collector_settings *settings, int socket_fd)
{
	struct collector collector = { .interval_ns = settings->interval_ns,
				       .effective_ns = settings->interval_ns,
				       .cost = settings->cost,
				       .socket_fd = socket_fd };
	int ledger_fd __cleanup(cleanup_fd) = ledger_file_open(place->runtime_dir_fd);
	struct ipacct_problem problem = {};
	int lock_fd __cleanup(cleanup_fd) = place_ledger_lock_open(place->runtime_dir_fd, &problem);
	int groups_fd __cleanup(cleanup_fd) = groups_file_open(place->runtime_dir_fd, NULL);
	int kept_fd __cleanup(cleanup_fd) = groups_file_open_kept(place->runtime_dir_fd);
	int ret = ledger_fd < 0 ? ledger_fd : 0;

	log_role("collector");
	collector.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!ret && collector.timer_fd < 0)
		ret = -errno;
	if (!ret)
		ret = setup(&collector, maps, place, settings, ledger_fd, lock_fd, groups_fd,
			    kept_fd, &problem);
	if (!ret) {
		interval_tell(&collector, collector.effective_ns);
		ret = http_start(&collector, &settings->http, &problem);
	}
	if (ret == -EPIPE) /* it may have been told to stop while it started */
		log_info("%s", problem.text);
	else if (ret)
		log_error("%s", problem.text[0] ? problem.text : strerror(-ret));
	if (ret)
		return exit_code_of(ret);
	ret = ready_tell(&collector);
	if (!ret)
		ret = loop(&collector);
	http_server_stop(collector.http);
	collector.http = NULL; /* the last cut yields to nobody */
	if (ret == -EPIPE) {   /* the supervisor ended or wants us to: leave nothing half done */
		ret = cut_now(&collector, false);
		interval_tell(&collector, 0);
	}
	if (ret)
		log_error("%s", strerror(-ret));
	cutter_finish(&collector.cutter);
	series_finish(collector.series);
	groups_finish(collector.groups);
	close_fd(&collector.timer_fd);
	return ret ? 1 : 0;
}
