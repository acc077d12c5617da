/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct costs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "attach_hook.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cost.h"
#include "log.h"
#include "supervisor.h"

#define PS_PER_NS   1000u
#define KIB         1024u
#define PERCENT_PPB 10000000.0 /* a percent in parts per billion */
#define NS_PER_S    1000000000u

#define LONGEST_FACTOR 16u /* interval_max when nobody said: DESIGN has no figure */

int cost_begin(struct supervisor *supervisor)
{
	struct cost *cost = &supervisor->cost;
	void *at = mmap(NULL, sizeof(*cost->shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	program_time_init(&cost->program);
	if (at == MAP_FAILED)
		return -errno;
	cost->shared = at;
	cost_settings(supervisor);
	return 0;
}

void cost_settings(struct supervisor *supervisor)
{
	const struct config *config = &supervisor->config;
	struct cost_facts *facts = &supervisor->cost.facts;
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);

	facts->profile = config->profile;
	facts->n_cpus = n_cpus > 0 ? (uint64_t)n_cpus : 1;
	facts->cpu_budget_ppb =
		PPB_PER_PPM * (config->cpu_budget_ppm ? config->cpu_budget_ppm
						      : profile_of(config->profile)->cpu_ppm);
	facts->memory_budget_bytes = supervisor->sizing.budget_bytes;
	facts->interval_longest_ns = config->interval_max_ns ? config->interval_max_ns
							     : config->interval_ns * LONGEST_FACTOR;
	cost_facts_write(supervisor->cost.shared, facts);
}

void cost_start(struct supervisor *supervisor)
{
	struct cost *cost = &supervisor->cost;

	cost->looked_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	cost->due_ms = ipacct_monotonic_ms();
}

void cost_finish(struct cost *cost)
{
	uint64_t ns, runs;

	if (cost->open)
		program_time_close(&cost->program, &ns, &runs);
	cost->open = false;
	if (cost->shared)
		(void)munmap(cost->shared, sizeof(*cost->shared)); /* our own mapping */
	cost->shared = NULL;
}

static void window_open(struct supervisor *supervisor)
{
	struct cost *cost = &supervisor->cost;
	uint32_t ids[IPACCT_IFS_MAX];
	struct link_facts link;
	bool dispatched = false;
	size_t n = 0;
	int ret;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct port *port = &supervisor->ports.port[slot];

		if (port->link_fd >= 0 && !hook_facts(port->link_fd, &port->record, &link) &&
		    link.prog_id)
			ids[n++] = link.prog_id;
		dispatched |= port->link_fd >= 0 && port->record.attach == IPACCT_ATTACH_DISPATCHER;
	}
	/* the kernel times what it calls itself, not what a dispatcher does */
	ret = dispatched ? -EOPNOTSUPP : program_time_open(&cost->program, ids, n);
	if (ret && cost->facts.program_error != (uint64_t)-ret)
		log_info("what the program costs is not measured: BPF statistics: %s%s",
			 dispatched ? "none behind a dispatcher" : strerror(-ret),
			 ret == -EPERM ? " (they take CAP_SYS_ADMIN)" : "");
	cost->facts.program_error = ret ? (uint64_t)-ret : 0;
	cost->open = !ret;
}

/* Since the last look; all of it when the process is another one. */
static uint64_t process_time(struct cost_process_time *before, pid_t pid)
{
	struct timespec time;
	clockid_t clock;
	uint64_t now_ns, spent;

	if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
		return 0;
	now_ns = (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
	spent = pid == before->pid && now_ns >= before->ns ? now_ns - before->ns : now_ns;
	*before = (struct cost_process_time){ .pid = pid, .ns = now_ns };
	return spent;
}

/* Anonymous memory: what is mapped of files and maps is in their own sums, or the kernel's to
 * drop. Switches are those of the first thread. */
static void process_look(struct cost_facts *facts, enum cost_process process, pid_t pid)
{
	unsigned long long kib = 0, voluntary = 0, involuntary = 0;
	char path[32], line[128];
	FILE *file __cleanup(cleanup_file) = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid); /* fits */
	file = pid ? fopen(path, "re") : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		/* NOLINTBEGIN(cert-err34-c): the kernel's own numbers */
		(void)sscanf(line, "RssAnon: %llu kB", &kib);
		(void)sscanf(line, "voluntary_ctxt_switches: %llu", &voluntary);
		(void)sscanf(line, "nonvoluntary_ctxt_switches: %llu", &involuntary);
		/* NOLINTEND(cert-err34-c) */
	}
	facts->process_bytes[process] = kib * KIB;
	facts->voluntary[process] = voluntary;
	facts->involuntary[process] = involuntary;
}

