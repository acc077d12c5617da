// SPDX-License-Identifier: GPL-2.0-or-later
/* Read a command line by a table of options, and print the table as --help. */
#include "common_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "common.h"

#define OPTIONS_MAX   40u /* rows of one tool; asserted at run time by options_parse() */
#define LONG_BASE     256 /* getopt value of row i without a letter: above every char */
#define HELP_COLUMN   26  /* where the explanations begin */
#define SECONDS_BYTES 16u /* "86400.000" and some */
#define MS_PER_S      1000u

static const struct option_row *row_by_value(const struct option_table *table, int value)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct option_row *row = &table->rows[i];

		if (value == (row->letter ? row->letter : LONG_BASE + (int)i))
			return row;
	}
	return NULL;
}

static bool argument_optional(const struct option_row *row)
{
	return row->argument && row->argument[0] == '[';
}

static int bad(const struct option_row *row, const char *text, const char *what)
{
	if (row->name)
		tool_complain("--%s %s: %s", row->name, text, what);
	else
		tool_complain("-%c %s: %s", row->letter, text, what);
	return -EINVAL;
}

static int set_number(const struct option_row *row, const char *text, uint64_t *ret_value)
{
	char what[96];

	if (parse_u64(text, row->min, row->max, ret_value) == 0)
		return 0;
	snprintf(what, sizeof(what), "want a whole number from %llu to %llu",
		 (unsigned long long)row->min, (unsigned long long)row->max);
	return bad(row, text, what);
}

/* "S", "S.d", "S.dd" or "S.ddd" seconds. */
static int seconds_parse(const char *text, uint64_t max_s, uint64_t *ret_ns)
{
	char whole[SECONDS_BYTES];
	const char *dot = strchr(text, '.');
	size_t whole_bytes = dot ? (size_t)(dot - text) : strlen(text);
	uint64_t seconds, ms = 0;

	if (whole_bytes >= sizeof(whole))
		return -ERANGE;
	memcpy(whole, text, whole_bytes);
	whole[whole_bytes] = '\0';
	if (parse_u64(whole, 0, max_s, &seconds) < 0)
		return -EINVAL;
	if (dot) {
		size_t n_digits = strlen(dot + 1);

		if (n_digits < 1 || n_digits > 3 || parse_u64(dot + 1, 0, MS_PER_S - 1, &ms) < 0)
			return -EINVAL;
		for (; n_digits < 3; n_digits++)
			ms *= 10;
	}
	*ret_ns = seconds * NS_PER_S + ms * NS_PER_MS;
	return 0;
}

static int set_seconds(const struct option_row *row, const char *text, uint64_t *ret_ns)
{
	uint64_t ns;
	char what[96];

	/* row->min is in ms: below a second there is room for it, row->max is in seconds */
	if (seconds_parse(text, row->max, &ns) == 0 && ns >= row->min * NS_PER_MS &&
	    ns <= row->max * NS_PER_S) {
		*ret_ns = ns;
		return 0;
	}
	snprintf(what, sizeof(what), "want seconds from %llu.%03llu to %llu, such as 1 or 0.5",
		 (unsigned long long)(row->min / MS_PER_S),
		 (unsigned long long)(row->min % MS_PER_S), (unsigned long long)row->max);
	return bad(row, text, what);
}

static int set_choice(const struct option_row *row, const char *text, unsigned int *ret_value)
{
	char list[192] = "want one of";

	if (!text) {
		*ret_value = (unsigned int)row->min;
		return 0;
	}
	for (unsigned int i = 0; row->choices[i]; i++) {
		size_t used = strlen(list);

		if (strcmp(text, row->choices[i]) == 0) {
			*ret_value = (unsigned int)row->min + i;
			return 0;
		}
		snprintf(list + used, sizeof(list) - used, "%s %s", i ? "," : "", row->choices[i]);
	}
	return bad(row, text, list);
}

static int add(const struct option_row *row, char *text, struct option_list *list)
{
	if (list->n == OPTION_LIST_MAX)
		return bad(row, text, "given too often");
	list->text[list->n++] = text;
	return 0;
}

