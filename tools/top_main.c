// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-top: the rates of each address, live. Needs no daemon and no privilege but the group of the
 * files. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "common_events.h"
#include "common_options.h"
#include "common_output.h"
#include "top_draw.h"
#include "top_keys.h"
#include "top_screen.h"

#define COST_SHARE  100u /* of a core: a refresh each hundred times what one takes, 1 % */
#define PACE_MAX_NS (10 * NS_PER_S) /* the second window */
#define AGAIN_PART  10u /* a cut that is late is looked for again after this part of an interval */

static uint64_t cpu_ns(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage); /* cannot fail for oneself */
	return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * NS_PER_S +
	       ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000;
}

static void own_cost(struct top *top)
{
	uint64_t now_ns = tool_monotonic_ns(), used_ns = cpu_ns();

	top->refresh_was_ns = top->refresh_ns;
	top->refresh_ns = top->cpu_since_ns ? used_ns - top->cpu_ns : 0;
	if (top->cpu_since_ns && now_ns > top->cpu_since_ns)
		top->cpu_share =
			(double)(used_ns - top->cpu_ns) / (double)(now_ns - top->cpu_since_ns);
	top->cpu_ns = used_ns;
	top->cpu_since_ns = now_ns;
}

/* On a screen of what nobody cuts, refreshes come rarer when they would take more than their share. One that
 * is dear alone, as the first and the one after a cut are, changes nothing. */
static void pace(struct top *top, const struct tool_events *events)
{
	uint64_t cost_ns =
		top->refresh_ns < top->refresh_was_ns ? top->refresh_ns : top->refresh_was_ns;
	uint64_t wanted_ns = top->settings.interval_ns;

	if (top->settings.format == TOP_SCREEN && top->source.state == TOP_FROM_MAPS &&
	    wanted_ns < COST_SHARE * cost_ns)
		wanted_ns = COST_SHARE * cost_ns;
	if (wanted_ns > PACE_MAX_NS)
		wanted_ns = top->settings.interval_ns > PACE_MAX_NS ? top->settings.interval_ns
								    : PACE_MAX_NS;
	if (wanted_ns <= top->pace_ns && wanted_ns > top->pace_ns / 4 * 3)
		return; /* costs vary a little */
	top->pace_ns = wanted_ns;
	(void)tool_events_arm(events, wanted_ns, wanted_ns);
}

static void refresh_geo(struct top *top)
{
	struct ipacct_problem problem;

	if (!top->geo) /* it may come: the worker begins it some time after the start */
		(void)ipacct_geo_open(top->settings.dump.paths.runtime_dir, &top->geo, &problem);
	else
		(void)ipacct_geo_refresh(top->geo); /* what was read before still answers */
}

/* The list may come, and another one in its place. */
static void refresh_groups(struct top *top)
{
	struct dump_settings *s = &top->settings.dump;
	uint64_t made_ns;

	if (!s->group_list) {
		if (!ipacct_groups_open(s->paths.runtime_dir, &s->group_list, NULL))
			top_group_forget(&top->view.groups);
		return;
	}
	made_ns = ipacct_groups_header(s->group_list)->made_ns;
	(void)ipacct_groups_refresh(s->group_list); /* what was read before still answers */
	if (ipacct_groups_header(s->group_list)->made_ns != made_ns)
		top_group_forget(&top->view.groups);
}

/* Take over what a step brought. */
static int moved(struct top *top, const struct ipacct_moves *moves)
{
	const struct ipacct_snapshot *delta = &moves->delta;

	if (top->head.instance && top->head.instance != delta->instance)
		top_rates_reset(top->rates);
	top->head = *delta;
	top->head.interfaces = NULL;
	top->head.addresses = top->head.rollups = NULL;
	top->covered_ns = moves->covered_ns;
	top->n_addresses = moves->n_addresses;
	top->n_interfaces = delta->n_interfaces;
	memcpy(top->interfaces, moves->interfaces,
	       delta->n_interfaces * sizeof(top->interfaces[0]));
	memcpy(top->moved, delta->interfaces, delta->n_interfaces * sizeof(top->moved[0]));
	top_history_add(&top->history, moves->covered_ns,
			top_total_bits(top) * (double)moves->covered_ns / (double)NS_PER_S);
	refresh_geo(top);
	refresh_groups(top);
	return top_rates_step(top->rates, moves);
}

