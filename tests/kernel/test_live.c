/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the epoch that counts while lines are displaced: no counter falls from one reading to the
 * next. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "base/clock.h"
#include "epoch.h"
#include "hot_lines.h"
#include "stage.h"

#define N_HONEST     300u
#define HONEST4      0xc0000200u
#define HOT_SETS     64u
#define READINGS_MIN 10u
#define SHOWN_MAX    20u            /* falls that are explained */
#define LIMIT_NS     10000000000ull /* of one test */
#define N_MOVED      5000u          /* lines that gave up their key while they were read */
/* Few enough that strangers come back, to a record of the LRU tier and to lines that were theirs. */
#define STRANGERS  0x1ffffu
#define STRANGERS4 0xf0000000u

struct flood {
	struct stage_load load;
	atomic_bool begun;
	bool ipv6;
	bool pairs; /* the random ones do so, too */
};

static void one(const struct flood *flood, uint64_t from, uint64_t to)
{
	if (flood->ipv6)
		stage_send6(flood->load.stage, from, to);
	else
		stage_send(flood->load.stage, (uint32_t)from, (uint32_t)to);
	__atomic_fetch_add((uint64_t *)&flood->load.sent, 1, __ATOMIC_RELAXED);
}

/* Honest addresses between random ones. */
static void *flood_run(void *context)
{
	struct flood *flood = context;
	uint64_t state = 99, honest = 0;

	stage_pin_to(flood->load.cpu);
	atomic_store(&flood->begun, true);
	while (!atomic_load(&flood->load.stop)) {
		uint64_t at = HONEST4 + honest++ % N_HONEST;

		one(flood, at, at);
		for (int i = 0; i < 20; i++) {
			uint64_t from = (stage_random(&state) & STRANGERS) | STRANGERS4;
			uint64_t to = (stage_random(&state) & STRANGERS) | STRANGERS4;

			one(flood, from, flood->pairs ? from : to);
		}
	}
	return NULL;
}

static bool falls(uint64_t before, uint64_t now)
{
	return now < before;
}

static bool counters_fall(const struct ipacct_counters *a, const struct ipacct_counters *b)
{
	return falls(a->tx_packets, b->tx_packets) || falls(a->tx_l3_bytes, b->tx_l3_bytes) ||
	       falls(a->rx_packets, b->rx_packets) || falls(a->rx_l3_bytes, b->rx_l3_bytes);
}

static void part_show(const char *what, const struct ipacct_table *table,
		      const struct ipacct_table_entry *of)
{
	static const struct ipacct_counters nothing;
	uint32_t at = ipacct_table_find(table, &of->key, of->prefix_len);
	const struct ipacct_counters *has =
		at == IPACCT_TABLE_NONE ? &nothing : &table->entries[at].counters;

	cr_log_error("  %s: tx %llu packets, %llu octets; rx %llu, %llu%s", what, has->tx_packets,
		     has->tx_l3_bytes, has->rx_packets, has->rx_l3_bytes,
		     at == IPACCT_TABLE_NONE ? " (no entry)" : "");
}

/* All of a reading that says where its number comes from. The partition that is flooded is the last one,
 * so the tables are its. */
static void reading_show(const char *which, const struct ipacct_epoch *epoch,
			 const struct ipacct_table_entry *of)
{
	cr_log_error(" %s: displaced %llu, rolled %llu, LRU inserts %llu", which,
		     (unsigned long long)epoch->hot_displaced,
		     (unsigned long long)epoch->hot_rolled, (unsigned long long)epoch->lru_inserts);
	part_show("address", &epoch->addresses, of);
	part_show("LRU record", &epoch->first, of);
	part_show("hot line (0: not believed)", &epoch->lines, of);
	part_show("LRU record again", &epoch->again, of);
	part_show("roll-up", &epoch->rollups, of);
}

