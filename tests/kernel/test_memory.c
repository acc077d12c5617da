/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The collector takes what the sum of sizes says when every line, record and prefix is in use. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "ledger.h"
#include "sanitized.h"
#include "sizing.h"
#include "stage.h"

#define L3_BYTES     50u
#define BATCH        4096u
#define NEAR_PERCENT 5u
#define KEY4_FIRST   0x0a000000u /* 10.0.0.0/8 */

static const struct ipacct_counters one_each = { 1, L3_BYTES, 1, L3_BYTES };

/* Anonymous memory, as the daemon judges its processes. Under a sanitizer nobody asks. */
__attribute__((unused)) static uint64_t rss_anon(void)
{
	FILE *file __cleanup(cleanup_file) = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		(void)sscanf(line, "RssAnon: %llu kB", &kib);
	cr_assert_gt(kib, 0);
	return kib << 10;
}

/* Every key is another one, over all partitions and tiers. */
static struct ipacct_key key4(uint32_t number)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0x0000ffff),
						 htonl(KEY4_FIRST + number) } };
}

static struct ipacct_key key6(uint32_t number)
{
	return (struct ipacct_key){ .addr_be = { htonl(0x20010db8), 0, 0, htonl(number) } };
}

static uint32_t hot4_fill(const struct ipacct_maps *maps, uint32_t at, uint32_t number)
{
	uint32_t n = maps->meta.hot4_sets * IPACCT_HOT4_WAYS;
	struct ipacct_hot4_line *lines = maps->hot4[(size_t)at * maps->meta.hot4_sets].line;

	for (uint32_t i = 0; i < n; i++)
		lines[i] = (struct ipacct_hot4_line){ .addr_be = key4(number++).addr_be[3],
						      .flags = IPACCT_HOT_USED,
						      .tx_packets = 1,
						      .rx_packets = 1,
						      .tx_l3_bytes = L3_BYTES,
						      .rx_l3_bytes = L3_BYTES };
	return n;
}

static uint32_t hot6_fill(const struct ipacct_maps *maps, uint32_t at, uint32_t number)
{
	uint32_t n = maps->meta.hot6_sets * IPACCT_HOT6_WAYS;
	struct ipacct_hot6_line *lines = maps->hot6[(size_t)at * maps->meta.hot6_sets].line;

	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_key key = key6(number++);

		lines[i] = (struct ipacct_hot6_line){ .flags = IPACCT_HOT_USED,
						      .tx_packets = 1,
						      .rx_packets = 1,
						      .tx_l3_bytes = L3_BYTES,
						      .rx_l3_bytes = L3_BYTES };
		memcpy(lines[i].addr_be, key.addr_be, sizeof(key.addr_be));
	}
	return n;
}

static uint32_t lru_fill(const struct ipacct_maps *maps, uint32_t index, uint32_t number)
{
	uint32_t n = (uint32_t)maps->parts[index].lru_budget;
	static struct ipacct_counters counters[BATCH];
	static struct ipacct_key keys[BATCH];

	for (uint32_t done = 0; done < n;) {
		uint32_t count = n - done < BATCH ? n - done : BATCH;

		for (uint32_t i = 0; i < count; i++) {
			keys[i] = key4(number + done + i);
			counters[i] = one_each;
		}
		done += count;
		cr_assert_eq(
			bpf_map_update_batch(maps->lru_fds[index], keys, counters, &count, NULL),
			0);
	}
	maps->parts[index].lru_inserts = n;
	return n;
}

static uint32_t rollups_fill(const struct ipacct_maps *maps, uint32_t index)
{
	for (uint32_t i = 0; i < IPACCT_ROLL4_LINES; i++)
		maps->roll[(size_t)index * IPACCT_ROLL_LINES + i] = one_each;
	for (uint32_t i = 0; i < IPACCT_ROLL6_LINES; i++)
		maps->roll6[(size_t)index * IPACCT_ROLL6_LINES + i] = (struct ipacct_roll6_line){
			.key = IPACCT_ROLL6_KEY(index * IPACCT_ROLL6_LINES + i + 1, 0),
			.counters = one_each,
		};
	maps->parts[index].rollup_updates = 1;
	return IPACCT_ROLL4_LINES + IPACCT_ROLL6_LINES;
}

static void totals_write(const struct ipacct_maps *maps, uint32_t epoch, uint64_t n)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct ipacct_totals *totals = calloc((size_t)n_cpus, sizeof(*totals));

	cr_assert_not_null(totals);
	totals->seen = totals->accounted = (struct ipacct_packets_l2){ n, n * STAGE_FRAME_BYTES };
	totals->ipv4 = (struct ipacct_packets_l3){ n, n * L3_BYTES };
	cr_assert_eq(bpf_map_update_elem(maps->totals_fd, &epoch, totals, BPF_ANY), 0);
	free(totals);
}

