/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole cut of 65,536 addresses once a second: processor time, wall, memory. */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "allocations.h"
#include "batch.h"
#include "datapath.h"

#define FILL \
	300000u /* frames between two cuts: each address comes nine times, and 10^5 can stall */

static double resident_mib(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size = 0, resident = 0;

	if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
		die("/proc/self/statm", errno);
	(void)fclose(file); /* read only */
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static double memlock_mib(int map_fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map_fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (file)
		(void)fclose(file); /* read only */
	return (double)bytes / (1 << 20);
}

/* What was computed before loading, and what the kernel says. */
static void memory_report(const struct stage *stage, const char *label)
{
	const struct ipacct_maps *maps = &stage->maps;
	const struct sizing *sizing = &stage->sizing;
	static struct samples computed, measured;
	char name[FIGURE_NAME_BYTES];
	double sum = 0;

#define ADD(member, pin) sum += memlock_mib(maps->member##_fd);
	IPACCT_MAPS(ADD)
#undef ADD
	for (uint32_t i = 0; i < maps->meta.n_parts * IPACCT_EPOCHS; i++)
		sum += memlock_mib(maps->lru_fds[i]);
	computed.n = measured.n = 0;
	samples_add(&computed, (double)(sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes +
					sizing->totals_bytes) /
				       (1 << 20));
	samples_add(&measured, sum);
	figure(stage->bench->json, name_of(name, label, "maps_computed"), "MiB", &computed, NULL,
	       NULL);
	figure(stage->bench->json, name_of(name, label, "maps_measured"), "MiB", &measured,
	       "maps_computed", &computed);
}

/* CPU seconds of one cut, whole process: nobody else runs in it then. */
static double cut_cpu_s(struct stage *stage)
{
	double begun;

	(void)stage_run(stage, 1, FILL);
	begun = clock_s(CLOCK_PROCESS_CPUTIME_ID);
	stage_cut(stage);
	return clock_s(CLOCK_PROCESS_CPUTIME_ID) - begun;
}

static int table_add(const void *keys, const void *values, uint32_t n, void *context)
{
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus();
	const struct ipacct_counters *counters = values;
	const struct ipacct_key *key = keys;
	int ret = 0;

	for (uint32_t i = 0; i < n * n_cpus && !ret; i++)
		ret = ipacct_table_add(context, &key[i / n_cpus], 128, &counters[i]);
	return ret;
}

/* The yardstick: reading a plain map of as many addresses, folding it, and nothing else. */
static double plain_cpu_s(const struct stage *stage, struct ipacct_table *table)
{
	struct ipacct_batch batch = {};
	double begun = clock_s(CLOCK_PROCESS_CPUTIME_ID), took;
	int ret;

	ipacct_table_reset(table);
	ret = ipacct_batch_read(&batch, bpf_map__fd(stage->programs->maps.bench_lru),
				sizeof(struct ipacct_key),
				sizeof(struct ipacct_counters) * (size_t)libbpf_num_possible_cpus(),
				table_add, table);
	if (ret)
		die("reading a baseline's map", ret);
	took = clock_s(CLOCK_PROCESS_CPUTIME_ID) - begun;
	ipacct_batch_finish(&batch);
	return took;
}

static void percentiles(struct stage *stage, const char *label, int n_cuts)
{
	static struct samples wall;
	struct bench *bench = stage->bench;
	char name[FIGURE_NAME_BYTES];
	uint64_t n_allocations = 0, before;

	if (!allocations()) /* opening the stage has asked for memory */
		die("allocations are not counted", 0);
	wall.n = 0;
	for (int i = 0; i < n_cuts; i++) {
		(void)stage_run(stage, 1, FILL);
		before = allocations();
		stage_cut(stage);
		n_allocations += allocations() - before;
		samples_add(&wall, (double)stage->cutter.duration_ns / 1e6);
	}
	figure(bench->json, name_of(name, label, "wall"), "ms", &wall, NULL, NULL);
	figure_value(bench->json, name_of(name, label, "wall_p99"), "ms",
		     samples_quantile(&wall, 0.99));
	figure_value(bench->json, name_of(name, label, "allocations"), "calls",
		     (double)n_allocations / n_cuts);
	if (n_cuts >= 1000)
		figure_value(bench->json, name_of(name, label, "wall_p999"), "ms",
			     samples_quantile(&wall, 0.999));
}

static void cutting(struct bench *bench, const char *label, bool hot, int n_cuts)
{
	struct stage_options options = { .load = load_named("64k", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = hot,
					 .plain = true,
					 .n_plain = 131072 };
	static struct samples share, plain;
	struct ipacct_table table = { .seed = 1 };
	char name[FIGURE_NAME_BYTES];
	static struct stage stage;
	double resident;

	if (!wanted(bench, label))
		return;
	share.n = plain.n = 0;
	(void)malloc_trim(0);
	stage_open(&stage, bench, &options);
	(void)frames_run(&stage, stage_program(&stage, "bench_lru_percpu"), 1, bench->repeat);
	(void)plain_cpu_s(&stage, &table); /* grows the table */
	resident = resident_mib();
	for (int i = 0; i < 2; i++)
		(void)cut_cpu_s(&stage); /* the first ones grow the tables */
	for (int run = 0; run < 2 * bench->n_runs; run++) {
		samples_add(&share, cut_cpu_s(&stage) * 100);
		samples_add(&plain, plain_cpu_s(&stage, &table) * 100);
	}
	figure(bench->json, name_of(name, label, "cpu_at_1s"), "% of a core", &share,
	       "lru_percpu_hash_read_and_folded", &plain);
	percentiles(&stage, label, n_cuts);
	figure_value(bench->json, name_of(name, label, "rss_grown"), "MiB",
		     resident_mib() - resident);
	memory_report(&stage, label);
	(void)stage_verify(&stage, label);
	ipacct_table_finish(&table);
	stage_close(&stage);
}

void cutting_cases(struct bench *bench)
{
	cutting(bench, "cut/64k/hot", true, bench->quick ? 100 : 1000);
	cutting(bench, "cut/64k/lru", false, bench->quick ? 10 : 100);
}
