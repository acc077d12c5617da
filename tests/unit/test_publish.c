/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applying a cut to the ledger: once, again, half, and when there is no room. */
#include "ledger_common.h"

static struct bench bench;

static void teardown(void)
{
	bench_finish(&bench);
}

static void setup(void)
{
	bench_init(&bench, 8);
}

TestSuite(publish, .init = setup, .fini = teardown);

Test(publish, adds_deltas_of_successive_cuts)
{
	for (uint64_t cut = 1; cut <= 5; cut++) {
		epoch_begin(&bench);
		packet(&bench, key4(0xc0000201), key4(0xc6336401), 100 * cut);
		apply(&bench, cut);
	}
	struct ipacct_counters sum =
		counters_of(&bench, &bench.publisher.addresses, key4(0xc0000201), 128);

	cr_assert_eq(sum.tx_packets, 5);
	cr_assert_eq(sum.tx_l3_bytes, 1500);
	cr_assert_eq(sum.rx_packets, 0);
	cr_assert_eq(publisher_cut(&bench.publisher), 5);
}

Test(publish, same_cut_again_changes_nothing)
{
	uint64_t *committed = (uint64_t *)&bench.publisher.ledger.header->cut;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	for (int i = 0; i < 3; i++) {
		apply(&bench, 1);
		*committed = 0; /* as if the process had died before the commit */
	}
	*committed = 1;
	struct ipacct_counters sum =
		counters_of(&bench, &bench.publisher.addresses, key4(0xc0000201), 128);

	cr_assert_eq(sum.tx_packets, 1);
	cr_assert_eq(bench.publisher.ledger.interfaces[0].version[0].totals.seen.packets +
			     bench.publisher.ledger.interfaces[0].version[1].totals.seen.packets,
		     1);
}

Test(publish, half_written_version_is_written_again)
{
	struct ipacct_ledger_record *record;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	apply(&bench, 2);
	record = &bench.publisher.ledger.addresses[0];
	/* died in the middle of cut 3: the older version is open and holds nonsense */
	int older = record->version[0].cut > record->version[1].cut;
	record->version[older].cut = 0;
	record->version[older].counters.tx_packets = 77;
	apply(&bench, 3);
	cr_assert_eq(counters_of(&bench, &bench.publisher.addresses, record->key, 128).tx_packets,
		     3);
}

Test(publish, reader_of_the_old_cut_is_not_disturbed_by_an_uncommitted_one)
{
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	apply(&bench, 2);
	bench.publisher.ledger.header->cut = 1; /* cut 2 is written but not committed */
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.addresses, key4(0xc0000201), 128).tx_packets,
		1);
}

Test(publish, full_ledger_sends_new_keys_to_their_prefix)
{
	for (uint32_t i = 0; i < 6; i++) /* 7 addresses: 8 fit */
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 10);
	apply(&bench, 1);
	epoch_begin(&bench);
	packet(&bench, key4(0xcb007101), key4(0xcb007102), 10); /* one of them fits */
	packet(&bench, key6(0x20010db8, 1), key4(0xc6336401), 10);
	apply(&bench, 2);
	cr_assert_eq(bench.publisher.ledger.header->n_addresses, 8);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.addresses, key4(0xcb007101), 128).tx_packets,
		1);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.rollups, key4(0xcb000000), 112).rx_packets, 1);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.rollups, key6(0x20010db8, 0), 32).tx_packets,
		1);
	int newest = bench.publisher.ledger.header->version[1].cut == 2;
	cr_assert_eq(bench.publisher.ledger.header->version[newest].unrecorded_keys, 2);
}

Test(publish, full_roll_up_section_sends_prefixes_to_their_family)
{
	struct ipacct_counters one = { .tx_packets = 1, .tx_l3_bytes = 20 };

	/* 4 records are not reserved for the wide ones; 7 prefixes and a wide entry of the maps */
	for (uint32_t i = 0; i < 7; i++) {
		struct ipacct_key key = key4(i << 16);

		cr_assert_eq(ipacct_table_add(&bench.epoch.rollups, &key, 112, &one), 0);
	}
	struct ipacct_key wide = key4(0);
	cr_assert_eq(ipacct_table_add(&bench.epoch.rollups, &wide, 96, &one), 0);
	apply(&bench, 1);
	apply(&bench, 2);
	cr_assert_eq(bench.publisher.ledger.header->n_rollups, 5);
	cr_assert_eq(counters_of(&bench, &bench.publisher.rollups, wide, 96).tx_packets, 8);
	cr_assert_eq(counters_of(&bench, &bench.publisher.rollups, key4(0), 112).tx_packets, 2);
}

