/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datapath, reading and a whole cut, each beside its baseline in the same run. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "cut.h"
#include "ledger_file.h"
#include "log.h"
#include "maps_make.h"
#include "report.h"

#define FRAME_BYTES    64u
#define MEMORY         (512ULL << 20) /* room for every address of every case */
#define MEMORY_DEFAULT (256ULL << 20)
#define MEMORY_TIGHT   (128ULL << 20)

struct options {
	int runs;        /* pairs per case */
	uint32_t repeat; /* frames per run; FAULTS §5: 2 … 10^5 can stall */
	FILE *json;
};

struct stage {
	struct ipacct_maps maps;
	struct sizing sizing;
	struct cutter cutter;
	char dir[64];
	int dir_fd, ledger_fd;
	struct bench_bpf *programs;
};

static void die(const char *what, int error)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

static double clock_s(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pin_to_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", errno);
}

/* Seconds of CPU for `repeat` frames: the wall would count what else runs on a shared machine. */
static double frames_run(int prog_fd, uint32_t repeat)
{
	uint8_t frame[FRAME_BYTES] = { [12] = 0x08, 0x00, 0x45, 0, 0, 50, [22] = 64, 17 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)repeat);
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);

	if (bpf_prog_test_run_opts(prog_fd, &opts))
		die("BPF_PROG_TEST_RUN", errno);
	return clock_s(CLOCK_THREAD_CPUTIME_ID) - begun;
}

