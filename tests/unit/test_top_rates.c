/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Averages over 2, 10 and 40 seconds, the rows chosen by them, and the line of the last minute. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "top_frame.h"
#include "top_history.h"
#include "top_view.h"

#define MANY 3000u

static struct ipacct_entry entries[MANY];
static struct ipacct_counters totals[MANY];
static struct top_rates *rates;
static struct top_view view;
static struct top_settings settings;

static void setup(void)
{
	memset(&view, 0, sizeof(view));
	memset(totals, 0, sizeof(totals));
	settings = (struct top_settings){ 0 };
	dump_options_init(&settings.dump);
	cr_assert_eq(top_rates_create(&rates), 0);
}

static void teardown(void)
{
	top_view_finish(&view);
	top_rates_destroy(rates);
}

TestSuite(top, .init = setup, .fini = teardown);

static struct ipacct_entry entry(uint32_t number, uint32_t index)
{
	return (struct ipacct_entry){
		.key.addr_be = { 0, 0, htonl(0xffff), htonl(0x0a000000 + number) },
		.prefix_len = 128,
		.ledger_index = index,
	};
}

/* n addresses from `first` on got `packets` of 100 octets each. */
static void step(uint32_t first, uint32_t n, uint64_t packets, uint64_t covered_ns)
{
	struct ipacct_moves moves = { .covered_ns = covered_ns,
				      .delta = { .addresses = entries, .n_addresses = n },
				      .address_totals = totals };

	for (uint32_t i = 0; i < n; i++) {
		entries[i] = entry(first + i, first + i);
		entries[i].counters = (struct ipacct_counters){ .rx_packets = packets,
								.rx_l3_bytes = 100 * packets };
		totals[i].rx_packets += packets;
	}
	cr_assert_eq(top_rates_step(rates, &moves), 0);
}

static double rate(uint32_t number, unsigned int window)
{
	for (size_t i = 0; i < top_rates_n(rates); i++) {
		struct ipacct_entry found;
		struct top_sum sum;

		top_rates_entry(rates, i, &found);
		if (found.key.addr_be[3] != htonl(0x0a000000 + number))
			continue;
		top_rates_sum(rates, i, &sum);
		return top_per_second(sum.window[window].rx_packets,
				      top_rates_window_ns(rates, window));
	}
	return -1;
}

Test(top, windows_are_exact_over_what_they_cover)
{
	/* 100/s for 50 s, then nothing: each window forgets when it should */
	for (int s = 0; s < 50; s++)
		step(1, 1, 100, NS_PER_S);
	for (unsigned int w = 0; w < TOP_WINDOWS; w++)
		cr_expect_float_eq(rate(1, w), 100, 1e-9);
	cr_expect_eq(top_rates_window_ns(rates, 0), 2 * NS_PER_S);
	cr_expect_geq(top_rates_window_ns(rates, 1), 8 * NS_PER_S);
	cr_expect_leq(top_rates_window_ns(rates, 1), 12 * NS_PER_S);
	cr_expect_geq(top_rates_window_ns(rates, 2), 30 * NS_PER_S);
	cr_expect_leq(top_rates_window_ns(rates, 2), 50 * NS_PER_S);
	step(2, 1, 7, NS_PER_S);
	cr_expect_float_eq(rate(1, 0), 50, 1e-9, "one of two seconds");
	step(2, 1, 7, NS_PER_S);
	cr_expect_float_eq(rate(1, 0), 0, 1e-9);
	cr_expect_gt(rate(1, 1), 60);
	for (int s = 0; s < 12; s++)
		step(2, 1, 7, NS_PER_S);
	cr_expect_float_eq(rate(1, 1), 0, 1e-9);
	cr_expect_gt(rate(1, 2), 30);
	for (int s = 0; s < 50; s++)
		step(2, 1, 7, NS_PER_S);
	cr_expect_eq(rate(1, 2), -1, "it has no slot any more");
	cr_expect_float_eq(rate(2, 2), 7, 1e-9);
}

