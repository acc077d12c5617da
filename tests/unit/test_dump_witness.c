/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second witness: kernel counters against ours, tools/ctl_witness.c. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "ctl_witness.h"

/* A slot that had seen 1000 packets of 100 octets before its last attach, at a device that had
 * counted 5000 by then; 10 more since. */
static struct ipacct_interface slot(void)
{
	return (struct ipacct_interface){
		.ifname = "eth0",
		.ifindex = 2,
		.mode = IPACCT_MODE_NATIVE,
		.state = IPACCT_IF_ATTACHED,
		.base_seen_packets = 1000,
		.base_seen_l2_bytes = 100000,
		.base_rx_packets_before = 5000,
		.base_rx_packets_after = 5000,
		.base_rx_bytes_before = 500000,
		.base_rx_bytes_after = 500000,
	};
}

static struct ipacct_totals seen(uint64_t packets, uint64_t l2_bytes)
{
	return (struct ipacct_totals){ .seen = { 1000 + packets, 100000 + l2_bytes } };
}

static struct link_reading kernel(uint64_t packets, uint64_t bytes)
{
	return (struct link_reading){ .present = true,
				      .packets = 5000 + packets,
				      .bytes = 500000 + bytes,
				      .n_queues = 2,
				      .xdp_prog_id = 7 };
}

static struct witness compare_still(struct ipacct_interface i, struct ipacct_totals totals,
				    struct link_reading reading)
{
	struct witness w;

	witness_compare(&i, &totals, 0, &reading, &reading, false, &w);
	return w;
}

Test(witness, equal_counts_close_with_residue_zero)
{
	struct witness w = compare_still(slot(), seen(10, 1000), kernel(10, 1000));

	cr_expect_null(w.not_applicable);
	cr_expect(w.closes);
	cr_expect_eq(w.seen_packets, 10);
	cr_expect_eq(w.residue_packets_least, 0);
	cr_expect_eq(w.residue_packets_most, 0);
	cr_expect(w.bytes_explained);
	cr_expect_eq(w.bytes_per_packet, 0);
}

Test(witness, one_packet_off_in_silence_is_unexplained_either_way)
{
	struct witness less = compare_still(slot(), seen(9, 900), kernel(10, 1000));
	struct witness more = compare_still(slot(), seen(11, 1100), kernel(10, 1000));

	cr_expect_not(less.closes);
	cr_expect_eq(less.residue_packets_least, -1);
	cr_expect_not(more.closes);
	cr_expect_eq(more.residue_packets_most, 1);
	cr_expect_eq(more.allowed_packets, 0);
}

Test(witness, flowing_traffic_allows_one_poll_for_each_queue_and_no_packet_more)
{
	struct ipacct_interface i = slot();
	struct link_reading reading = kernel(1000, 100000);
	struct ipacct_totals at_limit = seen(1000 + 2 * 64, 100000 + 2 * 64 * 100);
	struct ipacct_totals beyond = seen(1000 + 2 * 64 + 1, 100000 + (2 * 64 + 1) * 100);
	struct witness w;

	witness_compare(&i, &at_limit, 0, &reading, &reading, true, &w);
	cr_expect(w.closes);
	witness_compare(&i, &beyond, 0, &reading, &reading, true, &w);
	cr_expect_not(w.closes);
}

Test(witness, packets_between_the_readings_widen_the_interval)
{
	struct ipacct_interface i = slot();
	struct ipacct_totals totals = seen(15, 1500);
	struct link_reading before = kernel(10, 1000), after = kernel(20, 2000);
	struct witness w;

	witness_compare(&i, &totals, 0, &before, &after, true, &w);
	cr_expect(w.closes);
	cr_expect_eq(w.kernel_packets.least, 10);
	cr_expect_eq(w.kernel_packets.most, 20);
	cr_expect_eq(w.reading_packets, 10);
	cr_expect_eq(w.residue_packets_least, -5);
	cr_expect_eq(w.residue_packets_most, 5);
}

Test(witness, packets_during_the_attach_may_be_on_either_side)
{
	struct ipacct_interface i = slot();
	struct witness w;

	i.base_rx_packets_after += 4;
	i.base_rx_bytes_after += 400;
	w = compare_still(i, seen(8, 800), kernel(10, 1000));
	cr_expect(w.closes);
	cr_expect_eq(w.attach_packets, 4);
	cr_expect_eq(w.kernel_packets.least, 6);
	cr_expect_eq(w.kernel_packets.most, 10);
}

