/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The row of this ABI version says where its fields lie: what the next one will convert from. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "layout.h"

/* Octets of a record that no field has: `reserved`, and in the ledger's header what says how large
 * it all is. */
static const struct {
	const char *name;
	uint32_t octets;
} unnamed[] = {
	{ "key", 2 },
	{ "totals", 8 },
	{ "interface", 24 },
	{ "domain", 4 },
	{ "hot6_line", 4 + 16 },
	{ "roll6_line", 24 },
	{ "ledger_record", 3 },
	{ "ledger_series", 7 },
	{ "ledger_header", 8 + 4 * 5 + 4 + 8 + 24 },
};

static uint32_t octets_unnamed(const char *name)
{
	for (size_t i = 0; i < sizeof(unnamed) / sizeof(unnamed[0]); i++)
		if (!strcmp(unnamed[i].name, name))
			return unnamed[i].octets;
	return 0;
}

static void record_check(const char *name, const struct layout_record *record, size_t bytes)
{
	unsigned char *taken = calloc(1, bytes);
	uint32_t n = 0;

	cr_assert_eq(record->bytes, bytes, "%s has %zu octets", name, bytes);
	cr_assert_eq(record->bytes_here, bytes);
	for (uint32_t i = 0; i < record->n_fields; i++) {
		const struct layout_field *field = &record->fields[i];

		cr_assert_eq(field->there, field->here, "field %u of %s is at %u", i, name,
			     field->here);
		cr_assert_leq(field->there + (uint32_t)field->bytes * field->n, bytes);
		cr_assert(!field->of || field->of->bytes == field->bytes, "field %u of %s", i,
			  name);
		for (uint32_t k = 0; k < (uint32_t)field->bytes * field->n; k++) {
			cr_assert_eq(taken[field->there + k], 0, "twice: octet %u of %s",
				     field->there + k, name);
			taken[field->there + k] = 1;
			n++;
		}
	}
	cr_assert_eq(n + octets_unnamed(name), bytes, "%s: %u octets are in fields", name, n);
	free(taken);
}

Test(layout, row_of_this_version_is_abi_h)
{
	const struct layout *layout = layout_of(IPACCT_ABI_VERSION);

	cr_assert_not_null(layout, "whoever raises the version adds a row");
#define CHECK(record) record_check(#record, &layout->record, sizeof(struct ipacct_##record));
	LAYOUT_RECORDS(CHECK)
#undef CHECK
	cr_assert_eq(layout->ifs_max, IPACCT_IFS_MAX);
	cr_assert_eq(layout->domains_max, IPACCT_DOMAINS_MAX);
	cr_assert_eq(layout->roll_lines, IPACCT_ROLL_LINES);
	cr_assert_eq(layout->roll6_lines, IPACCT_ROLL6_LINES);
	cr_assert_eq(layout->hot4_ways, IPACCT_HOT4_WAYS);
	cr_assert_eq(layout->hot6_ways, IPACCT_HOT6_WAYS);
	cr_assert_eq(layout->hot_set_bytes, IPACCT_HOT_SET_BYTES);
	cr_assert_eq(layout->series_max, IPACCT_SERIES_MAX);
	cr_assert_eq(layout->ledger_header_bytes, IPACCT_LEDGER_HEADER_BYTES);
}

Test(layout, versions_that_never_were_have_no_row)
{
	cr_assert_null(layout_of(0));
	cr_assert_null(layout_of(IPACCT_ABI_VERSION + 1));
}

Test(layout, fields_move_records_nest_and_the_rest_is_zero)
{
	static const struct layout_field inner_fields[] = {
		{ .there = 0, .here = 2, .bytes = 2, .n = 1 },
	};
	static const struct layout_record inner = {
		.bytes = 2, .bytes_here = 4, .n_fields = 1, .fields = inner_fields
	};
	static const struct layout_field fields[] = {
		{ .there = 0, .here = 9, .bytes = 1, .n = 1 },
		{ .there = 1, .here = 0, .bytes = 2, .n = 2, .of = &inner },
	};
	static const struct layout_record record = {
		.bytes = 5, .bytes_here = 10, .n_fields = 2, .fields = fields
	};
	const unsigned char from[] = { 1, 2, 3, 4, 5 };
	const unsigned char wanted[] = { 0, 0, 2, 3, 0, 0, 4, 5, 0, 1 };
	unsigned char to[sizeof(wanted)];

	memset(to, 0xff, sizeof(to));
	layout_convert(&record, from, to);
	cr_assert_arr_eq(to, wanted, sizeof(wanted));
}
