// SPDX-License-Identifier: GPL-2.0-or-later
/* Aligned tables of any length: one pass measures, a second prints block by block. */
#include "common_table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "common.h"
#include "common_text.h"

#define BLOCK_ROWS 2048u /* libsmartcols takes about 700 bytes a row: 1.5 MB at a time */
#define GAP_WIDE   "  "  /* between columns, where there is room */
#define GAP_NARROW " "

static void cleanup_table(struct libscols_table **t)
{
	scols_unref_table(*t);
}

static void measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
	for (size_t c = 0; c < table->n_columns; c++)
		widths[c] = strlen(table->columns[c].header);
	for (size_t r = 0; r < table->n_rows; r++) {
		struct table_row row = { 0 };

		table->fill(table->context, r, &row);
		for (size_t c = 0; c < table->n_columns; c++) {
			size_t n = strlen(row.cell[c]);

			if (n > widths[c])
				widths[c] = n;
		}
	}
}

static size_t line_width(const struct table *table, const size_t widths[TABLE_COLUMNS_MAX],
			 size_t gap)
{
	size_t width = 0;

	for (size_t c = 0; c < table->n_columns; c++)
		if (!table->columns[c].hidden)
			width += widths[c] + (width ? gap : 0);
	return width;
}

static bool hide_one(struct table *table)
{
	for (size_t c = table->n_columns; c-- > 0;) {
		struct table_column *column = &table->columns[c];

		if (column->optional && !column->hidden) {
			column->hidden = true;
			return true;
		}
	}
	return false;
}

/* Choose the gap between columns; hide optional columns, the last first, until the line fits. */
static const char *fit(struct table *table, const size_t widths[TABLE_COLUMNS_MAX])
{
	size_t limit = text_width();

	do {
		if (limit == 0 || line_width(table, widths, strlen(GAP_WIDE)) <= limit)
			return GAP_WIDE;
		if (line_width(table, widths, strlen(GAP_NARROW)) <= limit)
			return GAP_NARROW;
	} while (hide_one(table));
	return GAP_NARROW; /* the terminal wraps: better than a number cut off */
}

static int create(const struct table *table, const size_t widths[TABLE_COLUMNS_MAX],
		  const char *gap, bool headings, struct libscols_table **ret_t)
{
	struct libscols_table *t __cleanup(cleanup_table) = scols_new_table();

	if (!t || scols_table_set_column_separator(t, gap) < 0)
		return -ENOMEM;
	/* Widths are settled by fit(): without a terminal libsmartcols cuts nothing off. */
	scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_noheadings(t, !headings);
	scols_table_enable_colors(t, table->color);
	for (size_t c = 0; c < table->n_columns; c++) {
		const struct table_column *column = &table->columns[c];
		char header[TABLE_CELL_BYTES];

		if (column->hidden)
			continue;
		/* The heading is as wide as the widest cell of all blocks: the column then is in each.
		 * A width hint is not enough, libsmartcols takes the heading's width before it. */
		snprintf(header, sizeof(header), column->right ? "%*s" : "%-*s", (int)widths[c],
			 column->header);
		if (!scols_table_new_column(t, header, 0, column->right ? SCOLS_FL_RIGHT : 0))
			return -ENOMEM;
	}
	*ret_t = take_ptr(t);
	return 0;
}

static int add_row(const struct table *table, size_t index, struct libscols_table *t)
{
	struct table_row row = { 0 };
	struct libscols_line *line = scols_table_new_line(t, NULL);
	size_t shown = 0;

	if (!line)
		return -ENOMEM;
	table->fill(table->context, index, &row);
	for (size_t c = 0; c < table->n_columns; c++) {
		if (table->columns[c].hidden)
			continue;
		if (scols_line_set_data(line, shown++, row.cell[c]) < 0)
			return -ENOMEM;
	}
	if (row.color && scols_line_set_color(line, row.color) < 0)
		return -ENOMEM;
	return 0;
}

/* libsmartcols pads an empty last cell: the blanks at the end of a line are no part of the table. */
static int print_block(struct libscols_table *t)
{
	char *text __cleanup(cleanup_free) = NULL;
	size_t n;

	if (scols_print_table_to_string(t, &text) < 0)
		return -ENOMEM;
	for (const char *line = text; *line; line += n) {
		size_t end = n = strcspn(line, "\n");

		while (end > 0 && line[end - 1] == ' ')
			end--;
		fwrite(line, 1, end, stdout);
		putchar('\n');
		n += line[n] == '\n';
	}
	return 0;
}

int table_print(struct table *table)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };
	const char *gap;
	size_t index = 0;

	measure(table, widths);
	gap = fit(table, widths);
	while (index < table->n_rows && !tool_output_failed()) {
		struct libscols_table *t __cleanup(cleanup_table) = NULL;
		size_t end = index + BLOCK_ROWS;

		if (create(table, widths, gap, index == 0, &t) < 0)
			return -ENOMEM;
		for (; index < end && index < table->n_rows; index++)
			if (add_row(table, index, t) < 0)
				return -ENOMEM;
		if (print_block(t) < 0)
			return -ENOMEM;
	}
	return 0;
}
