// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump's table of addresses or roll-ups, with what the geo file knows, and its sums. */
#include "dump_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Columns of the table. Geo: what is missed least is last, it goes first where there is no room. */
enum {
	COLUMN_ADDRESS = 0,
	COLUMN_DOMAIN,
	COLUMN_COUNTERS,
	COLUMN_COUNTRY = COLUMN_COUNTERS + DUMP_COUNTER_CELLS,
	COLUMN_ASN,
	COLUMN_AS_NAME,
	COLUMN_NAME,
	COLUMN_CITY,
	COLUMN_REGION,
	COLUMN_LAST_SEEN,
	COLUMNS
};

_Static_assert(COLUMNS <= TABLE_COLUMNS_MAX, "a row has no room for a column");

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
	char(*counters)[TABLE_CELL_BYTES] = &row->cell[COLUMN_COUNTERS];

	if (has_hidden && index == 0) {
		snprintf(row->cell[0], TABLE_CELL_BYTES, "+ %zu %s not listed",
			 v->n_addresses_hidden,
			 plural(v->n_addresses_hidden, "address", "addresses"));
		dump_put_counters(c, &v->hidden, counters);
	} else if (index == (has_hidden ? 1u : 0u)) {
		snprintf(row->cell[0], TABLE_CELL_BYTES, "+ %zu roll-up %s", n_all,
			 plural(n_all, "prefix", "prefixes"));
		dump_put_counters(c, &v->rolled, counters);
	} else {
		snprintf(row->cell[0], TABLE_CELL_BYTES, "= total");
		dump_put_counters(c, &v->total, counters);
	}
}

/* Blank where nothing was looked up yet; special-purpose space is never "unknown". */
static void fill_geo(const struct table_context *c, const struct ipacct_entry *e,
		     struct table_row *row)
{
	static const struct dump_by by_country = { .axis = DUMP_AXIS_COUNTRY };
	char text[DUMP_LABEL_BYTES];
	struct dump_label label;
	struct ipacct_geo_info info;

	if (!dump_geo_find(c->view->geo, e, &info))
		return;
	dump_label_of(&by_country, c->view->geo, e, &label);
	snprintf(row->cell[COLUMN_COUNTRY], TABLE_CELL_BYTES, "%.*s", (int)TABLE_CELL_BYTES - 1,
		 dump_label_words(DUMP_AXIS_COUNTRY, &label, text));
	if (info.asn)
		snprintf(row->cell[COLUMN_ASN], TABLE_CELL_BYTES, "%" PRIu32, info.asn);
	dump_put_name(info.as_org, row->cell[COLUMN_AS_NAME]);
	dump_put_name(info.name, row->cell[COLUMN_NAME]);
	dump_put_name(info.city, row->cell[COLUMN_CITY]);
	dump_put_name(info.region, row->cell[COLUMN_REGION]);
}

static void fill_entry(const void *context, size_t index, struct table_row *row)
{
	const struct table_context *c = context;
	const struct ipacct_entry *e;

	if (index >= c->n_rows) {
		fill_sum(c, index - c->n_rows, row);
		return;
	}
	e = c->rows[index];
	ipacct_key_format(&e->key, e->prefix_len, row->cell[COLUMN_ADDRESS], TABLE_CELL_BYTES);
	snprintf(row->cell[COLUMN_DOMAIN], TABLE_CELL_BYTES, "%u", e->key.domain);
	dump_put_counters(c, &e->counters, &row->cell[COLUMN_COUNTERS]);
	if (c->view->geo)
		fill_geo(c, e, row);
	dump_put_last_seen(c, e->last_seen_ns, row->cell[COLUMN_LAST_SEEN]);
}

static bool has_domains(const struct table_context *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i]->key.domain)
			return true;
	return false;
}

/* Show the geo columns that have something to say: few databases know cities. */
static void choose_geo_columns(const struct table_context *c, struct table *table)
{
	static const char *const headers[] = {
		"COUNTRY", "ASN", "AS NAME", "NAME", "CITY", "REGION"
	};
	bool used[COLUMNS] = { false };
	struct ipacct_geo_info info;

	for (size_t i = 0; c->settings->geo && i < c->n_rows; i++) {
		used[COLUMN_COUNTRY] = used[COLUMN_ASN] = true;
		if (!dump_geo_find(c->view->geo, c->rows[i], &info))
			continue;
		used[COLUMN_AS_NAME] |= info.as_org[0] != '\0';
		used[COLUMN_NAME] |= info.name[0] != '\0';
		used[COLUMN_CITY] |= info.city[0] != '\0';
		used[COLUMN_REGION] |= info.region[0] != '\0';
	}
	for (size_t i = COLUMN_COUNTRY; i <= COLUMN_REGION; i++)
		table->columns[i] = (struct table_column){
			.header = headers[i - COLUMN_COUNTRY],
			.right = i == COLUMN_ASN,
			.optional = i > COLUMN_ASN,
			.hidden = !used[i] || c->rollups,
		};
}

int dump_print_entries(const struct table_context *context)
{
	const struct dump_view *view = context->view;
	bool rate = view->interval_ns != 0;
	struct table table = {
		.n_columns = COLUMNS,
		.columns = { [COLUMN_ADDRESS] = { .header =
							  context->rollups ? "PREFIX" : "ADDRESS" },
			     [COLUMN_DOMAIN] = { .header = "DOMAIN",
						 .right = true,
						 .hidden = !has_domains(context) },
			     [COLUMN_LAST_SEEN] = { .header = "LAST SEEN",
						    .optional = true,
						    .hidden = rate } },
		.color = text_color_wanted(context->settings->color),
		.fill = fill_entry,
		.context = context,
		.n_rows = context->n_rows,
	};

	dump_counter_columns(&table.columns[COLUMN_COUNTERS], rate);
	choose_geo_columns(context, &table);
	if (!context->rollups)
		table.n_rows += 2 + (view->n_addresses_hidden != 0);
	if (table.n_rows == 0) {
		puts("nothing was rolled up");
		return 0;
	}
	return table_print(&table);
}
