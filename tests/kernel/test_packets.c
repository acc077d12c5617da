// SPDX-License-Identifier: GPL-2.0-or-later
/* Every row of the packet table through the program in the kernel: whole, cut short, in pieces. */
#include "cases.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MIN           170u
#define ETHERNET_BYTES     14u   /* BPF_PROG_TEST_RUN takes no less */
#define EVERY_LENGTH_BYTES 9216u /* up to here every length is tried (less when slow) … */
#define LENGTH_STEP        1021u /* … above some, and the last ones */
#define EVERY_SPLIT_BYTES  160u  /* no header of the table but long chains lies further in */
#define SLOW_SPLIT_STEP    4u    /* headers end at multiples of two: each row has its own offset */
#define LINEAR_BYTES_MAX   3520u /* net/bpf/test_run.c: what one page leaves for data */

static struct harness harness;
static struct frame frame;

/* Run `each` over all rows in all setups and hold all that the maps have against the ledger: after
 * each row (on a slow machine after some), or where many frames of a row are checked one by one
 * anyway, at the end. */
static void over_rows(const char *variant, bool row_by_row,
		      void (*each)(const struct packet_case *row))
{
	for (size_t s = 0; s < HARNESS_SETUPS; s++) {
		if (!harness_start(&harness, &harness_setups[s])) {
			harness_finish(&harness);
			return;
		}
		for (size_t i = 0; i < n_cases(); i++) {
			const struct packet_case *row = case_at(i);

			cr_assert(frame_build(row->layers, &frame) == 0);
			each(row);
			if (row_by_row && harness_is_due(i))
				harness_check(&harness, row->name, true);
		}
		harness_check(&harness, "all rows", true);
		harness_note("%s: setup %zu, %zu rows, %zu frames", variant, s, n_cases(),
			     harness.n_frames);
		cr_expect(harness.n_frames >= n_cases());
		harness_finish(&harness);
	}
}

static void run_whole(const struct packet_case *row)
{
	struct outcome outcome;

	cr_assert(case_outcome(row, harness.machine.setup.inner, &outcome) == 0);
	(void)harness_frame(&harness, row->name, "whole", frame.data, frame.n_bytes, 0, &outcome);
}

Test(packets, every_row_counts_what_the_table_says)
{
	over_rows("whole", true, run_whole);
}

static void run_truncated(const struct packet_case *row)
{
	struct outcome outcome;
	size_t every = EVERY_LENGTH_BYTES / harness_slow(), n = ETHERNET_BYTES;

	while (n < frame.n_bytes) {
		harness_reference(&harness, frame.data, n, &outcome);
		(void)harness_frame(&harness, row->name, "truncated", frame.data, n, 0, &outcome);
		n += n < every || n + 64 > frame.n_bytes ? 1 : LENGTH_STEP;
	}
}

Test(packets, every_row_cut_at_every_byte)
{
	over_rows("truncated", false, run_truncated);
}

static void run_split(const struct packet_case *row)
{
	size_t most = frame.n_bytes < EVERY_SPLIT_BYTES ? frame.n_bytes : EVERY_SPLIT_BYTES;
	size_t step = harness_slow() > 1 ? SLOW_SPLIT_STEP : 1;
	struct outcome outcome;

	cr_assert(case_outcome(row, harness.machine.setup.inner, &outcome) == 0);
	for (size_t linear = ETHERNET_BYTES + frame.n_bytes % step; linear < most; linear += step)
		(void)harness_frame(&harness, row->name, "short linear part", frame.data,
				    frame.n_bytes, linear, &outcome);
	/* Splits of long frames, in the middle of long chains too. */
	for (size_t linear = most; linear < frame.n_bytes && linear < LINEAR_BYTES_MAX;
	     linear += 97)
		(void)harness_frame(&harness, row->name, "late split", frame.data, frame.n_bytes,
				    linear, &outcome);
}

