// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of a frame: column names, rows, and the sum of those that are not shown. */
#include "top_draw.h"

#include <stdio.h>
#include <string.h>

#define RATE_COLUMNS  8  /* "1.23 G" and what keeps columns apart */
#define TOTAL_COLUMNS 10 /* "1023 KiB" */
#define ASN_COLUMNS   13 /* "AS4294967295" and a blank */
#define NAME_MIN      8  /* of an address or group; what is wider leaves out geo columns first */
#define NAME_FEW      16 /* an IPv4 address of full length: what leaves less goes */
#define NAME_MAX      42 /* an IPv6 prefix of full length */

static const char *const window_names[TOP_WINDOWS] = { "2s", "10s", "40s" };

/* What is shown in which width. */
struct layout {
	int name, cc, asn, geo_name; /* columns, 0 = not shown */
	bool split;
	bool one_window; /* no room for others than the sorted one */
};

static uint64_t unit_count(const struct top_settings *s, const struct ipacct_counters *c, bool rx,
			   bool tx)
{
	if (s->packets)
		return (rx ? c->rx_packets : 0) + (tx ? c->tx_packets : 0);
	return 8 * ((rx ? c->rx_l3_bytes : 0) + (tx ? c->tx_l3_bytes : 0));
}

static struct layout layout_of(const struct top *top)
{
	const struct top_settings *s = &top->settings;
	struct layout l = { .split = s->mode == TOP_MODE_SPLIT };
	int left = (int)top->frame.width;
	bool names = !s->hide_names && s->by == TOP_BY_ADDRESS;
	bool geo = top->geo && names;

	left -= (s->totals ? TOTAL_COLUMNS : 0) + (s->mode == TOP_MODE_TWO_LINES ? 3 : 0);
	l.split &= left >= NAME_FEW + (int)(TOP_WINDOWS + 2) * RATE_COLUMNS;
	l.one_window = left < NAME_FEW + (int)TOP_WINDOWS * RATE_COLUMNS;
	left -= (l.one_window ? 1 : (int)TOP_WINDOWS) * RATE_COLUMNS;
	left -= (l.split ? !s->hide_rx + !s->hide_tx : 0) * RATE_COLUMNS;
	if (geo && left >= NAME_FEW + 3) {
		l.cc = 3;
		left -= l.cc;
	}
	if (geo && left >= NAME_FEW + ASN_COLUMNS) {
		l.asn = ASN_COLUMNS;
		left -= l.asn;
	}
	if ((geo || (names && s->dump.group_list)) && left >= 26 + 16) {
		l.geo_name = left - NAME_MAX > 16 ? left - NAME_MAX : 16;
		left -= l.geo_name;
	}
	l.name = left < NAME_MIN ? NAME_MIN : left;
	return l;
}

static void heading(const struct top *top, struct top_line *line, int width, bool sorted,
		    const char *text)
{
	top_putf(&top->frame, line, width, sorted ? TOP_BOLD : TOP_PLAIN, "%s%s", sorted ? "*" : "",
		 text);
}

static bool sorted_by(const struct top_settings *s, enum top_sort bps)
{
	return s->sort == bps || s->sort == top_sort_in(bps, true);
}

