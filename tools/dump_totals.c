// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump --totals: every total of each interface as small tables. */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common_table.h"

/* seen, accounted, 2 families, protocol classes, 2 fragment and 2 tunnel counters, super-packets,
 * ignored and its reasons */
#define LINES_MAX (10u + IPACCT_PROTOCOLS + IPACCT_IGNORED_REASONS)

enum {
	HAS_L2 = 1,
	HAS_L3 = 2
};

struct line {
	const char *name;
	unsigned int indent;
	uint64_t packets;
	uint64_t l2_bytes;
	uint64_t l3_bytes;
	unsigned int has; /* HAS_L2 | HAS_L3 */
};

struct lines {
	struct line line[LINES_MAX];
	size_t n;
	uint64_t interval_ns;
	enum text_units units;
};

static void add_l2(struct lines *lines, unsigned int indent, const char *name,
		   const struct ipacct_packets_l2 *p)
{
	lines->line[lines->n++] = (struct line){ .name = name,
						 .indent = indent,
						 .packets = p->packets,
						 .l2_bytes = p->l2_bytes,
						 .has = HAS_L2 };
}

static void add_l3(struct lines *lines, unsigned int indent, const char *name,
		   const struct ipacct_packets_l3 *p)
{
	lines->line[lines->n++] = (struct line){ .name = name,
						 .indent = indent,
						 .packets = p->packets,
						 .l3_bytes = p->l3_bytes,
						 .has = HAS_L3 };
}

static void add_packets(struct lines *lines, unsigned int indent, const char *name,
			uint64_t packets)
{
	if (packets)
		lines->line[lines->n++] =
			(struct line){ .name = name, .indent = indent, .packets = packets };
}

/* Reasons, classes and fragments that never occurred are left out: zeros are in the JSON. */
static void collect(const struct ipacct_totals *t, struct lines *lines)
{
	struct ipacct_packets_l2 ignored = dump_ignored(t);

	add_l2(lines, 0, "seen", &t->seen);
	add_l2(lines, 1, "accounted", &t->accounted);
	lines->line[lines->n - 1].l3_bytes = dump_accounted_l3_bytes(t);
	lines->line[lines->n - 1].has |= HAS_L3;
	add_l3(lines, 2, "ipv4", &t->ipv4);
	add_l3(lines, 2, "ipv6", &t->ipv6);
	for (unsigned int i = 0; i < IPACCT_PROTOCOLS; i++)
		if (t->protocol[i].packets)
			add_l3(lines, 2, ipacct_protocol_name(i), &t->protocol[i]);
	add_packets(lines, 2, "first fragments", t->first_fragments);
	add_packets(lines, 2, "other fragments", t->other_fragments);
	if (t->bundles)
		add_packets(lines, 2, "in super-packets", t->bundled_packets);
	add_packets(lines, 2, "inside a tunnel", t->inner_packets);
	add_packets(lines, 2, "tunnel, unreadable", t->tunnel_outer_packets);
	add_l2(lines, 1, "ignored", &ignored);
	for (unsigned int i = 0; i < IPACCT_IGNORED_REASONS; i++)
		if (t->ignored[i].packets)
			add_l2(lines, 2, ipacct_reason_name(i), &t->ignored[i]);
}

static double rate(const struct lines *lines, uint64_t count)
{
	return (double)count * (double)NS_PER_S / (double)lines->interval_ns;
}

static void put_packets(const struct lines *lines, uint64_t packets, char *cell)
{
	if (lines->interval_ns)
		text_rate(rate(lines, packets), lines->units, cell);
	else
		text_count(packets, lines->units, cell);
}

static void put_octets(const struct lines *lines, uint64_t octets, char *cell)
{
	if (lines->interval_ns)
		text_rate(8 * rate(lines, octets), lines->units, cell);
	else
		text_octets(octets, lines->units, cell);
}

static void fill_line(const void *context, size_t index, struct table_row *row)
{
	const struct lines *lines = context;
	const struct line *line = &lines->line[index];

	snprintf(row->cell[0], TABLE_CELL_BYTES, "%*s%s", 2 * (int)line->indent, "", line->name);
	put_packets(lines, line->packets, row->cell[1]);
	if (line->has & HAS_L2)
		put_octets(lines, line->l2_bytes, row->cell[2]);
	if (line->has & HAS_L3)
		put_octets(lines, line->l3_bytes, row->cell[3]);
}