/* Fill the epoch that counts to the last line. Returns how many keys that are. */
__attribute__((unused)) static uint64_t epoch_fill(const struct ipacct_maps *maps)
{
	uint32_t epoch = maps->ctl->epoch & 1, number4 = 0, number6 = 0;
	uint64_t n = 0;

	for (uint32_t part = 0; part < maps->meta.n_parts; part++) {
		uint32_t index = IPACCT_EPOCHS * part + epoch, at = index - IPACCT_EPOCHS;

		n += rollups_fill(maps, index);
		number4 += lru_fill(maps, index, number4);
		if (!part)
			continue;
		number4 += hot4_fill(maps, at, number4);
		number6 += hot6_fill(maps, at, number6);
		memset(maps->hotmap + ipacct_hotmap_first(&maps->meta, index, false) / 64, 0xff,
		       maps->meta.hot4_sets / 8);
		memset(maps->hotmap + ipacct_hotmap_first(&maps->meta, index, true) / 64, 0xff,
		       maps->meta.hot6_sets / 8);
	}
	n += (uint64_t)number4 + number6;
	totals_write(maps, epoch, n);
	return n;
}

static void full_maps_take(uint64_t memory_bytes, bool hot)
{
#if SANITIZED
	(void)memory_bytes, (void)hot;
	cr_skip_test("a sanitizer takes memory of its own");
#else
	struct stage_setup setup = { .memory_bytes = memory_bytes, .hot = hot };
	uint64_t before = rss_anon(), taken, planned;
	const struct ipacct_ledger *ledger;
	struct stage stage = {};
	struct sizing sizing;

	if (stage_scaled(2, 1) < 2)
		cr_skip_test("a million keys by hand: not in a guest, the arithmetic is the same");
	stage_open_setup(&stage, &setup);
	ledger = &stage.cutter.publisher.ledger;
	for (int cut = 0; cut < 4; cut++) { /* each epoch twice: the ledger is full in the end */
		cr_assert_gt(epoch_fill(&stage.maps), 0);
		stage_cut(&stage);
	}
	taken = rss_anon() - before;
	sizing_from_maps(&stage.maps.meta, memory_bytes, ledger->n_rollups_max,
			 ledger->n_addresses_max, &sizing);
	planned = sizing.process_bytes - SIZING_PROCESS_BYTES;
	cr_expect_leq((uint64_t)llabs((long long)(taken - planned)),
		      sizing.total_bytes * NEAR_PERCENT / 100,
		      "%llu taken, %llu planned, of %llu in all", (unsigned long long)taken,
		      (unsigned long long)planned, (unsigned long long)sizing.total_bytes);
	printf("# %llu taken, %llu planned\n", (unsigned long long)taken,
	       (unsigned long long)planned);
	stage_close(&stage);
#endif
}

Test(memory, of_the_collector_is_what_was_planned, .timeout = 120)
{
	full_maps_take(96 << 20, true);
}

Test(memory, of_the_collector_with_the_lru_tier_alone, .timeout = 120)
{
	full_maps_take(96 << 20, false);
}

/* 16 MiB for a partition and epoch: four times what kmalloc() gives, and look-ups copy all of it. */
Test(memory, tables_beyond_kmalloc_are_made_counted_in_and_read, .timeout = 120)
{
	struct stage_setup setup = { .memory_bytes = 96 << 20, .hot = true, .hot_sets = 65536 };
	struct ipacct_epoch epoch;
	struct ipacct_maps reader;
	struct stage stage = {};

	stage_open_setup(&stage, &setup);
	for (uint32_t i = 0; i < 1000; i++) {
		stage_send(&stage, 0x0a000000 + i, 0x0b000000 + i);
		stage_send6(&stage, i, 100000 + i);
	}
	reader = stage.maps; /* one that may only read */
	reader.hot4 = NULL;
	reader.hot6 = NULL;
	reader.hotmap = NULL;
	cr_assert_eq(ipacct_epoch_init(&epoch, false), 0);
	cr_assert_eq(ipacct_epoch_read(&epoch, &reader, stage.maps.ctl->epoch & 1), 0);
	cr_expect_eq(epoch.addresses.n_entries, 4000, "%u", epoch.addresses.n_entries);
	cr_expect_eq(epoch.hot_lines_ipv4 + epoch.hot_lines_ipv6, 4000, "not all in the hot tier");
	ipacct_epoch_finish(&epoch);
	stage_cut(&stage);
	cr_expect_eq(stage.cutter.epoch.addresses.n_entries, 4000);
	stage_close(&stage);
}
