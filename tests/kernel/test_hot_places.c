/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the hot tier has its keys: those that are in none of their places, and addresses in a row. */
#include <string.h>

#include <criterion/criterion.h>

#include "hot_lines.h"
#include "hot_place.h"
#include "hot_stage.h"

/* ---- Keys that are in none of their places ------------------------------------------------------ */

#define N_CROWD 320u /* of 512 IPv4 lines; half as many of 256 IPv6 lines */

/* Line number of the epoch's table → its key, and its flags. */
static uint16_t line_at(const struct stage *stage, bool ipv6, uint32_t epoch, uint32_t number,
			struct ipacct_key *ret_key)
{
	uint32_t set = epoch * HOT_SETS + number / hot_ways(ipv6), way = number % hot_ways(ipv6);
	const struct ipacct_hot6_line *line6 =
		&stage->maps.hot6[ipv6 ? set : 0].line[ipv6 ? way : 0];
	const struct ipacct_hot4_line *line4 =
		&stage->maps.hot4[ipv6 ? 0 : set].line[ipv6 ? 0 : way];

	*ret_key = ipv6 ? hot_line_key(line6, true) : hot_line_key(line4, false);
	return ipv6 ? line6->flags : line4->flags;
}

struct places {
	uint32_t n_keys;     /* lines with a key */
	uint32_t n_strays;   /* that are in none of their places */
	uint32_t n_unsaid;   /* of them, where the line at home does not say so */
	uint32_t n_unmarked; /* of them, where the line itself does not */
	uint32_t n_twice;    /* keys that have two lines */
};

static struct places places_look(const struct stage *stage, bool ipv6, uint32_t epoch)
{
	uint32_t n_lines = HOT_SETS * (ipv6 ? IPACCT_HOT6_WAYS : IPACCT_HOT4_WAYS);
	static struct ipacct_key keys[HOT_SETS * IPACCT_HOT4_WAYS];
	struct places places = {};

	for (uint32_t number = 0; number < n_lines; number++) {
		uint32_t places_are[2];
		uint16_t flags = line_at(stage, ipv6, epoch, number, &keys[places.n_keys]), at_home;
		const struct ipacct_key *key = &keys[places.n_keys];
		struct ipacct_key other;

		if (!flags)
			continue;
		for (uint32_t i = 0; i < places.n_keys; i++)
			places.n_twice += !memcmp(&keys[i], key, sizeof(*key));
		places.n_keys++;
		hot_stage_lines(key, ipv6, stage->maps.ctl->seed, HOT_SETS, places_are);
		if ((number ^ places_are[0]) <= 1 || (number ^ places_are[1]) <= 1)
			continue;
		at_home = line_at(stage, ipv6, epoch, places_are[0], &other);
		places.n_strays++;
		places.n_unsaid += !(at_home & IPACCT_HOT_BEYOND);
		places.n_unmarked += !(flags & IPACCT_HOT_STRAY);
	}
	return places;
}

/* Each address three times; then a cut puts in place what it keeps, and the same crowd comes again. */
static void crowd_finds_its_lines(bool ipv6)
{
	uint32_t n = ipv6 ? N_CROWD / 2 : N_CROWD, n_strays = 0;
	struct stage stage = {};

	hot_stage_open(&stage, 1024);
	stage.maps.ctl->seed =
		0x9234567887654321; /* odd; with another a pair of sets may be full */
	for (uint32_t cut = 0; cut < 6; cut++) {
		struct places places;

		for (uint32_t i = 0; i < 3 * n; i++)
			hot_stage_send(&stage, ipv6, 0x0a000000 + i % n, 0x0a000000 + i % n);
		places = places_look(&stage, ipv6, cut & 1);
		cr_expect_eq(places.n_keys, n, "cut %u: %u lines", cut, places.n_keys);
		cr_expect_eq(places.n_twice, 0, "cut %u: %u keys twice", cut, places.n_twice);
		cr_expect_eq(places.n_unsaid, 0, "cut %u: %u", cut, places.n_unsaid);
		cr_expect_eq(places.n_unmarked, 0, "cut %u: %u", cut, places.n_unmarked);
		if (cut == 0)
			n_strays = places.n_strays;
		if (cut >=
		    2) /* this table was filled from the first to the last, and put in order */
			cr_expect_leq(places.n_strays, n_strays);
		stage_cut(&stage);
		places = places_look(&stage, ipv6, cut & 1);
		cr_expect_eq(places.n_keys, n, "cut %u keeps %u", cut, places.n_keys);
		cr_expect_eq(places.n_unsaid, 0, "after cut %u: %u", cut, places.n_unsaid);
		cr_expect_eq(places.n_twice, 0, "after cut %u: %u", cut, places.n_twice);
	}
	cr_expect_gt(n_strays, 0, "a table with room for all");
	for (uint32_t i = 0; i < n; i++)
		cr_expect_eq(
			hot_stage_counters(&stage, hot_stage_key(ipv6, 0x0a000000 + i)).tx_packets,
			6 * 3, "address %u", i);
	stage_close(&stage);
}

