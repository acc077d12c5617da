/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The unprivileged, network-less process that knows who and where. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "exit_code.h"
#include "geo_scan.h"
#include "geo_seccomp.h"
#include "geo_set.h"
#include "geo_watch.h"
#include "geo_worker.h"
#include "ledger.h"
#include "log.h"
#include "place.h"
#include "sanitized.h"

#define NS_PER_MS    1000000ull
#define TICK_NS_MIN  (100 * NS_PER_MS)  /* config_table.c: range of interval */
#define TICK_NS_MAX  (1000 * NS_PER_MS) /* cuts may be an hour apart: nobody waits two of them */
#define MEMORY_SLACK (32ull << 20)      /* address space besides what was planned */

struct geo_worker {
	const struct geo_start *start;
	struct ipacct_ledger ledger;
	struct geo_table table;
	struct geo_set set;
	struct geo_scan scan;
	int copy_fds[GEO_COPIES_MAX];
	int watch_fd;
	uint64_t tick_ns; /* CLOCK_MONOTONIC: the next one is due then */
};

/* ---- Setting up ------------------------------------------------------------------------------ */

/* Only now: the worker before wrote one of them, and the collector the other. */
static int files_map(struct geo_worker *worker, struct ipacct_problem *problem)
{
	int geo_fd = worker->start->geo_fd, ledger_fd = worker->start->ledger_fd;
	int ret = ipacct_ledger_map(ledger_fd, false, &worker->ledger, problem);

	if (!ret)
		ret = geo_table_map(geo_fd, &worker->table);
	/* who has no descriptor of the file cannot change its size */
	close_fd(&geo_fd);
	close_fd(&ledger_fd);
	return ret;
}

static int copies_make(struct geo_worker *worker)
{
	for (size_t i = 0; i < GEO_COPIES_MAX; i++) {
		worker->copy_fds[i] = memfd_create("ipacct-geo-database", MFD_CLOEXEC);
		if (worker->copy_fds[i] < 0)
			return -errno;
	}
	return 0;
}

