// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump -w: take a snapshot each interval and print what it counted beyond the last one. */
#include "dump.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "common_events.h"
#include "common_output.h"

#define HEAD_LINES 6u /* of a screen: where, interface heading, blank, heading, blank, conserved */
#define SUM_LINES  3u /* not listed, roll-ups, total */

struct watch {
	const struct dump_settings *settings;
	struct ipacct_reader *reader;
	struct ipacct_geo *geo; /* NULL = not asked for */
	bool geo_failed;        /* said so; the answers of before stay */
	bool live;
	struct ipacct_snapshot *last;
	uint64_t last_ns; /* CLOCK_MONOTONIC when `last` had been read */
	struct tool_events events;
};

static void cleanup_snapshot(struct ipacct_snapshot **snapshot)
{
	ipacct_snapshot_destroy(*snapshot);
}

/* Live where the pins can be read, else from cut to cut; --live insists. */
static int read_first(struct watch *watch)
{
	struct ipacct_problem problem = { "" };
	int r;

	if (watch->settings->live)
		return dump_read(watch->settings, watch->reader, true, &watch->last);
	r = ipacct_snapshot_read(watch->reader, dump_snapshot_flags(watch->settings, true),
				 &watch->last, &problem);
	watch->live = r == 0;
	if (r == 0)
		return 0;
	return dump_read(watch->settings, watch->reader, false, &watch->last);
}

/* The time that a delta covers: between the readings when live, else between the cuts, which is
 * exact whatever the phase of reading and cutting. 0: no cut came in between. */
static uint64_t covered_ns(const struct watch *watch, const struct ipacct_snapshot *now,
			   uint64_t now_ns)
{
	const struct ipacct_snapshot *last = watch->last;

	if (now->live && last->live)
		return now_ns - watch->last_ns;
	if (now->cut == last->cut)
		return 0;
	if (last->cut && now->cut_time_ns > last->cut_time_ns)
		return now->cut_time_ns - last->cut_time_ns;
	return now_ns - watch->last_ns; /* the first cut, or the clock was set back */
}

/* On a terminal the rows that fit; the others are summed up in their own line. */
static struct dump_settings fit_screen(const struct dump_settings *settings,
				       const struct ipacct_snapshot *snapshot)
{
	struct dump_settings fitted = *settings;
	size_t height = settings->format == DUMP_TABLE ? text_height() : 0;
	size_t fixed = HEAD_LINES + SUM_LINES + snapshot->n_interfaces + 1;

	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		fixed += snapshot->interfaces[i].interface.mode == IPACCT_MODE_GENERIC;
	if (height && !settings->totals) {
		size_t rows = height > fixed ? height - fixed : 1;

		if (!settings->top || settings->top > rows)
			fitted.top = rows;
	}
	return fitted;
}

static int print_interval(const struct watch *watch, const struct ipacct_snapshot *delta,
			  const struct ipacct_snapshot *now, uint64_t interval_ns)
{
	struct dump_settings settings = fit_screen(watch->settings, now);
	bool screen = settings.format == DUMP_TABLE && isatty(STDOUT_FILENO);
	struct dump_view view;
	int r;

	r = dump_view_init(&settings, delta, now, interval_ns, watch->geo, &view);
	if (r < 0)
		return r;
	if (screen)
		fputs("\033[H\033[2J", stdout); /* ECMA-48 CUP, ED: home, clear */
	r = dump_print(&settings, &view);
	if (settings.format == DUMP_TABLE && !screen)
		putchar('\n');
	dump_view_finish(&view);
	(void)fflush(stdout); /* an error stays in the stream for tool_output_failed() */
	return r;
}

/* Once for each snapshot, after it. */
static void refresh_geo(struct watch *watch)
{
	int r = watch->geo ? ipacct_geo_refresh(watch->geo) : 0;

	if (r < 0 && !watch->geo_failed)
		tool_complain("cannot read the geo file again: %s; going on with what was read",
			      strerror(-r));
	watch->geo_failed = r < 0;
}

/* One interval. Returns 1 when it was printed, 0 when there was nothing to print, -1 after a
 * message. */
static int step(struct watch *watch)
{
	struct ipacct_snapshot *now __cleanup(cleanup_snapshot) = NULL;
	struct ipacct_snapshot *delta __cleanup(cleanup_snapshot) = NULL;
	uint64_t now_ns, interval_ns;
	int r;

	if (dump_read(watch->settings, watch->reader, watch->live, &now) != 0)
		return -1;
	now_ns = tool_monotonic_ns();
	interval_ns = covered_ns(watch, now, now_ns);
	if (interval_ns == 0)
		return 0;
	refresh_geo(watch);
	r = ipacct_snapshot_delta(now, watch->last, &delta);
	if (r == -ESTALE)
		tool_complain("the counters began anew: no rates for this interval");
	else if (r == 0)
		r = print_interval(watch, delta, now, interval_ns);
	if (r < 0 && r != -ESTALE) {
		tool_complain("cannot compute the rates: %s", strerror(-r));
		return -1;
	}
	ipacct_snapshot_destroy(watch->last);
	watch->last = take_ptr(now);
	watch->last_ns = now_ns;
	return r == 0;
}

static int run(struct watch *watch)
{
	uint64_t n_printed = 0;
	int r;

	r = read_first(watch);
	if (r != 0)
		return r;
	watch->last_ns = tool_monotonic_ns();
	r = tool_events_open(watch->settings->watch_ns, NULL, &watch->events);
	if (r >= 0)
		r = tool_output_open(&watch->events);
	while (r >= 0) {
		r = tool_events_wait(&watch->events);
		if (r <= 0)
			break;
		r = step(watch);
		if (r < 0)
			return TOOL_ERROR;
		n_printed += (uint64_t)r;
		if (watch->settings->n_watches && n_printed >= watch->settings->n_watches)
			return TOOL_OK;
		if (tool_output_failed())
			return TOOL_OK; /* tool_finish_output() tells a closed pipe from a full disk */
	}
	if (r < 0)
		tool_complain("cannot wait for the next interval: %s", strerror(-r));
	return r < 0 ? TOOL_ERROR : TOOL_OK;
}

int dump_watch(const struct dump_settings *settings, struct ipacct_reader *reader,
	       struct ipacct_geo *geo)
{
	struct watch watch = {
		.settings = settings,
		.reader = reader,
		.geo = geo,
		.live = settings->live,
		.events = { -1, -1 },
	};
	int exit_code = run(&watch);

	ipacct_snapshot_destroy(watch.last);
	tool_events_close(&watch.events);
	return exit_code;
}
