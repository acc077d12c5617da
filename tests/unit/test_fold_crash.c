/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that die in the middle of a cut that folds: the next one makes it what it was to be. */
#include "dying.h"
#include "fold_model.h"
#include "ipacct/ipacct.h"

static struct bench bench;
static struct model model;
static struct ipacct_reader *reader;
static uint32_t salt; /* of the guard list of this process */

static const char *const steps[] = {
#define NAME(step) #step,
	CRASH_STEPS(NAME)
#undef NAME
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* Steps that applying does not pass: those of cut.c and clear.c. */
static bool step_is_elsewhere(const char *step)
{
	static const char *const elsewhere[] = {
		"begin",      "numbered",   "switched",  "grace",     "read",         "clearing",
		"lru_clear",  "roll_clear", "hot_clear", "door",      "totals_clear", "cleared",
		"taken_back", "series",     "group",     "mask_open", "masked"
	};

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (!strcmp(step, elsewhere[i]))
			return true;
	return false;
}

/* Every process protects other keys, so none would choose what another has chosen. */
static bool protected_by_whim(const void *context, const struct ipacct_key *key, uint8_t prefix_len)
{
	(void)context;
	(void)prefix_len;
	return (model_number(key) * 2654435761u ^ salt) >> 16 & 3; /* most: some cuts fold none */
}

static void next_process(void)
{
	bench_close(&bench);
	bench_open(&bench);
	salt = model_random(&model, UINT32_MAX);
	bench.publisher.fold.is_protected = protected_by_whim;
}

/* The same epoch, read in another order. */
static void epoch_turn_round(void)
{
	struct ipacct_table *table = &bench.epoch.addresses, turned = { .seed = salt };

	for (uint32_t i = table->n_entries; i-- > 0;)
		cr_assert_eq(ipacct_table_add(&turned, &table->entries[i].key, 128,
					      &table->entries[i].counters),
			     0);
	ipacct_table_finish(table);
	*table = turned;
}

static int apply_next(void)
{
	struct ipacct_ledger_cut facts = { .cut = model.cut + 1,
					   .cut_time_ns = 1000000000u * (model.cut + 1) };

	return publisher_apply(&bench.publisher, &bench.epoch, facts);
}

static void cut_with_deaths(uint64_t *n_deaths)
{
	struct ipacct_snapshot *snapshot;
	uint32_t n_processes = model_random(&model, 4);

	for (uint32_t i = 0; i < n_processes; i++) {
		uint32_t step = model_random(&model, N_STEPS);

		while (step_is_elsewhere(steps[step]))
			step = model_random(&model, N_STEPS);
		if (publisher_cut(&bench.publisher) > model.cut)
			continue;
		n_deaths[step] +=
			dies_at(steps[step], 1 + model_random(&model, i % 2 ? 40 : 2), apply_next);
		next_process();
		epoch_turn_round();
	}
	if (publisher_cut(&bench.publisher) == model.cut)
		apply(&bench, model.cut + 1);
	model.cut++;
	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	model_check(&model, snapshot);
	ipacct_snapshot_destroy(snapshot);
}

Test(fold_crash, deaths_at_any_step_change_nothing, .timeout = 100)
{
	uint64_t n_deaths[N_STEPS] = {};

	bench_init_sized(&bench, 100, MODEL_ROLLUPS);
	model_init(&model, &bench, 20261121);
	model.any_idle_may = true;
	next_process();
	cr_assert_eq(ipacct_reader_open(bench.dir, "/nonexistent", &reader, NULL), 0);
	for (uint32_t i = 0; i < 500; i++) {
		model_traffic(&model, i / 2, 1 + model_random(&model, 120),
			      model_random(&model, 150));
		cut_with_deaths(n_deaths);
	}
	cr_assert_gt(model.facts.folded_records, 150);
	for (uint32_t step = 0; step < N_STEPS; step++)
		cr_assert(n_deaths[step] || step_is_elsewhere(steps[step]), "nobody died at %s",
			  steps[step]);
	ipacct_reader_close(reader);
	model_finish(&model);
	bench_finish(&bench);
}
