/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a capture holds, from either side, in one form: sorted, hashed, compared. */
#ifndef IPACCT_TOOLS_REPLAY_RESULT_H
#define IPACCT_TOOLS_REPLAY_RESULT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ipacct/ipacct.h>

#include "capture.h"
#include "replay_witness.h"

struct result_row {
	struct ipacct_key key;
	uint8_t prefix_len; /* 128: an address; else a roll-up */
	struct ipacct_counters counters;
};

struct result {
	struct ipacct_totals totals; /* of all interfaces */
	struct result_row *rows;     /* IPv4 first, by address, then by prefix length and domain */
	size_t n_rows;
};

/* Both own what they return; it ends with result_finish(), which takes zeroed storage too.
 * Return 0 or -ENOMEM. */
int result_of_snapshot(const struct ipacct_snapshot *snapshot, struct result *ret_result);
int result_of_witness(const struct witness *witness, struct result *ret_result);
void result_finish(struct result *result);

/* The canonical text, newline-delimited JSON: one line of totals, then one for each row. It holds no
 * time and nothing else that two replays of one capture could differ in. */
void result_write(const struct result *result, FILE *file);

/* SHA-256 of that text in hexadecimal digits. Returns 0 or -ENOMEM. */
int result_hash(const struct result *result, char ret_text[CAPTURE_SHA256_TEXT_BYTES]);

#define RESULT_NAME_BYTES 64u

struct result_difference {
	char what[RESULT_NAME_BYTES]; /* "totals", or the address or prefix */
	char counter[RESULT_NAME_BYTES];
	uint64_t counted;  /* by the program */
	uint64_t expected; /* by the witness */
};

/* Compare every number. The first n_max differences are written; returns how many there are. */
uint64_t result_compare(const struct result *counted, const struct result *expected,
			struct result_difference *ret_differences, size_t n_max);

#endif