/* Address space of this process now. */
static uint64_t memory_bytes(void)
{
	FILE *file __cleanup(cleanup_file) = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (!file || fscanf(file, "%" SCNu64, &pages) != 1) /* proc(5): the first is the size */
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t file_bytes(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

/* A database may ask for memory without end (tests/unit/test_geo_database.c has one that does). A
 * new set is read while the old one is in use: twice what was planned. */
static int memory_limit(const struct geo_start *start)
{
	uint64_t bytes = memory_bytes() + file_bytes(start->ledger_fd) + file_bytes(start->geo_fd) +
			 2 * start->memory_bytes + MEMORY_SLACK;
	struct rlimit limit = { bytes, bytes };

	if (SANITIZED)
		return 0; /* its shadow takes terabytes of address space */
	return setrlimit(RLIMIT_AS, &limit) ? -errno : 0;
}

/* After this: no network, no capability, no way back, few system calls. */
static int confine(const struct geo_worker *worker)
{
	const struct geo_start *start = worker->start;
	/* where the kernel or a container refuses it the filter below still knows no socket() */
	bool apart = !unshare(CLONE_NEWNET);
	int ret = privileges_drop(start->uid, start->gid);

	if (!apart && !ret)
		log_info("no network namespace of its own: socket calls are refused all the same");
	/* two workers must never write one file: this one ends at once when its supervisor does.
	 * (Changing the user forgets it, so not before.) */
	if (!ret && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		ret = -errno;
	if (!ret && getppid() != start->supervisor_pid)
		ret = -ESRCH;
	if (!ret)
		ret = memory_limit(start);
	return ret ? ret : geo_seccomp_load(worker->copy_fds, GEO_COPIES_MAX);
}

static int setup(struct geo_worker *worker, struct ipacct_problem *problem)
{
	int ret = copies_make(worker);

	if (!ret)
		ret = confine(worker);
	if (!ret)
		ret = files_map(worker, problem);
	if (!ret)
		ret = geo_set_init(&worker->set, &worker->table, worker->start->memory,
				   worker->copy_fds, worker->start->databases_bytes_max);
	if (ret)
		return ret;
	worker->watch_fd = geo_watch_open(); /* −1: ticks alone notice */
	return geo_scan_init(&worker->scan, &worker->ledger, &worker->table, &worker->set);
}

/* ---- Working --------------------------------------------------------------------------------- */

static void set_renew(struct geo_worker *worker)
{
	uint64_t digest;

	if (geo_set_changed(&worker->set, &digest))
		geo_scan_renew(&worker->scan, digest);
}

static void settings_take(struct geo_worker *worker, const struct geo_settings *settings)
{
	close_fd(&worker->watch_fd);
	worker->watch_fd = geo_watch_open();
	geo_watch_set(worker->watch_fd, settings); /* first: nothing may happen in between unseen */
	geo_set_apply(&worker->set, settings);
	set_renew(worker);
}

/* As often as there are cuts, which bring new addresses, but never long after one of them. */
static uint64_t tick_interval_ns(const struct geo_worker *worker)
{
	uint64_t ns = worker->ledger.header->interval_ns;

	if (!ns) /* no collector runs */
		ns = worker->start->interval_ns;
	return ns < TICK_NS_MIN ? TICK_NS_MIN : ns > TICK_NS_MAX ? TICK_NS_MAX : ns;
}

static void tick(struct geo_worker *worker, uint64_t now_ns)
{
	worker->tick_ns = now_ns + tick_interval_ns(worker);
	geo_watch_set(worker->watch_fd, &worker->set.settings);
	geo_set_look(&worker->set, false);
	set_renew(worker);
	geo_scan_tick(&worker->scan);
}

/* The table is full of names that no answer uses any more: begin with an empty file. */
static bool wants_fresh(const struct geo_worker *worker)
{
	const struct ipacct_geo_header *header = worker->table.header;

	return header->strings_full && !header->pending && header->generation > 1;
}

static int wait_ms(const struct geo_worker *worker, bool busy)
{
	uint64_t now = ipacct_clock_ns(CLOCK_MONOTONIC);

	if (busy || now >= worker->tick_ns)
		return 0;
	return (int)((worker->tick_ns - now + NS_PER_MS - 1) / NS_PER_MS); /* at most a second */
}

/* Returns 0 to go on, else it is time to end. */
static int message_serve(struct geo_worker *worker)
{
	struct geo_settings settings;
	ssize_t n = recv(worker->start->socket_fd, &settings, sizeof(settings), 0);

	if (n != sizeof(settings))
		return -EPIPE;
	settings_take(worker, &settings);
	return 0;
}

static int loop(struct geo_worker *worker)
{
	bool busy = true;

	for (;;) {
		struct pollfd wait[] = { { .fd = worker->start->socket_fd, .events = POLLIN },
					 { .fd = worker->watch_fd, .events = POLLIN } };
		uint64_t now;

		if (poll(wait, 2, wait_ms(worker, busy)) < 0 && errno != EINTR)
			return EXIT_CODE_ERROR;
		if (wait[0].revents && message_serve(worker))
			return EXIT_CODE_OK;
		if (wait[1].revents && geo_watch_drain(worker->watch_fd, &worker->set.settings)) {
			geo_set_look(&worker->set, true);
			set_renew(worker);
		}
		now = ipacct_clock_ns(CLOCK_MONOTONIC);
		if (now >= worker->tick_ns)
			tick(worker, now);
		if (worker->set.exhausted) /* said in the log; the next one has its memory again */
			return EXIT_CODE_ERROR;
		busy = geo_scan_step(&worker->scan);
		if (!busy && wants_fresh(worker)) {
			log_info("the geo file is full of old names: beginning an empty one");
			return GEO_EXIT_FRESH;
		}
	}
}

int geo_worker_run(const struct geo_start *start)
{
	static struct geo_worker worker = { .watch_fd = -1 }; /* large, and there is one */
	struct ipacct_problem problem = {};
	int ret;

	log_role("geo");
	worker.start = start;
	ret = setup(&worker, &problem);
	if (ret) {
		log_error("%s", problem.text[0] ? problem.text : strerror(-ret));
		return ret == -EBADMSG && worker.ledger.at ? GEO_EXIT_FRESH : EXIT_CODE_ERROR;
	}
	geo_memory_judge(start->memory, start->crashed);
	settings_take(&worker, start->settings);
	worker.tick_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	return loop(&worker);
}
