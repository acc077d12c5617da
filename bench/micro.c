/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions of user space, one at a time: configuration, hash, fold, text. */
#include <errno.h>
#include <string.h>

#include "base/mix.h"
#include "config.h"
#include "datapath.h"
#include "table.h"

static uint64_t sink; /* what is computed must be used, or the compiler leaves it out */

static void mix_run(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sink = ipacct_mix64(sink + i);
}

static void key_hash_run(uint32_t n)
{
	struct ipacct_key key = stage_key(4, BENCH_KIND_SOURCE, 0);

	for (uint32_t i = 0; i < n; i++) {
		key.addr_be[3] = (uint32_t)sink;
		sink += ipacct_key_hash(1, &key, 128);
	}
}

/* Records of two CPUs, in another order each: the fold of a cut. */
static void fold_run(uint32_t n)
{
	static struct ipacct_table table;
	struct ipacct_counters counters = { 1, 100, 2, 200 };

	ipacct_table_reset(&table);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = i < n / 2 ? i : i * 2654435761u & (n / 2 - 1);
		struct ipacct_key key = stage_key(4, BENCH_KIND_SOURCE, number);

		if (ipacct_table_add(&table, &key, 128, &counters))
			die("table", ENOMEM);
	}
	sink += table.n_entries;
}

static void find_run(uint32_t n)
{
	static struct ipacct_table table;
	struct ipacct_counters counters = { 1, 100, 2, 200 };
	struct ipacct_key key;

	for (uint32_t i = 0; i < n && table.n_entries < n; i++) {
		key = stage_key(4, BENCH_KIND_SOURCE, i);
		if (ipacct_table_add(&table, &key, 128, &counters))
			die("table", ENOMEM);
	}
	for (uint32_t i = 0; i < n; i++) {
		key = stage_key(4, BENCH_KIND_SOURCE, i * 2654435761u & (n - 1));
		sink += ipacct_table_find(&table, &key, 128);
	}
}

/* The per-CPU totals of one interface: nothing but 64-bit sums. */
static void totals_run(uint32_t n)
{
	static struct ipacct_totals sum, more;

	for (uint32_t i = 0; i < n; i++) {
		more.seen.packets = i;
		ipacct_totals_add(&sum, &more);
	}
	sink += sum.seen.packets;
}

static void format4_run(uint32_t n)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_key key = stage_key(4, BENCH_KIND_SOURCE, i);

		sink += (uint64_t)ipacct_key_format(&key, 128, text, sizeof(text))[0];
	}
}

static void format6_run(uint32_t n)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_key key = stage_key(6, BENCH_KIND_SOURCE, i);

		sink += (uint64_t)ipacct_key_format(&key, 128, text, sizeof(text))[0];
	}
}

/* All of a file: reader, table of settings, checks. As many interfaces as there may be. */
static void config_run(uint32_t n)
{
	static struct config defaults, config; /* large */
	char text[8192] = "interval: 1s\nmemory: 64M\ninterfaces:\n", error[512];
	size_t used = strlen(text);

	config_init(&defaults);
	for (uint32_t i = 0; i < IPACCT_IFS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "  - name: eth%u\n    domain: %u\n", i, i);
	for (uint32_t i = 0; i < n; i++)
		if (config_parse("bench", text, used, &defaults, &config, error, sizeof(error)))
			die(error, 0);
	sink += config.n_interfaces;
}

static const struct {
	const char *name, *unit;
	uint32_t n, quick; /* calls of one sample */
	void (*run)(uint32_t n);
} functions[] = {
	{ "micro/mix64", "ns/call", 1 << 22, 1 << 20, mix_run },
	{ "micro/key_hash", "ns/call", 1 << 22, 1 << 20, key_hash_run },
	{ "micro/fold_two_cpus", "ns/call", 1 << 17, 1 << 17, fold_run },
	{ "micro/table_find", "ns/call", 1 << 16, 1 << 16, find_run },
	{ "micro/totals_add", "ns/call", 1 << 18, 1 << 16, totals_run },
	{ "micro/format_ipv4", "ns/call", 1 << 18, 1 << 16, format4_run },
	{ "micro/format_ipv6", "ns/call", 1 << 18, 1 << 16, format6_run },
	{ "micro/config_64_interfaces", "ns/call", 100, 20, config_run },
};

static double time_of(void (*run)(uint32_t), uint32_t n)
{
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);

	run(n);
	return (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * 1e9 / n;
}

/* Against the first of them, so that figures of two machines can be compared. */
void micro_cases(struct bench *bench)
{
	static struct samples samples, yardstick;

	if (!wanted(bench, "micro"))
		return;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		uint32_t n = bench->quick ? functions[i].quick : functions[i].n;

		samples.n = yardstick.n = 0;
		(void)time_of(functions[i].run, n); /* grows what grows */
		for (int run = 0; run < 2 * bench->n_runs; run++) {
			samples_add(&yardstick, time_of(mix_run, 1 << 20));
			samples_add(&samples, time_of(functions[i].run, n));
		}
		figure(bench->json, functions[i].name, functions[i].unit, &samples,
		       i ? "mix64" : NULL, i ? &yardstick : NULL);
	}
	if (!sink)
		printf("# micro: the sum is 0\n"); /* never, but the compiler cannot know */
}
