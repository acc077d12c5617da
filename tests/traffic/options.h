/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of ipacct-gen. */
#ifndef IPACCT_TESTS_GEN_OPTIONS_H
#define IPACCT_TESTS_GEN_OPTIONS_H

#include "gen.h"

struct gen_command {
	struct gen_options options;
	bool compare;
	bool rollup;
	char *const *account_paths; /* of argv */
	size_t n_accounts;
	const char *dump_path;
};

enum gen_options_result {
	GEN_OPTIONS_RUN = 0,
	GEN_OPTIONS_EXIT,  /* --help was printed */
	GEN_OPTIONS_USAGE, /* message printed */
	GEN_OPTIONS_ERROR, /* the device; message printed */
};

/* Parse, check, and look the device up. */
enum gen_options_result gen_options_parse(int argc, char **argv, struct gen_command *ret_command);

#endif
