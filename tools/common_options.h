/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line options as rows of one table: the rows drive the parser and --help. */
#ifndef IPACCT_TOOLS_COMMON_OPTIONS_H
#define IPACCT_TOOLS_COMMON_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_FLAG,    /* bool: becomes true */
	OPTION_VALUE,   /* unsigned int: becomes `min`; several switches set one field */
	OPTION_NUMBER,  /* uint64_t: min … max */
	OPTION_SECONDS, /* uint64_t in ns: min … max seconds, up to three decimals */
	OPTION_STRING,  /* const char * */
	OPTION_LIST,    /* struct option_list: each use adds one */
	OPTION_CHOICE,  /* unsigned int: `min` + index in choices; argument may be left out when
			 * its placeholder is in brackets, it is the first one then */
	OPTION_HELP,
	OPTION_VERSION,
};

#define OPTION_LIST_MAX 64u /* uses of one option */

struct option_list {
	size_t n;
	char *text[OPTION_LIST_MAX]; /* of argv */
};

struct option_row {
	int letter;       /* 0 = only the long form */
	const char *name; /* long form; NULL = only the letter */
	enum option_type type;
	const char *argument; /* placeholder, NULL = takes none */
	size_t offset;        /* of the field in the settings */
	uint64_t min;
	uint64_t max;
	const char *const *choices; /* NULL-terminated */
	const char *help;           /* NULL = a second spelling, not listed */
};

struct option_table {
	const char *usage; /* what follows the program's name, one line each */
	const char *purpose;
	const struct option_row *rows;
	size_t n_rows;
	const char *epilogue; /* after the list; may be NULL */
};

enum options_outcome {
	OPTIONS_RUN = 0,
	OPTIONS_EXIT_OK, /* --help or --version was printed */
	OPTIONS_USAGE,   /* one message was printed: exit code 2 */
};

/* Read the command line. Positional arguments are moved to the end of argv.
 * ret_settings: the rows' fields; others and those of absent options stay as they are.
 * ret_first:    index in argv of the first positional argument. */
enum options_outcome options_parse(const struct option_table *table, int argc, char **argv,
				   void *ret_settings, int *ret_first);

/* The text of --help, to standard output. */
void options_print_help(const struct option_table *table);

#endif
