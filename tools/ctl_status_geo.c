// SPDX-License-Identifier: GPL-2.0-or-later
/* Print what ipacctctl status knows of geo. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common_table.h"
#include "common_text.h"
#include "ctl.h"
#include "ctl_status.h"

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void put_text(char *cell, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(cell, TABLE_CELL_BYTES, "%s", text && *text ? text : "-");
	text_make_safe(cell);
}

static void fill_database(const void *context, size_t index, struct table_row *row)
{
	const json_t *database = json_array_get(context, index);
	char time[TEXT_TIME_BYTES];

	put_text(row->cell[0], database, "path");
	put_text(row->cell[1], database, "type");
	snprintf(row->cell[2], TABLE_CELL_BYTES, "%s",
		 text_time(number(database, "build_s") * NS_PER_S, time));
	put_text(row->cell[3], database, "state");
	if (!strcmp(row->cell[3], "in_use"))
		snprintf(row->cell[3], TABLE_CELL_BYTES, "in use");
	else
		snprintf(row->cell[3], TABLE_CELL_BYTES, "NOT USABLE");
}

static int print_databases(const struct ctl_settings *settings, const json_t *databases)
{
	struct table table = {
		.n_columns = 4,
		.columns = { { .header = "DATABASE" },
			     { .header = "TYPE" },
			     { .header = "BUILT (UTC)" },
			     { .header = "STATE" } },
		.color = text_color_wanted(settings->color),
		.fill = fill_database,
		.context = databases,
		.n_rows = json_array_size(databases),
	};

	return table.n_rows ? table_print(&table) : 0;
}

int status_print_geo(const struct ctl_settings *settings, const json_t *geo)
{
	char state[TABLE_CELL_BYTES], file[TEXT_NUMBER_BYTES], rss[TEXT_NUMBER_BYTES];

	if (!json_is_object(geo))
		return 0;
	put_text(state, geo, "state");
	printf("\ngeo: worker %s, pid %" PRIu64 ", restarts %" PRIu64 ", %s; file %s\n", state,
	       number(geo, "pid"), number(geo, "restarts"),
	       text_octets(number(geo, "resident_bytes"), TEXT_IEC, rss),
	       text_octets(number(geo, "file_bytes"), TEXT_IEC, file));
	printf("generation %" PRIu64 ": %" PRIu64 " addresses known, %" PRIu64 " not, %" PRIu64
	       " pending; %" PRIu64 " look-ups so far\n",
	       number(geo, "generation"), number(geo, "known"), number(geo, "negative"),
	       number(geo, "pending"), number(geo, "lookups"));
	if (number(geo, "strings_full"))
		printf("NAMES LEFT OUT: %" PRIu64 ", the string table is full\n",
		       number(geo, "strings_full"));
	return print_databases(settings, json_object_get(geo, "databases"));
}