Test(top, an_interval_above_a_window_is_the_window)
{
	step(1, 1, 60, NS_PER_S); /* so that there is an older checkpoint */
	step(1, 1, 1200, 60 * NS_PER_S);
	step(1, 1, 600, 60 * NS_PER_S);
	for (unsigned int w = 0; w < TOP_WINDOWS; w++) {
		cr_expect_eq(top_rates_window_ns(rates, w), 60 * NS_PER_S);
		cr_expect_float_eq(rate(1, w), 10, 1e-9);
	}
}

Test(top, late_and_early_steps_make_no_wrong_rate)
{
	/* 10 packets a millisecond, whatever the steps are */
	for (int i = 0; i < 300; i++) {
		uint64_t ms = 300 + (uint64_t)(i * 7919 % 900);

		step(1, 1, 10 * ms, ms * NS_PER_MS);
		for (unsigned int w = 0; w < TOP_WINDOWS; w++)
			cr_assert_float_eq(rate(1, w), 10000, 1e-6);
	}
}

Test(top, slots_follow_those_that_move)
{
	for (uint32_t s = 0; s < 200; s++) {
		step(s * 10 % 2000, 500, 1, NS_PER_S);
		cr_assert_leq(top_rates_n(rates), 2000);
	}
	/* the same rows, whoever came and went before */
	for (uint32_t s = 0; s < 60; s++)
		step(100, 50, 3, NS_PER_S);
	cr_assert_eq(top_rates_n(rates), 50);
	for (uint32_t i = 100; i < 150; i++)
		cr_assert_float_eq(rate(i, 2), 3, 1e-9);
}

Test(top, an_address_keeps_its_slot_when_it_gets_a_record)
{
	struct ipacct_entry e = entry(9, IPACCT_INDEX_NONE);
	struct ipacct_moves moves = { .covered_ns = NS_PER_S,
				      .delta = { .addresses = &e, .n_addresses = 1 },
				      .address_totals = totals };

	e.counters.rx_packets = 5;
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(top_rates_step(rates, &moves), 0);
		if (i == 1)
			e.ledger_index = 77;
	}
	cr_assert_eq(top_rates_n(rates), 1);
	cr_assert_float_eq(rate(9, 1), 5, 1e-9);
}