static void processes_look(struct supervisor *supervisor, uint64_t elapsed_ns)
{
	const pid_t pids[COST_PROCESSES_MAX] = { [COST_SUPERVISOR] = getpid(),
						 [COST_COLLECTOR] = supervisor->collector_pid,
						 [COST_GEO] = supervisor->geo.pid };
	struct cost *cost = &supervisor->cost;
	struct cost_facts *facts = &cost->facts;
	bool first = !facts->n_windows;

	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++) {
		uint64_t spent_ns = process_time(&cost->process[i], pids[i]);

		/* what starting took is not what running takes */
		facts->process_ppb[i] =
			first ? 0 : budget_share_ppb(spent_ns, elapsed_ns, (uint32_t)facts->n_cpus);
		process_look(facts, i, pids[i]);
	}
}

/* Packets a second that the collector saw since the last look; false: no cut, or another one. */
static bool packet_rate(struct cost *cost, double *ret_rate)
{
	struct cost_cuts before = cost->cuts, now;

	if (!cost_cuts_read(cost->shared, &now))
		return false;
	cost->cuts = now;
	cost->facts.voluntary[COST_COLLECTOR] = now.voluntary;
	cost->facts.involuntary[COST_COLLECTOR] = now.involuntary;
	if (!before.cut_time_ns || now.cut_time_ns <= before.cut_time_ns ||
	    now.seen_packets < before.seen_packets)
		return false;
	*ret_rate = (double)(now.seen_packets - before.seen_packets) * 1e9 /
		    (double)(now.cut_time_ns - before.cut_time_ns);
	return true;
}

/* The time of a run is a sample, the number of runs is known from the cuts; what measuring itself
 * took is a cost too. Without a cut in between (a long interval) the window stands for all. */
static void program_look(struct cost *cost, uint64_t window_ns, uint64_t elapsed_ns)
{
	struct cost_facts *facts = &cost->facts;
	double rate, extra, ns_a_second;
	uint64_t ns, runs;

	program_time_close(&cost->program, &ns, &runs);
	facts->clock_ps = cost->program.clock_ps;
	facts->sampled_ns += ns;
	facts->sampled_runs += runs;
	if (runs)
		facts->run_ps = (uint64_t)((double)ns * PS_PER_NS / (double)runs);
	if (!packet_rate(cost, &rate))
		rate = (double)runs * 1e9 / (double)(window_ns ? window_ns : 1);
	extra = 2.0 * (double)facts->clock_ps * (double)runs / (double)elapsed_ns;
	ns_a_second = rate * (double)facts->run_ps / PS_PER_NS + extra * 1e9 / PS_PER_NS;
	facts->program_ppb =
		budget_share_ppb((uint64_t)ns_a_second, NS_PER_S, (uint32_t)facts->n_cpus);
}

static void memory_look(struct supervisor *supervisor)
{
	const struct sizing *sizing = &supervisor->sizing;
	struct cost_facts *facts = &supervisor->cost.facts;

	facts->memory_budget_bytes = sizing->budget_bytes;
	facts->maps_bytes = sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes +
			    sizing->totals_bytes + sizing->guard_bytes;
	facts->files_bytes = sizing->ledger_bytes + sizing->geo.file_bytes +
			     sizing->groups.list_bytes + sizing->groups.other_bytes;
	facts->memory_bytes = facts->maps_bytes + facts->files_bytes;
	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++)
		facts->memory_bytes += facts->process_bytes[i];
}

