/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protected prefixes in the collector's own memory: it asks for thousands of keys at once. */
#ifndef IPACCT_DAEMON_GUARD_INDEX_H
#define IPACCT_DAEMON_GUARD_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "guard.h"
#include "maps.h"

struct guard_range;

struct guard_index {
	struct guard_range *ranges; /* in order, none inside another */
	size_t n;
};

/* Take over a set, or what the map holds now. On failure (a negative errno) *index is as before. */
int guard_index_make(struct guard_index *index, const struct guard_set *set);
int guard_index_read(struct guard_index *index, int guard_fd);
void guard_index_finish(struct guard_index *index);

bool guard_index_holds(const struct guard_index *index, const struct ipacct_key *key);
/* Whether it holds a key of that prefix: a record that several share is protected for one of them. */
bool guard_index_meets(const struct guard_index *index, const struct ipacct_key *key,
		       uint8_t prefix_len);

/* The keys that an epoch at rest keeps in its hot tier: set or clear IPACCT_HOT_PROTECTED. */
void guard_index_apply(const struct guard_index *index, const struct ipacct_maps *maps,
		       uint32_t number);

#endif