Test(packets, every_row_with_a_short_linear_part)
{
	bool splits;

	if (!harness_start(&harness, &harness_setups[0])) {
		harness_finish(&harness);
		return;
	}
	splits = harness.machine.splits;
	harness_finish(&harness);
	if (!splits)
		cr_skip_test(
			"this kernel's BPF_PROG_TEST_RUN takes no ctx_in.data_end below the size");
	over_rows("split", false, run_split);
}

static void run_truncated_split(const struct packet_case *row)
{
	size_t most = frame.n_bytes < EVERY_SPLIT_BYTES ? frame.n_bytes : EVERY_SPLIT_BYTES;
	struct outcome outcome;

	/* All headers in the second buffer, and the frame ends anywhere in them. */
	for (size_t n = ETHERNET_BYTES + 1; n <= most; n++) {
		harness_reference(&harness, frame.data, n, &outcome);
		(void)harness_frame(&harness, row->name, "truncated and split", frame.data, n,
				    ETHERNET_BYTES, &outcome);
	}
}

Test(packets, every_row_cut_and_with_a_short_linear_part)
{
	bool splits;

	if (!harness_start(&harness, &harness_setups[0])) {
		harness_finish(&harness);
		return;
	}
	splits = harness.machine.splits;
	harness_finish(&harness);
	if (!splits)
		cr_skip_test(
			"this kernel's BPF_PROG_TEST_RUN takes no ctx_in.data_end below the size");
	over_rows("truncated and split", false, run_truncated_split);
}

/* The table itself: lengths as written, no name twice, and the second implementation agrees. */
Test(packets, table_and_reference_agree)
{
	cr_expect(n_cases() >= ROWS_MIN, "%zu rows", n_cases());
	for (size_t i = 0; i < n_cases(); i++) {
		const struct packet_case *row = case_at(i);
		struct outcome want, got;

		for (size_t j = 0; j < i; j++)
			cr_expect(strcmp(case_at(j)->name, row->name), "%s is there twice",
				  row->name);
		cr_assert(frame_build(row->layers, &frame) == 0, "%s", row->name);
		cr_expect(frame.n_bytes == row->l2_bytes, "%s: %zu bytes, the row says %zu",
			  row->name, frame.n_bytes, row->l2_bytes);
		cr_assert(case_outcome(row, false, &want) == 0, "%s", row->name);
		reference_account(frame.data, frame.n_bytes, &got);
		cr_expect(!memcmp(&want, &got, sizeof(want)), "%s: the reference disagrees",
			  row->name);
		cr_assert(case_outcome(row, true, &want) == 0, "%s", row->name);
		reference_account_inner(frame.data, frame.n_bytes, &got);
		cr_expect(!memcmp(&want, &got, sizeof(want)),
			  "%s: the reference disagrees about what is inside", row->name);
	}
}

/* Every way out is in the table, so that none can stop counting unnoticed. */
Test(packets, table_has_every_reason_class_and_fragment)
{
	bool reasons[IPACCT_IGNORED_REASONS] = { false };
	bool classes[2][IPACCT_PROTOCOLS] = { { false } };
	bool fragments[2][3] = { { false } };
	bool tunnels[3] = { false };

	for (size_t i = 0; i < n_cases(); i++) {
		const struct packet_expect *expect = &case_at(i)->expect;

		tunnels[case_at(i)->inner.tunnel] = true;
		if (expect->ignored != OUTCOME_ACCOUNTED) {
			reasons[expect->ignored] = true;
			continue;
		}
		classes[expect->family == 6][expect->protocol] = true;
		fragments[expect->family == 6][expect->fragment] = true;
	}
	for (int r = 0; r < IPACCT_IGNORED_REASONS; r++)
		cr_expect(reasons[r] == (r != IPACCT_IGNORED_INTERNAL), "reason %d", r);
	cr_expect(tunnels[OUTCOME_INNER] && tunnels[OUTCOME_TUNNEL_OUTER], "tunnels");
	for (int f = 0; f < 2; f++) {
		for (int c = 0; c < IPACCT_PROTOCOLS; c++)
			cr_expect(classes[f][c], "family %d, class %d", f, c);
		for (int g = 0; g < 3; g++)
			cr_expect(fragments[f][g], "family %d, fragment %d", f, g);
	}
}