static bool falls_in(const struct ipacct_table *now, const struct ipacct_table_entry *before)
{
	static const struct ipacct_counters nothing;
	uint32_t at = ipacct_table_find(now, &before->key, before->prefix_len);

	return counters_fall(&before->counters,
			     at == IPACCT_TABLE_NONE ? &nothing : &now->entries[at].counters);
}

/* How many entries of one reading are less in the next. */
static uint32_t n_fallen(const struct ipacct_epoch *before, const struct ipacct_epoch *now,
			 bool rollups)
{
	const struct ipacct_table *table = rollups ? &before->rollups : &before->addresses;
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];
		char text[INET6_ADDRSTRLEN] = "?";

		if (!falls_in(rollups ? &now->rollups : &now->addresses, entry) || n++ >= SHOWN_MAX)
			continue;
		(void)inet_ntop(AF_INET6, entry->key.addr_be, text,
				sizeof(text)); /* large enough */
		cr_log_error("%s/%u fell", text, entry->prefix_len);
		reading_show("before", before, entry);
		reading_show("now", now, entry);
	}
	return n;
}

static struct ipacct_counters sum_of(const struct ipacct_epoch *epoch)
{
	struct ipacct_counters sum = {};

	for (uint32_t i = 0; i < epoch->addresses.n_entries; i++)
		ipacct_counters_add(&sum, &epoch->addresses.entries[i].counters);
	for (uint32_t i = 0; i < epoch->rollups.n_entries; i++)
		ipacct_counters_add(&sum, &epoch->rollups.entries[i].counters);
	return sum;
}

/* IPACCT_LIVE_SECONDS=N: each flood is read so long, at least. */
static uint64_t seconds_wanted(void)
{
	const char *text = getenv("IPACCT_LIVE_SECONDS");
	int seconds = text ? atoi(text) : 0;

	return seconds > 0 && seconds <= 3600 ? (uint64_t)seconds : 0;
}

/* By batch, as a member of the group reads. */
static void never_falls(bool ipv6, bool pairs)
{
	struct flood flood = { .ipv6 = ipv6, .pairs = pairs };
	struct ipacct_epoch reading[2];
	struct ipacct_maps maps;
	struct stage stage = {};
	uint64_t n_moved = 0, n_entries = 0;
	uint32_t n_readings = stage_scaled(150, 30), n_addresses = 0, n_rollups = 0, n_sums = 0;
	uint32_t n = 0;
	uint64_t least_ns = seconds_wanted() * 1000000000ull;
	uint64_t begun_ns = ipacct_clock_ns(CLOCK_MONOTONIC), spent_ns = 0;

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
							.hot = true,
							.lru_entries = 8192,
							.hot_sets = HOT_SETS });
	maps = stage.maps;
	maps.hotmap = NULL;
	maps.parts = NULL;
	maps.roll = NULL;
	maps.roll6 = NULL;
	for (int i = 0; i < 2; i++)
		cr_assert_eq(ipacct_epoch_init(&reading[i], false), 0);
	flood.load = (struct stage_load){ .stage = &stage, .cpu = 1 };
	cr_assert_eq(pthread_create(&flood.load.thread, NULL, flood_run, &flood), 0);
	stage_pin_to(0);
	while (!atomic_load(&flood.begun))
		sched_yield();
	for (; n < n_readings || n_moved < N_MOVED || spent_ns < least_ns; n++) {
		struct ipacct_epoch *now = &reading[n % 2], *before = &reading[1 - n % 2];
		struct ipacct_counters sum, sum_before = sum_of(before);

		spent_ns = ipacct_clock_ns(CLOCK_MONOTONIC) - begun_ns;
		if (spent_ns > LIMIT_NS && spent_ns > least_ns)
			break;
		ipacct_epoch_reset(now);
		now->live = true;
		cr_assert_eq(ipacct_epoch_read(now, &maps, 0), 0);
		sum = sum_of(now);
		n_moved = now->hot_displaced + now->hot_rolled;
		n_entries += before->addresses.n_entries;
		n_addresses += n_fallen(before, now, false);
		n_rollups += n_fallen(before, now, true);
		n_sums += counters_fall(&sum_before, &sum);
	}
	(void)stage_load_stop(&flood.load);
	if (n < READINGS_MIN)
		cr_skip_test("too busy a machine: only %u readings", n);
	cr_log_info("%u readings, %llu addresses compared, %llu lines moved", n,
		    (unsigned long long)n_entries, (unsigned long long)n_moved);
	cr_expect_eq(n_addresses, 0, "%u addresses fell in %u readings", n_addresses, n);
	cr_expect_eq(n_rollups, 0, "%u roll-ups fell", n_rollups);
	cr_expect_eq(n_sums, 0, "the sum fell %u times", n_sums);
	for (int i = 0; i < 2; i++)
		ipacct_epoch_finish(&reading[i]);
	stage_cut(&stage);
	stage_close(&stage);
}

