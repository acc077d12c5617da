/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows to show: filtered, grouped, and the first of them by the sort key. */
#ifndef IPACCT_TOOLS_TOP_VIEW_H
#define IPACCT_TOOLS_TOP_VIEW_H

#include "top.h"
#include "top_group.h"
#include "top_rates.h"

struct top_row {
	struct ipacct_entry entry; /* of an address or roll-up: key, prefix_len, ledger_index */
	struct dump_label label;   /* of a group */
	struct top_sum sum;
	size_t n_members; /* addresses and roll-ups of a group, 1 of an address */
};

static inline bool top_row_rolled_up(const struct top_row *row)
{
	return ipacct_key_is_rollup(&row->entry.key, row->entry.prefix_len);
}

/* Keeps its memory from frame to frame; zeroed storage is an empty one. */
struct top_view {
	struct top_row *rows;
	size_t n_rows;
	size_t n_rows_room;
	size_t n_skipped;    /* rows above the first, after scrolling */
	size_t n_wanted;     /* rows that filters leave, shown or not */
	size_t n_all;        /* addresses and roll-ups that move */
	struct top_sum all;  /* Σ of those */
	struct top_sum left; /* Σ rows that are not shown: all − shown */
	uint64_t window_ns[TOP_WINDOWS];
	struct top_group_table groups;
	struct top_pick *picks;
	size_t n_picks_room;
};

/* Choose n rows after the first `skip` (fewer where there are fewer; skip is brought back to the last
 * page). Returns 0 or -ENOMEM. */
int top_view_make(struct top_view *view, const struct top_settings *settings,
		  const struct top_rates *rates, struct ipacct_geo *geo, size_t skip, size_t n);
void top_view_finish(struct top_view *view);

/* What the sort key compares: counts, of the window that is sorted by. */
uint64_t top_sort_value(const struct top_settings *settings, const struct top_sum *sum);

/* ---- The largest n of many, without sorting the others ---- */
struct top_pick {
	uint64_t value;
	uint32_t index;
};
/* Whether a comes before b; a total order. */
typedef bool top_before_fn(const void *context, const struct top_pick *a, const struct top_pick *b);
/* Offer one to a heap of at most n; *n_picks is its size. */
void top_pick_offer(struct top_pick *picks, size_t *n_picks, size_t n, struct top_pick pick,
		    top_before_fn *before, const void *context);
/* Put them in order. */
void top_pick_order(struct top_pick *picks, size_t n_picks, top_before_fn *before,
		    const void *context);

#endif
