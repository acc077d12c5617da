// SPDX-License-Identifier: GPL-2.0-or-later
/* One machine and the ledger beside it. */
#include "harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#define SLOW_ROWS 16u /* comparing takes longer than all that is compared */

const struct machine_setup harness_setups[HARNESS_SETUPS] = {
	{ .lru_entries = 4096, .lru_budget = 4096 - 128 },
	{ .slot = IPACCT_IFS_MAX - 1,
	  .domain = 7,
	  .domain_slot = 3,
	  .epoch = 1,
	  .shared = true,
	  .lru_entries = 4096,
	  .lru_budget = 4096 - 128 },
	{ .slot = IPACCT_IFS_MAX - 1,
	  .domain = 7,
	  .domain_slot = 3,
	  .epoch = 1,
	  .plain = IPACCT_PLAIN_BY_CPU,
	  .hot_sets = 64,
	  .lru_entries = 4096,
	  .lru_budget = 4096 - 128 },
	{ .inner = true, .hot_sets = 64, .lru_entries = 4096, .lru_budget = 4096 - 128 },
	{ .plain = IPACCT_PLAIN_BY_TABLE,
	  .hot_sets = 64,
	  .lru_entries = 4096,
	  .lru_budget = 4096 - 128 },
};

void harness_reference(const struct harness *harness, const uint8_t *frame, size_t n_bytes,
		       struct outcome *ret_outcome)
{
	(harness->machine.setup.inner ? reference_account_inner : reference_account)(frame, n_bytes,
										     ret_outcome);
}

bool harness_start(struct harness *harness, const struct machine_setup *setup)
{
	int ret;

	if (geteuid() != 0)
		cr_skip_test("loading a BPF program needs root");
	*harness = (struct harness){ 0 };
	ret = expected_init(&harness->expected);
	if (!ret)
		ret = machine_start(&harness->machine, setup);
	cr_expect(ret == 0, "the program does not load: %s", strerror(-ret));
	return ret == 0;
}

void harness_finish(struct harness *harness)
{
	machine_finish(&harness->machine);
	expected_finish(&harness->expected);
}

static bool fail(struct harness *harness, const char *name, const char *variant, size_t n_bytes,
		 size_t linear_bytes, const char *what)
{
	if (harness->n_failures++ < HARNESS_FAILURES_MAX)
		cr_expect(false, "%s, %s, %zu bytes (%zu linear): %s", name, variant, n_bytes,
			  linear_bytes, what);
	return false;
}

/* The first 64-bit word of the totals that differs, by its number: abi.h says which field it is. */
static void totals_difference(const struct ipacct_totals *got, const struct ipacct_totals *want,
			      char *text, size_t text_bytes)
{
	const uint64_t *a = (const uint64_t *)got, *b = (const uint64_t *)want;
	size_t i = 0;

	while (i + 1 < sizeof(*got) / sizeof(*a) && a[i] == b[i])
		i++;
	(void)snprintf(text, text_bytes,
		       "ipacct_totals, word %zu (offset %zu): %llu, expected %llu", i, 8 * i,
		       (unsigned long long)a[i], (unsigned long long)b[i]);
}

static bool record_is(struct harness *harness, const uint8_t address[16])
{
	struct ipacct_counters want = expected_address(&harness->expected, address), got;

	return !machine_record(&harness->machine, address, &got) &&
	       !memcmp(&got, &want, sizeof(got));
}

bool harness_frame(struct harness *harness, const char *name, const char *variant,
		   const uint8_t *frame, size_t n_bytes, size_t linear_bytes,
		   const struct outcome *outcome)
{
	struct ipacct_totals totals;
	char text[128];
	int ret = machine_run(&harness->machine, frame, n_bytes, linear_bytes);

	harness->n_frames++;
	if (ret != XDP_PASS) {
		(void)snprintf(text, sizeof(text), "%s (%d)",
			       ret == -EIO ? "the frame was changed" : "not XDP_PASS", ret);
		return fail(harness, name, variant, n_bytes, linear_bytes, text);
	}
	if (expected_add(&harness->expected, outcome, n_bytes) ||
	    machine_totals(&harness->machine, &totals))
		return fail(harness, name, variant, n_bytes, linear_bytes, "no totals");
	if (memcmp(&totals, &harness->expected.totals, sizeof(totals))) {
		totals_difference(&totals, &harness->expected.totals, text, sizeof(text));
		harness->expected.totals = totals; /* one failure must not make all later ones */
		return fail(harness, name, variant, n_bytes, linear_bytes, text);
	}
	if (outcome->ignored != OUTCOME_ACCOUNTED)
		return true;
	if (!record_is(harness, outcome->source))
		return fail(harness, name, variant, n_bytes, linear_bytes, "record of the source");
	if (!record_is(harness, outcome->destination))
		return fail(harness, name, variant, n_bytes, linear_bytes,
			    "record of the destination");
	return true;
}

bool harness_check(struct harness *harness, const char *name, bool exact)
{
	char text[EXPECTED_TEXT_BYTES];
	struct machine_dump dump = { 0 };
	size_t n = 1;
	int ret = machine_dump(&harness->machine, &dump);

	if (ret)
		(void)snprintf(text, sizeof(text), "reading the maps: %s", strerror(-ret));
	else
		n = expected_compare(&harness->expected, &dump, harness->machine.setup.domain,
				     exact, text);
	machine_dump_finish(&dump);
	if (n && harness->n_failures++ < HARNESS_FAILURES_MAX)
		cr_expect(false, "%s: %zu differences, the first: %s", name, n, text);
	return n == 0;
}

unsigned int harness_slow(void)
{
	const char *text = getenv("IPACCT_TEST_SLOW");
	int slow = text ? atoi(text) : 1;

	return slow > 1 ? (unsigned int)slow : 1;
}

bool harness_is_due(size_t row)
{
	return harness_slow() == 1 || row % SLOW_ROWS == SLOW_ROWS - 1;
}

void harness_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("# ");
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
	fflush(stdout); /* Criterion's workers end without it */
}
