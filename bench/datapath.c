/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nanoseconds per packet, every contender under every load, and what each of them lost. */
#include <string.h>

#include <bpf/bpf.h>

#include "batch.h"
#include "datapath.h"

enum contender {
	DROP,
	TOTALS,
	HOT,
	LRU,
	LRU_PERCPU,
	LRU_SHORT, /* IPv4 and one CPU only */
	PERCPU,
	CONTENDERS
};

static const struct {
	const char *name, *program;
} contenders[CONTENDERS] = {
	[DROP] = { "drop", "bench_drop" },
	[TOTALS] = { "totals", "bench_totals" },
	[HOT] = { "hot", "bench_ipacct" },
	[LRU] = { "lru", "bench_ipacct" },
	[LRU_PERCPU] = { "lru_percpu_hash", "bench_lru_percpu" },
	[LRU_SHORT] = { "lru_percpu_hash_u32", "bench_lru_short" },
	[PERCPU] = { "percpu_hash", "bench_percpu" },
};

/* alone: sized as `ipacctctl plan` advises for the load, memory and `ipv6_share`; the others as a daemon is
 * without settings. 64k_roomy: as the latter, but for `ipv6_share`.
 * Addresses are sources and destinations in equal numbers. A flood comes from 10^7 sources (DESIGN D3)
 * at 256 destinations; in the mix one packet in ten is of 5,000 honest sources. */
static const struct load loads[] = {
	{ .name = "one", .sources = 1, .destinations = 1 },
	{ .name = "1k", .sources = 512, .destinations = 512 },
	{ .name = "16k", .sources = 8192, .destinations = 8192 },
	{ .name = "64k", .sources = 32768, .destinations = 32768 },
	{ .name = "64k_roomy", .sources = 32768, .destinations = 32768, .alone = true },
	{ .name = "256k", .sources = 131072, .destinations = 131072, .alone = true },
	{ .name = "512k", .sources = 262144, .destinations = 262144, .alone = true },
	{ .name = "1m", .sources = 524288, .destinations = 524288, .alone = true },
	{ .name = "zipf1m", .sources = 524288, .destinations = 524288, .zipf = 1.0, .alone = true },
	{ .name = "1m_uncut",
	  .sources = 524288,
	  .destinations = 524288,
	  .uncut = true,
	  .alone = true },
	{ .name = "zipf1m_uncut",
	  .sources = 524288,
	  .destinations = 524288,
	  .zipf = 1.0,
	  .uncut = true,
	  .alone = true },
	{ .name = "flood",
	  .sources = 1,
	  .destinations = 256,
	  .flood_sources = 10000000,
	  .flood_share = 1 },
	{ .name = "mix",
	  .sources = 5000,
	  .destinations = 256,
	  .flood_sources = 10000000,
	  .flood_share = 0.9 },
};

struct load load_named(const char *name, int family)
{
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (!strcmp(loads[i].name, name)) {
			struct load load = loads[i];

			load.family = family;
			return load;
		}
	die(name, 0);
}

uint64_t load_memory(const struct load *load)
{
	return load->sources > 100000 ? MEMORY_MILLION : MEMORY_DEFAULT;
}

struct course {
	struct stage stages[2]; /* with the hot tier, and the LRU tier alone */
	struct samples whole[CONTENDERS], net[CONTENDERS];
	uint64_t n_sent[CONTENDERS];
	int n_cpus;
};

static struct stage *stage_of(struct course *course, int contender)
{
	return &course->stages[contender != HOT];
}

static bool runs(const struct course *course, int contender)
{
	return contender != LRU_SHORT ||
	       (course->stages[0].load.family == 4 && course->n_cpus == 1);
}

/* One run of each, in turn. The epoch of ours is cut after each run, outside of the clock: a run is
 * about what one second brings. */
static void round_run(struct course *course, bool warm)
{
	const struct bench *bench = course->stages[0].bench;
	double without = 0;

	for (int i = 0; i < CONTENDERS; i++) {
		struct stage *stage = stage_of(course, i);
		double ns;

		if (!runs(course, i))
			continue;
		if (i == HOT || i == LRU)
			ns = stage_run(stage, course->n_cpus, bench->repeat);
		else
			ns = frames_run(stage, stage_program(stage, contenders[i].program),
					course->n_cpus, bench->repeat);
		course->n_sent[i] += (uint64_t)bench->repeat * (uint32_t)course->n_cpus;
		if ((i == HOT || i == LRU) && !stage->load.uncut)
			stage_cut(stage);
		if (warm)
			continue;
		without = i <= TOTALS ? ns : without;
		samples_add(&course->whole[i], ns);
		samples_add(&course->net[i], ns - without);
	}
}

static void times_report(const struct course *course, const char *label)
{
	FILE *json = course->stages[0].bench->json;
	char name[FIGURE_NAME_BYTES], part[FIGURE_NAME_BYTES];

	for (int i = DROP; i < CONTENDERS; i++)
		if (runs(course, i))
			figure(json,
			       name_of(name, name_of(part, "datapath", label), contenders[i].name),
			       "ns/packet", &course->whole[i], i ? "drop" : NULL,
			       i ? &course->whole[DROP] : NULL);
	for (int i = HOT; i < CONTENDERS; i++)
		if (runs(course, i))
			figure(json,
			       name_of(name, name_of(part, "updates", label), contenders[i].name),
			       "ns/packet", &course->net[i],
			       i == LRU_PERCPU ? NULL : "lru_percpu_hash",
			       i == LRU_PERCPU ? NULL : &course->net[LRU_PERCPU]);
}

