/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records copied at one cut: walks that are overtaken, and what the next one still has to copy. */
#include <errno.h>

#include "fold_model.h"
#include "ledger_copy.h"

#define N_ADDRESSES 200u
#define N_CUTS      400u

static struct bench bench;
static struct model model;

static void setup(void)
{
	bench_init_sized(&bench, N_ADDRESSES, MODEL_ROLLUPS);
	model_init(&model, &bench, 20261121);
}

static void teardown(void)
{
	model_finish(&model);
	bench_finish(&bench);
}

TestSuite(ledger_copy, .init = setup, .fini = teardown);

static int walk(struct ledger_copy *copy, uint32_t n, uint64_t cut)
{
	const struct ipacct_ledger *ledger = &bench.publisher.ledger;

	return ledger_copy_walk(copy, ledger, ledger->addresses, n, true, cut);
}

static uint32_t n_records(void)
{
	return bench.publisher.ledger.header->n_addresses;
}

Test(ledger_copy, next_walk_copies_what_the_cut_touched)
{
	struct ledger_copy copy = {};

	for (uint32_t i = 0; i < 100; i++)
		packet(&bench, key4(0xc0000200 + i), key4(0xc0000200 + i), 100);
	apply(&bench, 1);
	cr_assert_eq(walk(&copy, n_records(), 1), 0);
	cr_expect_eq(copy.n_copied, 100);
	epoch_begin(&bench);
	packet(&bench, key4(0xc0000207), key4(0xc0000209), 100);
	packet(&bench, key4(0xc0000207), key4(0xc6336401), 100);
	apply(&bench, 2);
	cr_expect_eq(walk(&copy, n_records(), 1), -EAGAIN, "cut 2 is there");
	cr_assert_eq(walk(&copy, n_records(), 2), 0);
	cr_expect_eq(copy.n_copied, 103);
	ledger_copy_finish(&copy);
}

static void must_be_equal(const struct ipacct_entry *got, const struct ipacct_entry *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(memcmp(&got[i].key, &want[i].key, sizeof(got->key)), 0);
		cr_assert_eq(memcmp(&got[i].counters, &want[i].counters, sizeof(got->counters)), 0);
		cr_assert_eq(got[i].prefix_len, want[i].prefix_len);
		cr_assert_eq(got[i].first_seen_ns, want[i].first_seen_ns);
		cr_assert_eq(got[i].last_seen_ns, want[i].last_seen_ns);
		cr_assert_eq(got[i].ledger_index, want[i].ledger_index);
	}
}

/* A full ledger that folds: records lose their key and get another. Three walks end after 30, 60 and 90 % of
 * them, the fourth goes to the end. */
Test(ledger_copy, walks_that_go_on_see_what_one_walk_sees)
{
	struct ipacct_entry *entries, *fresh_entries;
	struct ledger_copy copy = {};
	size_t n, n_fresh;

	for (uint64_t cut = 1; cut <= N_CUTS; cut++) {
		struct ledger_copy fresh = {};
		uint32_t n_walked = n_records() * (uint32_t)(cut % 4 * 3) / 10;

		epoch_begin(&bench);
		model_traffic(&model, (uint32_t)model.cut, 150, 100);
		apply(&bench, ++model.cut);
		cr_assert_eq(walk(&copy, cut % 4 ? n_walked : n_records(), model.cut), 0);
		if (cut % 4)
			continue;
		cr_assert_eq(walk(&fresh, n_records(), model.cut), 0);
		cr_assert_eq(ledger_copy_take(&fresh, 0, &fresh_entries, &n_fresh), 0);
		cr_assert_eq(ledger_copy_take(&copy, 3, &entries, &n), 0);
		cr_assert_eq(n, n_fresh);
		cr_assert_gt(n, 0);
		must_be_equal(entries, fresh_entries, n);
		memset(entries + n, 0, 3 * sizeof(*entries)); /* the room behind them is ours */
		free(entries);
		free(fresh_entries);
	}
	cr_expect_gt(bench.publisher.ledger.header->version[0].folded_records, 0);
	ledger_copy_finish(&copy);
}
