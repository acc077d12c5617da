/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole cuts on real maps: budget, reading two ways, system calls, exactness under load. */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "cut.h"
#include "stage.h"

static void fill_beyond_capacity(uint64_t memory_bytes, bool shared)
{
	struct stage stage = {};
	struct ipacct_snapshot *snapshot;
	uint32_t part = shared ? 0 : 1;
	uint64_t budget, sent = 0;

	stage_open(&stage, memory_bytes, shared);
	stage_pin_to(0);
	budget = stage.maps.parts[2 * part].lru_budget;
	for (int cut = 0; cut < 3; cut++) {
		for (uint32_t i = 0; i < budget; i++, sent++) /* two new addresses a packet */
			stage_send(&stage, 0x0a000000 + i, 0x0b000000 + i);
		cr_assert_eq(cutter_cut(&stage.cutter), 0);
		cr_assert_eq(stage.cutter.last.error_packets, 0);
		cr_assert_eq(stage.cutter.last.error_l3_bytes, 0);
		/* every insert that the budget allowed is there: the LRU evicted none */
		cr_assert_eq(stage.cutter.n_entries, budget);
		cr_assert_eq(stage.cutter.epoch.lru_refused, budget);
		/* full, whatever room all the others have; CPUs that race may go beyond */
		cr_assert_geq(stage.cutter.epoch.lru_fullest_ppm, 1000000);
		cr_assert_leq(stage.cutter.epoch.lru_fullest_ppm, 2000000);
	}
	snapshot = stage_snapshot(&stage);
	cr_assert_eq(snapshot->interfaces[0].totals.accounted.packets, sent);
	cr_assert_eq(snapshot->interfaces[0].totals.ipv4.l3_bytes, sent * STAGE_L3_BYTES);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	cr_assert_gt(snapshot->n_rollups, 0);
	ipacct_snapshot_destroy(snapshot);
	stage_close(&stage);
}

Test(cut, full_partition_of_one_cpu_evicts_nothing_and_rolls_up_the_rest)
{
	fill_beyond_capacity(48 << 20, false);
}

Test(cut, full_shared_partition_evicts_nothing_and_rolls_up_the_rest)
{
	fill_beyond_capacity(32 << 20, true);
}

static void tables_must_be_equal(const struct ipacct_table *a, const struct ipacct_table *b)
{
	cr_assert_eq(a->n_entries, b->n_entries);
	for (uint32_t i = 0; i < a->n_entries; i++) {
		uint32_t at = ipacct_table_find(b, &a->entries[i].key, a->entries[i].prefix_len);

		cr_assert_neq(at, IPACCT_TABLE_NONE);
		cr_assert_eq(memcmp(&a->entries[i].counters, &b->entries[at].counters,
				    sizeof(a->entries[i].counters)),
			     0);
	}
}

/* The collector's way, the unprivileged reader's way, and key by key. */
static void read_three_ways(const struct stage *stage, uint32_t number)
{
	struct ipacct_maps no_mmap = stage->maps;
	struct ipacct_epoch ways[3];

	no_mmap.parts = NULL;
	no_mmap.roll = NULL;
	no_mmap.roll6 = NULL;
	no_mmap.hotmap = NULL;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ipacct_epoch_init(&ways[i], false), 0);
	ways[1].batch.n_entries = 1; /* smaller than a bucket: has to grow */
	ways[2].batch.per_key = true;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ipacct_epoch_read(&ways[i], i ? &no_mmap : &stage->maps, number), 0);
	cr_assert_gt(ways[0].addresses.n_entries, 100);
	for (int i = 1; i < 3; i++) {
		tables_must_be_equal(&ways[0].addresses, &ways[i].addresses);
		tables_must_be_equal(&ways[0].rollups, &ways[i].rollups);
		cr_assert_eq(memcmp(ways[0].totals, ways[i].totals, sizeof(ways[0].totals)), 0);
	}
	for (int i = 0; i < 3; i++)
		ipacct_epoch_finish(&ways[i]);
}

