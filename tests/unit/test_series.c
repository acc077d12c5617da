/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The durable series: every count in exactly one of each kind, whatever dies, joins or leaves. */
#include "series_common.h"
#include "series_names.h"
#include "series_rank.h"

TestSuite(series, .init = setup, .fini = teardown);

static void expect_tx(enum ipacct_series_kind kind, const char *name, uint64_t packets)
{
	struct ipacct_counters amount = amount_of(kind, name);

	cr_expect_eq(amount.tx_packets, packets, "%s: %llu, not %llu", name,
		     (unsigned long long)amount.tx_packets, (unsigned long long)packets);
}

Test(series, each_address_counts_where_its_record_says)
{
	geo_store();
	send_many(A, B, 10, 100);
	send_many(A + 1, B, 20, 100);
	send_many(A + 2, B, 30, 100);
	cut_next();
	expect_tx(IPACCT_SERIES_COUNTRY, "pending", 60);
	geo_put(record_of(key4(A)), "DE", 64500, "customer");
	geo_put(record_of(key4(A + 1)), "", 64501, "");
	geo_put(record_of(key4(A + 2)), "", 0, "");
	geo_class(record_of(key4(B)), IPACCT_GEO_PRIVATE);
	geo_store();
	send_many(A, B, 1, 100);
	send_many(A + 1, B, 2, 100);
	send_many(A + 2, B, 4, 100);
	send_many(B, A, 8, 100);
	cut_next();
	expect_tx(IPACCT_SERIES_COUNTRY, "pending", 60);
	expect_tx(IPACCT_SERIES_COUNTRY, "DE", 1);
	expect_tx(IPACCT_SERIES_COUNTRY, "unknown", 6);
	expect_tx(IPACCT_SERIES_COUNTRY, "private", 8);
	cr_expect_eq(amount_of(IPACCT_SERIES_COUNTRY, "DE").rx_packets, 8);
	cr_expect_eq(amount_of(IPACCT_SERIES_COUNTRY, "private").rx_packets, 7);
	cr_expect_eq(amount_of(IPACCT_SERIES_COUNTRY, "DE").tx_l3_bytes, 100);
	expect_tx(IPACCT_SERIES_ASN, "64500", 1);
	expect_tx(IPACCT_SERIES_ASN, "64501", 2);
	expect_tx(IPACCT_SERIES_ASN, "unknown", 4);
	expect_tx(IPACCT_SERIES_ASN, "private", 8);
	expect_tx(IPACCT_SERIES_GROUP, "customer", 1);
	expect_tx(IPACCT_SERIES_GROUP, "unknown", 14);
	expect_tx(IPACCT_SERIES_ADDRESS, "192.0.2.3", 34);
	expect_tx(IPACCT_SERIES_ADDRESS, "198.51.100.1", 8);
	expect_tx(IPACCT_SERIES_ADDRESS, "other", 11);
}

Test(series, what_has_no_address_is_rolled_up)
{
	struct ipacct_counters five = { 5, 500, 5, 500 };
	struct ipacct_key prefix = key4(A & 0xffff0000u);

	geo_store();
	cr_assert_eq(ipacct_table_add(&bench.epoch.rollups, &prefix, 112, &five), 0);
	for (uint32_t i = 0; i <= N_ADDRESSES; i++) /* with B two more than there is room for */
		send_many(A + i, B, 1, 100);
	cut_next();
	expect_tx(IPACCT_SERIES_COUNTRY, "rolled_up", 5 + 2);
	expect_tx(IPACCT_SERIES_ADDRESS, "rolled_up", 5 + 2);
	expect_tx(IPACCT_SERIES_COUNTRY, "pending", N_ADDRESSES - 1);
}

Test(series, without_a_geo_file_nothing_is_written_for_it)
{
	settings.top[IPACCT_SERIES_ADDRESS] = 0;
	restart();
	send_many(A, B, 10, 100);
	apply(&bench, ++cut);
	for (uint32_t i = 0; i < IPACCT_SERIES_MAX; i++)
		cr_assert_eq(bench.publisher.ledger.series[i].kind, IPACCT_SERIES_FREE);
}

