// SPDX-License-Identifier: GPL-2.0-or-later
/* Cuts or maps, and the way from one to the other without losing what came in between. */
#include "top_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define STILL_NS   (3 * NS_PER_S) /* no cut for so long, at least, means that nobody cuts */
#define STILL_CUTS 3u             /* as /healthz: three intervals */

static void cleanup_snapshot(struct ipacct_snapshot **snapshot)
{
	ipacct_snapshot_destroy(*snapshot);
}

static void live_forget(struct top_source *source)
{
	ipacct_snapshot_destroy(source->last);
	ipacct_snapshot_destroy(source->delta);
	source->last = source->delta = NULL;
}

/* Entry i of delta is somewhere in now, and they are in the same order. */
static void totals_find(const struct ipacct_entry *delta, size_t n_delta,
			const struct ipacct_entry *now, size_t n_now,
			struct ipacct_counters *ret_totals)
{
	size_t at = 0;

	for (size_t i = 0; i < n_delta; i++) {
		while (at < n_now && (now[at].prefix_len != delta[i].prefix_len ||
				      memcmp(&now[at].key, &delta[i].key, sizeof(now[at].key))))
			at++;
		if (at < n_now)
			ret_totals[i] = now[at].counters;
	}
}

static int live_moves(struct top_source *source, const struct ipacct_snapshot *now)
{
	struct ipacct_snapshot *delta = source->delta;
	size_t n = delta->n_addresses + delta->n_rollups;
	struct ipacct_counters *totals = source->totals;

	if (n > source->n_totals_room) {
		totals = reallocarray(totals, n + n / 2, sizeof(*totals));
		if (!totals)
			return -ENOMEM;
		source->totals = totals;
		source->n_totals_room = n + n / 2;
	}
	totals_find(delta->addresses, delta->n_addresses, now->addresses, now->n_addresses, totals);
	totals_find(delta->rollups, delta->n_rollups, now->rollups, now->n_rollups,
		    totals + delta->n_addresses);
	source->live = (struct ipacct_moves){
		.delta = *delta,
		.covered_ns = now->read_time_ns - source->last->read_time_ns,
		.n_addresses = now->n_addresses,
		.address_totals = totals,
		.rollup_totals = totals + delta->n_addresses,
		.interfaces = now->interfaces,
	};
	/* the first live reading goes on from the last cut */
	if (!source->last->live)
		source->live.covered_ns = now->read_time_ns - source->last->cut_time_ns;
	return 0;
}

static int live_step(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	struct ipacct_snapshot *now __cleanup(cleanup_snapshot) = NULL;
	int r = ipacct_snapshot_read(source->reader, IPACCT_SNAPSHOT_LIVE, &now, &source->problem);

	if (r < 0)
		return r;
	if (!source->last) {
		source->last = take_ptr(now);
		return 0;
	}
	if (now->read_time_ns <= source->last->read_time_ns || /* the clock was set back */
	    (!source->last->live && now->read_time_ns <= source->last->cut_time_ns))
		r = -ESTALE;
	ipacct_snapshot_destroy(source->delta);
	source->delta = NULL;
	if (r == 0)
		r = ipacct_snapshot_delta(now, source->last, &source->delta);
	if (r == 0)
		r = live_moves(source, now);
	if (r == 0 || r == -ESTALE) {
		ipacct_snapshot_destroy(source->last);
		source->last = take_ptr(now);
	}
	if (r < 0)
		return r == -ESTALE ? 0 : r; /* the counters began anew: the next step tells */
	*ret_moves = &source->live;
	return 1;
}

/* Nobody cuts any more: go on with the maps from the last cut on, when they can be read. */
static int live_begin(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	int r;

	live_forget(source);
	r = ipacct_snapshot_read(source->reader, 0, &source->last, &source->problem);
	if (r == 0 && source->last->cut == 0)
		live_forget(source); /* no time to count from */
	if (r == 0)
		r = live_step(source, ret_moves);
	if (r < 0) {
		live_forget(source);
		return r;
	}
	source->state = TOP_FROM_MAPS;
	return r;
}

static bool cuts_too_rare(const struct top_source *source, const struct ipacct_snapshot *head)
{
	uint64_t still_ns = STILL_CUTS * head->interval_ns;

	if (head->interval_ns == 0 || head->interval_ns > 2 * source->interval_ns)
		return true;
	return tool_monotonic_ns() - source->moved_ns > (still_ns > STILL_NS ? still_ns : STILL_NS);
}

static int cut_step(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	const struct ipacct_moves *moves = NULL;
	int r = ipacct_follow_step(source->follow, &moves, &source->problem);

	if (r < 0)
		return r;
	if (moves->covered_ns) {
		source->moved_ns = tool_monotonic_ns();
		source->state = TOP_FROM_CUTS;
		*ret_moves = moves;
		return 1;
	}
	if (!cuts_too_rare(source, &moves->delta))
		return 0;
	r = live_begin(source, ret_moves);
	if (r < 0) {
		source->state = TOP_STANDS_STILL;
		return 0;
	}
	return r;
}

/* A collector that cuts often enough is there again. */
static bool cuts_are_back(struct top_source *source)
{
	const struct ipacct_moves *moves = NULL;

	if (source->always_live || ipacct_reader_cut(source->reader) == source->last->cut)
		return false;
	source->last->cut = ipacct_reader_cut(source->reader); /* ask once for each cut */
	if (ipacct_follow_step(source->follow, &moves, NULL) < 0)
		return false;
	source->moved_ns = tool_monotonic_ns();
	return !cuts_too_rare(source, &moves->delta);
}

int top_source_step(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	enum top_source_state before = source->state;
	int r;

	if (before == TOP_FROM_MAPS && source->last && cuts_are_back(source)) {
		/* what came between the last reading and this cut is in neither: one part of an
		 * interval without a rate */
		live_forget(source);
		source->state = TOP_FROM_CUTS;
		return 0;
	}
	if (source->always_live || before == TOP_FROM_MAPS)
		r = live_step(source, ret_moves);
	else
		r = cut_step(source, ret_moves);
	if (r < 0) {
		if (source->problem.text[0] == '\0')
			(void)snprintf(source->problem.text, sizeof(source->problem.text), "%s",
				       strerror(-r));
		live_forget(source);
		source->state = TOP_UNREADABLE;
	} else if (source->state == TOP_UNREADABLE) {
		source->state = source->always_live ? TOP_FROM_MAPS : TOP_FROM_CUTS;
	}
	return r;
}

int top_source_open(struct top_source *source, const struct top_settings *settings)
{
	const struct tool_paths *paths = &settings->dump.paths;
	const struct ipacct_moves *moves = NULL;
	int r;

	*source = (struct top_source){ .always_live = settings->dump.live,
				       .interval_ns = settings->interval_ns,
				       .moved_ns = tool_monotonic_ns() };
	r = ipacct_reader_open(paths->runtime_dir, paths->bpffs_dir, &source->reader,
			       &source->problem);
	if (r == 0)
		r = ipacct_follow_open(source->reader, &source->follow);
	if (r == 0)
		r = top_source_step(source, &moves);
	if (r < 0) {
		r = tool_explain(r, &source->problem, paths);
		top_source_close(source);
		return r;
	}
	if (source->always_live)
		source->state = TOP_FROM_MAPS;
	return 0;
}

void top_source_close(struct top_source *source)
{
	live_forget(source);
	free(source->totals);
	ipacct_follow_close(source->follow);
	ipacct_reader_close(source->reader);
	*source = (struct top_source){ 0 };
}
