/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger that is too small for all addresses: nothing is lost, the idle make room. */
#include "fold_model.h"

#include "ipacct/ipacct.h"

static struct bench bench;
static struct model model;
static struct ipacct_reader *reader;

static void begin(uint32_t n_addresses_max, uint64_t seed)
{
	bench_init_sized(&bench, n_addresses_max, MODEL_ROLLUPS);
	model_init(&model, &bench, seed);
	cr_assert_eq(ipacct_reader_open(bench.dir, "/nonexistent", &reader, NULL), 0);
}

static void end(void)
{
	ipacct_reader_close(reader);
	model_finish(&model);
	bench_finish(&bench);
}

static struct ipacct_snapshot *snapshot_now(void)
{
	struct ipacct_snapshot *snapshot;

	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	return snapshot;
}

static void protect(void)
{
	bench.publisher.fold.is_protected = model_protected;
	bench.publisher.fold.context = &model;
}

static void reopen(void)
{
	bench_close(&bench);
	bench_open(&bench);
	protect();
}

static void cut_checked(void)
{
	struct ipacct_snapshot *snapshot;

	apply(&bench, ++model.cut);
	snapshot = snapshot_now();
	model_check(&model, snapshot);
	ipacct_snapshot_destroy(snapshot);
}

/* As if the process had died just before the commit, and another one came. */
static void cut_twice_checked(void)
{
	apply(&bench, ++model.cut);
	bench.publisher.ledger.header->cut = model.cut - 1;
	reopen();
	model.cut--;
	cut_checked();
}

/* A crowd that wanders through the keys, sometimes larger than the ledger, sometimes silent. */
static void wander(uint32_t n_addresses_max, uint64_t seed, uint32_t n_cuts, bool protects)
{
	begin(n_addresses_max, seed);
	model.protects = protects;
	protect();
	for (uint32_t i = 0; i < n_cuts; i++) {
		uint32_t most = n_addresses_max + n_addresses_max / 4;

		model_traffic(&model, i / 3, 1 + model_random(&model, most),
			      model_random(&model, 4) ? model_random(&model, 2 * most) : 0);
		if (model_random(&model, 40) == 0)
			reopen();
		if (model_random(&model, 20) == 0)
			cut_twice_checked();
		else
			cut_checked();
	}
	cr_assert_gt(model.facts.folded_records, n_cuts / 10, "only %lu folded",
		     (unsigned long)model.facts.folded_records);
	cr_assert_gt(model.facts.unrecorded_keys, 0, "the ledger was large enough for all");
	end();
}

Test(fold, sums_and_records_are_exact_over_thousands_of_cuts, .timeout = 60)
{
	wander(40, 1, 1500, false);
	wander(100, 2, 1500, false);
	wander(200, 3, 1000, false);
}

Test(fold, protected_addresses_keep_their_records, .timeout = 60)
{
	wander(100, 4, 1000, true);
	wander(200, 5, 500, true);
}

/* The operator's list, and the places that it keeps: 192.0.0.0/16 is 80 of the model's keys. */
Test(fold, listed_addresses_are_not_folded_and_the_others_make_room)
{
	struct ipacct_guard_key key = { .prefixlen = 16 + 96 + 16,
					.address = { [10] = 0xff, 0xff, 192, 0 } };
	struct guard_index guard = {};
	uint32_t n_listed = 0;

	cr_assert_eq(guard_index_make(&guard, &(struct guard_set){ .keys = &key, .n = 1 }), 0);
	begin(200, 12);
	model.any_idle_may = true;
	bench.publisher.guard = &guard;
	for (uint32_t i = 0; i < 500; i++) {
		bool was[MODEL_KEYS];

		memcpy(was, model.present, sizeof(was));
		model_traffic(&model, i, 1 + model_random(&model, 60), model_random(&model, 80));
		cut_checked();
		for (uint32_t k = 0; k < MODEL_KEYS; k++) {
			struct ipacct_key of = model_key(k);

			if (was[k] && guard_index_holds(&guard, &of))
				cr_assert(model.present[k], "key %u is listed", k);
		}
	}
	for (uint32_t k = 0; k < MODEL_KEYS; k++) {
		struct ipacct_key of = model_key(k);

		n_listed += model.present[k] && guard_index_holds(&guard, &of);
	}
	cr_assert_gt(n_listed, 50, "only %u of the list", n_listed);
	cr_assert_gt(model.facts.folded_records, 150, "only %lu folded",
		     (unsigned long)model.facts.folded_records);
	guard_index_finish(&guard);
	end();
}

