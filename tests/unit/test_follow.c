/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger followed from cut to cut says what snapshots and their delta say. */
#include "fold_model.h"

#include "ipacct/ipacct.h"

static struct bench bench;
static struct model model;
static struct ipacct_reader *reader;
static struct ipacct_follow *follow;
static struct ipacct_snapshot *last;

static void setup(void)
{
	bench_init_sized(&bench, 100, MODEL_ROLLUPS);
	model_init(&model, &bench, 20261121);
	cr_assert_eq(ipacct_reader_open(bench.dir, "/nonexistent", &reader, NULL), 0);
	cr_assert_eq(ipacct_follow_open(reader, &follow), 0);
}

static void teardown(void)
{
	ipacct_snapshot_destroy(last);
	ipacct_follow_close(follow);
	ipacct_reader_close(reader);
	model_finish(&model);
	bench_finish(&bench);
}

TestSuite(follow, .init = setup, .fini = teardown);

static const struct ipacct_moves *step(void)
{
	const struct ipacct_moves *moves = NULL;

	cr_assert_eq(ipacct_follow_step(follow, &moves, NULL), 0);
	return moves;
}

static const struct ipacct_entry *find(const struct ipacct_entry *entries, size_t n,
				       const struct ipacct_entry *like)
{
	for (size_t i = 0; i < n; i++)
		if (entries[i].prefix_len == like->prefix_len &&
		    memcmp(&entries[i].key, &like->key, sizeof(like->key)) == 0)
			return &entries[i];
	return NULL;
}

/* Equal entries, and what each ever had is what the newer snapshot says. */
static void entries_must_be_equal(const struct ipacct_entry *got, size_t n_got,
				  const struct ipacct_counters *totals,
				  const struct ipacct_entry *want, size_t n_want,
				  const struct ipacct_entry *all, size_t n_all)
{
	cr_assert_eq(n_got, n_want, "%zu entries, want %zu", n_got, n_want);
	for (size_t i = 0; i < n_got; i++) {
		const struct ipacct_entry *other = find(want, n_want, &got[i]);
		const struct ipacct_entry *now = find(all, n_all, &got[i]);

		cr_assert(other && now);
		cr_assert_eq(memcmp(&got[i].counters, &other->counters, sizeof(other->counters)),
			     0);
		cr_assert_eq(memcmp(&totals[i], &now->counters, sizeof(now->counters)), 0);
		cr_assert_eq(got[i].ledger_index, other->ledger_index);
		cr_assert_eq(got[i].last_seen_ns, other->last_seen_ns);
	}
}

static void step_check(void)
{
	const struct ipacct_moves *moves = step();
	struct ipacct_snapshot *now = NULL, *delta = NULL;

	cr_assert_eq(ipacct_snapshot_read(reader, 0, &now, NULL), 0);
	cr_assert_eq(moves->n_addresses, now->n_addresses);
	cr_assert_eq(moves->delta.cut, now->cut);
	cr_assert_eq(
		memcmp(&moves->delta.conservation, &now->conservation, sizeof(now->conservation)),
		0);
	cr_assert_eq(moves->first, last == NULL);
	if (last) {
		cr_assert_eq(ipacct_snapshot_delta(now, last, &delta), 0);
		cr_assert_eq(moves->covered_ns, now->cut_time_ns - last->cut_time_ns);
		entries_must_be_equal(moves->delta.addresses, moves->delta.n_addresses,
				      moves->address_totals, delta->addresses, delta->n_addresses,
				      now->addresses, now->n_addresses);
		entries_must_be_equal(moves->delta.rollups, moves->delta.n_rollups,
				      moves->rollup_totals, delta->rollups, delta->n_rollups,
				      now->rollups, now->n_rollups);
		cr_assert_eq(moves->delta.n_interfaces, delta->n_interfaces);
		cr_assert_eq(memcmp(moves->delta.interfaces, delta->interfaces,
				    delta->n_interfaces * sizeof(*delta->interfaces)),
			     0);
	}
	ipacct_snapshot_destroy(delta);
	ipacct_snapshot_destroy(last);
	last = now;
}

Test(follow, says_what_two_snapshots_say_while_addresses_are_folded_and_return, .timeout = 60)
{
	for (uint32_t i = 0; i < 600; i++) {
		model_traffic(&model, i / 2, 1 + model_random(&model, 130),
			      model_random(&model, 150));
		apply(&bench, ++model.cut);
		if (model_random(&model, 3)) /* often more than one cut at a step */
			step_check();
	}
	step_check();
	cr_assert_gt(last->facts.folded_records, 300);
}

Test(follow, no_cut_no_time_and_nothing_moved)
{
	epoch_begin(&bench);
	model_packet(&model, 1, 2);
	apply(&bench, ++model.cut);
	cr_assert(step()->first);
	for (int i = 0; i < 2; i++) {
		const struct ipacct_moves *moves = step();

		cr_assert_not(moves->first);
		cr_assert_eq(moves->covered_ns, 0);
		cr_assert_eq(moves->delta.n_addresses + moves->delta.n_rollups, 0);
		cr_assert_eq(moves->n_addresses, 2);
	}
}

/* ipacct-top looks ten times in an interval for a cut that is late. */
Test(follow, without_a_cut_no_record_is_looked_at)
{
	const struct ipacct_moves *moves;
	struct ipacct_ledger_record *record;

	epoch_begin(&bench);
	model_packet(&model, 1, 2);
	apply(&bench, ++model.cut);
	cr_assert(step()->first);
	record = &bench.publisher.ledger.addresses[0];
	for (int k = 0; k < 2; k++)
		record->version[k].counters.tx_packets++;
	moves = step();
	cr_expect_eq(moves->delta.conservation.error_packets, 0, "it was summed up again");
	cr_expect_eq(moves->n_addresses, 2);
	epoch_begin(&bench);
	model_packet(&model, 1, 2);
	apply(&bench, ++model.cut);
	cr_expect_neq(step()->delta.conservation.error_packets, 0, "this one was looked at");
}

Test(follow, another_ledger_of_that_name_begins_anew)
{
	struct bench other;
	char from[128], to[128];

	epoch_begin(&bench);
	model_packet(&model, 1, 2);
	apply(&bench, ++model.cut);
	(void)step();
	bench_init_sized(&other, 100, MODEL_ROLLUPS);
	epoch_begin(&other);
	packet(&other, key4(0xc0000201), key4(0xc0000202), 100);
	apply(&other, 1);
	(void)snprintf(from, sizeof(from), "%s/" IPACCT_LEDGER_NAME, other.dir);
	(void)snprintf(to, sizeof(to), "%s/" IPACCT_LEDGER_NAME, bench.dir);
	cr_assert_eq(rename(from, to), 0);
	cr_assert(step()->first, "another file");
	epoch_begin(&other);
	packet(&other, key4(0xc0000201), key4(0xc0000202), 100);
	apply(&other, 2);
	cr_assert_eq(step()->delta.n_addresses, 2);
	bench_finish(&other);
}