Test(series, what_was_counted_before_is_earlier)
{
	series_end();
	send_many(A, B, 10, 100);
	apply(&bench, ++cut); /* no series at all */
	series_begin();
	epoch_begin(&bench);
	send_many(A, B, 7, 100);
	apply(&bench, ++cut); /* addresses only */
	expect_tx(IPACCT_SERIES_ADDRESS, "earlier", 10);
	expect_tx(IPACCT_SERIES_ADDRESS, "192.0.2.1", 7);
	geo_store();
	epoch_begin(&bench);
	for (int i = 0; i < 20; i++) /* the file is looked for now and then */
		apply(&bench, ++cut);
	expect_closed();
	expect_tx(IPACCT_SERIES_COUNTRY, "earlier", 17);
	/* not kept for a while */
	series_end();
	send_many(A, B, 5, 100);
	apply(&bench, ++cut);
	series_begin();
	epoch_begin(&bench);
	cut_next();
	expect_tx(IPACCT_SERIES_COUNTRY, "earlier", 22);
	expect_tx(IPACCT_SERIES_ADDRESS, "earlier", 15);
}

Test(series, newcomer_replaces_the_weakest_only_after_ten_cuts_of_twice_its_rate)
{
	memset(settings.top, 0, sizeof(settings.top));
	settings.top[IPACCT_SERIES_ADDRESS] = 3;
	restart();
	/* three places: the receiver and the two busier senders take them */
	for (int i = 0; i < 3; i++)
		send_many(A + (uint32_t)i, B, 100, 100 + (uint64_t)i);
	cut_next();
	expect_tx(IPACCT_SERIES_ADDRESS, "192.0.2.1", 0);
	for (int i = 0; i < 30; i++) {
		for (int k = 1; k < 3; k++)
			send_many(A + (uint32_t)k, B, 10, 100 + (uint64_t)k);
		send_many(A + 9, B, 15, 100); /* more than any, less than twice as much */
		cut_next();
	}
	expect_tx(IPACCT_SERIES_ADDRESS, "192.0.2.10", 0);
	for (unsigned int i = 0; i < 40; i++) {
		for (int k = 1; k < 3; k++)
			send_many(A + (uint32_t)k, B, 10, 100 + (uint64_t)k);
		send_many(A + 9, B, 30, 100);
		cut_next();
		if (amount_of(IPACCT_SERIES_ADDRESS, "192.0.2.10").tx_packets) {
			cr_expect_geq(i, RANK_CHALLENGE - 1);
			break;
		}
		cr_expect_lt(i, 39, "it never came in");
	}
	/* it begins with what it brought in that cut; whom it replaced is in `other` */
	expect_tx(IPACCT_SERIES_ADDRESS, "192.0.2.10", 30);
	cr_expect(!amount_of(IPACCT_SERIES_ADDRESS, "192.0.2.2").tx_packets ^
		  !amount_of(IPACCT_SERIES_ADDRESS, "192.0.2.3").tx_packets);
}

Test(series, fewer_places_after_a_restart_lose_no_count)
{
	geo_store();
	settings.top[IPACCT_SERIES_ADDRESS] = 8;
	restart();
	for (uint32_t i = 0; i < 7; i++)
		send_many(A + i, B, 10 + i, 100);
	cut_next();
	settings.top[IPACCT_SERIES_ADDRESS] = 1;
	restart();
	for (int i = 0; i < 4; i++)
		cut_next();
	struct ipacct_counters other = amount_of(IPACCT_SERIES_ADDRESS, "other");

	/* the tx of all but one, and which one is not said: nothing moved since */
	cr_expect_geq(other.tx_packets, 91 - 16);
	send_many(A, B, 1, 100);
	cut_next();
}

Test(series, collective_name_given_to_a_group_counts_there)
{
	geo_store();
	send_many(A, B, 1, 100);
	cut_next();
	geo_put(record_of(key4(A)), "DE", 1, "other");
	geo_put(record_of(key4(B)), "DE", 1,
		"a name that is longer than what a series can be calle\xe2\x82\xac");
	geo_store();
	send_many(A, B, 5, 100);
	cut_next();
	expect_tx(IPACCT_SERIES_GROUP, "other", 5);
	cr_expect_eq(amount_of(IPACCT_SERIES_GROUP,
			       "a name that is longer than what a series can be calle")
			     .rx_packets,
		     5);
}

