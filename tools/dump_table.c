// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump's tables: where the numbers stand, the interfaces, the addresses, and that they add up. */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common_table.h"

#define STALE_INTERVALS 3u /* a cut this late means that the collector is stuck or gone */

struct table_context {
	const struct dump_settings *settings;
	const struct dump_view *view;
	const struct ipacct_entry **rows;
	size_t n_rows;
	bool rollups;
	enum text_units units;
};

enum text_units dump_units(const struct dump_settings *settings, bool machine)
{
	switch (settings->units) {
	case DUMP_UNITS_EXACT:
		return TEXT_EXACT;
	case DUMP_UNITS_IEC:
		return TEXT_IEC;
	case DUMP_UNITS_SI:
		return TEXT_SI;
	default:
		return machine ? TEXT_EXACT : TEXT_IEC;
	}
}

static double per_second(const struct dump_view *view, uint64_t count)
{
	return (double)count * (double)NS_PER_S / (double)view->interval_ns;
}

/* Packets, or packets per second in a view of one interval. */
static void put_packets(const struct table_context *c, uint64_t packets, char *cell)
{
	char text[TEXT_NUMBER_BYTES];

	if (c->view->interval_ns)
		text_rate(per_second(c->view, packets), c->units, text);
	else
		text_count(packets, c->units, text);
	snprintf(cell, TABLE_CELL_BYTES, "%s", text);
}

/* Octets, or bits per second: lines are sold and measured in bits. */
static void put_octets(const struct table_context *c, uint64_t octets, char *cell)
{
	char text[TEXT_NUMBER_BYTES];

	if (c->view->interval_ns)
		text_rate(8 * per_second(c->view, octets), c->units, text);
	else
		text_octets(octets, c->units, text);
	snprintf(cell, TABLE_CELL_BYTES, "%s", text);
}

static void print_collector(const struct ipacct_snapshot *at)
{
	char age[TEXT_TIME_BYTES];
	uint64_t age_ns =
		at->read_time_ns > at->cut_time_ns ? at->read_time_ns - at->cut_time_ns : 0;

	if (at->interval_ns == 0)
		fputs("; no collector runs", stdout);
	else if (at->cut && age_ns > STALE_INTERVALS * at->interval_ns)
		printf("; no cut for %s: is ipacctd running?", text_age(age_ns, age));
	else
		printf("; a cut each %s", text_age(at->interval_ns, age));
}

/* "cut 4711 at 2026-11-21 00:29:11 UTC, counted since …" */
static void print_where(const struct dump_view *view)
{
	const struct ipacct_snapshot *at = view->at;
	char cut[TEXT_TIME_BYTES], since[TEXT_TIME_BYTES], now[TEXT_TIME_BYTES];

	if (view->interval_ns)
		printf("%s UTC, rates over %s, %scut %" PRIu64 "\n",
		       text_time(at->read_time_ns, now), text_age(view->interval_ns, cut),
		       at->live ? "live, " : "", at->cut);
	else if (at->live)
		printf("live at %s UTC, cut %" PRIu64 " at %s", text_time(at->read_time_ns, now),
		       at->cut, text_time(at->cut_time_ns, cut));
	else if (at->cut)
		printf("cut %" PRIu64 " at %s UTC", at->cut, text_time(at->cut_time_ns, cut));
	else
		fputs("no cut yet", stdout);
	if (view->interval_ns)
		return;
	printf(", counted since %s",
	       text_time_short(at->created_ns,
			       at->live || !at->cut ? at->read_time_ns : at->cut_time_ns, since));
	print_collector(at);
	putchar('\n');
}

static const struct ipacct_interface_totals *shown_slot(const struct dump_settings *settings,
							const struct ipacct_snapshot *snapshot,
							size_t index)
{
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		if (dump_shows_interface(settings, &snapshot->interfaces[i]) && index-- == 0)
			return &snapshot->interfaces[i];
	return NULL;
}