static int view_make(struct top *top, size_t n)
{
	int r = top_view_make(&top->view, &top->settings, top->rates, top->geo, top->scroll, n);

	top->scroll = top->view.n_skipped;
	return r;
}

static int show_screen(struct top *top)
{
	size_t width, height, n;
	int r;

	top_screen_size(&width, &height);
	n = top_rows_in(top, height); /* more than fit below the head: drawing cuts */
	top_frame_begin(&top->frame, width, height);
	top_draw_head(top);
	n = top_frame_left(&top->frame);
	n = top_rows_in(top, n > 3 ? n - 1 : n);
	r = view_make(top, n);
	if (r < 0)
		return r;
	top_draw(top, width, height);
	top_screen_paint(&top->frame);
	return 0;
}

static int show_text(struct top *top)
{
	int r = view_make(top, top->settings.dump.top);

	if (r < 0)
		return r;
	if (top->settings.format == TOP_JSON) {
		top_print_json(top);
	} else {
		top_draw(top, top->settings.width, 0);
		for (size_t i = 0; i < top->frame.n_lines; i++) {
			struct top_line *line = &top->frame.lines[i];

			while (line->n_bytes && line->text[line->n_bytes - 1] == ' ')
				line->text[--line->n_bytes] = '\0';
			puts(line->text);
		}
		putchar('\n');
	}
	(void)fflush(stdout); /* an error stays in the stream for tool_output_failed() */
	return 0;
}

/* The interval is over. Returns 1 when a frame is due, 0 when nothing is new, or a negative errno. */
static int step(struct top *top, const struct tool_events *events)
{
	const struct ipacct_moves *moves = NULL;
	enum top_source_state before = top->source.state;
	uint64_t interval_ns = top->settings.interval_ns;
	int r = top_source_step(&top->source, &moves);

	top_daemon_step(&top->daemon);
	if (r < 0)
		return top->settings.format == TOP_SCREEN ? 1 : r;
	if (r == 0) {
		/* follow the phase of the cuts instead of missing one now and then */
		if (top->source.state == TOP_FROM_CUTS)
			(void)tool_events_arm(events, interval_ns / AGAIN_PART, interval_ns);
		if (top->source.state == before)
			return 0;
		if (top->settings.format != TOP_SCREEN && top->source.state == TOP_STANDS_STILL)
			tool_complain("no cut comes and the maps cannot be read (%s): waiting",
				      top->source.problem.text);
		return top->settings.format == TOP_SCREEN;
	}
	r = moved(top, moves);
	own_cost(top);
	if (top->source.state == TOP_FROM_MAPS || top->pace_ns > interval_ns)
		pace(top, events);
	return r < 0 ? r : 1;
}

static int show(struct top *top)
{
	return top->settings.format == TOP_SCREEN ? show_screen(top) : show_text(top);
}

/* Returns 1 when the screen changed, 0 when not, −1 when a key ends the program. */
static int keys(struct top *top)
{
	int key, any = 0;

	while ((key = top_screen_key()) >= 0) {
		if (!top_key(top, key, top->view.n_rows))
			return -1;
		any = 1;
	}
	return any;
}

/* Returns 1 after a resize, 0 to go on, −1 to end. */
static int signals(int signal_fd)
{
	struct signalfd_siginfo info;
	int resized = 0;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGWINCH)
			return -1;
		top_screen_resized();
		resized = 1;
	}
	return resized;
}

/* Wait for whatever comes next. Returns 1 when a frame is due, 0 when not, −1 to end, or −errno − 1. */
static int event(struct top *top, const struct tool_events *events)
{
	bool screen = top->settings.format == TOP_SCREEN;
	struct pollfd fds[] = {
		{ .fd = events->timer_fd, .events = POLLIN },
		{ .fd = events->signal_fd, .events = POLLIN },
		{ .fd = screen ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = screen ? -1 : STDOUT_FILENO, .events = 0 },
	};
	uint64_t n_expired;
	int due = 0, r;

	if (poll(fds, 4, -1) < 0)
		return errno == EINTR ? 0 : -1;
	if (fds[3].revents || (fds[2].revents & (POLLHUP | POLLERR)))
		return -1;
	if (fds[1].revents) {
		due = signals(events->signal_fd);
		if (due < 0)
			return -1;
	}
	if (fds[2].revents) {
		r = keys(top);
		if (r < 0)
			return -1;
		due |= r;
	}
	if (fds[0].revents && read(events->timer_fd, &n_expired, sizeof(n_expired)) > 0 &&
	    !top->paused) {
		r = step(top, events);
		if (r < 0)
			return r - 1;
		due |= r ? 2 : 0;
	}
	return due;
}

