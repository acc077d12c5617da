/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behind a closed door a stranger gets a line with its second packet, and nobody else is kept waiting. */
#include <criterion/criterion.h>

#include "door.h"
#include "hot_lines.h"
#include "hot_place.h"
#include "stage.h"

#define HOT_SETS  64u  /* 512 lines for IPv4, 256 for IPv6 */
#define LRU       640u /* 512 inserts */
#define FLOOD     4000u
#define RESIDENTS 50u
#define STRANGERS 200u        /* fewer than open it again */
#define SINK      0xc0000201u /* 192.0.2.1 */
#define OURS      0x0a010000u /* 10.1.0.0/16 */
#define THEIRS    0x0b010000u /* 11.1.0.0/16 */
#define FORGED    0x20000000u

static void open_stage(struct stage *stage)
{
	stage_open_setup(stage, &(struct stage_setup){ .memory_bytes = 64 << 20,
						       .hot = true,
						       .lru_entries = LRU,
						       .hot_sets = HOT_SETS });
	stage_pin_to(0);
}

/* A cut of a flood, in which residents of both families come three times. */
static void flood(struct stage *stage, uint32_t first)
{
	for (uint32_t i = 0; i < FLOOD; i++) {
		stage_send(stage, FORGED + first + i, SINK);
		for (uint32_t k = i % 20; k < RESIDENTS && i < 60; k += 20) {
			stage_send(stage, OURS + k, SINK);
			stage_send6(stage, OURS + k, SINK);
		}
	}
	stage_cut(stage);
}

/* Both doors are closed, and the residents have lines. */
static void close_doors(struct stage *stage)
{
	open_stage(stage);
	cr_assert_eq(stage->maps.ctl->doors, 0);
	flood(stage, 0);
	cr_assert_eq(stage->maps.ctl->doors, 1, "of the epoch that was cut");
	flood(stage, FLOOD);
	cr_assert_eq(stage->maps.ctl->doors, 3);
}

static uint64_t hash_of(const struct stage *stage, uint32_t address)
{
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0xffff), htonl(address) } };

	return ipacct_hot4_hash(&key, stage->maps.ctl->seed);
}

static bool has_knocked(const struct stage *stage, uint32_t index, uint64_t hash)
{
	const struct ipacct_meta *meta = &stage->maps.meta;
	const __u64 *door = stage->maps.hotmap + ipacct_door_first(meta, index);

	return door[hot_door_word(hash, ipacct_door_words(meta))] & hot_door_bit(hash);
}

static uint64_t packets_of(const struct stage *stage, uint32_t address)
{
	struct ipacct_counters counters = stage_counters(stage, address);

	return counters.tx_packets + counters.rx_packets;
}

/* Partition 1 belongs to CPU 0. */
static uint32_t index_now(const struct stage *stage)
{
	return IPACCT_EPOCHS + (stage->maps.ctl->epoch & 1);
}

Test(door, closes_in_a_flood_and_opens_after_it)
{
	struct stage stage = {};

	close_doors(&stage);
	for (uint32_t i = 0; i < STRANGERS; i++)
		stage_send(&stage, THEIRS + i, SINK);
	stage_cut(&stage);
	cr_expect_eq(stage.maps.ctl->doors, 2, "%u strangers find lines", STRANGERS);
	stage_cut(&stage);
	cr_expect_eq(stage.maps.ctl->doors, 0);
	for (uint32_t i = 0; i < STRANGERS; i++)
		stage_send(&stage, THEIRS + STRANGERS + i, SINK);
	stage_cut(&stage);
	for (uint32_t i = 0; i < STRANGERS; i++)
		cr_expect_eq(packets_of(&stage, THEIRS + STRANGERS + i), 1, "%u", i);
	stage_close(&stage);
}

Test(door, stays_open_for_a_crowd_that_has_room)
{
	struct stage stage = {};

	open_stage(&stage);
	for (uint32_t cut = 0; cut < 4; cut++) {
		for (uint32_t i = 0; i < 700; i++) /* 512 lines, and records of the LRU tier */
			stage_send(&stage, FORGED + 1000 * cut + i, SINK);
		stage_cut(&stage);
		cr_expect_eq(stage.maps.ctl->doors, 0, "cut %u", cut);
		for (uint32_t i = 0; i < 700; i++)
			cr_expect_eq(packets_of(&stage, FORGED + 1000 * cut + i), 1, "%u", i);
	}
	stage_close(&stage);
}