Test(top, an_address_that_was_folded_and_returns_keeps_its_slot)
{
	struct ipacct_moves moves = { .covered_ns = NS_PER_S,
				      .delta = { .addresses = entries, .n_addresses = 1 },
				      .address_totals = totals };

	step(1, 2, 10, NS_PER_S);
	/* its record is nobody's, another one's, and its own again */
	for (uint32_t index = 7; index < 10; index++) {
		entries[0] = entry(1, index);
		entries[0].counters.rx_packets = 10;
		cr_assert_eq(top_rates_step(rates, &moves), 0);
		cr_expect_eq(top_rates_n(rates), 2);
		entries[0] = entry(2, index - 6);
		entries[0].counters.rx_packets = 10;
		cr_assert_eq(top_rates_step(rates, &moves), 0);
		cr_expect_eq(top_rates_n(rates), 2);
	}
	cr_expect_float_eq(rate(1, 2), 40 / 7., 1e-9);
	cr_expect_float_eq(rate(2, 2), 40 / 7., 1e-9);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

static bool before(const void *context, const struct top_pick *a, const struct top_pick *b)
{
	(void)context;
	return a->value != b->value ? a->value > b->value : a->index < b->index;
}

Test(top, picks_are_the_first_of_a_sorted_list)
{
	for (size_t n = 0; n < 70; n += 3) {
		struct top_pick picks[70];
		uint64_t values[500];
		size_t n_picks = 0;

		for (uint32_t i = 0; i < 500; i++) {
			values[i] = (uint64_t)(rand() % 100); /* NOLINT: any numbers will do */
			top_pick_offer(picks, &n_picks, n,
				       (struct top_pick){ .value = values[i], .index = i }, before,
				       NULL);
		}
		top_pick_order(picks, n_picks, before, NULL);
		cr_assert_eq(n_picks, n);
		qsort(values, 500, sizeof(values[0]), by_value);
		for (size_t i = 0; i < n; i++) {
			cr_assert_eq(picks[i].value, values[i]);
			cr_assert(i == 0 || before(NULL, &picks[i - 1], &picks[i]));
		}
	}
}

Test(top, shown_and_left_out_add_up)
{
	for (uint32_t s = 0; s < 5; s++) {
		step(0, 100, 10, NS_PER_S);
		step(100, 1000, 1, NS_PER_S / 10);
	}
	for (unsigned int by = TOP_BY_ADDRESS; by <= TOP_BY_DOMAIN; by++) {
		struct top_sum sum;

		if (by != TOP_BY_ADDRESS && by != TOP_BY_PREFIX && by != TOP_BY_DOMAIN)
			continue; /* the others need a geo file: tests/e2e */
		settings.by = by;
		settings.dump.by = (struct dump_by){ .len4 = 24, .len6 = 48 };
		top_group_forget(&view.groups);
		cr_assert_eq(top_view_make(&view, &settings, rates, NULL, 1, 3), 0);
		sum = view.left;
		for (size_t i = 0; i < view.n_rows; i++)
			top_sum_add(&sum, &view.rows[i].sum);
		cr_assert_eq(memcmp(&sum, &view.all, sizeof(sum)), 0);
		cr_assert_eq(view.n_rows, by == TOP_BY_DOMAIN ? 1 : 3);
		cr_assert_eq(view.n_skipped, by == TOP_BY_DOMAIN ? 0 : 1);
		cr_assert_eq(view.n_wanted, by == TOP_BY_ADDRESS  ? 1100
					    : by == TOP_BY_PREFIX ? 5
								  : 1);
	}
}

Test(top, scrolling_stops_at_the_last_page)
{
	step(0, 10, 10, NS_PER_S);
	cr_assert_eq(top_view_make(&view, &settings, rates, NULL, SIZE_MAX, 4), 0);
	cr_assert_eq(view.n_skipped, 6);
	cr_assert_eq(view.n_rows, 4);
}

Test(history, line_has_a_column_for_each_second)
{
	struct top_history history = { 0 };
	char text[TOP_SPARK_BYTES];

	cr_expect_str_eq(top_history_text(&history, 3, true, text), "   ");
	for (int i = 0; i <= 8; i++)
		top_history_add(&history, NS_PER_S, i * 1000);
	cr_expect_str_eq(top_history_text(&history, 10, true, text), "  .,:-=+*#");
	cr_expect_str_eq(top_history_text(&history, 8, false, text), "▁▂▃▄▅▆▇█");
	cr_expect_float_eq(top_history_peak(&history), 8000, 1e-9);
	top_history_add(&history, 3 * NS_PER_S, 24000);
	cr_expect_str_eq(top_history_text(&history, 4, true, text), "####");
	for (int i = 0; i < 4; i++)
		top_history_add(&history, NS_PER_S / 4, 1);
	cr_expect_str_eq(top_history_text(&history, 2, true, text), "#.");
	top_history_add(&history, 86400 * NS_PER_S, 0);
	cr_expect_float_eq(top_history_peak(&history), 0, 1e-9);
}

Test(frame, no_line_is_wider_than_the_frame)
{
	struct top_frame frame = { .lines = calloc(TOP_LINES_MAX, sizeof(struct top_line)),
				   .ascii = true };
	struct top_line *line;

	top_frame_begin(&frame, 10, 2);
	line = top_frame_line(&frame);
	top_put(&frame, line, -5, TOP_BOLD, "abcdefgh");
	cr_expect_str_eq(line->text, "abcd~");
	top_put(&frame, line, 4, TOP_PLAIN, "7");
	cr_expect_str_eq(line->text, "abcd~   7");
	top_put(&frame, line, 4, TOP_PLAIN, "\033[31m");
	cr_expect_str_eq(line->text, "abcd~   7?");
	cr_expect_eq(line->columns, 10);
	line = top_frame_line(&frame);
	top_put(&frame, line, 0, TOP_PLAIN, "Ä\001b");
	cr_expect_str_eq(line->text, "??b");
	cr_expect_null(top_frame_line(&frame), "the frame is full");
	top_put(&frame, NULL, 3, TOP_PLAIN, "nowhere");
	free(frame.lines);
}
