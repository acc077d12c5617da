/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rates of what moves: counts of the last 2, 10 and 40 seconds of each address and roll-up.
 *
 * Exact: a window is the difference between what a row has counted now and what it had when the
 * window's oldest checkpoint was made, over the time in between. Only what moved within the longest
 * window has a slot (about 420 octets); slots are dense, their order means nothing. */
#ifndef IPACCT_TOOLS_TOP_RATES_H
#define IPACCT_TOOLS_TOP_RATES_H

#include "top.h"

struct top_rates;

/* What a row counted. */
struct top_sum {
	struct ipacct_counters window[TOP_WINDOWS];
	struct ipacct_counters total; /* since its record began */
};

/* Returns 0 or -ENOMEM. */
int top_rates_create(struct top_rates **ret_rates);
void top_rates_destroy(struct top_rates *rates);

/* Forget all rows and windows. */
void top_rates_reset(struct top_rates *rates);

/* Add what came in moves->covered_ns. Returns 0 or -ENOMEM. */
int top_rates_step(struct top_rates *rates, const struct ipacct_moves *moves);

/* The time that a window covers now: 0 before the first step. */
uint64_t top_rates_window_ns(const struct top_rates *rates, unsigned int window);

size_t top_rates_n(const struct top_rates *rates);
/* What slot `at` is: key, prefix_len and ledger_index of an entry; counters: all that it ever had. */
void top_rates_entry(const struct top_rates *rates, size_t at, struct ipacct_entry *ret_entry);
void top_rates_sum(const struct top_rates *rates, size_t at, struct top_sum *ret_sum);
/* Changes whenever slots may have moved: what was remembered of slots is void then. */
uint64_t top_rates_generation(const struct top_rates *rates);

/* What a window's counts are in a second. */
double top_per_second(uint64_t count, uint64_t window_ns);

#endif