static void reading_agrees(bool hot)
{
	struct stage stage = {};
	struct stage_load load[2];

	stage_open_hot(&stage, 48 << 20, false, hot);
	for (int cpu = 0; cpu < 2; cpu++)
		stage_load_start(&load[cpu], &stage, cpu, 65536);
	for (int round = 0; round < 10; round++) {
		uint32_t rest = stage.maps.ctl->epoch & 1;
		uint64_t packets = load[0].sent + 2000;

		while (*(volatile uint64_t *)&load[0].sent < packets)
			sched_yield(); /* the loads are about it */
		stage.maps.ctl->cut[1 - rest] = stage.maps.ctl->cut[rest] + 1;
		__atomic_store_n(&stage.maps.ctl->epoch, 1 - rest, __ATOMIC_SEQ_CST);
		cr_assert_eq(cut_grace(&stage.maps), 0);
		read_three_ways(&stage, rest);
		cr_assert_eq(cutter_recover(&stage.cutter), 0);
	}
	for (int cpu = 0; cpu < 2; cpu++)
		(void)stage_load_stop(&load[cpu]); /* exactness is the next test's */
	stage_close(&stage);
}

Test(cut, batch_and_per_key_reading_agree_under_load, .timeout = 120)
{
	reading_agrees(false);
}

Test(cut, reading_of_the_hot_tier_agrees_with_mmap_and_by_batch, .timeout = 120)
{
	reading_agrees(true);
}

#define CPUS_MAX 16 /* that send; more would only make the machine slow */

/* Every CPU sends as fast as it can while cut follows cut. */
static void cuts_under_load(bool shared, bool hot, uint32_t n_addresses, uint32_t n_cuts)
{
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct stage_load load[CPUS_MAX];
	struct ipacct_snapshot *snapshot;
	struct stage stage = {};
	uint64_t sent = 0;

	n_cpus = n_cpus > CPUS_MAX ? CPUS_MAX : n_cpus;
	stage_open_hot(&stage, shared ? 32 << 20 : 48 << 20, shared, hot);
	for (int cpu = 0; cpu < n_cpus; cpu++)
		stage_load_start(&load[cpu], &stage, cpu, n_addresses);
	for (uint32_t i = 0; i < n_cuts; i++)
		stage_cut(&stage); /* and closes, to the packet and the octet */
	for (int cpu = 0; cpu < n_cpus; cpu++)
		sent += stage_load_stop(&load[cpu]);
	stage_cut(&stage);
	snapshot = stage_snapshot(&stage);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, sent);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.l2_bytes, sent * STAGE_FRAME_BYTES);
	cr_assert_eq(snapshot->interfaces[0].totals.ipv4.l3_bytes, sent * STAGE_L3_BYTES);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 0);
	ipacct_snapshot_destroy(snapshot);
	cr_log_info("%u cuts, %lu packets", n_cuts, (unsigned long)sent);
	stage_close(&stage);
}

Test(cut, cuts_with_the_lru_tier_full_of_addresses_lose_nothing, .timeout = 240)
{
	cuts_under_load(false, false, 65536, stage_scaled(30, 10));
}

Test(cut, thousand_cuts_at_full_rate_on_every_cpu_lose_nothing, .timeout = 240)
{
	cuts_under_load(false, false, 512, stage_scaled(1000, 50));
}

Test(cut, thousand_cuts_with_the_hot_tier_lose_nothing, .timeout = 240)
{
	cuts_under_load(false, true, 512, stage_scaled(1000, 50));
}

Test(cut, cuts_with_the_hot_tier_full_of_addresses_lose_nothing, .timeout = 240)
{
	cuts_under_load(false, true, 65536, stage_scaled(100, 10));
}

Test(cut, all_cpus_in_one_partition_lose_nothing, .timeout = 240)
{
	cuts_under_load(true, false, 512, stage_scaled(200, 20));
}

Test(cut, system_calls_follow_entries_and_maps)
{
	struct stage stage = {};
	uint64_t n_maps, limit;

	stage_open(&stage, 96 << 20, false);
	stage_pin_to(0);
	n_maps = 9 + 2 * stage.maps.meta.n_parts;
	for (uint32_t i = 0; i < 20000; i++)
		stage_send(&stage, 0x0a000000 + i, 0x0b000000 + i);
	cr_assert_eq(cutter_cut(&stage.cutter), 0);
	limit = 2 * stage.cutter.n_entries / IPACCT_BATCH_ENTRIES + 4 * n_maps;
	cr_assert_eq(stage.cutter.n_entries, 40000);
	cr_assert_leq(stage.cutter.n_syscalls, limit, "%lu system calls, limit %lu",
		      (unsigned long)stage.cutter.n_syscalls, (unsigned long)limit);
	stage_close(&stage);
}

