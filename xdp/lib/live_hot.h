/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hot lines: as they were read last, and what their keys have more now. */
#ifndef IPACCT_LIB_LIVE_HOT_H
#define IPACCT_LIB_LIVE_HOT_H

#include <stdbool.h>
#include <stdint.h>

#include "maps.h"

struct live_tiers;

/* Lines of one family of a partition and epoch. Zeroed storage has none yet. */
struct live_lines {
	char *was;         /* as they were read last; lines that were not believed are zero */
	uint32_t *numbers; /* in the book; of a line that shows counts */
	uint64_t *words;   /* of the bitmap: sets that hold a key */
	uint32_t *fresh;   /* lines that showed nothing, or another key */
	uint32_t n_fresh;
};

/* Accepts zeroed ones, and leaves such. */
void live_lines_finish(struct live_lines *lines);

/* What was read before counts as new. */
void live_lines_forget(struct live_lines *lines, const struct ipacct_meta *meta, bool ipv6);

/* Whether lines with counts changed hands between two states of a partition. */
bool live_handed_over(const struct ipacct_part *before, const struct ipacct_part *after);

/* Line `i` shows nothing: its key was displaced, its counts are in the LRU tier. */
void live_line_doubt(struct live_tiers *tiers, struct live_lines *lines, uint32_t i, bool ipv6);

/* Read the lines of partition and epoch `index`, whose state before that is in its `before`; what their
 * keys have goes to the book. */
int live_hot_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index);

#endif
