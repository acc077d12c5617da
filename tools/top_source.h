/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the moves come from: the ledger's cuts while a collector makes them often enough, else the
 * pinned maps as they are now. */
#ifndef IPACCT_TOOLS_TOP_SOURCE_H
#define IPACCT_TOOLS_TOP_SOURCE_H

#include "top.h"

enum top_source_state {
	TOP_FROM_CUTS = 0,
	TOP_FROM_MAPS,    /* live: nobody cuts, or not often enough, or --live */
	TOP_STANDS_STILL, /* nobody cuts and the maps cannot be read */
	TOP_UNREADABLE,
};

struct top_source {
	struct ipacct_reader *reader;
	struct ipacct_follow *follow;
	enum top_source_state state;
	bool always_live;
	uint64_t interval_ns;          /* of refreshes */
	uint64_t moved_ns;             /* CLOCK_MONOTONIC when a cut was last seen to come */
	struct ipacct_live *live;      /* while the maps are read */
	uint64_t live_cut;             /* of its last step */
	struct ipacct_problem problem; /* why it is unreadable or stands still */
};

/* Open and take the first reading. Returns 0, or the exit code after a message. */
int top_source_open(struct top_source *source, const struct top_settings *settings);
void top_source_close(struct top_source *source);

/* What came since the last step. Returns 1 with *ret_moves, 0 when nothing is new yet, or a negative
 * errno (state and problem say more; a later step may do better). */
int top_source_step(struct top_source *source, const struct ipacct_moves **ret_moves);

#endif