struct sum {
	uint64_t packets;
	uint32_t n_cpus;
};

static int values_sum(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct ipacct_counters *counters = values;
	struct sum *sum = context;

	(void)keys;
	for (uint32_t i = 0; i < n * sum->n_cpus; i++)
		sum->packets += counters[i].tx_packets + counters[i].rx_packets;
	return 0;
}

/* Packets (tx and rx) that a baseline's map still knows of. */
static uint64_t plain_sum(const struct bpf_map *map)
{
	struct sum sum = { .n_cpus = (uint32_t)libbpf_num_possible_cpus() };
	struct ipacct_batch batch = {};
	int ret = ipacct_batch_read(&batch, bpf_map__fd(map), bpf_map__key_size(map),
				    sum.n_cpus * sizeof(struct ipacct_counters), values_sum, &sum);

	if (ret)
		die("reading a baseline's map", ret);
	ipacct_batch_finish(&batch);
	return sum.packets;
}

static void lost_report(struct course *course, const char *label)
{
	const struct bench_bpf *programs = course->stages[1].programs;
	struct bench *bench = course->stages[0].bench;
	const struct bpf_map *maps[CONTENDERS] = { [LRU_PERCPU] = programs->maps.bench_lru,
						   [LRU_SHORT] = programs->maps.bench_lru_u32,
						   [PERCPU] = programs->maps.bench_hash };
	uint64_t n_failed = stage_state(&course->stages[1]).n_failed;
	char name[FIGURE_NAME_BYTES], part[FIGURE_NAME_BYTES];

	for (int i = HOT; i < CONTENDERS; i++) {
		double updates = 2.0 * (double)course->n_sent[i], lost;

		if (!runs(course, i))
			continue;
		if (i == HOT || i == LRU) {
			struct held held = stage_verify(stage_of(course, i), label);

			lost = (double)held.missing;
			name_of(name, name_of(part, "own", label), contenders[i].name);
			figure_value(bench->json, name, "% on own address",
				     100 * (double)held.own / updates);
		} else {
			lost = updates - (double)plain_sum(maps[i]);
		}
		/* a refused update is told, an evicted one is not */
		if (i == PERCPU) {
			name_of(name, name_of(part, "refused", label), contenders[i].name);
			figure_value(bench->json, name, "% of updates",
				     100 * (double)n_failed / updates);
			lost -= (double)n_failed;
		}
		name_of(name, name_of(part, "lost", label), contenders[i].name);
		figure_value(bench->json, name, "% of updates", 100 * lost / updates);
	}
}

static void datapath(struct bench *bench, const struct load *load, int n_cpus)
{
	static struct course course; /* large */
	struct stage_options options = { .load = *load,
					 .memory_bytes = load_memory(load),
					 .hot = true };
	char label[FIGURE_NAME_BYTES], case_name[FIGURE_NAME_BYTES], name[FIGURE_NAME_BYTES];

	(void)snprintf(label, sizeof(label), "v%d/%dcpu/%s", load->family, n_cpus, load->name);
	if (!wanted(bench, name_of(case_name, "datapath", label)))
		return;
	memset(&course, 0, sizeof(course));
	course.n_cpus = n_cpus;
	stage_open(&course.stages[0], bench, &options);
	options.hot = false;
	options.plain = true;
	stage_open(&course.stages[1], bench, &options);
	round_run(&course, true);
	for (int run = 0; run < (n_cpus == 1 ? bench->n_runs : 5); run++)
		round_run(&course, false);
	times_report(&course, label);
	lost_report(&course, label);
	figure_value(bench->json, name_of(name, name_of(case_name, "size", label), "plain"),
		     "entries", course.stages[1].n_plain);
	stage_close(&course.stages[0]);
	stage_close(&course.stages[1]);
}

static bool chosen(const struct bench *bench, const struct load *load, int n_cpus)
{
	if (!strcmp(load->name, "16k") || !strcmp(load->name, "256k") ||
	    !strcmp(load->name, "512k"))
		return !bench->quick && n_cpus == 1; /* for `ipacctctl plan` */
	if (!strcmp(load->name, "64k_roomy"))
		return !bench->quick && load->family == 6 && n_cpus == 1;
	if (load->uncut)
		return !bench->quick && load->family == 4 && n_cpus == 1;
	return !bench->quick || !strcmp(load->name, "1k") || !strcmp(load->name, "64k") ||
	       !strcmp(load->name, "flood");
}

void datapath_cases(struct bench *bench)
{
	for (int n_cpus = 1; n_cpus <= (bench->quick ? 1 : bench->n_cpus); n_cpus++)
		for (int family = 4; family <= 6; family += 2)
			for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
				struct load load = load_named(loads[i].name, family);

				if (chosen(bench, &load, n_cpus))
					datapath(bench, &load, n_cpus);
			}
}
