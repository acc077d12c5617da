/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes on real maps: the trie, and addresses that stay exact whatever else comes. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "epoch.h"
#include "guard.h"
#include "stage.h"

#define OWN4   0xc0000200u /* 192.0.2.0/24 and 192.0.3.0/24: RFC 5737 has no 512 in one piece */
#define OTHER4 0xc6336400u /* 198.51.100.0: as many strangers that behave in the same way */
#define OWN6   0x0001000000000000ull /* below 2001:db8:0:0 */
#define OTHER6 0x0002000000000000ull

#define MEMORY    (48u << 20)
#define LRU       1024u       /* entries: 896 may be inserted, the last 112 by protected keys … */
#define BUDGET    (LRU - 128) /* … of a partition that belongs to one CPU */
#define RESERVED  (BUDGET / 8)
#define HOT_SETS  64u /* 512 IPv4 lines, 256 of IPv6: the smallest there are */
#define FLOOD_CUT stage_scaled(250000, 20000) /* random packets */

/* ---- Exactness -------------------------------------------------------------------------------- */

/* Addresses that each sent and received the same number of packets, and one is the next one's. */
struct crowd {
	bool ipv6;
	uint64_t first;
	uint32_t n;
};

static void crowd_send(const struct stage *stage, const struct crowd *crowd)
{
	for (uint64_t i = 0; i < crowd->n; i++) {
		uint64_t from = crowd->first + i, to = crowd->first + (i + 1) % crowd->n;

		if (crowd->ipv6)
			stage_send6(stage, from, to);
		else
			stage_send(stage, (uint32_t)from, (uint32_t)to);
	}
}

static bool is_of(const struct crowd *crowd, const struct ipacct_key *key)
{
	uint64_t low = (uint64_t)ntohl(key->addr_be[2]) << 32 | ntohl(key->addr_be[3]);
	bool ipv4 = !key->addr_be[0] && !key->addr_be[1] && key->addr_be[2] == htonl(0xffff);

	if (ipv4)
		low = ntohl(key->addr_be[3]);
	return ipv4 != crowd->ipv6 && low >= crowd->first && low < crowd->first + crowd->n;
}

/* How many of the crowd have exactly so many packets each way; *ret_packets: how many they all have. */
static uint32_t crowd_exact(const struct stage *stage, const struct crowd *crowd,
			    uint64_t n_packets, uint64_t *ret_packets)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	uint32_t n_exact = 0;

	*ret_packets = 0;
	for (size_t i = 0; i < snapshot->n_addresses; i++) {
		const struct ipacct_counters *c = &snapshot->addresses[i].counters;

		if (!is_of(crowd, &snapshot->addresses[i].key))
			continue;
		*ret_packets += c->tx_packets + c->rx_packets;
		n_exact += c->tx_packets == n_packets && c->rx_packets == n_packets &&
			   c->tx_l3_bytes == n_packets * STAGE_L3_BYTES &&
			   c->rx_l3_bytes == n_packets * STAGE_L3_BYTES;
	}
	cr_expect_eq(snapshot->conservation.error_packets, 0);
	ipacct_snapshot_destroy(snapshot);
	return n_exact;
}

static struct ipacct_ledger_cut facts_of(const struct stage *stage)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	struct ipacct_ledger_cut facts = snapshot->facts;

	ipacct_snapshot_destroy(snapshot);
	return facts;
}

/* Sources and destinations that never come again. */
static void flood_send(const struct stage *stage, bool ipv6, uint64_t *state, uint32_t n_packets)
{
	for (uint32_t i = 0; i < n_packets; i++) {
		uint64_t from = stage_random(state), to = stage_random(state);

		if (ipv6)
			stage_send6(stage, from | 1ull << 63, to | 1ull << 63);
		else
			stage_send(stage, (uint32_t)from | 0xf0000000, (uint32_t)to | 0xf0000000);
	}
}