Test(witness, driver_constants_of_octets_are_named)
{
	static const struct {
		uint64_t kernel_bytes;
		int per_packet;
	} rows[] = { { 1000, 0 }, { 1000 - 140, -14 }, { 1000 + 40, 4 }, { 1000 - 180, -18 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct witness w =
			compare_still(slot(), seen(10, 1000), kernel(10, rows[i].kernel_bytes));

		cr_expect(w.bytes_explained);
		cr_expect_eq(w.bytes_per_packet, rows[i].per_packet);
		cr_expect_not_null(w.bytes_cause);
	}
}

Test(witness, other_octets_stay_unexplained_and_fail_no_packet)
{
	struct witness w = compare_still(slot(), seen(10, 1000), kernel(10, 1007));

	cr_expect(w.closes);
	cr_expect_not(w.bytes_explained);
	cr_expect_eq(w.bytes_unexplained, 7);
}

Test(witness, says_why_it_does_not_apply)
{
	struct ipacct_interface generic = slot(), gone = slot(), detached = slot();
	struct link_reading absent = { 0 }, reset = kernel(0, 0), encrypts = kernel(2, 320);

	generic.mode = IPACCT_MODE_GENERIC;
	gone.state = IPACCT_IF_GONE;
	detached.state = IPACCT_IF_DETACHED;
	reset.packets = 3;
	encrypts.encrypts = true;
	cr_expect_not_null(compare_still(generic, seen(1, 1), kernel(9, 9)).not_applicable);
	cr_expect_not_null(compare_still(gone, seen(1, 1), kernel(9, 9)).not_applicable);
	cr_expect_not_null(compare_still(detached, seen(1, 1), kernel(9, 9)).not_applicable);
	cr_expect_not_null(compare_still(slot(), seen(1, 1), absent).not_applicable);
	cr_expect_not_null(compare_still(slot(), seen(1, 100), encrypts).not_applicable);
	cr_expect_not_null(compare_still(slot(), seen(1, 1), reset).not_applicable);
}

Test(witness, ledger_begun_after_the_attach_has_no_witness)
{
	struct ipacct_interface i = slot();
	struct ipacct_totals totals = seen(10, 1000);
	struct link_reading reading = kernel(4000, 400000);
	struct witness w;

	i.attached_ns = 1000;
	witness_compare(&i, &totals, 1000, &reading, &reading, false, &w);
	cr_expect_null(w.not_applicable);
	witness_compare(&i, &totals, 1001, &reading, &reading, false, &w);
	cr_expect_not_null(w.not_applicable);
}

/* 10 packets, 8 of which were 2 super-packets whose headers add 6 × 54 octets. */
static struct ipacct_totals bundled(void)
{
	struct ipacct_totals totals = seen(10, 1000);

	totals.bundles = 2;
	totals.bundled_packets = 8;
	totals.bundled_added_l2_bytes = 324;
	return totals;
}

Test(witness, super_packets_may_count_as_one_as_many_or_as_some_of_both)
{
	struct witness one = compare_still(slot(), bundled(), kernel(4, 676));
	struct witness many = compare_still(slot(), bundled(), kernel(10, 1000));
	struct witness mixed = compare_still(slot(), bundled(), kernel(7, 838));

	cr_expect(one.closes && one.packets_cause && one.bytes_explained);
	cr_expect(many.closes && !many.packets_cause && many.bytes_explained);
	cr_expect(mixed.closes && mixed.packets_cause && mixed.bytes_explained);
}

Test(witness, super_packets_explain_no_more_than_they_are)
{
	struct witness few = compare_still(slot(), bundled(), kernel(3, 676));
	struct witness more = compare_still(slot(), bundled(), kernel(11, 1100));

	cr_expect_not(few.closes);
	cr_expect_eq(few.residue_packets_most, 1);
	cr_expect_not(more.closes);
	cr_expect_eq(more.residue_packets_least, -1);
}

Test(witness, what_is_dropped_behind_the_egress_hook_has_a_name_and_what_came_past_it_has_none)
{
	struct ipacct_interface out = slot();
	struct witness dropped, past;

	out.hook = IPACCT_HOOK_TC_EGRESS;
	dropped = compare_still(out, seen(10, 1000), kernel(9, 900));
	past = compare_still(out, seen(10, 1000), kernel(11, 1100));
	cr_expect(dropped.closes);
	cr_expect_not_null(dropped.packets_cause);
	cr_expect_not(past.closes);
}