Test(series, names_survive_a_restart)
{
	struct ipacct_key far = key6(0x20010db8, 1);

	geo_store();
	far.domain = 65535;
	packet(&bench, far, key4(B), 1000);
	send_many(A, B, 5, 100);
	cut_next();
	geo_put(record_of(far), "NL", 4200000000u, "x y");
	geo_store();
	for (int i = 0; i < 4; i++) {
		packet(&bench, far, key4(B), 1000);
		cut_next();
		restart();
	}
	expect_tx(IPACCT_SERIES_ADDRESS, "2001:db8::1@65535", 5);
	expect_tx(IPACCT_SERIES_ASN, "4200000000", 4);
	expect_tx(IPACCT_SERIES_GROUP, "x y", 4);
	expect_tx(IPACCT_SERIES_COUNTRY, "NL", 4);
}

Test(series, as_names_are_there_for_other_threads)
{
	static struct series_facts facts;
	bool odd = false, even = false;

	geo_store();
	send_many(A, B, 1, 100);
	cut_next();
	geo_put(record_of(key4(A)), "DE", 64501, "");
	geo_put(record_of(key4(B)), "DE", 64500, "");
	geo_store();
	for (int i = 0; i < 2; i++) {
		send_many(A, B, 1, 100);
		cut_next();
	}
	cr_assert(series_facts_read(series, &facts));
	for (unsigned int i = 0; i < SERIES_ASNS_MAX; i++) {
		odd |= facts.orgs[i].asn == 64501 && !strcmp(facts.orgs[i].org, "Odd");
		even |= facts.orgs[i].asn == 64500 && !strcmp(facts.orgs[i].org, "Even");
	}
	cr_expect(odd && even);
	cr_expect_eq(facts.geo_found, 4);
	cr_expect_eq(facts.geo_missing, 2);
	cr_expect_eq(facts.members[IPACCT_SERIES_ASN], 2);
}

/* ---- Dying in the middle, with another geo file afterwards --------------------------------------- */

static uint64_t random_state = 88172645463325252ULL;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13; /* Marsaglia's xorshift64 */
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

static void geo_shuffle(void)
{
	static const char *const countries[] = { "DE", "FR", "NL", "US", "JP", "" };
	static const char *const names[] = { "", "lan", "dmz", "guests", "staff", "other" };

	if (random_below(4) == 0)
		image.header->generation++; /* another database: all is looked up again */
	for (uint32_t i = 0; i < bench.publisher.ledger.header->n_addresses; i++)
		if (random_below(3) == 0)
			geo_put(i, countries[random_below(6)], random_below(6) * 64500,
				names[random_below(6)]);
		else if (random_below(8) == 0)
			geo_class(i, 1 + random_below(IPACCT_GEO_CLASSES - 1));
	if (random_below(50) == 0)
		(void)unlink(geo_path);
	else
		geo_store();
}

static void traffic_make(void)
{
	uint32_t n = random_below(60), busy = random_below(40);

	for (uint32_t i = 0; i < n; i++)
		packet(&bench, key4(A + random_below(30)), key4(B + random_below(3) * busy),
		       64 + random_below(1400));
}

/* Leave the series as a process that died anywhere in the cut may leave them. */
static void die_in_the_middle(void)
{
	for (uint32_t i = 0; i < IPACCT_SERIES_MAX; i++)
		for (int k = 0; k < 2; k++) {
			struct ipacct_ledger_version *version =
				&bench.publisher.ledger.series[i].version[k];

			if (version->cut != cut || random_below(2))
				continue;
			version->cut = random_below(2) ? cut : 0;
			version->counters.tx_packets = random_below(1000); /* half written */
		}
	bench.publisher.ledger.header->cut = cut - 1;
}

/* What each series held, to see that none falls but those that leave. */
struct seen {
	uint8_t kind;
	char name[IPACCT_SERIES_NAME_BYTES];
	struct ipacct_counters counters;
};
static struct seen before[IPACCT_SERIES_MAX];

static void expect_nothing_fell(void)
{
	for (uint32_t i = 0; i < IPACCT_SERIES_MAX && before[i].kind; i++) {
		struct ipacct_counters now = amount_of(before[i].kind, before[i].name);

		if (!now.tx_packets && !now.rx_packets) {
			cr_assert_eq(series_collective_find(before[i].name), COLLECTIVES,
				     "a collective series is gone: %s", before[i].name);
			continue;
		}
		cr_assert_geq(now.tx_packets, before[i].counters.tx_packets, "%s", before[i].name);
		cr_assert_geq(now.rx_l3_bytes, before[i].counters.rx_l3_bytes, "%s",
			      before[i].name);
	}
}

