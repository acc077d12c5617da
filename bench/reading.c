/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Getting 65,536 records out of the kernel, and what a reader costs those who send. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <bpf/bpf.h>

#include "batch.h"
#include "datapath.h"

struct target {
	struct ipacct_table *table; /* NULL: only look at the records */
	uint64_t n, packets, l3_bytes;
	uint32_t n_cpus; /* values of one key */
};

static void target_add(const struct target *target, const struct ipacct_key *key,
		       const struct ipacct_counters *counters)
{
	if (ipacct_table_add(target->table, key, 128, counters))
		die("table", ENOMEM);
}

static int entries_add(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct ipacct_counters *counters = values;
	const struct ipacct_key *key = keys;
	struct target *target = context;

	for (uint32_t i = 0; i < n; i++, counters += target->n_cpus) {
		struct ipacct_counters sum = counters[0];

		for (uint32_t cpu = 1; cpu < target->n_cpus; cpu++)
			ipacct_counters_add(&sum, &counters[cpu]);
		target->n++;
		target->packets += sum.tx_packets + sum.rx_packets;
		target->l3_bytes += sum.tx_l3_bytes + sum.rx_l3_bytes;
		if (target->table)
			target_add(target, &key[i], &sum);
	}
	return 0;
}

static void line_add(const struct target *target, const struct ipacct_hot4_line *line)
{
	struct ipacct_counters counters = { line->tx_packets, line->tx_l3_bytes, line->rx_packets,
					    line->rx_l3_bytes };
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0x0000ffff), line->addr_be },
				  .domain = line->domain };

	target_add(target, &key, &counters);
}

/* Every line of these sets, used or not. */
static void sets_add(const struct ipacct_hot4_set *sets, uint32_t n, struct target *target)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t way = 0; way < IPACCT_HOT4_WAYS; way++) {
			const struct ipacct_hot4_line *line = &sets[i].line[way];
			uint64_t packets = (uint64_t)line->tx_packets + line->rx_packets;

			target->packets += packets;
			target->l3_bytes += line->tx_l3_bytes + line->rx_l3_bytes;
			target->n += packets != 0;
			if (target->table && packets)
				line_add(target, line);
		}
}

enum way {
	BY_MMAP,       /* the hot tier, as the daemon reads it */
	BY_COPY,       /* the hot tier copied by a system call, as a member of the group reads it */
	BY_LRU_BATCH,  /* the LRU tier */
	BY_PLAIN,      /* LRU_PERCPU_HASH by batch look-up: the baseline */
	BY_PLAIN_KEYS, /* and key by key */
	WAYS
};

static const char *const way_names[WAYS] = { "hot_mmap", "hot_copy", "lru_batch",
					     "lru_percpu_hash_batch", "lru_percpu_hash_per_key" };

struct sources {
	struct stage hot, lru;
	uint32_t index[2]; /* 2 * partition + epoch, of both stages */
};

static int way_read(const struct sources *from, enum way way, struct ipacct_batch *batch,
		    struct target *target)
{
	uint32_t n_sets = from->hot.maps.meta.hot4_sets;
	const void *sets;
	int fd, ret;

	switch (way) {
	case BY_MMAP:
		sets_add(from->hot.maps.hot4 + (size_t)(from->index[0] - IPACCT_EPOCHS) * n_sets,
			 n_sets, target);
		return 0;
	case BY_COPY:
		ret = ipacct_batch_read_element(
			batch, from->hot.maps.hot4_fd, from->index[0] - IPACCT_EPOCHS,
			(size_t)n_sets * sizeof(struct ipacct_hot4_set), &sets);
		if (!ret)
			sets_add(sets, n_sets, target);
		return ret;
	case BY_LRU_BATCH:
		return ipacct_batch_read(batch, from->lru.maps.lru_fds[from->index[1]],
					 sizeof(struct ipacct_key), sizeof(struct ipacct_counters),
					 entries_add, target);
	default:
		target->n_cpus = (uint32_t)libbpf_num_possible_cpus();
		batch->per_key = way == BY_PLAIN_KEYS;
		fd = bpf_map__fd(from->lru.programs->maps.bench_lru);
		return ipacct_batch_read(batch, fd, sizeof(struct ipacct_key),
					 target->n_cpus * sizeof(struct ipacct_counters),
					 entries_add, target);
	}
}

/* Millions of records a second of CPU time. Short ones are repeated: a clock tick is nothing then. */
static double rate(const struct sources *from, enum way way, struct ipacct_table *table)
{
	int n_repeats = way == BY_MMAP ? 20 : 1;
	struct ipacct_batch batch = {};
	uint64_t n = 0;
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID), took;

	for (int i = 0; i < n_repeats; i++) {
		struct target target = { .table = table, .n_cpus = 1 };

		if (table)
			ipacct_table_reset(table);
		if (way_read(from, way, &batch, &target) ||
		    target.l3_bytes != target.packets * BENCH_L3_BYTES)
			die("reading", EIO);
		n += target.n;
	}
	took = clock_s(CLOCK_THREAD_CPUTIME_ID) - begun;
	ipacct_batch_finish(&batch);
	return (double)n / took / 1e6;
}