Test(hot_places, ipv4_keys_beyond_their_places_are_found_and_put_in_place, .timeout = 60)
{
	crowd_finds_its_lines(false);
}

Test(hot_places, ipv6_keys_beyond_their_places_are_found_and_put_in_place, .timeout = 60)
{
	crowd_finds_its_lines(true);
}

/* The next address from *low on, that one included, with the same places as the first of them. */
static uint64_t same_places(const struct stage *stage, bool ipv6, uint64_t *low)
{
	struct ipacct_key first = hot_stage_key(ipv6, 0x0a000000);
	uint32_t wanted[2], lines[2];

	hot_stage_lines(&first, ipv6, stage->maps.ctl->seed, HOT_SETS, wanted);
	do {
		struct ipacct_key key = hot_stage_key(ipv6, (*low)++);

		hot_stage_lines(&key, ipv6, stage->maps.ctl->seed, HOT_SETS, lines);
	} while ((lines[0] ^ wanted[0]) > 1 || (lines[1] ^ wanted[1]) > 1);
	return *low - 1;
}

/* A single packet in each place, then one more address, which comes back: the cut keeps that only. */
static void stray_comes_home(bool ipv6)
{
	uint64_t low = 0x0a000000, server = 0x0c000000, stray = 0;
	uint32_t sets[2], theirs[2];
	struct places places = {};
	struct stage stage = {};

	hot_stage_open(&stage, 1024);
	hot_stage_sets(&stage, ipv6, low, theirs);
	do
		hot_stage_sets(&stage, ipv6, ++server, sets);
	while (sets[0] == theirs[0] || sets[0] == theirs[1] || sets[1] == theirs[0] ||
	       sets[1] == theirs[1]);
	for (uint32_t n = 0; n <= HOT_PLACES; n++) {
		stray = same_places(&stage, ipv6, &low);
		hot_stage_send(&stage, ipv6, stray, server);
	}
	places = places_look(&stage, ipv6, 0);
	cr_expect_eq(places.n_keys, HOT_PLACES + 2);
	cr_expect_eq(places.n_strays, 1);
	hot_stage_send(&stage, ipv6, stray, server);
	cr_expect_eq(places_look(&stage, ipv6, 0).n_keys, HOT_PLACES + 2, "it was not found");
	stage_cut(&stage);
	places = places_look(&stage, ipv6, 0);
	cr_expect_eq(places.n_keys, 2, "%u kept", places.n_keys);
	cr_expect_eq(places.n_strays, 0);
	stage_cut(&stage); /* the first epoch counts again */
	hot_stage_send(&stage, ipv6, stray, server);
	cr_expect_eq(places_look(&stage, ipv6, 0).n_keys, 2, "it was not found at home");
	stage_cut(&stage);
	cr_expect_eq(hot_stage_counters(&stage, hot_stage_key(ipv6, stray)).tx_packets, 3);
	stage_close(&stage);
}

Test(hot_places, ipv4_key_beyond_its_places_comes_home_at_the_cut)
{
	stray_comes_home(false);
}

Test(hot_places, ipv6_key_beyond_its_places_comes_home_at_the_cut)
{
	stray_comes_home(true);
}

/* ---- Addresses that follow each other --------------------------------------------------------- */

#define POOL_SETS 4096u
#define N_SEEDS   100u

/* Of as many addresses in a row as there are sets, how many sets are somebody's home, in percent. */
static uint32_t homes_in_percent(bool ipv6, uint64_t first, uint64_t seed)
{
	static bool is_home[POOL_SETS];
	uint32_t n = 0, lines[2];

	memset(is_home, 0, sizeof(is_home));
	for (uint64_t i = 0; i < POOL_SETS; i++) {
		struct ipacct_key key = hot_stage_key(ipv6, first + i);

		hot_stage_lines(&key, ipv6, seed, POOL_SETS, lines);
		n += !is_home[lines[0] / hot_ways(ipv6)];
		is_home[lines[0] / hot_ways(ipv6)] = true;
	}
	return n * 100 / POOL_SETS;
}

/* Thrown at random they would hit 1 − 1/e of them, 63 %. */
Test(hot_places, addresses_in_a_row_spread_for_every_seed)
{
	uint64_t seed = 88172645463325252ULL; /* Marsaglia's example */

	for (uint32_t i = 0; i < N_SEEDS; i++) {
		uint32_t ipv4, ipv6;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth's MMIX */
		ipv4 = homes_in_percent(false, 0x0a000000, seed | 1);
		ipv6 = homes_in_percent(true, 1, seed | 1);
		cr_expect(ipv4 > 50 && ipv6 > 50, "seed %llx: %u %% of IPv4, %u %% of IPv6",
			  (unsigned long long)seed, ipv4, ipv6);
	}
}
