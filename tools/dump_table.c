// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump's tables: where the numbers stand, the interfaces, the addresses, and that they add up. */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dump_table.h"

#define NAME_COLUMNS    32u /* most AS names are shorter; two of them and the counters fill 160 */
#define STALE_INTERVALS 3u  /* a cut this late means that the collector is stuck or gone */

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

void dump_put_packets(const struct table_context *c, uint64_t packets, char *cell)
{
	char text[TEXT_NUMBER_BYTES];

	if (c->view->interval_ns)
		text_rate(per_second(c->view, packets), c->units, text);
	else
		text_count(packets, c->units, text);
	snprintf(cell, TABLE_CELL_BYTES, "%s", text);
}

void dump_put_octets(const struct table_context *c, uint64_t octets, char *cell)
{
	char text[TEXT_NUMBER_BYTES];

	if (c->view->interval_ns)
		text_rate(8 * per_second(c->view, octets), c->units, text);
	else
		text_octets(octets, c->units, text);
	snprintf(cell, TABLE_CELL_BYTES, "%s", text);
}

void dump_put_counters(const struct table_context *c, const struct ipacct_counters *counters,
		       char (*cells)[TABLE_CELL_BYTES])
{
	dump_put_packets(c, counters->tx_packets, cells[0]);
	dump_put_octets(c, counters->tx_l3_bytes, cells[1]);
	dump_put_packets(c, counters->rx_packets, cells[2]);
	dump_put_octets(c, counters->rx_l3_bytes, cells[3]);
}

void dump_counter_columns(struct table_column columns[DUMP_COUNTER_CELLS], bool rate)
{
	columns[0] = (struct table_column){ rate ? "TX PPS" : "TX PKTS", .right = true };
	columns[1] = (struct table_column){ rate ? "TX BIT/S" : "TX BYTES", .right = true };
	columns[2] = (struct table_column){ rate ? "RX PPS" : "RX PKTS", .right = true };
	columns[3] = (struct table_column){ rate ? "RX BIT/S" : "RX BYTES", .right = true };
}

void dump_put_last_seen(const struct table_context *c, uint64_t last_seen_ns, char *cell)
{
	const struct ipacct_snapshot *at = c->view->at;
	char text[TEXT_TIME_BYTES];

	text_time_short(last_seen_ns, at->live ? at->read_time_ns : at->cut_time_ns, text);
	snprintf(cell, TABLE_CELL_BYTES, "%s", text);
}

void dump_put_name(const char *name, char *cell)
{
	static const char more[] = "...";
	size_t used = 0,
	       kept = 0; /* octets of all characters so far, and of those before the dots */

	for (unsigned int n = 0; name[used] && used < TABLE_CELL_BYTES; n++) {
		if (n == NAME_COLUMNS)
			break;
		if (n <= NAME_COLUMNS - strlen(more) && used < TABLE_CELL_BYTES - sizeof(more))
			kept = used;
		used += text_utf8_bytes(name + used); /* a name of libipacct is UTF-8 */
	}
	if (name[used] == '\0' && used < TABLE_CELL_BYTES)
		snprintf(cell, TABLE_CELL_BYTES, "%s", name);
	else
		snprintf(cell, TABLE_CELL_BYTES, "%.*s%s", (int)kept, name, more);
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
	char name[DUMP_NAME_BYTES];

	if (!slot)
		return;
	i = &slot->interface;
	snprintf(row->cell[0], TABLE_CELL_BYTES, "%s", dump_ifname(c->settings, i, name));
	snprintf(row->cell[1], TABLE_CELL_BYTES, "%s", dump_name(ipacct_hook_name(i->hook)));
	snprintf(row->cell[2], TABLE_CELL_BYTES, "%s", dump_name(ipacct_mode_name(i->mode)));
	snprintf(row->cell[3], TABLE_CELL_BYTES, "%s", dump_name(ipacct_attach_name(i->attach)));
	snprintf(row->cell[4], TABLE_CELL_BYTES, "%s", dump_name(ipacct_if_state_name(i->state)));
	dump_put_packets(c, slot->totals.seen.packets, row->cell[5]);
	dump_put_packets(c, slot->totals.accounted.packets, row->cell[6]);
	dump_put_packets(c, dump_ignored(&slot->totals).packets, row->cell[7]);
	dump_put_octets(c, dump_accounted_l3_bytes(&slot->totals), row->cell[8]);
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
static void print_generic(const struct dump_settings *settings,
			  const struct ipacct_snapshot *snapshot)
{
	char name[DUMP_NAME_BYTES];

	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_interface *interface = &snapshot->interfaces[i].interface;

		if (interface->mode == IPACCT_MODE_GENERIC)
			printf("%s: mode=generic counts after GRO: fewer, larger packets than on "
			       "the wire\n",
			       dump_ifname(settings, interface, name));
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
	print_generic(context->settings, snapshot);
	return r;
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

	if (settings->replay)
		dump_replay_table(settings);
	else
		print_where(view);
	r = settings->totals ? dump_print_totals(settings, view) : print_interfaces(&context);
	if (r < 0)
		return r;
	if (!settings->totals || settings->rollups) {
		putchar('\n');
		r = settings->by.axis ? dump_print_groups(&context) : dump_print_entries(&context);
		if (r < 0)
			return r;
		putchar('\n');
	}
	print_conservation(settings, view);
	return 0;
}
