/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stage with the smallest hot tier, on CPU 0, and where its keys are. */
#ifndef IPACCT_TESTS_HOT_STAGE_H
#define IPACCT_TESTS_HOT_STAGE_H

#include "stage.h"

#define HOT_SETS 64u /* of each family: the fewest there are */

void hot_stage_open(struct stage *stage, uint32_t lru_entries);

/* Addresses: an IPv4 address, or the low 64 bits of one in 2001:db8::/64. */
void hot_stage_send(const struct stage *stage, bool ipv6, uint64_t from, uint64_t to);
struct ipacct_key hot_stage_key(bool ipv6, uint64_t low);

/* What one address has in the ledger. */
struct ipacct_counters hot_stage_counters(const struct stage *stage, struct ipacct_key key);

/* The numbers of the lines where a key is at home and where it is away, in a table of n_sets. */
void hot_stage_lines(const struct ipacct_key *key, bool ipv6, uint64_t seed, uint32_t n_sets,
		     uint32_t ret_lines[2]);

/* The sets of an address in the stage's table. */
void hot_stage_sets(const struct stage *stage, bool ipv6, uint64_t low, uint32_t ret_sets[2]);

#endif