/* Packet i of a crowd: address i sends, and half a crowd later it receives. */
static void crowd_packet(const struct stage *stage, const struct crowd *crowd, uint64_t i)
{
	uint64_t from = crowd->first + i, to = crowd->first + (i + crowd->n / 2) % crowd->n;

	if (crowd->ipv6)
		stage_send6(stage, from, to);
	else
		stage_send(stage, (uint32_t)from, (uint32_t)to);
}

/* A million packets from random sources to random destinations. Protected addresses, and as many
 * that are not, are so rare among them that the table has been overrun when they come again. */
static void exact_in_a_flood(bool hot, bool ipv6, bool shared)
{
	const struct crowd own = { ipv6, ipv6 ? OWN6 : OWN4, RESERVED - 12 };
	const struct crowd other = { ipv6, ipv6 ? OTHER6 : OTHER4, RESERVED - 12 };
	struct ipacct_guard_key prefix = ipv6 ? stage_prefix6(OWN6, 112) : stage_prefix4(OWN4, 24);
	uint64_t state = 1 + hot + 2 * ipv6, packets;
	struct stage stage = {};

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = MEMORY,
							.shared = shared,
							.hot = hot,
							.lru_entries = LRU,
							.lru_shared = LRU + 128,
							.hot_sets = hot ? HOT_SETS : 0 });
	stage_pin_to(0);
	stage_protect(&stage, &prefix, 1);
	for (int cut = 0; cut < 4; cut++) {
		flood_send(&stage, ipv6, &state, BUDGET);
		for (uint64_t i = 0; i < own.n; i++) {
			flood_send(&stage, ipv6, &state, FLOOD_CUT / own.n);
			crowd_packet(&stage, &own, i);
			crowd_packet(&stage, &other, i);
		}
		stage_cut(&stage);
		cr_expect_gt(stage.cutter.epoch.rollup_updates, FLOOD_CUT,
			     "the flood was no flood");
	}
	cr_expect_eq(crowd_exact(&stage, &own, 4, &packets), own.n, "%lu packets of %u",
		     (unsigned long)packets, own.n * 8);
	cr_expect_eq(facts_of(&stage).guard_rolled, 0);
	cr_expect_eq(facts_of(&stage).guard_unrecorded, 0);
	/* were it nothing but room, these would be exact, too */
	cr_expect_lt(crowd_exact(&stage, &other, 4, &packets), other.n / 2);
	stage_close(&stage);
}

Test(guard, exact_in_a_flood_ipv4_hot, .timeout = 240)
{
	exact_in_a_flood(true, false, false);
}

Test(guard, exact_in_a_flood_ipv6_hot, .timeout = 240)
{
	exact_in_a_flood(true, true, false);
}

Test(guard, exact_in_a_flood_ipv4_lru_tier_alone, .timeout = 240)
{
	exact_in_a_flood(false, false, false);
}

Test(guard, exact_in_a_flood_ipv6_lru_tier_alone, .timeout = 240)
{
	exact_in_a_flood(false, true, false);
}

Test(guard, exact_in_a_flood_of_a_shared_partition, .timeout = 240)
{
	exact_in_a_flood(false, false, true);
}

/* ---- Lists that change ------------------------------------------------------------------------ */

/* Lines of the crowd in the epoch that counts now; *ret_protected: of them with the flag. */
static uint32_t lines_of(const struct stage *stage, const struct crowd *crowd,
			 uint32_t *ret_protected)
{
	const struct ipacct_meta *meta = &stage->maps.meta;
	uint32_t epoch = stage->maps.ctl->epoch & 1, n = 0;

	*ret_protected = 0;
	for (uint32_t at = epoch; at < IPACCT_EPOCHS * (meta->n_parts - 1); at += IPACCT_EPOCHS)
		for (uint32_t i = 0; i < meta->hot4_sets * IPACCT_HOT4_WAYS; i++) {
			const struct ipacct_hot4_line *line =
				&stage->maps.hot4[at * meta->hot4_sets + i / IPACCT_HOT4_WAYS]
					 .line[i % IPACCT_HOT4_WAYS];
			struct ipacct_key key = { .addr_be = { 0, 0, htonl(0xffff),
							       line->addr_be } };

			if (!line->flags || !is_of(crowd, &key))
				continue;
			n++;
			*ret_protected += (line->flags & IPACCT_HOT_PROTECTED) != 0;
		}
	return n;
}