Test(live, ipv4, .timeout = 4000)
{
	never_falls(false, false);
}

Test(live, ipv6, .timeout = 4000)
{
	never_falls(true, false);
}

/* Nobody is a single: the LRU tier is full soon, and lines must find another way. */
Test(live, ipv4_flood_of_pairs, .timeout = 4000)
{
	never_falls(false, true);
}

Test(live, ipv6_flood_of_pairs, .timeout = 4000)
{
	never_falls(true, true);
}

/* ---- One packet that is rolled up -------------------------------------------------------------- */

#define RETURNING 1u    /* an address with a record, whose next packet is rolled up */
#define N_HEAVY   5000u /* more than lines, and more than half of the LRU budget */
#define HEAVY     0x1000000u
#define STRANGER  0x2000000u
#define SINK      0x3000000u

struct returning {
	struct stage stage;
	struct ipacct_maps maps; /* without mmap, as a member of the group reads */
	bool ipv6;
};

static void returning_send(const struct returning *returning, uint64_t from, uint64_t to)
{
	if (returning->ipv6)
		stage_send6(&returning->stage, from, to);
	else
		stage_send(&returning->stage, (uint32_t)from, (uint32_t)to);
}

static uint32_t index_counting(const struct returning *returning)
{
	return IPACCT_EPOCHS + (returning->stage.maps.ctl->epoch & 1);
}

/* Whether the address has a hot line in the epoch that counts. */
static bool has_line(const struct returning *returning, uint64_t low)
{
	const struct ipacct_maps *maps = &returning->stage.maps;
	bool ipv6 = returning->ipv6;
	const uint8_t *line = ipacct_hot_table(maps, index_counting(returning), ipv6);

	for (uint32_t i = 0; i < hot_lines(&maps->meta, ipv6); i++, line += hot_line_bytes(ipv6))
		if (hot_line_flags(line, ipv6) &&
		    hot_line_key(line, ipv6).addr_be[3] == htonl((uint32_t)low))
			return true;
	return false;
}

/* What a live reading shows of the address, by mmap and by batch: both the same, nothing moves. */
static uint64_t packets_shown(const struct returning *returning, uint64_t low)
{
	const struct ipacct_maps *maps[2] = { &returning->stage.maps, &returning->maps };
	uint32_t counting = returning->stage.maps.ctl->epoch & 1;
	uint64_t n[2] = {};

	for (int i = 0; i < 2; i++) {
		struct ipacct_epoch epoch;

		cr_assert_eq(ipacct_epoch_init(&epoch, false), 0);
		epoch.live = true;
		cr_assert_eq(ipacct_epoch_read(&epoch, maps[i], counting), 0);
		for (uint32_t at = 0; at < epoch.addresses.n_entries; at++)
			if (epoch.addresses.entries[at].key.addr_be[3] == htonl((uint32_t)low))
				n[i] += epoch.addresses.entries[at].counters.tx_packets +
					epoch.addresses.entries[at].counters.rx_packets;
		ipacct_epoch_finish(&epoch);
	}
	cr_expect_eq(n[0], n[1]);
	return n[0];
}

