/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of ipacct-dump's tables. */
#ifndef IPACCT_TOOLS_DUMP_TABLE_H
#define IPACCT_TOOLS_DUMP_TABLE_H

#include "common_table.h"
#include "dump.h"

struct table_context {
	const struct dump_settings *settings;
	const struct dump_view *view;
	const struct ipacct_entry **rows;
	size_t n_rows;
	bool rollups;
	enum text_units units;
};

/* Packets, or packets per second in a view of one interval. */
void dump_put_packets(const struct table_context *c, uint64_t packets, char *cell);
/* Octets, or bits per second: lines are sold and measured in bits. */
void dump_put_octets(const struct table_context *c, uint64_t octets, char *cell);
/* Four cells: tx and rx in packets and octets, or their rates. */
#define DUMP_COUNTER_CELLS 4u
void dump_put_counters(const struct table_context *c, const struct ipacct_counters *counters,
		       char (*cells)[TABLE_CELL_BYTES]);
/* When it was last seen, short. */
void dump_put_last_seen(const struct table_context *c, uint64_t last_seen_ns, char *cell);
/* A name, cut at a character when it is longer than such a column should be. */
void dump_put_name(const char *name, char *cell);

/* Headings of those four columns. rate: of a view of one interval. */
void dump_counter_columns(struct table_column columns[DUMP_COUNTER_CELLS], bool rate);

/* The addresses or the roll-ups, and the sums below them. Returns 0 or -ENOMEM. */
int dump_print_entries(const struct table_context *context);

/* The rows of --by, and the sums below them. Returns 0 or -ENOMEM. */
int dump_print_groups(const struct table_context *context);

#endif