static void fill_interface(const void *context, size_t index, struct table_row *row)
{
	const struct table_context *c = context;
	const struct ipacct_interface_totals *slot =
		shown_slot(c->settings, c->view->snapshot, index);
	const struct ipacct_interface *i;
	char name[IPACCT_IFNAME_BYTES + 1];

	if (!slot)
		return;
	i = &slot->interface;
	snprintf(row->cell[0], TABLE_CELL_BYTES, "%s", dump_ifname(i, name));
	snprintf(row->cell[1], TABLE_CELL_BYTES, "%s", dump_name(ipacct_hook_name(i->hook)));
	snprintf(row->cell[2], TABLE_CELL_BYTES, "%s", dump_name(ipacct_mode_name(i->mode)));
	snprintf(row->cell[3], TABLE_CELL_BYTES, "%s", dump_name(ipacct_attach_name(i->attach)));
	snprintf(row->cell[4], TABLE_CELL_BYTES, "%s", dump_name(ipacct_if_state_name(i->state)));
	put_packets(c, slot->totals.seen.packets, row->cell[5]);
	put_packets(c, slot->totals.accounted.packets, row->cell[6]);
	put_packets(c, dump_ignored(&slot->totals).packets, row->cell[7]);
	put_octets(c, dump_accounted_l3_bytes(&slot->totals), row->cell[8]);
	if (i->mode == IPACCT_MODE_GENERIC)
		row->color = "yellow";
}

static size_t count_shown(const struct dump_settings *settings,
			  const struct ipacct_snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		n += dump_shows_interface(settings, &snapshot->interfaces[i]);
	return n;
}

/* Generic mode is said in words as well: its packets are not those on the wire. */
static void print_generic(const struct ipacct_snapshot *snapshot)
{
	char name[IPACCT_IFNAME_BYTES + 1];

	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_interface *interface = &snapshot->interfaces[i].interface;

		if (interface->mode == IPACCT_MODE_GENERIC)
			printf("%s: mode=generic counts after GRO: fewer, larger packets than on "
			       "the wire\n",
			       dump_ifname(interface, name));
	}
}

static int print_interfaces(const struct table_context *context)
{
	bool rate = context->view->interval_ns != 0;
	const struct ipacct_snapshot *snapshot = context->view->snapshot;
	struct table table = {
		.n_columns = 9,
		.columns = { { .header = "INTERFACE" },
			     { .header = "HOOK", .optional = true },
			     { .header = "MODE" },
			     { .header = "ATTACH", .optional = true },
			     { .header = "STATE" },
			     { .header = rate ? "SEEN/S" : "SEEN", .right = true },
			     { .header = rate ? "ACCOUNTED/S" : "ACCOUNTED", .right = true },
			     { .header = rate ? "IGNORED/S" : "IGNORED", .right = true },
			     { .header = rate ? "L3 BIT/S" : "L3 BYTES", .right = true } },
		.color = text_color_wanted(context->settings->color),
		.fill = fill_interface,
		.context = context,
		.n_rows = count_shown(context->settings, snapshot),
	};
	int r;

	if (table.n_rows == 0) {
		puts("no interface has been attached yet");
		return 0;
	}
	r = table_print(&table);
	print_generic(snapshot);
	return r;
}

static void fill_counters(const struct table_context *c, const struct ipacct_counters *counters,
			  struct table_row *row)
{
	put_packets(c, counters->tx_packets, row->cell[2]);
	put_octets(c, counters->tx_l3_bytes, row->cell[3]);
	put_packets(c, counters->rx_packets, row->cell[4]);
	put_octets(c, counters->rx_l3_bytes, row->cell[5]);
}

