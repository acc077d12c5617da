// SPDX-License-Identifier: GPL-2.0-or-later
/* A whole frame: head, rows, the last line; or the help. */
#include "top_draw.h"

static const char *const help[] = {
	"n    names and geo columns on, off      T    totals since the record began",
	"s d  tx, rx column on, off              p    packets/s or bit/s",
	"t    one line, two lines, sum, tx, rx   b    bars on, off",
	"1 2 3  sort by the last 2, 10, 40 s     < >  sort key before, after this one",
	"4 6  only IPv4, IPv6; again: both       /    only this address or prefix",
	"g c A D  sums by group, country, AS, domain; again: addresses",
	"i    one interface in the head, all     P    pause",
	"j k  down, up; also arrows, PgDn, PgUp, Home",
	"h ?  this help                          q    quit",
	"",
	"tx: the address was the source, rx: the destination. Rows count octets of IP",
	"header and payload, interfaces those of frames without FCS. What did not move",
	"for 40 s is not listed. ADDRESS@N is of domain N. A dim row is a roll-up: a",
	"prefix that holds what has no record of its own.",
};

void top_draw_help(struct top *top)
{
	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++)
		top_put(&top->frame, top_frame_line(&top->frame), 0, TOP_PLAIN, help[i]);
}

static void last_line(struct top *top)
{
	struct top_line *line = top_frame_line(&top->frame);

	if (top->typing)
		top_putf(&top->frame, line, 0, TOP_BOLD, "address or prefix (empty: all): %s_",
			 top->prefix_text);
	else if (top->message[0])
		top_put(&top->frame, line, 0, TOP_WARN, top->message);
	else
		top_putf(&top->frame, line, 0, TOP_DIM,
			 "h help  q quit  t mode  1 2 3 window  < > sort: %s  / filter%s",
			 top_sort_name((enum top_sort)top->settings.sort),
			 top->settings.dump.n_prefixes ? " (set)" : "");
}

void top_draw(struct top *top, size_t width, size_t height)
{
	bool screen = top->settings.format == TOP_SCREEN;
	size_t left;

	top_frame_begin(&top->frame, width, height);
	top_draw_head(top);
	left = top_frame_left(&top->frame);
	if (screen && left > 3)
		left--; /* for the last line */
	if (top->help)
		top_draw_help(top);
	else
		top_draw_rows(top, left);
	while (screen && top_frame_left(&top->frame) > 1)
		(void)top_frame_line(&top->frame);
	if (screen && top_frame_left(&top->frame) == 1)
		last_line(top);
}
