// SPDX-License-Identifier: GPL-2.0-or-later
/* From rates to the rows of one frame. */
#include "top_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

uint64_t top_sort_value(const struct top_settings *settings, const struct top_sum *sum)
{
	const struct ipacct_counters *c = &sum->window[settings->window];

	switch (settings->sort) {
	case TOP_SORT_BPS:
		return c->tx_l3_bytes + c->rx_l3_bytes;
	case TOP_SORT_RX_BPS:
		return c->rx_l3_bytes;
	case TOP_SORT_TX_BPS:
		return c->tx_l3_bytes;
	case TOP_SORT_PPS:
		return c->tx_packets + c->rx_packets;
	case TOP_SORT_RX_PPS:
		return c->rx_packets;
	case TOP_SORT_TX_PPS:
		return c->tx_packets;
	case TOP_SORT_BYTES:
		return sum->total.tx_l3_bytes + sum->total.rx_l3_bytes;
	default:
		return 0;
	}
}

struct order {
	const struct top_settings *settings;
	const struct top_rates *rates;
	const struct top_group *groups;
};

static bool address_before(const void *context, const struct top_pick *a, const struct top_pick *b)
{
	const struct order *order = context;
	struct ipacct_entry x, y;

	if (a->value != b->value)
		return a->value > b->value;
	top_rates_entry(order->rates, a->index, &x);
	top_rates_entry(order->rates, b->index, &y);
	return dump_compare_keys(&x, &y) < 0;
}

/* Equal groups in the order of their labels' text; values before classes. */
static bool group_before(const void *context, const struct top_pick *a, const struct top_pick *b)
{
	const struct order *order = context;
	const struct dump_label *x = &order->groups[a->index].label;
	const struct dump_label *y = &order->groups[b->index].label;
	char text_x[DUMP_LABEL_BYTES], text_y[DUMP_LABEL_BYTES];

	if (a->value != b->value)
		return a->value > b->value;
	if (x->kind != y->kind)
		return x->kind < y->kind;
	if (x->asn != y->asn)
		return x->asn < y->asn;
	return strcmp(top_label_text(order->settings, x, text_x),
		      top_label_text(order->settings, y, text_y)) < 0;
}

static int room(struct top_view *view, size_t n_rows, size_t n_picks)
{
	if (n_rows > view->n_rows_room) {
		if (array_resize(&view->rows, sizeof(*view->rows), n_rows))
			return -ENOMEM;
		view->n_rows_room = n_rows;
	}
	if (n_picks > view->n_picks_room) {
		if (array_resize(&view->picks, sizeof(*view->picks), n_picks))
			return -ENOMEM;
		view->n_picks_room = n_picks;
	}
	return 0;
}

/* Addresses: a filter is asked last, and only of those that would be shown or must be counted. */
static size_t pick_addresses(struct top_view *view, const struct order *order,
			     struct ipacct_geo *geo, size_t n)
{
	const struct dump_settings *filter = &order->settings->dump;
	size_t n_picks = 0;

	for (size_t i = 0; i < view->n_all; i++) {
		struct ipacct_entry entry;
		struct top_pick pick = { .index = (uint32_t)i };
		struct top_sum sum;

		top_rates_sum(order->rates, i, &sum);
		top_sum_add(&view->all, &sum);
		if (dump_filters(filter)) {
			top_rates_entry(order->rates, i, &entry);
			if (!dump_row_wanted(filter, geo, &entry))
				continue;
		}
		view->n_wanted++;
		pick.value = top_sort_value(order->settings, &sum);
		top_pick_offer(view->picks, &n_picks, n, pick, address_before, order);
	}
	return n_picks;
}

static size_t pick_groups(struct top_view *view, const struct order *order, size_t n)
{
	size_t n_picks = 0;

	for (size_t i = 0; i < view->groups.n; i++) {
		struct top_pick pick = {
			.index = (uint32_t)i,
			.value = top_sort_value(order->settings, &view->groups.groups[i].sum),
		};

		if (view->groups.groups[i].n_members == 0)
			continue;
		view->n_wanted++;
		top_pick_offer(view->picks, &n_picks, n, pick, group_before, order);
	}
	return n_picks;
}

static void row_fill(struct top_view *view, const struct order *order, uint32_t index,
		     struct top_row *row)
{
	*row = (struct top_row){ .n_members = 1 };
	if (order->settings->by == TOP_BY_ADDRESS) {
		top_rates_entry(order->rates, index, &row->entry);
		top_rates_sum(order->rates, index, &row->sum);
		return;
	}
	row->label = view->groups.groups[index].label;
	row->sum = view->groups.groups[index].sum;
	row->n_members = view->groups.groups[index].n_members;
}

int top_view_make(struct top_view *view, const struct top_settings *settings,
		  const struct top_rates *rates, struct ipacct_geo *geo, size_t skip, size_t n)
{
	struct order order = { .settings = settings, .rates = rates };
	bool grouped = settings->by != TOP_BY_ADDRESS;
	size_t n_picks;

	view->n_all = top_rates_n(rates);
	view->n_wanted = view->n_rows = 0;
	view->all = (struct top_sum){ 0 };
	for (unsigned int w = 0; w < TOP_WINDOWS; w++)
		view->window_ns[w] = top_rates_window_ns(rates, w);
	if (grouped && top_group_make(&view->groups, settings, rates, geo, &view->all) < 0)
		return -ENOMEM;
	if (skip > view->n_all)
		skip = view->n_all; /* there cannot be more rows */
	if (n > view->n_all)
		n = view->n_all;
	if (room(view, n, skip + n) < 0)
		return -ENOMEM;
	order.groups = view->groups.groups;
	n_picks = grouped ? pick_groups(view, &order, skip + n)
			  : pick_addresses(view, &order, geo, skip + n);
	top_pick_order(view->picks, n_picks, grouped ? group_before : address_before, &order);
	if (skip + n > n_picks)
		skip = n_picks > n ? n_picks - n : 0;
	view->n_skipped = skip;
	view->left = view->all;
	for (size_t i = skip; i < n_picks; i++) {
		struct top_row *row = &view->rows[view->n_rows++];

		row_fill(view, &order, view->picks[i].index, row);
		top_sum_subtract(&view->left, &row->sum);
	}
	return 0;
}

void top_view_finish(struct top_view *view)
{
	free(view->rows);
	free(view->picks);
	top_group_finish(&view->groups);
	*view = (struct top_view){ 0 };
}