static int set(const struct option_row *row, char *text, void *settings)
{
	void *field = (char *)settings + row->offset;

	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_VALUE:
		*(unsigned int *)field = (unsigned int)row->min;
		return 0;
	case OPTION_NUMBER:
		return set_number(row, text, field);
	case OPTION_SECONDS:
		return set_seconds(row, text, field);
	case OPTION_STRING:
		if (!text[0])
			return bad(row, "''", "must not be empty");
		*(const char **)field = text;
		return 0;
	case OPTION_LIST:
		return add(row, text, field);
	case OPTION_CHOICE:
		return set_choice(row, text, field);
	default:
		return -EINVAL;
	}
}

static void build_getopt(const struct option_table *table, char *letters, struct option *longs)
{
	size_t n_longs = 0;

	*letters++ = ':'; /* a missing argument is told apart from an unknown option */
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct option_row *row = &table->rows[i];
		int kind = !row->argument           ? no_argument
			   : argument_optional(row) ? optional_argument
						    : required_argument;

		if (row->letter) {
			*letters++ = (char)row->letter;
			for (int colons = 0; colons < kind; colons++)
				*letters++ = ':';
		}
		if (row->name)
			longs[n_longs++] = (struct option){
				.name = row->name,
				.has_arg = kind,
				.val = row->letter ? row->letter : LONG_BASE + (int)i,
			};
	}
	*letters = '\0';
	longs[n_longs] = (struct option){ 0 };
}

static enum options_outcome refuse(const char *word, const char *what)
{
	tool_complain("%s '%s'; --help lists the options", what, word);
	return OPTIONS_USAGE;
}

enum options_outcome options_parse(const struct option_table *table, int argc, char **argv,
				   void *ret_settings, int *ret_first)
{
	char letters[3 * OPTIONS_MAX + 2];
	struct option longs[OPTIONS_MAX + 1];
	int value;

	if (table->n_rows > OPTIONS_MAX)
		return refuse(argv[0], "more options than OPTIONS_MAX in");
	build_getopt(table, letters, longs);
	opterr = 0;
	while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct option_row *row = row_by_value(table, value);

		if (value == ':')
			return refuse(argv[optind - 1], "an argument is missing after");
		if (!row)
			return refuse(argv[optind - 1], "unknown or ambiguous option");
		if (row->type == OPTION_HELP) {
			options_print_help(table);
			return OPTIONS_EXIT_OK;
		}
		if (row->type == OPTION_VERSION) {
			printf("%s %s (ABI %u)\n", program_invocation_short_name, IPACCT_VERSION,
			       IPACCT_ABI_VERSION);
			return OPTIONS_EXIT_OK;
		}
		if (set(row, optarg, ret_settings) < 0)
			return OPTIONS_USAGE;
	}
	*ret_first = optind;
	return OPTIONS_RUN;
}

static void print_row(const struct option_row *row)
{
	char left[64];
	const char *argument = row->argument ? row->argument : "";
	bool optional = argument_optional(row);

	if (row->letter && row->name)
		snprintf(left, sizeof(left), "  -%c, --%s%s%s", row->letter, row->name,
			 row->argument && !optional ? " " : "", argument);
	else if (row->letter)
		snprintf(left, sizeof(left), "  -%c%s%s", row->letter, row->argument ? " " : "",
			 argument);
	else
		snprintf(left, sizeof(left), "      --%s%s%s", row->name,
			 row->argument && !optional ? " " : "", argument);
	if (strlen(left) + 2 > HELP_COLUMN)
		printf("%s\n%*s%s\n", left, HELP_COLUMN, "", row->help);
	else
		printf("%-*s%s\n", HELP_COLUMN, left, row->help);
	if (!row->choices)
		return;
	printf("%*s", HELP_COLUMN, "");
	for (size_t i = 0; row->choices[i]; i++)
		printf("%s%s", i ? "|" : "", row->choices[i]);
	putchar('\n');
}

void options_print_help(const struct option_table *table)
{
	printf("Usage: %s %s\n%s\n\nOptions:\n", program_invocation_short_name, table->usage,
	       table->purpose);
	for (size_t i = 0; i < table->n_rows; i++)
		if (table->rows[i].help)
			print_row(&table->rows[i]);
	if (table->epilogue)
		printf("\n%s", table->epilogue);
}
