/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One machine and the ledger beside it: run a frame, and all that it moved must be as expected. */
#ifndef IPACCT_TESTS_HARNESS_H
#define IPACCT_TESTS_HARNESS_H

#include "expected.h"
#include "machine.h"
#include "outcome.h"

#define HARNESS_FAILURES_MAX 20u /* reported; a broken parser has thousands */

struct harness {
	struct machine machine;
	struct expected expected;
	size_t n_frames;
	size_t n_failures;
};

/* The setups that the table runs under: CPU's own partition, epoch 0, everything default; and the
 * shared partition, epoch 1, with an interface slot and a domain of its own; and a hot tier so small
 * that lines are displaced all the time, in the same slot and domain; and such a tier with
 * `account: inner`. */
#define HARNESS_SETUPS 5u
extern const struct machine_setup harness_setups[HARNESS_SETUPS];

/* Skips the test when not root. Fails it (and returns false) when the program cannot be loaded. */
bool harness_start(struct harness *harness, const struct machine_setup *setup);
void harness_finish(struct harness *harness);

/* What the second implementation says, with the setup's choice of addresses. */
void harness_reference(const struct harness *harness, const uint8_t *frame, size_t n_bytes,
		       struct outcome *ret_outcome);

/* Run one frame and compare the verdict, the bytes, all totals of the slot and the records of both
 * addresses. name, variant: for the message of a failure. Returns whether all was right. */
bool harness_frame(struct harness *harness, const char *name, const char *variant,
		   const uint8_t *frame, size_t n_bytes, size_t linear_bytes,
		   const struct outcome *outcome);

/* Compare all that all maps hold. exact: as expected_compare(). */
bool harness_check(struct harness *harness, const char *name, bool exact);

/* How many times slower than a real machine this one is: IPACCT_TEST_SLOW, 1 when unset. The guests
 * of tests/vm set it: their suites then take fewer random frames, but every row and every rule. */
unsigned int harness_slow(void);

/* Whether to compare after this row of a table: after each, on a slow machine after some. */
bool harness_is_due(size_t row);

/* A figure for a person; Criterion shows it unless --tap is given. */
void harness_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
