/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned tables of any length through libsmartcols, in memory that does not grow with the rows. */
#ifndef IPACCT_TOOLS_COMMON_TABLE_H
#define IPACCT_TOOLS_COMMON_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 14u
#define TABLE_CELL_BYTES  64u /* an IPv6 prefix takes 44, a sentence about addresses up to 60 */

struct table_column {
	const char *header;
	bool right;    /* numbers */
	bool optional; /* left out when the terminal is too narrow, the last one first */
	bool hidden;   /* not wanted this time */
};

struct table_row {
	char cell[TABLE_COLUMNS_MAX][TABLE_CELL_BYTES];
	const char *color; /* a name that libsmartcols knows ("red"), NULL = none */
};

struct table {
	size_t n_columns;
	struct table_column columns[TABLE_COLUMNS_MAX];
	bool color;
	/* Fill row `index` (zeroed before). Called twice for each: measure, then print. */
	void (*fill)(const void *context, size_t index, struct table_row *ret_row);
	const void *context;
	size_t n_rows;
};

/* Print to standard output. Columns of the table that do not fit may become hidden.
 * Returns 0 or -ENOMEM; a failed output is left to tool_finish_output(). */
int table_print(struct table *table);

#endif