void reading_cases(struct bench *bench)
{
	struct stage_options options = {
		.load = load_named("64k", 4),
		.memory_bytes = MEMORY_DEFAULT,
		.hot = true,
		.plain = true,
		.n_plain = 131072
	}; /* the best for it: as many as the hot tier has lines */
	static struct samples scan[WAYS], fold[WAYS];
	struct ipacct_table table = { .seed = 1 };
	static struct sources from;
	char name[FIGURE_NAME_BYTES], part[FIGURE_NAME_BYTES];

	if (!wanted(bench, "reading/64k"))
		return;
	stage_open(&from.hot, bench, &options);
	options.hot = false;
	stage_open(&from.lru, bench, &options);
	memset(scan, 0, sizeof(scan));
	memset(fold, 0, sizeof(fold));
	(void)stage_run(&from.hot, 1, bench->repeat);
	(void)stage_run(&from.lru, 1, bench->repeat);
	(void)frames_run(&from.lru, stage_program(&from.lru, "bench_lru_percpu"), 1, bench->repeat);
	from.index[0] =
		IPACCT_EPOCHS + (from.hot.maps.ctl->epoch & 1); /* partition 1: the first CPU */
	from.index[1] = IPACCT_EPOCHS + (from.lru.maps.ctl->epoch & 1);
	for (int run = 0; run < bench->n_runs; run++)
		for (int way = 0; way < WAYS; way++) {
			samples_add(&scan[way], rate(&from, (enum way)way, NULL));
			samples_add(&fold[way], rate(&from, (enum way)way, &table));
		}
	for (int way = 0; way < WAYS; way++) {
		const char *baseline = way == BY_PLAIN ? NULL : way_names[BY_PLAIN];

		name_of(name, name_of(part, "reading/64k", way_names[way]), "scan");
		figure(bench->json, name, "M entries/s", &scan[way], baseline, &scan[BY_PLAIN]);
		name_of(name, name_of(part, "reading/64k", way_names[way]), "fold");
		figure(bench->json, name, "M entries/s", &fold[way], baseline, &fold[BY_PLAIN]);
	}
	ipacct_table_finish(&table);
	stage_close(&from.hot);
	stage_close(&from.lru);
}

/* ---- A reader at work ---- */

struct reader {
	const struct stage *stage;
	pthread_t thread;
	bool mapped; /* as the daemon reads, else as a member of the group */
	uint64_t n_reads;
	int error;
};

static atomic_bool stop;

static void *reader_run(void *context)
{
	struct reader *reader = context;
	struct ipacct_maps maps = reader->stage->maps;
	struct ipacct_epoch epoch;

	pin_to(reader->stage->bench->cpus[1]);
	if (!reader->mapped) {
		maps.parts = NULL;
		maps.roll = NULL;
		maps.roll6 = NULL;
		maps.hot4 = NULL;
		maps.hot6 = NULL;
		maps.hotmap = NULL;
	}
	reader->error = ipacct_epoch_init(&epoch, false);
	while (!reader->error && !atomic_load(&stop)) {
		ipacct_epoch_reset(&epoch);
		reader->error = ipacct_epoch_read(&epoch, &maps, maps.ctl->epoch & 1);
		reader->n_reads++;
	}
	ipacct_epoch_finish(&epoch);
	return NULL;
}

static double run_beside(struct stage *stage, int how)
{
	struct reader reader = { .stage = stage, .mapped = how == 1 };
	double ns;

	atomic_store(&stop, false);
	if (how && pthread_create(&reader.thread, NULL, reader_run, &reader))
		die("pthread_create", EAGAIN);
	ns = stage_run(stage, 1, stage->bench->repeat);
	atomic_store(&stop, true);
	if (how)
		(void)pthread_join(reader.thread, NULL); /* ours, not joined yet */
	if (reader.error || (how && !reader.n_reads))
		die("reader", EIO);
	return ns;
}

static void slowed(struct bench *bench, bool hot)
{
	static const char *const names[] = { "alone", "beside_mmap_reader", "beside_batch_reader" };
	struct stage_options options = { .load = load_named("64k", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = hot };
	char label[FIGURE_NAME_BYTES], name[FIGURE_NAME_BYTES];
	static struct samples samples[3];
	static struct stage stage;

	if (!wanted(bench, name_of(label, "slowed/64k", hot ? "hot" : "lru")))
		return;
	memset(samples, 0, sizeof(samples));
	stage_open(&stage, bench, &options);
	(void)stage_run(&stage, 1, bench->repeat);
	for (int run = 0; run < bench->n_runs; run++)
		for (int how = 0; how < 3; how++)
			samples_add(&samples[how], run_beside(&stage, how));
	for (int how = 0; how < 3; how++)
		figure(bench->json, name_of(name, label, names[how]), "ns/packet", &samples[how],
		       how ? names[0] : NULL, how ? &samples[0] : NULL);
	(void)stage_verify(&stage, label);
	stage_close(&stage);
}

void slowed_cases(struct bench *bench)
{
	if (bench->n_cpus < 2) {
		printf("# slowed: skipped, one CPU\n");
		return;
	}
	slowed(bench, true);
	if (!bench->quick)
		slowed(bench, false);
}
