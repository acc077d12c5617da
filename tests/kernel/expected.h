/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all frames together must have been counted as: the ledger that the tests keep themselves. */
#ifndef IPACCT_TESTS_EXPECTED_H
#define IPACCT_TESTS_EXPECTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"
#include "outcome.h"

#define EXPECTED_TEXT_BYTES 256u

struct expected_address {
	bool used;
	uint8_t address[16];
	struct ipacct_counters counters;
};

struct expected {
	struct ipacct_totals totals;
	struct expected_address *addresses; /* hash table, open addressing */
	size_t n_addresses, n_slots;
};

/* Returns 0 or -ENOMEM. */
int expected_init(struct expected *expected);
void expected_finish(struct expected *expected);

/* One more frame of l2_bytes that ended so. Returns 0 or -ENOMEM. */
int expected_add(struct expected *expected, const struct outcome *outcome, size_t l2_bytes);
/* The counters of an address, all zero when it never came. */
struct ipacct_counters expected_address(const struct expected *expected, const uint8_t address[16]);

/* Hold a dump against it. Returns the number of differences; the first one as text.
 * exact: every address has its own record and there are no roll-ups. Otherwise no record counts
 * more than came, what the addresses of a prefix lack is in its roll-up, and the sums are equal. */
size_t expected_compare(const struct expected *expected, const struct machine_dump *dump,
			uint16_t domain, bool exact, char ret_text[EXPECTED_TEXT_BYTES]);

#endif
