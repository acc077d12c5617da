// SPDX-License-Identifier: GPL-2.0-or-later
/* Cuts or maps, and the way from one to the other without losing what came in between. */
#include "top_source.h"

#include <stdio.h>
#include <string.h>

#define STILL_NS   (3 * NS_PER_S) /* no cut for so long, at least, means that nobody cuts */
#define STILL_CUTS 3u             /* as /healthz: three intervals */

static void live_forget(struct top_source *source)
{
	ipacct_live_close(source->live);
	source->live = NULL;
}

static int live_step(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	const struct ipacct_moves *moves = NULL;
	int r = source->live ? 0 : ipacct_live_open(source->reader, &source->live);

	if (r == 0)
		r = ipacct_live_step(source->live, &moves, &source->problem);
	if (r < 0)
		return r;
	source->live_cut = moves->delta.cut;
	if (moves->covered_ns == 0) /* nothing to count from, or the clock was set back */
		return 0;
	*ret_moves = moves;
	return 1;
}

/* Nobody cuts any more: go on with the maps from the last cut on, when they can be read. */
static int live_begin(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	int r;

	live_forget(source);
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

	uint64_t cut = ipacct_reader_cut(source->reader);

	if (source->always_live || cut == source->live_cut)
		return false;
	source->live_cut = cut; /* ask once for each cut */
	if (ipacct_follow_step(source->follow, &moves, NULL) < 0)
		return false;
	source->moved_ns = tool_monotonic_ns();
	return !cuts_too_rare(source, &moves->delta);
}

int top_source_step(struct top_source *source, const struct ipacct_moves **ret_moves)
{
	enum top_source_state before = source->state;
	int r;

	if (before == TOP_FROM_MAPS && source->live && cuts_are_back(source)) {
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
	ipacct_follow_close(source->follow);
	ipacct_reader_close(source->reader);
	*source = (struct top_source){ 0 };
}