Test(fold, ledger_of_one_record_and_of_none_idle)
{
	begin(1, 6);
	for (int i = 0; i < 50; i++) {
		model_traffic(&model, i % 3, 1 + i % 2, 5);
		cut_checked();
	}
	end();
	begin(20, 7);
	for (int i = 0; i < 20; i++) { /* everybody moves in every cut: nobody can go */
		epoch_begin(&bench);
		for (uint32_t key = 0; key < 30; key++)
			model_packet(&model, key, (key + 1) % 30);
		cut_checked();
	}
	cr_assert_eq(model.facts.folded_records, 0);
	cr_assert_eq(model.facts.unrecorded_keys, 20 * 10);
	end();
}

/* With a 64th kept free, a trickle of new keys never waits for a record. */
Test(fold, few_new_keys_a_cut_all_get_records)
{
	begin(192, 8);
	for (uint32_t i = 0; i < 1000; i++) {
		epoch_begin(&bench);
		model_packet(&model, 3 * i % MODEL_KEYS, (3 * i + 1) % MODEL_KEYS);
		model_packet(&model, (3 * i + 2) % MODEL_KEYS, 3 * i % MODEL_KEYS);
		cut_checked();
	}
	cr_assert_gt(model.facts.folded_records, 1000);
	cr_assert_eq(model.facts.unrecorded_keys, 0);
	cr_assert_leq(bench.publisher.ledger.header->n_addresses, 192);
	end();
}

Test(fold, whoever_came_twice_is_served_first)
{
	begin(4, 9);
	epoch_begin(&bench);
	for (uint32_t i = 10; i < 20; i++)
		model_packet(&model, 1, i); /* one packet each for ten, and ten of key 1 */
	model_packet(&model, 2, 3);
	model_packet(&model, 3, 2);
	cut_checked();
	for (uint32_t i = 1; i <= 3; i++)
		cr_assert(model.present[i], "key %u has no record", i);
	end();
}

Test(fold, larger_ledger_with_uncommitted_marks_gives_everything_back)
{
	uint32_t n_rollups = MODEL_ROLLUPS, n_addresses = 300;

	begin(64, 10);
	for (int i = 0; i < 100; i++) {
		model_traffic(&model, 2 * (uint32_t)i, 60, 60);
		cut_checked();
	}
	cr_assert_gt(model.facts.folded_records, 0);
	model_traffic(&model, 220, 40, 60);
	apply(&bench, model.cut + 1);
	cr_assert_eq(bench.publisher.ledger.header->fold_cut, model.cut + 1);
	bench.publisher.ledger.header->cut = model.cut; /* died before the commit */
	cr_assert_eq(ledger_file_prepare(bench.dir_fd, getuid(), getgid(), &n_rollups, &n_addresses,
					 NULL),
		     0);
	reopen();
	cr_assert_eq(bench.publisher.ledger.n_addresses_max, 300);
	cr_assert_leq(bench.publisher.ledger.header->fold_cut, model.cut);
	for (int i = 0; i < 100; i++) {
		cut_checked();
		model_traffic(&model, 2 * (uint32_t)i, 60, 60);
	}
	end();
}

/* Another instance's cuts get the same numbers: its marks must not be taken for decisions. */
Test(fold, forgotten_marks_are_no_decision)
{
	begin(64, 11);
	for (int i = 0; i < 60; i++) {
		model_traffic(&model, 2 * (uint32_t)i, 60, 60);
		cut_checked();
	}
	model_traffic(&model, 150, 60, 90);
	apply(&bench, model.cut + 1);
	bench.publisher.ledger.header->cut = model.cut;
	reopen();
	cr_assert_gt(bench.publisher.fold.n_marked, 0, "nothing was folded");
	publisher_forget_uncommitted(&bench.publisher);
	cr_assert_eq(bench.publisher.fold.n_marked, 0);
	for (int i = 0; i < 60; i++) { /* the same cut, other traffic */
		if (i)
			model_traffic(&model, 300 - 2 * (uint32_t)i, 60, 60);
		cut_checked();
	}
	end();
}
