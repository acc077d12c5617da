// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump --by as a table: one row for each country, AS, name or prefix, and the sums. */
#include "dump_table.h"

#include <stdio.h>

enum {
	COLUMN_LABEL = 0,
	COLUMN_NAME,
	COLUMN_DOMAIN,
	COLUMN_ADDRESSES,
	COLUMN_COUNTERS,
	COLUMN_LAST_SEEN = COLUMN_COUNTERS + DUMP_COUNTER_CELLS,
	COLUMNS
};

_Static_assert(COLUMNS <= TABLE_COLUMNS_MAX, "a row has no room for a column");

static bool has_left_out(const struct dump_view *view)
{
	return view->n_addresses_hidden || view->n_rollups_hidden;
}

/* The rows below the groups: what is not listed, and the sum. */
static void fill_sum(const struct table_context *c, size_t index, struct table_row *row)
{
	const struct dump_view *v = c->view;
	bool total = index == (has_left_out(v) ? 1u : 0u);

	snprintf(row->cell[COLUMN_LABEL], TABLE_CELL_BYTES, total ? "= total" : "+ not listed");
	snprintf(row->cell[COLUMN_ADDRESSES], TABLE_CELL_BYTES, "%zu",
		 total ? v->snapshot->n_addresses : v->n_addresses_hidden);
	dump_put_counters(c, total ? &v->total : &v->left_out, &row->cell[COLUMN_COUNTERS]);
}

static void fill_group(const void *context, size_t index, struct table_row *row)
{
	const struct table_context *c = context;
	const struct dump_group *group;
	char text[DUMP_LABEL_BYTES];

	if (index >= c->view->n_groups) {
		fill_sum(c, index - c->view->n_groups, row);
		return;
	}
	group = &c->view->groups[index];
	dump_put_name(dump_label_words(c->settings->by.axis, &group->label, text),
		      row->cell[COLUMN_LABEL]);
	if (group->label.kind == DUMP_LABEL_ROLLED_UP) {
		snprintf(row->cell[COLUMN_NAME], TABLE_CELL_BYTES, "%zu %s", group->n_rollups,
			 group->n_rollups == 1 ? "prefix" : "prefixes");
	} else {
		dump_put_name(group->label.name, row->cell[COLUMN_NAME]);
		snprintf(row->cell[COLUMN_ADDRESSES], TABLE_CELL_BYTES, "%zu", group->n_addresses);
		snprintf(row->cell[COLUMN_DOMAIN], TABLE_CELL_BYTES, "%u", group->sum.key.domain);
	}
	dump_put_counters(c, &group->sum.counters, &row->cell[COLUMN_COUNTERS]);
	if (group->sum.last_seen_ns)
		dump_put_last_seen(c, group->sum.last_seen_ns, row->cell[COLUMN_LAST_SEEN]);
}

static bool has_domains(const struct table_context *c)
{
	for (size_t i = 0; i < c->view->n_groups; i++)
		if (c->view->groups[i].sum.key.domain)
			return true;
	return false;
}

int dump_print_groups(const struct table_context *context)
{
	static const char *const headers[] = { "", "COUNTRY", "ASN", "NAME", "PREFIX", "GROUP" };
	enum dump_axis axis = context->settings->by.axis;
	bool rate = context->view->interval_ns != 0;
	struct table table = {
		.n_columns = COLUMNS,
		.columns = { [COLUMN_LABEL] = { .header = headers[axis] },
			     [COLUMN_NAME] = { .header = "NAME",
					       .optional = true,
					       .hidden = axis == DUMP_AXIS_NAME ||
							 axis == DUMP_AXIS_GROUP ||
							 axis == DUMP_AXIS_PREFIX },
			     [COLUMN_DOMAIN] = { .header = "DOMAIN",
						 .right = true,
						 .hidden = !has_domains(context) },
			     [COLUMN_ADDRESSES] = { .header = "ADDRESSES", .right = true },
			     [COLUMN_LAST_SEEN] = { .header = "LAST SEEN",
						    .optional = true,
						    .hidden = rate } },
		.color = text_color_wanted(context->settings->color),
		.fill = fill_group,
		.context = context,
		.n_rows = context->view->n_groups + has_left_out(context->view) + 1,
	};

	dump_counter_columns(&table.columns[COLUMN_COUNTERS], rate);
	return table_print(&table);
}