Test(guard, lines_of_before_are_protected_when_the_list_changes, .timeout = 240)
{
	const struct crowd own = { false, OWN4, 100 }, other = { false, OTHER4, 100 };
	struct ipacct_guard_key prefixes[] = { stage_prefix4(OWN4, 24),
					       stage_prefix4(0x0a000000, 8) };
	uint64_t state = 7, before, packets;
	struct stage stage = {};
	uint32_t n_protected;

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = MEMORY,
							.hot = true,
							.lru_entries = LRU,
							.hot_sets = HOT_SETS });
	stage_pin_to(0);
	for (int cut = 0; cut < 3; cut++) { /* both epochs keep their keys */
		crowd_send(&stage, &own);
		crowd_send(&stage, &own);
		crowd_send(&stage, &other);
		crowd_send(&stage, &other);
		stage_cut(&stage);
	}
	cr_assert_eq(lines_of(&stage, &own, &n_protected), 100);
	cr_assert_eq(n_protected, 0);
	stage_protect(&stage, prefixes, 1);
	cr_expect_eq(lines_of(&stage, &own, &n_protected), 100, "kept");
	cr_expect_eq(n_protected, 100, "%u are protected when the reload is done", n_protected);
	cr_expect_eq(lines_of(&stage, &other, &n_protected), 100, "kept");
	cr_expect_eq(n_protected, 0, "%u strangers are protected", n_protected);
	/* one packet each way, and they must hold against what displaces single packets */
	(void)crowd_exact(&stage, &own, 0, &before);
	crowd_send(&stage, &own);
	flood_send(&stage, false, &state, FLOOD_CUT);
	stage_cut(&stage);
	(void)crowd_exact(&stage, &own, 0, &packets);
	cr_expect_eq(packets - before, 200);
	/* the epoch after it was at rest when the list came */
	crowd_send(&stage, &own);
	flood_send(&stage, false, &state, FLOOD_CUT);
	stage_cut(&stage);
	(void)crowd_exact(&stage, &own, 0, &packets);
	cr_expect_eq(packets - before, 400);
	/* and the other way: nothing keeps a flag that the list does not give it */
	stage_protect(&stage, prefixes + 1, 1);
	cr_expect_gt(lines_of(&stage, &own, &n_protected), 0);
	cr_expect_eq(n_protected, 0, "%u are protected after they were taken out", n_protected);
	stage_cut(&stage);
	(void)lines_of(&stage, &own, &n_protected);
	cr_expect_eq(n_protected, 0, "%u in the other epoch", n_protected);
	stage_close(&stage);
}

Test(guard, new_collector_looks_at_what_epochs_keep)
{
	const struct crowd own = { false, OWN4, 100 };
	struct ipacct_guard_key prefix = stage_prefix4(OWN4, 24);
	struct guard_set wanted = { .keys = &prefix, .n = 1 };
	struct ipacct_problem problem = {};
	struct stage stage = {};
	uint32_t n_protected;

	stage_open_setup(
		&stage,
		&(struct stage_setup){ .memory_bytes = MEMORY, .hot = true, .hot_sets = HOT_SETS });
	stage_pin_to(0);
	for (int cut = 0; cut < 3; cut++) {
		crowd_send(&stage, &own);
		crowd_send(&stage, &own);
		stage_cut(&stage);
	}
	/* the list changed, and nobody lived to tell the collector */
	cutter_finish(&stage.cutter);
	cr_assert_eq(guard_add(&stage.maps, &(struct guard_set){}, &wanted, &problem), 0);
	cr_assert_eq(cutter_init(&stage.cutter, &stage.maps, stage.ledger_fd, &problem), 0);
	cr_assert_eq(cutter_recover(&stage.cutter), 0);
	for (int cut = 0; cut < 2; cut++) {
		crowd_send(&stage, &own);
		crowd_send(&stage, &own);
		stage_cut(&stage);
		cr_expect_eq(lines_of(&stage, &own, &n_protected), 100);
		cr_expect_eq(n_protected, 100, "cut %d: %u", cut, n_protected);
	}
	stage_close(&stage);
}