static int loop(struct top *top, const struct tool_events *events)
{
	uint64_t n_frames = 0;
	int r = top->settings.format == TOP_SCREEN ? show(top) : 0;

	while (r >= 0) {
		int due = event(top, events);

		if (due < -1)
			return due + 1;
		if (due == -1 || tool_output_failed())
			return 0; /* tool_finish_output() tells a closed pipe from a full disk */
		if (due)
			r = show(top);
		n_frames += due >= 2;
		if (r >= 0 && top->settings.n_frames && n_frames >= top->settings.n_frames)
			return 0;
	}
	return r;
}

static int run(struct top *top)
{
	struct tool_events events = { -1, -1 };
	bool screen = top->settings.format == TOP_SCREEN;
	sigset_t more;
	int r;

	sigemptyset(&more);
	sigaddset(&more, SIGHUP);
	if (screen) {
		sigaddset(&more, SIGWINCH);
		sigaddset(&more, SIGQUIT);
	}
	r = tool_events_open(top->settings.interval_ns, &more, &events);
	if (r == 0 && screen) {
		r = top_screen_open(text_color_wanted(top->settings.dump.color));
		if (r != 0) {
			tool_events_close(&events);
			return r;
		}
	}
	if (r == 0 && !screen)
		r = tool_output_open(&events);
	if (r == 0) {
		top_daemon_step(&top->daemon);
		top->pace_ns = top->settings.interval_ns;
		own_cost(top);
		r = loop(top, &events);
	}
	if (screen)
		top_screen_close();
	tool_events_close(&events);
	if (r < 0)
		return tool_explain(r, &top->source.problem, &top->settings.dump.paths);
	return TOOL_OK;
}

/* A filter or a sum by what only the geo file knows must not wait for it silently. */
static int open_geo(struct top *top)
{
	const struct dump_settings *s = &top->settings.dump;
	bool needed = s->countries.n || s->asns.n || s->names.n ||
		      (s->by.axis != DUMP_AXIS_NONE && s->by.axis != DUMP_AXIS_PREFIX);

	if (needed)
		return dump_geo_open(s, &top->geo);
	(void)ipacct_geo_open(s->paths.runtime_dir, &top->geo, NULL); /* shown where it is */
	return 0;
}

/* The same for the list of groups. */
static int open_groups(struct top *top)
{
	struct dump_settings *s = &top->settings.dump;

	if (s->groups.n || top->settings.by == TOP_BY_GROUP)
		return dump_groups_open(s, &s->group_list);
	(void)ipacct_groups_open(s->paths.runtime_dir, &s->group_list, NULL);
	return 0;
}

static int start(struct top *top)
{
	int r = top_source_open(&top->source, &top->settings);

	if (r != 0)
		return r;
	r = open_geo(top);
	if (r == 0)
		r = open_groups(top);
	top->frame.lines = calloc(TOP_LINES_MAX, sizeof(*top->frame.lines));
	if (r == 0 && (top_rates_create(&top->rates) < 0 || !top->frame.lines)) {
		tool_complain("%s", strerror(ENOMEM));
		r = TOOL_ERROR;
	}
	top_daemon_init(&top->daemon, &top->settings.dump.paths);
	if (r == 0)
		r = run(top);
	top_daemon_finish(&top->daemon);
	top_view_finish(&top->view);
	top_rates_destroy(top->rates);
	free(top->frame.lines);
	ipacct_geo_close(top->geo);
	ipacct_groups_close(top->settings.dump.group_list);
	top_source_close(&top->source);
	return r;
}

int main(int argc, char **argv)
{
	static struct top top;
	int outcome;

	/* Only the character set: numbers and times are the same in every locale. */
	(void)setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_IGN);
	outcome = top_options(argc, argv, &top.settings);
	if (outcome != OPTIONS_RUN)
		return tool_finish_output(outcome == OPTIONS_USAGE ? TOOL_USAGE : TOOL_OK);
	top.frame.ascii = top.settings.ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	return tool_finish_output(start(&top));
}