/* A flood of forged IPv6 sources, each of a /32 of its own, beside a full ledger. */
Test(publish, prefixes_without_a_record_take_no_memory)
{
	const struct ipacct_table *prefixes = &bench.publisher.prefixes;
	struct ipacct_key wide = {}; /* ::/0 */

	for (uint32_t i = 0; i < 8; i++)
		packet(&bench, key4(0xc0000200 + i), key4(0xc0000200 + i), 10);
	apply(&bench, 1);
	epoch_begin(&bench);
	for (uint32_t i = 0; i < 1000; i++)
		packet(&bench, key6(0x20010000 + i, 1), key4(0xc0000200 + i % 8), 10);
	apply(&bench, 2);
	cr_expect_eq(prefixes->n_entries, 4 + 1, "%u: the records and ::/0", prefixes->n_entries);
	cr_expect_eq(counters_of(&bench, &bench.publisher.rollups, wide, 0).tx_packets, 996);
	apply(&bench, 2); /* again, as after a crash: nothing moves */
	cr_expect_eq(prefixes->n_entries, 4 + 1);
	cr_expect_eq(counters_of(&bench, &bench.publisher.rollups, wide, 0).tx_packets, 996);
}

Test(publish, places_are_the_same_after_dying_between_claim_and_apply)
{
	for (uint32_t i = 0; i < 10; i++) /* 11 addresses for 8 places */
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 10);
	apply(&bench, 1);
	bench.publisher.ledger.header->cut = 0;
	/* the next process reads the same epoch in another order */
	bench_close(&bench);
	bench_open(&bench);
	epoch_begin(&bench);
	for (uint32_t i = 10; i-- > 0;)
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 10);
	apply(&bench, 1);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < 10; i++)
		sum += counters_of(&bench, &bench.publisher.addresses, key4(0xc0000200 + i), 128)
			       .tx_packets;
	sum += counters_of(&bench, &bench.publisher.rollups, key4(0xc0000000), 112).tx_packets;
	cr_assert_eq(sum, 10);
}

/* Protect 203.0.113.0/24 of domain 0. */
static void protect(struct guard_index *index)
{
	struct ipacct_guard_key key = { .prefixlen = 16 + 96 + 24,
					.address = { [10] = 0xff, 0xff, 203, 0, 113 } };

	cr_assert_eq(guard_index_make(index, &(struct guard_set){ .keys = &key, .n = 1 }), 0);
}

Test(publish, last_places_of_the_ledger_are_for_protected_addresses)
{
	struct guard_index guard = {};
	const struct ipacct_ledger_cut *facts;

	protect(&guard);
	bench.publisher.guard = &guard;
	for (uint32_t i = 0; i < 9; i++) /* 10 addresses; 7 of 8 places are open to them */
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 10);
	apply(&bench, 1);
	cr_assert_eq(bench.publisher.ledger.header->n_addresses, 7);
	epoch_begin(&bench);
	packet(&bench, key4(0xcb007101), key4(0xcb007102), 10); /* one of two fits */
	apply(&bench, 2);
	cr_assert_eq(bench.publisher.ledger.header->n_addresses, 8);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.addresses, key4(0xcb007101), 128).tx_packets,
		1);
	facts = &bench.publisher.ledger.header
			 ->version[bench.publisher.ledger.header->version[1].cut == 2];
	cr_assert_eq(facts->unrecorded_keys, 4);
	cr_assert_eq(facts->guard_unrecorded, 1);
	guard_index_finish(&guard);
}

Test(publish, list_that_changes_between_two_tries_of_a_cut_counts_nothing_twice)
{
	struct guard_index guard = {}, other = {};
	struct ipacct_guard_key elsewhere = { .prefixlen = 16 + 128 };

	cr_assert_eq(guard_index_make(&other, &(struct guard_set){ .keys = &elsewhere, .n = 1 }),
		     0);
	protect(&guard);
	bench.publisher.guard = &other;
	for (uint32_t i = 0; i < 6; i++) /* 7 of 8 places: what is open */
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 10);
	packet(&bench, key4(0xcb007101), key4(0xc6336401), 10); /* a stranger as yet */
	apply(&bench, 1);
	bench.publisher.ledger.header->cut = 0; /* died before the commit */
	bench.publisher.guard = &guard;
	bench.publisher.again = true;
	apply(&bench, 1);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.rollups, key4(0xcb000000), 112).tx_packets, 1);
	cr_assert_eq(
		counters_of(&bench, &bench.publisher.addresses, key4(0xcb007101), 128).tx_packets,
		0, "also in a record of its own");
	guard_index_finish(&guard);
	guard_index_finish(&other);
}

Test(publish, totals_of_each_interface_are_cumulative)
{
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	bench.epoch.totals[0].ignored[IPACCT_IGNORED_ARP].packets = 2;
	apply(&bench, 1);
	apply(&bench, 2);
	apply(&bench, 3);
	const struct ipacct_ledger_interface *slot = &bench.publisher.ledger.interfaces[0];
	int newest = ipacct_version_pick(slot->version[0].cut, slot->version[1].cut, 3);

	cr_assert_eq(slot->version[newest].totals.seen.packets, 3);
	cr_assert_eq(slot->version[newest].totals.ignored[IPACCT_IGNORED_ARP].packets, 6);
}