Test(cut, map_update_is_a_grace_period_where_membarrier_is_refused)
{
	struct stage stage = {};
	uint32_t zero = 0, id_before, id_after;

	stage_open(&stage, 48 << 20, false);
	cr_assert_eq(bpf_map_lookup_elem(stage.maps.lru_fd, &zero, &id_before), 0);
	cr_assert_eq(cut_grace_by_map(&stage.maps), 0);
	cr_assert_eq(bpf_map_lookup_elem(stage.maps.lru_fd, &zero, &id_after), 0);
	cr_assert_eq(id_before, id_after);
	stage_close(&stage);
}

Test(cut, ledger_and_maps_that_meet_for_the_first_time_keep_both_counts)
{
	struct stage stage = {};
	struct ipacct_snapshot *snapshot;

	stage_open(&stage, 48 << 20, false);
	stage_pin_to(0);
	stage_send(&stage, 0xc0000201, 0xc0000202);
	cr_assert_eq(cutter_cut(&stage.cutter), 0);
	stage_send(&stage, 0xc0000201, 0xc0000202);
	/* as after restoring another ledger: it has never seen these maps, and is far ahead */
	stage.cutter.publisher.ledger.header->instance ^= 1;
	stage.cutter.publisher.ledger.header->cut = 1000;
	cr_assert_eq(cutter_recover(&stage.cutter), 0);
	cr_assert_eq(cutter_cut(&stage.cutter), 0);
	snapshot = stage_snapshot(&stage);
	cr_assert_gt(snapshot->cut, 1000);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, 2);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	ipacct_snapshot_destroy(snapshot);
	stage_close(&stage);
}

Test(cut, flood_of_new_sources_leaves_who_came_back_on_their_own_address, .timeout = 120)
{
	struct stage stage = {};
	struct ipacct_snapshot *snapshot;
	uint32_t spoofed = 0x20000000;
	uint64_t sent = 0;

	stage_open_hot(&stage, 48 << 20, false, true);
	stage_pin_to(0);
	for (int cut = 0; cut < 5; cut++) {
		for (int round = 0; round < 20; round++) {
			/* twice: a single packet may go to its prefix before the next one comes */
			for (uint32_t i = 0; i < 200; i++, sent++)
				stage_send(&stage, 0xc0000200 + i / 2, 0xc6336400 + i / 2);
			for (int i = 0; i < 10000; i++, sent++)
				stage_send(&stage, spoofed++, 0xc6336400);
		}
		cr_assert_eq(cutter_cut(&stage.cutter), 0);
		cr_assert_eq(stage.cutter.last.error_packets, 0);
	}
	for (uint32_t honest = 0; honest < 100; honest++)
		cr_assert_eq(stage_counters(&stage, 0xc0000200 + honest).tx_packets, 200,
			     "source %u", honest);
	snapshot = stage_snapshot(&stage);
	cr_assert_eq(snapshot->interfaces[0].totals.accounted.packets, sent);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	cr_assert_gt(snapshot->facts.rollup_updates, 0, "the flood was no flood");
	ipacct_snapshot_destroy(snapshot);
	stage_close(&stage);
}

Test(cut, keys_that_came_back_stay_over_the_cut_and_idle_ones_go)
{
	const struct ipacct_meta *meta;
	struct stage stage = {};
	uint64_t n_used = 0;

	stage_open_hot(&stage, 48 << 20, false, true);
	meta = &stage.maps.meta;
	stage_pin_to(0);
	for (int cut = 0; cut < 6; cut++) {
		stage_send(&stage, 0xc0000201, 0xc6336401); /* once each: cold */
		if (cut < 2)
			for (int i = 0; i < 2; i++)
				stage_send(&stage, 0xc0000202, 0xc6336402); /* came back: warm */
		cr_assert_eq(cutter_cut(&stage.cutter), 0);
		n_used = 0;
		for (uint32_t i = 0; i < 2 * (meta->n_parts - 1) * meta->hot4_sets; i++)
			for (uint32_t way = 0; way < IPACCT_HOT4_WAYS; way++)
				n_used += stage.maps.hot4[i].line[way].flags != 0;
		/* warm keys of two epochs; each goes after its epoch came by without them */
		cr_assert_eq(n_used,
			     cut == 0   ? 2
			     : cut <= 1 ? 4
			     : cut == 2 ? 2
					: 0,
			     "cut %d: %lu", cut, (unsigned long)n_used);
	}
	for (uint32_t i = 0; i < (meta->n_parts - 1) * 2 * (meta->hot4_sets + meta->hot6_sets) / 64;
	     i++)
		cr_assert_eq(stage.maps.hotmap[i], 0, "a bit without a key");
	stage_close(&stage);
}
