/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tiers that list their keys: what each key had when it was read last, and what it has more now. */
#ifndef IPACCT_LIB_LIVE_LISTS_H
#define IPACCT_LIB_LIVE_LISTS_H

#include "live_book.h"
#include "maps.h"

struct live_tiers;

/* A tier as it was read last. */
struct live_list {
	struct ipacct_table was;
	uint32_t *numbers; /* in the book, by entry */
	uint32_t n_room;
};

void live_list_finish(struct live_list *list);

/* What was read before counts as new. */
void live_list_forget(struct live_list *list, uint64_t seed);

/* Entry `at` of the list has so much more than before. */
static inline void live_list_add(struct live_list *list, uint32_t at,
				 const struct ipacct_counters *more, struct live_book *book)
{
	uint32_t number = list->numbers[at];

	if (!ipacct_counters_moved(more))
		return;
	ipacct_counters_add(&list->was.entries[at].counters, more);
	ipacct_counters_add(live_book_has(book, number), more);
	live_book_touch(book, number);
}

/* Read the LRU records of partition and epoch `index`.
 * state:  read before: every insert is told in its lru_inserts first, and nothing is ever evicted.
 * more:   NULL: what is more than before goes to the book. Else it is put there, for the second look. */
int live_lru_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		  const struct ipacct_part *state, struct ipacct_table *more);

/* Read the roll-ups of all epochs that are pending. */
int live_rollups_read(struct live_tiers *tiers, const struct ipacct_maps *maps,
		      const bool pending[IPACCT_EPOCHS]);

#endif