Test(door, everybody_with_a_line_passes)
{
	struct stage stage = {};
	uint64_t before[RESIDENTS];

	close_doors(&stage);
	for (uint32_t round = 0; round < 6; round++) {
		uint64_t rolled = stage.maps.parts[index_now(&stage)].rollup_updates;

		for (uint32_t k = 0; k < RESIDENTS; k++)
			before[k] = packets_of(&stage, OURS + k);
		for (uint32_t k = 0; k < RESIDENTS; k++) {
			stage_send(&stage, OURS + k, SINK);
			stage_send6(&stage, OURS + k, SINK);
		}
		cr_expect_eq(stage.maps.parts[index_now(&stage)].rollup_updates, rolled,
			     "round %u: nobody is rolled up", round);
		flood(&stage, FLOOD * (2 + round));
		for (uint32_t k = 0; k < RESIDENTS; k++)
			cr_expect_eq(packets_of(&stage, OURS + k), before[k] + 4, "round %u, %u",
				     round, k);
		cr_expect_eq(stage.maps.ctl->doors, 3);
	}
	stage_close(&stage);
}

Test(door, second_packet_of_a_stranger_brings_a_line)
{
	struct stage stage = {};
	uint32_t index, n_kept = 0;

	close_doors(&stage);
	index = index_now(&stage);
	for (uint32_t i = 0; i < STRANGERS; i++) {
		bool known = has_knocked(&stage, index, hash_of(&stage, THEIRS + i));
		uint64_t rolled = stage.maps.parts[index].rollup_updates;

		stage_send(&stage, THEIRS + i, SINK);
		cr_expect_eq(stage.maps.parts[index].rollup_updates, rolled + !known, "%u", i);
		cr_expect(has_knocked(&stage, index, hash_of(&stage, THEIRS + i)));
		n_kept += !known;
		if (i % 2)
			continue;
		rolled = stage.maps.parts[index].rollup_updates;
		stage_send(&stage, THEIRS + i, SINK);
		cr_expect_eq(stage.maps.parts[index].rollup_updates, rolled, "%u comes back", i);
	}
	cr_expect_gt(n_kept, STRANGERS * 3 / 4);
	cr_expect_eq(stage.maps.parts[index].hot_rolled, n_kept);
	stage_cut(&stage);
	for (uint32_t i = 0; i < STRANGERS; i += 2)
		cr_expect_geq(packets_of(&stage, THEIRS + i), 1, "%u", i);
	stage_close(&stage);
}

Test(door, protected_stranger_is_let_in)
{
	struct ipacct_guard_key prefix = stage_prefix4(THEIRS, 16);
	struct stage stage = {};

	close_doors(&stage);
	stage_protect(&stage, &prefix, 1);
	for (uint32_t i = 0; i < STRANGERS; i++)
		stage_send(&stage, THEIRS + i, SINK);
	stage_cut(&stage);
	for (uint32_t i = 0; i < STRANGERS; i++)
		cr_expect_eq(packets_of(&stage, THEIRS + i), 1, "%u", i);
	stage_close(&stage);
}

/* Also those that are not in one of their places. */
static void lines_are_known(const struct stage *stage, uint32_t index, bool ipv6, uint32_t *n)
{
	const struct ipacct_meta *meta = &stage->maps.meta;
	const uint8_t *lines = ipacct_hot_table(&stage->maps, index, ipv6);

	for (uint32_t i = 0; i < hot_lines(meta, ipv6); i++) {
		const uint8_t *line = lines + i * hot_line_bytes(ipv6);
		struct ipacct_key key = hot_line_key(line, ipv6);
		uint64_t hash = hot_key_hash(&key, stage->maps.ctl->seed, ipv6);

		if (!hot_line_flags(line, ipv6))
			continue;
		++*n;
		cr_expect(has_knocked(stage, index, hash), "line %u of IPv%c", i, ipv6 ? '6' : '4');
	}
}

Test(door, knows_every_key_that_has_a_line)
{
	struct stage stage = {};
	uint32_t n = 0;

	close_doors(&stage);
	for (uint32_t i = 0; i < 600; i++) /* more than there are lines: strays, too */
		for (uint32_t k = 0; k < 3; k++) {
			stage_send(&stage, THEIRS + i, SINK);
			stage_send6(&stage, THEIRS + i, SINK);
		}
	flood(&stage, 2 * FLOOD);
	lines_are_known(&stage, IPACCT_EPOCHS, false, &n);
	cr_expect_gt(n, 400);
	n = 0;
	lines_are_known(&stage, IPACCT_EPOCHS, true, &n);
	cr_expect_gt(n, 200);
	stage_close(&stage);
}