/* The address's packets are in the LRU tier, which has no room for single ones any more. SINK is protected,
 * so that nobody takes its line and it takes nobody else's. */
static void returning_begin(struct returning *returning)
{
	struct ipacct_guard_key sink =
		returning->ipv6 ? stage_prefix6(SINK, 128) : stage_prefix4(SINK, 32);
	const struct ipacct_part *part;

	stage_open_setup(&returning->stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
								   .hot = true,
								   .lru_entries = 8192,
								   .hot_sets = HOT_SETS });
	returning->maps = returning->stage.maps;
	returning->maps.hotmap = NULL;
	returning->maps.parts = NULL;
	returning->maps.roll = NULL;
	returning->maps.roll6 = NULL;
	stage_pin_to(0);
	stage_protect(&returning->stage, &sink, 1);
	returning_send(returning, RETURNING, RETURNING);
	returning_send(returning, SINK, SINK);
	for (uint32_t i = 0; i < N_HEAVY; i++)
		for (uint32_t k = 0; k < 2; k++)
			returning_send(returning, HEAVY + i, HEAVY + i);
	cr_assert_not(has_line(returning, RETURNING));
	cr_assert(has_line(returning, SINK));
	part = &returning->stage.maps.parts[index_counting(returning)];
	cr_assert_geq(part->lru_inserts, part->lru_budget / 2);
	cr_assert_lt(part->lru_inserts, part->lru_budget);
}

static void rolled_up_unshown(bool ipv6)
{
	struct returning returning = { .ipv6 = ipv6 };
	uint64_t shown, rolled;
	const struct ipacct_part *part;

	returning_begin(&returning);
	part = &returning.stage.maps.parts[index_counting(&returning)];
	cr_expect_eq(packets_shown(&returning, RETURNING), 2);
	returning_send(&returning, RETURNING, SINK);
	cr_assert(has_line(&returning, RETURNING));
	shown = packets_shown(&returning, RETURNING);
	rolled = part->hot_rolled;
	for (uint32_t i = 0; i < 100000 && has_line(&returning, RETURNING); i++)
		returning_send(&returning, STRANGER + i, SINK);
	cr_assert_not(has_line(&returning, RETURNING));
	cr_expect_gt(part->hot_rolled, rolled);
	cr_expect_geq(packets_shown(&returning, RETURNING), shown,
		      "a packet was shown with its address and then moved to the prefix");
	stage_cut(&returning.stage); /* and closes */
	stage_close(&returning.stage);
}

Test(live, an_ipv4_packet_that_is_rolled_up_was_not_shown_with_its_address, .timeout = 60)
{
	rolled_up_unshown(false);
}

Test(live, an_ipv6_packet_that_is_rolled_up_was_not_shown_with_its_address, .timeout = 60)
{
	rolled_up_unshown(true);
}

/* Where nobody is displaced a live reading shows everything, a single packet too. */
Test(live, a_single_packet_is_shown_where_it_stays, .timeout = 60)
{
	struct returning returning = {};

	stage_open_setup(&returning.stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
								  .hot = true,
								  .lru_entries = 8192,
								  .hot_sets = HOT_SETS });
	returning.maps = returning.stage.maps;
	returning.maps.hotmap = NULL;
	returning.maps.parts = NULL;
	returning.maps.roll = NULL;
	returning.maps.roll6 = NULL;
	stage_pin_to(0);
	returning_send(&returning, HEAVY, STRANGER);
	cr_expect_eq(packets_shown(&returning, HEAVY), 1);
	cr_expect_eq(packets_shown(&returning, STRANGER), 1);
	stage_close(&returning.stage);
}