static void see(void)
{
	uint32_t n = 0;

	memset(before, 0, sizeof(before));
	for (uint32_t i = 0; i < IPACCT_SERIES_MAX; i++) {
		const struct ipacct_ledger_series *at = &bench.publisher.ledger.series[i];
		struct ipacct_counters amount;

		if (!at->kind)
			continue;
		amount = amount_of(at->kind, at->name);
		if (!amount.tx_packets && !amount.rx_packets)
			continue;
		before[n].kind = at->kind;
		memcpy(before[n].name, at->name, sizeof(at->name));
		before[n++].counters = amount;
	}
}

static uint64_t n_left(void)
{
	static struct series_facts facts;

	cr_assert(series_facts_read(series, &facts));
	return facts.left[IPACCT_SERIES_ADDRESS];
}

Test(series, sums_close_over_deaths_swaps_and_databases)
{
	uint64_t left = 0;

	geo_store();
	for (int round = 0; round < 3000; round++) {
		traffic_make();
		if (random_below(3) == 0)
			geo_shuffle();
		cut++;
		apply(&bench, cut);
		while (random_below(5) == 0) {
			die_in_the_middle();
			restart();
			geo_shuffle();
			apply(&bench, cut);
		}
		if (access(geo_path, F_OK)) { /* found again by whoever restarts without one */
			geo_store();
			restart();
			apply(&bench, ++cut);
		}
		expect_closed();
		expect_nothing_fell();
		see();
		left += n_left();
		epoch_begin(&bench);
	}
	cr_expect_gt(left, 0, "nobody ever left: the test does not test it");
}

/* ---- Who joins ----------------------------------------------------------------------------------- */

Test(series_rank, many_small_addresses_of_one_value_come_in_against_a_flood)
{
	struct ipacct_counters small = { 1, 60, 0, 0 };
	struct rank_events events;
	struct rank rank;
	uint32_t heavy = 1, found = 0;

	cr_assert_eq(rank_init(&rank, 4, 64, 7), 0); /* room for 64 values */
	for (uint64_t number = 1; number <= 40; number++) {
		rank_begin(&rank, number);
		for (uint32_t i = 0; i < 20000; i++) {
			/* a tenth is of one value, the rest each of another */
			uint32_t value = i % 10 ? 1000 + (uint32_t)number * 20000 + i : heavy;
			struct identity identity = identity_of(&rank, &value, sizeof(value));

			(void)rank_add(&rank, &identity, &small);
		}
		rank_settle(&rank, &events);
		for (uint32_t i = 0; i < events.n_joined; i++)
			rank.candidates[events.joined[i]].slot = i; /* as if it had one */
		for (uint32_t i = 0; i < events.n_left; i++)
			rank.candidates[events.left[i]].slot = SLOT_NONE;
	}
	for (uint32_t i = 0; i < rank.n_members; i++)
		found += !memcmp(rank.candidates[rank.members[i]].identity, &heavy, sizeof(heavy));
	cr_expect_eq(found, 1);
	rank_finish(&rank);
}

Test(series_rank, every_count_is_in_a_candidate_or_in_other)
{
	struct rank rank;

	cr_assert_eq(rank_init(&rank, 4, 16, 7), 0);
	for (uint64_t number = 1; number <= 200; number++) {
		struct ipacct_counters sum = {}, sent = {};
		struct rank_events events;

		rank_begin(&rank, number);
		for (uint32_t i = 0; i < 500; i++) {
			struct ipacct_counters one = { 1, random_below(1500), 2,
						       random_below(1500) };
			uint32_t value = random_below(1 + random_below(300));
			struct identity identity = identity_of(&rank, &value, sizeof(value));

			ipacct_counters_add(&sent, &one);
			(void)rank_add(&rank, &identity, &one);
		}
		rank_settle(&rank, &events);
		for (uint32_t i = 0; i < events.n_left; i++)
			rank.candidates[events.left[i]].slot = SLOT_NONE;
		for (uint32_t i = 0; i < events.n_joined; i++)
			rank.candidates[events.joined[i]].slot = events.joined[i];
		sum = rank.other;
		for (uint32_t i = 0; i < rank.n_touched; i++)
			ipacct_counters_add(&sum, &rank.candidates[rank.touched[i]].delta);
		cr_assert_arr_eq(&sum, &sent, sizeof(sum));
		cr_assert_leq(rank.n_members, 4);
	}
	rank_finish(&rank);
}