static void heading_line(struct top *top, const struct layout *l)
{
	static const char *const names[] = { "ADDRESS", "NAME",   "COUNTRY", "AS",
					     "PREFIX",  "DOMAIN", "GROUP" };
	const struct top_settings *s = &top->settings;
	struct top_line *line = top_frame_line(&top->frame);
	char text[32];

	(void)snprintf(text, sizeof(text), "%s%s  %s", names[s->by],
		       s->mode == TOP_MODE_TX   ? " tx"
		       : s->mode == TOP_MODE_RX ? " rx"
						: "",
		       s->packets ? "[packet/s]" : "[bit/s]");
	heading(top, line, -l->name, s->sort == TOP_SORT_ADDRESS, text);
	if (l->cc)
		top_put(&top->frame, line, -l->cc, TOP_PLAIN, "CC");
	if (l->asn)
		top_put(&top->frame, line, -l->asn, TOP_PLAIN, "AS");
	if (l->geo_name)
		top_put(&top->frame, line, -l->geo_name, TOP_PLAIN, "NAME");
	if (s->mode == TOP_MODE_TWO_LINES)
		top_put(&top->frame, line, 3, TOP_PLAIN, "");
	if (l->split && !s->hide_rx)
		heading(top, line, RATE_COLUMNS, sorted_by(s, TOP_SORT_RX_BPS), "RX");
	if (l->split && !s->hide_tx)
		heading(top, line, RATE_COLUMNS, sorted_by(s, TOP_SORT_TX_BPS), "TX");
	for (unsigned int w = 0; w < TOP_WINDOWS; w++)
		if (!l->one_window || w == s->window)
			heading(top, line, RATE_COLUMNS,
				w == s->window && s->sort != TOP_SORT_ADDRESS &&
					s->sort != TOP_SORT_BYTES &&
					(!l->split || sorted_by(s, TOP_SORT_BPS)),
				window_names[w]);
	if (s->totals)
		heading(top, line, TOTAL_COLUMNS, s->sort == TOP_SORT_BYTES, "TOTAL");
	if (line)
		top_put(&top->frame, line, -(int)(top->frame.width - line->columns), TOP_PLAIN, "");
	if (line && line->n_spans == TOP_SPANS_MAX)
		line->n_spans--;
	top_mark(line, 0, top->frame.width, TOP_HEAD);
}

static void rate(const struct top *top, struct top_line *line, uint64_t count, unsigned int window,
		 enum top_style style)
{
	char text[TEXT_NUMBER_BYTES];

	top_put(&top->frame, line, RATE_COLUMNS, style,
		top->view.window_ns[window]
			? top_rate_text(top_per_second(count, top->view.window_ns[window]), text)
			: "-");
}

static void rates(const struct top *top, struct top_line *line, const struct layout *l,
		  const struct top_sum *sum, bool rx, bool tx)
{
	const struct top_settings *s = &top->settings;
	const struct ipacct_counters *sorted = &sum->window[s->window];

	if (l->split && !s->hide_rx)
		rate(top, line, unit_count(s, sorted, true, false), s->window, TOP_PLAIN);
	if (l->split && !s->hide_tx)
		rate(top, line, unit_count(s, sorted, false, true), s->window, TOP_PLAIN);
	for (unsigned int w = 0; w < TOP_WINDOWS; w++)
		if (!l->one_window || w == s->window)
			rate(top, line, unit_count(s, &sum->window[w], rx, tx), w,
			     w == s->window ? TOP_BOLD : TOP_PLAIN);
}

static void total(const struct top *top, struct top_line *line, const struct top_sum *sum, bool rx,
		  bool tx)
{
	uint64_t octets = (rx ? sum->total.rx_l3_bytes : 0) + (tx ? sum->total.tx_l3_bytes : 0);
	uint64_t packets = (rx ? sum->total.rx_packets : 0) + (tx ? sum->total.tx_packets : 0);
	char text[TEXT_NUMBER_BYTES];

	if (!top->settings.totals)
		return;
	top_put(&top->frame, line, TOTAL_COLUMNS, TOP_PLAIN,
		top->settings.packets ? text_count(packets, TEXT_SI, text)
				      : text_octets(octets, TEXT_IEC, text));
}

static void row_name(const struct top *top, struct top_line *line, const struct layout *l,
		     const struct top_row *row)
{
	char text[DUMP_LABEL_BYTES + 320];
	char words[DUMP_LABEL_BYTES];
	const struct top_settings *s = &top->settings;

	if (s->by != TOP_BY_ADDRESS) {
		bool more = !s->hide_names && row->label.kind == DUMP_LABEL_VALUE &&
			    s->by != TOP_BY_NAME && s->by != TOP_BY_GROUP && row->label.name[0];

		(void)snprintf(text, sizeof(text), "%s%s%s%s (%zu)",
			       s->by == TOP_BY_ASN && row->label.kind == DUMP_LABEL_VALUE ? "AS"
											  : "",
			       top_label_words(s, &row->label, words), more ? " " : "",
			       more ? row->label.name : "", row->n_members);
	} else {
		size_t n;

		(void)ipacct_key_format(&row->entry.key, row->entry.prefix_len, text, sizeof(text));
		n = strlen(text);
		if (row->entry.key.domain)
			(void)snprintf(text + n, sizeof(text) - n, "@%u", row->entry.key.domain);
	}
	top_put(&top->frame, line, -(l->name - 1),
		top_row_rolled_up(row) && !s->by ? TOP_DIM : TOP_PLAIN, text);
	top_put(&top->frame, line, 1, TOP_PLAIN, "");
}