static void cpu_judge(struct cost *cost, uint64_t now_ns)
{
	struct cost_facts *facts = &cost->facts;

	facts->cpu_ppb = facts->program_ppb;
	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++)
		facts->cpu_ppb += facts->process_ppb[i];
	if (!budget_watch_add(&cost->cpu, facts->cpu_ppb, facts->cpu_budget_ppb, now_ns))
		return;
	facts->cpu_over = cost->cpu.over;
	facts->cpu_since_ns = now_ns;
	if (cost->cpu.over)
		log_warning("over the CPU budget: %.4f %% of %llu CPUs (program %.4f, collector "
			    "%.4f, supervisor %.4f, geo worker %.4f) of %.4f; counting goes on",
			    (double)facts->cpu_ppb / PERCENT_PPB, (unsigned long long)facts->n_cpus,
			    (double)facts->program_ppb / PERCENT_PPB,
			    (double)facts->process_ppb[COST_COLLECTOR] / PERCENT_PPB,
			    (double)facts->process_ppb[COST_SUPERVISOR] / PERCENT_PPB,
			    (double)facts->process_ppb[COST_GEO] / PERCENT_PPB,
			    (double)facts->cpu_budget_ppb / PERCENT_PPB);
	else
		log_info("inside the CPU budget again: %.4f %% of %.4f",
			 (double)facts->cpu_ppb / PERCENT_PPB,
			 (double)facts->cpu_budget_ppb / PERCENT_PPB);
}

static void memory_judge(struct cost *cost, uint64_t now_ns)
{
	struct cost_facts *facts = &cost->facts;
	uint64_t processes = facts->memory_bytes - facts->maps_bytes - facts->files_bytes;
	const double mib = 1 << 20;

	if (!budget_watch_add(&cost->memory, facts->memory_bytes, facts->memory_budget_bytes,
			      now_ns))
		return;
	facts->memory_over = cost->memory.over;
	facts->memory_since_ns = now_ns;
	if (cost->memory.over)
		log_warning("over the memory budget: %.1f MiB (maps %.1f, files %.1f, processes "
			    "%.1f) of %.1f; counting goes on",
			    (double)facts->memory_bytes / mib, (double)facts->maps_bytes / mib,
			    (double)facts->files_bytes / mib, (double)processes / mib,
			    (double)facts->memory_budget_bytes / mib);
	else
		log_info("inside the memory budget again: %.1f MiB of %.1f",
			 (double)facts->memory_bytes / mib,
			 (double)facts->memory_budget_bytes / mib);
}

static void look(struct supervisor *supervisor, uint64_t window_ns)
{
	struct cost *cost = &supervisor->cost;
	uint64_t now_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	uint64_t elapsed_ns = now_ns > cost->looked_ns ? now_ns - cost->looked_ns : 1;
	uint64_t real_ns = ipacct_clock_ns(CLOCK_REALTIME);
	double rate;

	processes_look(supervisor, elapsed_ns);
	if (cost->open) {
		program_look(cost, window_ns, elapsed_ns);
	} else {
		(void)packet_rate(cost, &rate); /* only the switches: nothing to multiply with */
		cost->facts.program_ppb = 0;    /* what it was once says nothing of now */
	}
	cost->open = false;
	cost->looked_ns = now_ns;
	memory_look(supervisor);
	cpu_judge(cost, real_ns);
	memory_judge(cost, real_ns);
	cost->facts.n_windows++;
	cost_facts_write(cost->shared, &cost->facts);
}

void cost_serve(struct supervisor *supervisor, uint64_t now_ms)
{
	struct cost *cost = &supervisor->cost;
	const struct profile *profile = profile_of(supervisor->config.profile);

	if (!cost->due_ms || now_ms < cost->due_ms)
		return;
	if (!cost->open) {
		window_open(supervisor);
		cost->window_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
		if (cost->open) {
			cost->due_ms = now_ms + profile->window_ms;
			return;
		}
	}
	look(supervisor, ipacct_clock_ns(CLOCK_MONOTONIC) - cost->window_ns);
	cost->due_ms = now_ms + profile->period_ms - profile->window_ms;
}
