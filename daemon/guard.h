/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes in the map that the program asks: a list is applied as its difference. */
#ifndef IPACCT_DAEMON_GUARD_H
#define IPACCT_DAEMON_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "maps.h"

/* Entries of the trie: each prefix once for every domain that it is protected in. */
struct guard_set {
	struct ipacct_guard_key *keys; /* in order, each once */
	size_t n;
	size_t n_prefixes; /* different ones as they were configured */
};

/* Every prefix in each of the domains, or in the one that it names. Sorts the prefixes.
 * Returns 0, -ENOMEM, or -E2BIG with the arithmetic in ret_problem. */
int guard_set_make(struct config_prefix *prefixes, size_t n, const uint16_t *domains,
		   size_t n_domains, struct guard_set *ret_set, struct ipacct_problem *ret_problem);
/* What the map holds now (n_prefixes is 0: nobody knows how they were written). */
int guard_set_read(int guard_fd, struct guard_set *ret_set);
void guard_set_finish(struct guard_set *set);
bool guard_set_equal(const struct guard_set *a, const struct guard_set *b);

/* Put what is in `wanted` and not in `have` into the maps; after an error nothing was added. */
int guard_add(const struct ipacct_maps *maps, const struct guard_set *have,
	      const struct guard_set *wanted, struct ipacct_problem *ret_problem);
/* Take what is in `have` and not in `wanted` out of the maps; after an error some of it is left,
 * which protects too much and not too little. */
int guard_remove(const struct ipacct_maps *maps, const struct guard_set *have,
		 const struct guard_set *wanted, struct ipacct_problem *ret_problem);

/* Is there any prefix? */
bool guard_any(int guard_fd);

#endif