static void row_geo(const struct top *top, struct top_line *line, const struct layout *l,
		    const struct top_row *row)
{
	struct ipacct_geo_info info = { "", .country_name = "", "", "", "", "" };
	char text[32] = "", group[IPACCT_SERIES_NAME_BYTES];
	const char *name;

	(void)dump_geo_find(top->geo, &row->entry, &info);
	if (info.asn)
		(void)snprintf(text, sizeof(text), "AS%u", info.asn);
	name = info.name[0] ? info.name : info.as_org;
	if (dump_group_of(&top->settings.dump, &row->entry, group))
		name = group;
	if (l->cc)
		top_put(&top->frame, line, -l->cc, TOP_PLAIN, info.country);
	if (l->asn)
		top_put(&top->frame, line, -l->asn, TOP_DIM, text);
	if (l->geo_name) {
		top_put(&top->frame, line, -(l->geo_name - 1), TOP_DIM, name);
		top_put(&top->frame, line, 1, TOP_PLAIN, "");
	}
}

static void bar(const struct top *top, struct top_line *line, const struct top_row *row)
{
	uint64_t most =
		top->view.n_rows ? top_sort_value(&top->settings, &top->view.rows[0].sum) : 0;
	uint64_t value = top_sort_value(&top->settings, &row->sum);

	if (top->settings.no_bars || most == 0 || !line)
		return;
	top_mark(line, 0, (size_t)((double)top->frame.width * (double)value / (double)most),
		 TOP_BAR);
}

static void row_lines(struct top *top, const struct layout *l, const struct top_row *row)
{
	const struct top_settings *s = &top->settings;
	bool two = s->mode == TOP_MODE_TWO_LINES;
	struct top_line *line = top_frame_line(&top->frame);
	bool tx = s->mode != TOP_MODE_RX, rx = s->mode != TOP_MODE_TX;

	row_name(top, line, l, row);
	row_geo(top, line, l, row);
	if (two)
		top_put(&top->frame, line, -3, TOP_DIM, "=>");
	rates(top, line, l, &row->sum, rx && !two, tx);
	total(top, line, &row->sum, rx && !two, tx);
	bar(top, line, row);
	if (!two)
		return;
	line = top_frame_line(&top->frame);
	top_put(&top->frame, line, -(l->name + l->cc + l->asn + l->geo_name), TOP_PLAIN, "");
	top_put(&top->frame, line, -3, TOP_DIM, "<=");
	rates(top, line, l, &row->sum, true, false);
	total(top, line, &row->sum, true, false);
}

/* The rows and what is left out add up to all that moves. */
static void left_line(struct top *top, const struct layout *l)
{
	const struct top_settings *s = &top->settings;
	struct top_line *line = top_frame_line(&top->frame);
	bool tx = s->mode != TOP_MODE_RX, rx = s->mode != TOP_MODE_TX;
	size_t left = top->view.n_wanted - top->view.n_rows;
	char text[64];

	if (top->view.n_rows == 0)
		(void)snprintf(text, sizeof(text), "nothing moves%s",
			       dump_filters(&s->dump) ? " that the filter wants" : "");
	else
		(void)snprintf(text, sizeof(text), "%zu not shown%s", left,
			       dump_filters(&s->dump) ? " or filtered" : "");
	top_put(&top->frame, line, -(l->name + l->cc + l->asn + l->geo_name), TOP_DIM, text);
	if (s->mode == TOP_MODE_TWO_LINES)
		top_put(&top->frame, line, 3, TOP_DIM, "");
	rates(top, line, l, &top->view.left, rx, tx);
	total(top, line, &top->view.left, rx, tx);
}

size_t top_rows_in(const struct top *top, size_t n_lines)
{
	size_t lines = n_lines > 2 ? n_lines - 2 : n_lines > 1 ? 1 : 0; /* names and the sum */

	return top->settings.mode == TOP_MODE_TWO_LINES ? lines / 2 : lines;
}

void top_draw_rows(struct top *top, size_t n_lines)
{
	struct layout l = layout_of(top);

	heading_line(top, &l);
	for (size_t i = 0; i < top->view.n_rows; i++)
		row_lines(top, &l, &top->view.rows[i]);
	if (n_lines > 2)
		left_line(top, &l);
}