/* ---- More of them than there is room ----------------------------------------------------------- */

Test(guard, what_protected_addresses_lose_is_counted_to_the_packet, .timeout = 240)
{
	const struct crowd own = { false, OWN4, 2 * RESERVED };
	struct ipacct_guard_key prefix = stage_prefix4(OWN4, 23);
	uint64_t state = 3, packets;
	struct stage stage = {};

	stage_open_setup(&stage,
			 &(struct stage_setup){ .memory_bytes = MEMORY, .lru_entries = LRU });
	stage_pin_to(0);
	stage_protect(&stage, &prefix, 1);
	flood_send(&stage, false, &state, BUDGET);
	for (int round = 0; round < 5; round++)
		crowd_send(&stage, &own);
	stage_cut(&stage);
	/* the reserve is used to the last record, and what found none is told */
	cr_expect_eq(crowd_exact(&stage, &own, 5, &packets), RESERVED);
	cr_expect_eq(packets, RESERVED * 10);
	cr_expect_eq(facts_of(&stage).guard_rolled, RESERVED * 10);
	cr_expect_eq(facts_of(&stage).lru_refused, 2 * BUDGET - (BUDGET - RESERVED) + RESERVED * 10,
		     "%lu", (unsigned long)facts_of(&stage).lru_refused);
	stage_close(&stage);
}

Test(guard, more_protected_addresses_than_lines_go_to_the_lru_tier_and_so_do_strangers)
{
	const struct crowd own = { false, 0x0a000000, HOT_SETS * IPACCT_HOT4_WAYS + 200 };
	const struct crowd other = { false, OTHER4, 100 };
	struct ipacct_guard_key prefix = stage_prefix4(0x0a000000, 8);
	struct stage stage = {};
	uint32_t n_protected;
	uint64_t packets;

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = MEMORY,
							.hot = true,
							.lru_entries = LRU,
							.hot_sets = HOT_SETS });
	stage_pin_to(0);
	stage_protect(&stage, &prefix, 1);
	for (int cut = 0; cut < 3; cut++) {
		for (int round = 0; round < 3; round++) {
			crowd_send(&stage, &own);
			crowd_send(&stage, &other);
		}
		stage_cut(&stage);
	}
	cr_expect_eq(crowd_exact(&stage, &own, 9, &packets), own.n);
	cr_expect_gt(lines_of(&stage, &own, &n_protected), HOT_SETS * IPACCT_HOT4_WAYS * 9 / 10);
	cr_expect_eq(crowd_exact(&stage, &other, 9, &packets), other.n,
		     "no attack, room in the LRU tier, and strangers have %lu of %u packets",
		     (unsigned long)packets, other.n * 18);
	cr_expect_eq(facts_of(&stage).guard_rolled, 0);
	stage_close(&stage);
}

Test(guard, ledger_full_of_a_flood_takes_protected_addresses, .timeout = 240)
{
	const struct crowd own = { false, OWN4, 100 }, late = { false, OWN4 + 100, 100 };
	struct ipacct_guard_key prefix = stage_prefix4(OWN4, 24);
	uint64_t state = 5, packets;
	struct stage stage = {};

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = MEMORY,
							.lru_entries = 4096,
							.n_addresses_max = 1600 });
	stage_pin_to(0);
	stage_protect(&stage, &prefix, 1);
	flood_send(&stage, false, &state, 3000);
	crowd_send(&stage, &own);
	stage_cut(&stage); /* full, from nothing to 7/8 and over */
	flood_send(&stage, false, &state, 3000);
	crowd_send(&stage, &late);
	stage_cut(&stage);
	cr_expect_eq(crowd_exact(&stage, &own, 1, &packets), own.n);
	cr_expect_eq(crowd_exact(&stage, &late, 1, &packets), late.n);
	cr_expect_gt(facts_of(&stage).unrecorded_keys, 0);
	cr_expect_eq(facts_of(&stage).guard_unrecorded, 0);
	stage_close(&stage);
}
