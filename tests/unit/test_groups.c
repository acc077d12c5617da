/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The totals of groups in the ledger. */
#include <errno.h>

#include "groups_common.h"

TestSuite(groups, .init = setup, .fini = teardown);

static void expect_tx(const char *name, uint64_t packets)
{
	cr_expect_eq(group_amount(name).tx_packets, packets, "%s: %llu, not %llu", name,
		     (unsigned long long)group_amount(name).tx_packets,
		     (unsigned long long)packets);
}

Test(groups, addresses_go_to_the_longest_prefix_and_all_adds_up)
{
	list_set("192.0.2.0/24 a\n192.0.2.1 one\n2001:db8::/32 a\n");
	restart(NULL);
	send_many(key4(A), key4(B), 3);
	send_many(key4(A + 1), key4(B), 5);
	send_many(key6(0x20010db8, 7), key6(0x20010db9, 7), 7);
	cut_next();
	expect_tx("one", 3);
	expect_tx("a", 5 + 7);
	expect_tx("unknown", 0);
	cr_expect_eq(group_amount("unknown").rx_packets, 3 + 5 + 7);
	cr_expect_eq(group_amount("a").tx_l3_bytes, 12 * 100);
}

/* Whether its memory is mapped or allocated decides how it is given back. */
Test(groups, image_says_all_of_itself_whatever_was_there)
{
	struct group_image image;
	char error[64];

	memset(&image, 0xff, sizeof(image));
	cr_assert_eq(
		config_groups_parse("list", "192.0.2.0/24 a\n", 15, &image, error, sizeof(error)),
		0);
	cr_expect_eq(image.mapped_bytes, 0);
	group_image_finish(&image);
}

Test(groups, steady_state_looks_nothing_up)
{
	struct groups_facts facts;

	list_set("192.0.2.0/24 a\n");
	restart(NULL);
	for (unsigned int i = 0; i < 5; i++) {
		send_many(key4(A), key4(B), 2);
		cut_next();
	}
	groups_facts(groups, &facts);
	cr_expect_eq(facts.n_lookups, 2);
	expect_tx("a", 10);
}

Test(groups, record_of_another_key_is_looked_up_again)
{
	uint64_t n_low = 0;

	/* a ledger of 512: idle addresses are folded, their records get other keys */
	list_set("10.0.0.0/9 low\n10.128.0.0/9 high\n");
	restart(NULL);
	for (uint32_t i = 0; i < 3000; i++) {
		bool low = i < 1000; /* the records of those go to the others */

		packet(&bench, key4(0x0a000000u + (low ? 0 : 0x800000u) + i), key4(B), 50);
		n_low += low;
		if (i % 4 == 3) /* fewer than a cut folds */
			cut_next();
	}
	cut_next();
	cr_assert(bench.publisher.ledger.header->n_rollups > 0, "nothing was folded");
	expect_tx("low", n_low);
	expect_tx("high", 3000 - n_low);
}

Test(groups, what_finds_no_record_is_rolled_up)
{
	list_set("10.0.0.0/8 ten\n");
	restart(NULL);
	for (uint32_t i = 0; i < 2 * N_ADDRESSES; i++)
		packet(&bench, key4(0x0a000000u + i), key4(B), 50);
	cut_next();
	cr_assert_eq(group_amount("ten").tx_packets + group_amount("rolled_up").tx_packets,
		     2 * N_ADDRESSES);
	cr_assert_gt(group_amount("rolled_up").tx_packets, 0);
}

Test(groups, another_list_moves_nothing_that_was_counted)
{
	list_set("192.0.2.0/24 a\n198.51.100.0/24 b\n");
	restart(NULL);
	send_many(key4(A), key4(B), 3);
	cut_next();
	restart("192.0.2.0/24 c\n198.51.100.0/24 b\n");
	expect_closed();
	expect_tx("a", 3);
	send_many(key4(A), key4(B), 4);
	cut_next();
	expect_tx("a", 3);
	expect_tx("c", 4);
	restart("192.0.2.0/24 a\n"); /* a goes on where it was */
	send_many(key4(A), key4(B), 5);
	cut_next();
	expect_tx("a", 8);
	expect_tx("c", 4);
	cr_expect_eq(group_amount("b").rx_packets, 7);
	cr_expect_eq(group_amount("unknown").rx_packets, 5);
}

Test(groups, counts_from_before_are_earlier)
{
	send_many(key4(A), key4(B), 9);
	apply(&bench, ++cut);
	epoch_begin(&bench);
	list_set("192.0.2.0/24 a\n");
	restart(NULL);
	send_many(key4(A), key4(B), 2);
	cut_next();
	expect_tx("earlier", 9);
	expect_tx("a", 2);
	/* a while without groups */
	groups_finish(groups);
	groups = NULL;
	bench.publisher.groups = NULL;
	send_many(key4(A), key4(B), 6);
	apply(&bench, ++cut);
	epoch_begin(&bench);
	restart(NULL);
	cut_next();
	expect_tx("earlier", 15);
	expect_tx("a", 2);
}