static void fill_bin(const void *context, size_t index, struct table_row *row)
{
	const struct lines *lines = context;
	const struct line *line = &lines->line[index];

	snprintf(row->cell[0], TABLE_CELL_BYTES, "%s", line->name);
	put_packets(lines, line->packets, row->cell[1]);
	if (line->l2_bytes) /* here: the packets of all bins */
		snprintf(row->cell[2], TABLE_CELL_BYTES, "%.1f %%",
			 100.0 * (double)line->packets / (double)line->l2_bytes);
}

static int print_counters(const struct dump_settings *settings, const struct lines *lines)
{
	bool rates = lines->interval_ns != 0;
	struct table table = {
		.n_columns = 4,
		.columns = { { .header = "COUNTER" },
			     { .header = rates ? "PACKETS/S" : "PACKETS", .right = true },
			     { .header = rates ? "L2 BIT/S" : "L2 BYTES", .right = true },
			     { .header = rates ? "L3 BIT/S" : "L3 BYTES", .right = true } },
		.color = text_color_wanted(settings->color),
		.fill = fill_line,
		.context = lines,
		.n_rows = lines->n,
	};

	return table_print(&table);
}

static int print_histogram(const struct dump_settings *settings, const struct lines *lines)
{
	struct table table = {
		.n_columns = 3,
		.columns = { { .header = "OCTETS WITH FCS" },
			     { .header = lines->interval_ns ? "PACKETS/S" : "PACKETS",
			       .right = true },
			     { .header = "SHARE", .right = true } },
		.color = text_color_wanted(settings->color),
		.fill = fill_bin,
		.context = lines,
		.n_rows = lines->n,
	};

	return table_print(&table);
}

/* What is not the default. */
static const char *print_options(const struct ipacct_interface *i)
{
	static const char *const texts[] = { "", ", account inner", ", VLAN domains",
					     ", VLAN domains, account inner" };

	return texts[!!(i->flags & IPACCT_IFFLAG_INNER) + 2 * !!(i->flags & IPACCT_IFFLAG_VLANS)];
}

static void print_name(const struct dump_settings *settings, const struct ipacct_interface *i)
{
	char name[DUMP_NAME_BYTES], since[TEXT_TIME_BYTES];

	dump_ifname(settings, i, name);
	if (i->mode == IPACCT_MODE_REPLAY) {
		printf("%s: mode=replay, domain %u%s\n", name, i->domain, print_options(i));
		return;
	}
	printf("%s: hook %s, mode=%s, attach %s, %s", name, dump_name(ipacct_hook_name(i->hook)),
	       dump_name(ipacct_mode_name(i->mode)), dump_name(ipacct_attach_name(i->attach)),
	       dump_name(ipacct_if_state_name(i->state)));
	printf(", ifindex %u, domain %u%s, last attached %s UTC (%u %s)\n", i->ifindex, i->domain,
	       print_options(i), text_time(i->attached_ns, since), i->n_attached,
	       i->n_attached == 1 ? "time" : "times");
	if (i->mode == IPACCT_MODE_GENERIC)
		puts("mode=generic counts after GRO: fewer, larger packets than on the wire");
}

static int print_slot(const struct dump_settings *settings, const struct dump_view *view,
		      const struct ipacct_interface_totals *slot)
{
	struct lines counters = { .interval_ns = view->interval_ns,
				  .units = dump_units(settings, false) };
	struct lines bins = counters;
	int r;

	putchar('\n');
	print_name(settings, &slot->interface);
	collect(&slot->totals, &counters);
	r = print_counters(settings, &counters);
	if (r < 0)
		return r;
	for (unsigned int b = 0; b < IPACCT_SIZE_BINS; b++)
		bins.line[bins.n++] = (struct line){ .name = ipacct_size_bin_name(b),
						     .packets = slot->totals.size_histogram[b],
						     .l2_bytes = slot->totals.seen.packets };
	putchar('\n');
	return print_histogram(settings, &bins);
}

int dump_print_totals(const struct dump_settings *settings, const struct dump_view *view)
{
	const struct ipacct_snapshot *snapshot = view->snapshot;
	int r;

	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		if (!dump_shows_interface(settings, &snapshot->interfaces[i]))
			continue;
		r = print_slot(settings, view, &snapshot->interfaces[i]);
		if (r < 0)
			return r;
	}
	putchar('\n');
	return 0;
}