static const char *plural(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* The rows below the addresses: what is not listed, and the sum. */
static void fill_sum(const struct table_context *c, size_t index, struct table_row *row)
{
	const struct dump_view *v = c->view;
	size_t n_all = v->snapshot->n_rollups;
	bool has_hidden = v->n_addresses_hidden != 0;

	if (has_hidden && index == 0) {
		snprintf(row->cell[0], TABLE_CELL_BYTES, "+ %zu %s not listed",
			 v->n_addresses_hidden,
			 plural(v->n_addresses_hidden, "address", "addresses"));
		fill_counters(c, &v->hidden, row);
	} else if (index == (has_hidden ? 1u : 0u)) {
		snprintf(row->cell[0], TABLE_CELL_BYTES, "+ %zu roll-up %s", n_all,
			 plural(n_all, "prefix", "prefixes"));
		fill_counters(c, &v->rolled, row);
	} else {
		snprintf(row->cell[0], TABLE_CELL_BYTES, "= total");
		fill_counters(c, &v->total, row);
	}
}

static void fill_entry(const void *context, size_t index, struct table_row *row)
{
	const struct table_context *c = context;
	const struct ipacct_entry *e;
	char text[TEXT_TIME_BYTES];

	if (index >= c->n_rows) {
		fill_sum(c, index - c->n_rows, row);
		return;
	}
	e = c->rows[index];
	ipacct_key_format(&e->key, e->prefix_len, row->cell[0], TABLE_CELL_BYTES);
	snprintf(row->cell[1], TABLE_CELL_BYTES, "%u", e->key.domain);
	fill_counters(c, &e->counters, row);
	text_time_short(e->last_seen_ns,
			c->view->at->live ? c->view->at->read_time_ns : c->view->at->cut_time_ns,
			text);
	snprintf(row->cell[6], TABLE_CELL_BYTES, "%s", text);
}

static bool has_domains(const struct table_context *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->key.domain)
			return true;
	return false;
}

static int print_entries(const struct table_context *context)
{
	const struct dump_view *view = context->view;
	bool rate = view->interval_ns != 0;
	struct table table = {
		.n_columns = 7,
		.columns = { { .header = context->rollups ? "PREFIX" : "ADDRESS" },
			     { .header = "DOMAIN", .right = true, .hidden = !has_domains(context) },
			     { .header = rate ? "TX PPS" : "TX PKTS", .right = true },
			     { .header = rate ? "TX BIT/S" : "TX BYTES", .right = true },
			     { .header = rate ? "RX PPS" : "RX PKTS", .right = true },
			     { .header = rate ? "RX BIT/S" : "RX BYTES", .right = true },
			     { .header = "LAST SEEN", .optional = true, .hidden = rate } },
		.color = text_color_wanted(context->settings->color),
		.fill = fill_entry,
		.context = context,
		.n_rows = context->n_rows,
	};

	if (!context->rollups)
		table.n_rows += 2 + (view->n_addresses_hidden != 0);
	if (table.n_rows == 0) {
		puts("nothing was rolled up");
		return 0;
	}
	return table_print(&table);
}

static void print_conservation(const struct dump_settings *settings, const struct dump_view *view)
{
	const struct ipacct_conservation *c = &view->at->conservation;
	bool color = text_color_wanted(settings->color);
	uint64_t packets = 0, l3_bytes = 0;

	if (c->error_packets || c->error_l2_bytes || c->error_l3_bytes) {
		printf("%sNOT CONSERVED: off by %" PRIu64 " packets, %" PRIu64 " l2 bytes, %" PRIu64
		       " l3 bytes (ipacctctl verify)%s\n",
		       color ? "\033[31m" : "", c->error_packets, c->error_l2_bytes,
		       c->error_l3_bytes, color ? "\033[0m" : "");
		return;
	}
	if (view->interval_ns) {
		puts("conserved");
		return;
	}
	for (size_t i = 0; i < view->snapshot->n_interfaces; i++) {
		packets += view->snapshot->interfaces[i].totals.accounted.packets;
		l3_bytes += dump_accounted_l3_bytes(&view->snapshot->interfaces[i].totals);
	}
	if (view->at->live)
		printf("conserved at cut %" PRIu64 "\n", view->at->cut);
	else
		printf("conserved: %" PRIu64 " packets, %" PRIu64 " l3 bytes accounted = tx = rx\n",
		       packets, l3_bytes);
}

int dump_print_table(const struct dump_settings *settings, const struct dump_view *view)
{
	struct table_context context = {
		.settings = settings,
		.view = view,
		.rows = settings->rollups ? view->rollups : view->addresses,
		.n_rows = settings->rollups ? view->n_rollups : view->n_addresses,
		.rollups = settings->rollups,
		.units = dump_units(settings, false),
	};
	int r;

	print_where(view);
	r = settings->totals ? dump_print_totals(settings, view) : print_interfaces(&context);
	if (r < 0)
		return r;
	if (!settings->totals || settings->rollups) {
		putchar('\n');
		r = print_entries(&context);
		if (r < 0)
			return r;
		putchar('\n');
	}
	print_conservation(settings, view);
	return 0;
}