/* n groups called PREFIX0, …; one address each. */
static char *many(const char *prefix, uint32_t n)
{
	static char text[1u << 18];
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "10.%u.%u.%u %s%u\n", i >> 16,
				       i >> 8 & 255, i & 255, prefix, i);
	return text;
}

Test(groups, growing_keeps_records_and_giving_up_sums_them_to_other)
{
	records_most = 256;
	list_set(many("old", 100));
	restart(NULL);
	for (uint32_t i = 0; i < 100; i++)
		packet(&bench, key4(0x0a000000u + i), key4(B), 50);
	cut_next();
	restart(many("new", 150)); /* both fit: 4 + 100 + 150 */
	expect_tx("old7", 1);
	cr_expect_eq(bench.publisher.ledger.header->n_groups, 254);
	for (uint32_t i = 0; i < 100; i++)
		packet(&bench, key4(0x0a000000u + i), key4(B), 50);
	cut_next();
	expect_tx("old7", 1);
	expect_tx("new7", 1);
	restart(many("old", 103)); /* one more than fit: new0 … give up */
	expect_closed();
	expect_tx("old7", 1);
	expect_tx("new7", 0);
	expect_tx("other", 100);
	packet(&bench, key4(0x0a000007u), key4(B), 50);
	cut_next();
	expect_tx("old7", 2);
}

/* A reader that watches sees traffic only, wherever the records are now. */
Test(groups, delta_over_records_that_gave_up_is_the_traffic_between)
{
	struct ipacct_snapshot *older = NULL, *newer = NULL, *delta = NULL;
	struct ipacct_reader *reader = NULL;

	records_most = 256;
	list_set(many("new", 150));
	restart(many("old", 100)); /* records of new0 … lie before those of old0 … */
	for (uint32_t i = 0; i < 100; i++)
		packet(&bench, key4(0x0a000000u + i), key4(B), 50);
	cut_next();
	restart(many("new", 150));
	for (uint32_t i = 0; i < 100; i++)
		packet(&bench, key4(0x0a000000u + i), key4(B), 50);
	cut_next();
	cr_assert_eq(ipacct_reader_open(bench.dir, "/nonexistent", &reader, NULL), 0);
	cr_assert_eq(ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_GROUPS, &older, NULL), 0);
	restart(many("old", 103)); /* new0 … give up */
	packet(&bench, key4(0x0a000007u), key4(B), 50);
	cut_next();
	cr_assert_eq(ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_GROUPS, &newer, NULL), 0);
	cr_assert_eq(ipacct_snapshot_delta(newer, older, &delta), 0);
	cr_expect_eq(delta->n_groups, 2);
	for (size_t i = 0; i < delta->n_groups; i++) {
		const struct ipacct_group *group = &delta->groups[i];
		bool sender = !strcmp(group->name, "old7");

		cr_expect(sender || !strcmp(group->name, "unknown"), "%s moved", group->name);
		cr_expect_eq(group->counters.tx_packets, sender);
		cr_expect_eq(group->counters.rx_packets, !sender);
	}
	ipacct_snapshot_destroy(delta);
	ipacct_snapshot_destroy(newer);
	ipacct_snapshot_destroy(older);
	ipacct_reader_close(reader);
}

Test(groups, group_without_room_counts_as_other)
{
	list_set("192.0.2.0/24 a\n");
	collector_end();
	bench_open(&bench);
	/* the ledger could not be enlarged: only the collective ones and `a` find room */
	bench.publisher.ledger.n_groups_max = GROUP_COLLECTIVES;
	groups_open();
	send_many(key4(A), key4(B), 4);
	cut_next();
	expect_tx("other", 4);
	expect_tx("a", 0);
}

Test(groups, largest_list_fits_and_one_more_does_not)
{
	static char text[IPACCT_GROUPS_MAX * 32];
	struct group_image image = {};
	char error[256] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < IPACCT_GROUPS_MAX; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "10.%u.%u.0/24 g%u\n",
				       i >> 8 & 255, i & 255, i);
	list_set(text);
	restart(NULL);
	cr_expect_eq(bench.publisher.ledger.header->n_groups,
		     IPACCT_GROUPS_MAX + GROUP_COLLECTIVES);
	strcpy(text + at, "11.0.0.0/24 more\n");
	cr_expect_eq(config_groups_parse("l", text, strlen(text), &image, error, sizeof(error)),
		     -EINVAL);
	cr_expect_str_eq(error, "l:65537:13: more than 65536 groups");
}