static void maps_share(struct stage *stage)
{
	struct bench_bpf *programs = stage->programs;
	int ret;

#define REUSE(member, pin)                                                                \
	ret = bpf_map__reuse_fd(programs->maps.ipacct_##member, stage->maps.member##_fd); \
	if (ret)                                                                          \
		die("reuse " pin, ret);
	IPACCT_MAPS(REUSE)
#undef REUSE
}

static void random_seed(struct stage *stage)
{
	int n_cpus = libbpf_num_possible_cpus();
	uint64_t *states = calloc((size_t)n_cpus, sizeof(*states));
	uint32_t zero = 0;

	if (!states)
		die("memory", ENOMEM);
	for (int i = 0; i < n_cpus; i++)
		states[i] = 88172645463325252ULL + (uint64_t)i; /* Marsaglia's example seed */
	if (bpf_map_update_elem(bpf_map__fd(stage->programs->maps.bench_random), &zero, states, 0))
		die("seed", errno);
	free(states);
}

static void stage_open(struct stage *stage, uint64_t memory_bytes, uint32_t n_addresses, bool hot)
{
	static struct config config; /* large */
	struct ipacct_interface interface = { .ifname = "bench", .hook = IPACCT_HOOK_XDP };
	struct ipacct_problem problem = {};
	uint32_t slot = 0;
	int ret;

	config.memory_bytes = memory_bytes;
	config.hot = hot;
	ret = sizing_compute(&config, &stage->sizing, &problem);

	if (!ret)
		ret = maps_make(&stage->sizing, &stage->maps, &problem);
	if (ret)
		die(problem.text, ret);
	if (bpf_map_update_elem(stage->maps.ifs_fd, &slot, &interface, BPF_ANY))
		die("interface", errno);
	ret = ipacct_maps_mmap(&stage->maps);
	if (ret)
		die("mmap", ret);
	stage->programs = bench_bpf__open();
	if (!stage->programs)
		die("open", errno);
	stage->programs->rodata->cfg_addresses = n_addresses;
	stage->programs->rodata->cfg_hot4_sets = stage->maps.meta.hot4_sets;
	stage->programs->rodata->cfg_hot6_sets = stage->maps.meta.hot6_sets;
	stage->programs->rodata->cfg_hot6_bit = ipacct_hotmap_first(&stage->maps.meta, 2, true);
	stage->programs->rodata->cfg_guard = 1;
	maps_share(stage);
	ret = bench_bpf__load(stage->programs);
	if (ret)
		die("load", ret);
	random_seed(stage);
	strcpy(stage->dir, "/tmp/ipacct-bench.XXXXXX");
	if (!mkdtemp(stage->dir))
		die("mkdtemp", errno);
	stage->dir_fd = open(stage->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = ledger_file_prepare(stage->dir_fd, getuid(), getgid(), &stage->sizing.n_rollups_max,
				  &stage->sizing.n_addresses_max, &problem);
	if (ret)
		die("ledger", ret);
	stage->ledger_fd = ledger_file_open(stage->dir_fd);
	ret = cutter_init(&stage->cutter, &stage->maps, stage->ledger_fd, &problem);
	if (!ret)
		ret = cutter_recover(&stage->cutter);
	if (ret)
		die("cutter", ret);
}

static void stage_close(struct stage *stage)
{
	cutter_finish(&stage->cutter);
	bench_bpf__destroy(stage->programs);
	ipacct_maps_finish(&stage->maps);
	close(stage->ledger_fd);
	(void)unlinkat(stage->dir_fd, IPACCT_LEDGER_NAME, 0);
	close(stage->dir_fd);
	rmdir(stage->dir);
}

enum contender {
	DROP,
	TOTALS,
	LRU_TIER,
	HOT_TIER,
	PLAIN,
	CONTENDERS
};

static const char *const contender_names[] = { "drop", "parser and totals", "lru tier alone",
					       "hot tier", "lru_percpu_hash" };

static void datapath_report(const struct options *options, const char *label,
			    const struct samples *whole, const struct samples *net)
{
	char name[96];

	for (int i = DROP; i < CONTENDERS; i++) {
		(void)snprintf(name, sizeof(name), "%s addresses: %s", label, contender_names[i]);
		report(options->json, name, "ns/packet", &whole[i], i ? "drop" : NULL,
		       i ? &whole[DROP] : NULL);
	}
	for (int i = LRU_TIER; i <= HOT_TIER; i++) {
		(void)snprintf(name, sizeof(name), "%s addresses: two updates, %s", label,
			       contender_names[i]);
		report(options->json, name, "ns/packet", &net[i], "lru_percpu_hash's", &net[PLAIN]);
	}
}

/* ns per packet, whole and for the two updates alone, paired run by run. */
static void datapath(const struct options *options, uint32_t n_addresses, const char *label)
{
	struct samples whole[CONTENDERS] = {}, net[CONTENDERS] = {};
	static struct stage off, hot;
	int fds[CONTENDERS];

	stage_open(&off, MEMORY, n_addresses, false);
	stage_open(&hot, MEMORY, n_addresses, true);
	fds[DROP] = bpf_program__fd(off.programs->progs.bench_drop);
	fds[TOTALS] = bpf_program__fd(off.programs->progs.bench_totals);
	fds[LRU_TIER] = bpf_program__fd(off.programs->progs.bench_ipacct);
	fds[HOT_TIER] = bpf_program__fd(hot.programs->progs.bench_ipacct);
	fds[PLAIN] = bpf_program__fd(off.programs->progs.bench_lru_percpu);
	for (int i = 0; i < CONTENDERS; i++)
		(void)frames_run(fds[i], options->repeat); /* warm: every key is there */
	for (int run = 0; run < options->runs; run++) {
		double without = 0; /* the updates: what comes before the contenders in a run */

		for (int i = 0; i < CONTENDERS; i++) {
			double ns = frames_run(fds[i], options->repeat) * 1e9 / options->repeat;

			without = i <= TOTALS ? ns : without;
			samples_add(&whole[i], ns);
			samples_add(&net[i], ns - without);
		}
	}
	datapath_report(options, label, whole, net);
	stage_close(&off);
	stage_close(&hot);
}

static int entries_count(const void *keys, const void *values, uint32_t n, void *context)
{
	(void)keys;
	(void)values;
	*(uint64_t *)context += n;
	return 0;
}

/* The two ways to get records out of the kernel, without what is done with them. */
static double entries_per_s(const struct stage *stage, uint32_t number, bool per_key)
{
	struct ipacct_batch batch = { .per_key = per_key };
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID), took;
	uint64_t n = 0;

	for (uint32_t part = 0; part < stage->maps.meta.n_parts; part++)
		if (ipacct_batch_read(&batch, stage->maps.lru_fds[IPACCT_EPOCHS * part + number],
				      sizeof(struct ipacct_key), sizeof(struct ipacct_counters),
				      entries_count, &n))
			die("read", EIO);
	took = clock_s(CLOCK_THREAD_CPUTIME_ID) - begun;
	ipacct_batch_finish(&batch);
	return (double)n / took;
}

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

static void name_set(char *name, size_t bytes, const char *label, const char *what)
{
	(void)snprintf(name, bytes, "%s: %s", label, what);
}

static void memory(const struct options *options, const struct stage *stage, const char *label)
{
	const struct ipacct_maps *maps = &stage->maps;
	const struct sizing *sizing = &stage->sizing;
	struct samples computed = {}, measured = {};
	double sum = memlock_mib(maps->roll_fd) + memlock_mib(maps->roll6_fd) +
		     memlock_mib(maps->totals_fd) + memlock_mib(maps->hot4_fd) +
		     memlock_mib(maps->hot6_fd);
	char name[96];

	for (uint32_t i = 0; i < maps->meta.n_parts * IPACCT_EPOCHS; i++)
		sum += memlock_mib(maps->lru_fds[i]);
	samples_add(&computed, (double)(sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes +
					sizing->totals_bytes) /
				       (1 << 20));
	samples_add(&measured, sum);
	name_set(name, sizeof(name), label, "maps, computed");
	report(options->json, name, "MiB", &computed, NULL, NULL);
	name_set(name, sizeof(name), label, "maps, measured");
	report(options->json, name, "MiB", &measured, "computed", &computed);
}

/* 64 k addresses in one partition: getting them out of the kernel two ways, paired. */
static void reading(const struct options *options, uint64_t memory_bytes, const char *label)
{
	struct samples batch = {}, per_key = {};
	struct stage stage = {};
	char name[96];

	stage_open(&stage, memory_bytes, 32768, false); /* twice: sources and destinations */
	(void)frames_run(bpf_program__fd(stage.programs->progs.bench_ipacct), options->repeat);
	for (int i = 0; i < options->runs; i++) {
		uint32_t number = stage.maps.ctl->epoch & 1;

		samples_add(&per_key, entries_per_s(&stage, number, true) / 1e6);
		samples_add(&batch, entries_per_s(&stage, number, false) / 1e6);
	}
	name_set(name, sizeof(name), label, "read per key");
	report(options->json, name, "M entries/s", &per_key, NULL, NULL);
	name_set(name, sizeof(name), label, "read by batch");
	report(options->json, name, "M entries/s", &batch, "per key", &per_key);
	stage_close(&stage);
}

/* What a cut a second costs with as many addresses, read, folded, published and cleared. */
static void cutting(const struct options *options, uint64_t memory_bytes, bool hot,
		    const char *label)
{
	struct samples share = {}, duration = {}, resident = {};
	struct stage stage = {};
	char name[96];

	stage_open(&stage, memory_bytes, 32768, hot);
	for (int i = 0; i <= options->runs; i++) {
		double cpu;
		int ret;

		(void)frames_run(bpf_program__fd(stage.programs->progs.bench_ipacct),
				 options->repeat);
		cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
		ret = cutter_cut(&stage.cutter);
		if (ret)
			die("cut", ret);
		cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		if (!i)
			continue; /* the first one grows the tables */
		samples_add(&share, cpu * 100);
		samples_add(&duration, (double)stage.cutter.duration_ns / 1e6);
	}
	samples_add(&resident, resident_mib());
	name_set(name, sizeof(name), label, "cut, wall");
	report(options->json, name, "ms", &duration, NULL, NULL);
	name_set(name, sizeof(name), label, "cut, CPU share at 1 s");
	report(options->json, name, "% of a core", &share, NULL, NULL);
	name_set(name, sizeof(name), label, "RSS");
	report(options->json, name, "MiB", &resident, NULL, NULL);
	memory(options, &stage, label);
	stage_close(&stage);
}

int main(int argc, char **argv)
{
	struct options options = { .runs = 9, .repeat = 2000000 };

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick")) {
			options.runs = 5;
			options.repeat = 1000000;
		} else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
			options.json = fopen(argv[++i], "we");
			if (!options.json)
				die(argv[i], errno);
		} else {
			(void)fprintf(stderr, "usage: bench [--quick] [--json FILE]\n");
			return 2;
		}
	}
	log_libraries_quiet();
	pin_to_one_cpu();
	datapath(&options, 1, "1");
	datapath(&options, 512, "1k"); /* 512 sources and 512 destinations */
	datapath(&options, 32768, "64k");
	reading(&options, MEMORY_TIGHT, "64k addresses, memory 128M");
	reading(&options, MEMORY_DEFAULT, "64k addresses, memory 256M");
	cutting(&options, MEMORY_DEFAULT, false, "64k addresses, lru tier alone");
	cutting(&options, MEMORY_DEFAULT, true, "64k addresses, hot tier");
	if (options.json && fclose(options.json))
		die("json", errno);
	return 0;
}
