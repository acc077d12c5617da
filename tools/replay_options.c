// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of ipacct-replay: its own options, and those of ipacct-dump's that shape output. */
#include "replay.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#define N_ELEMENTS(array)     (sizeof(array) / sizeof((array)[0]))
#define ROWS_MAX              40u          /* as OPTIONS_MAX of common_options.c */
#define ADDRESSES_MAX_DEFAULT (1ULL << 24) /* some gigabytes of ledger and witness */
#define ADDRESSES_MAX_MAX     (1ULL << 30)

static const char *const hot_names[] = { "on", "off", NULL };
static const char *const account_names[] = { "outer", "inner", NULL };

#define AT(field) offsetof(struct replay_settings, field)

/* clang-format off */
static const struct option_row own_rows[] = {
	{ 0, "prove", OPTION_FLAG, NULL, AT(prove), 0, 0, NULL, "compare with an independent reader, print a verdict (JSON)" },
	{ 0, "canonical", OPTION_FLAG, NULL, AT(canonical), 0, 0, NULL, "the text whose SHA-256 a verdict carries" },
	{ 0, "pad", OPTION_FLAG, NULL, AT(pad), 0, 0, NULL, "zeros where the capture left octets out: lengths of the wire" },
	{ 0, "hot", OPTION_CHOICE, "WHICH", AT(hot), 0, 0, hot_names, "with the tier of busy addresses (default: on)" },
	{ 0, "account", OPTION_CHOICE, "WHICH", AT(account), 0, 0, account_names, "tunnels by their outer or inner addresses (default: outer)" },
	{ 0, "max-addresses", OPTION_NUMBER, "N", AT(n_addresses_max), 1, ADDRESSES_MAX_MAX, NULL, "give up beyond so many (default: 16777216)" },
	{ 0, "object", OPTION_STRING, "FILE", AT(object), 0, 0, NULL, "run this BPF object, not the built-in one" },
	{ 0, "save-object", OPTION_STRING, "FILE", AT(save_object), 0, 0, NULL, "write the BPF object that runs" },
	{ 0, "drill", OPTION_NUMBER, "N", AT(drill), 1, UINT64_MAX, NULL, "with --prove: keep packet N from the program" },
};
/* clang-format on */

/* What ipacct-dump has beyond these is about a ledger that goes on. */
static const char *const shared_names[] = { "json",   "pretty",  "ndjson", "csv",   "oneline",
					    "sort",   "reverse", "top",    "ipv4",  "ipv6",
					    "totals", "rollups", "by",     "exact", "human",
					    "color",  "version", "help" };

static bool is_shared(const struct option_row *row)
{
	if (!row->name)
		return row->letter == 't'; /* --top as netstat-like tools spell it */
	for (size_t i = 0; i < N_ELEMENTS(shared_names); i++)
		if (strcmp(row->name, shared_names[i]) == 0)
			return true;
	return false;
}

static void rows_share(struct option_row *rows, size_t *n_rows)
{
	for (size_t i = 0; i < dump_option_table.n_rows && *n_rows < ROWS_MAX; i++) {
		const struct option_row *row = &dump_option_table.rows[i];

		if (!is_shared(row))
			continue;
		rows[*n_rows] = *row;
		if (row->name && strcmp(row->name, "by") == 0)
			rows[*n_rows].help = "sums by prefix[=LEN4[,LEN6]]";
		++*n_rows;
	}
}

static int usage(const char *message)
{
	tool_complain("%s; --help lists the options", message);
	return OPTIONS_USAGE;
}

static int check_modes(const struct replay_settings *s)
{
	const struct dump_settings *d = &s->dump;

	if (d->by.axis != DUMP_AXIS_NONE && d->by.axis != DUMP_AXIS_PREFIX)
		return usage("a replay knows addresses only: --by prefix");
	if (s->prove && s->canonical)
		return usage("--prove and --canonical are two outputs");
	if ((s->prove || s->canonical) && (d->n_prefixes || d->top || d->family || d->totals ||
					   d->rollups || d->by_text || d->format > DUMP_JSON))
		return usage("a verdict and its canonical text are about everything, and have one "
			     "form");
	if (s->drill && !s->prove)
		return usage("--drill needs --prove");
	return OPTIONS_RUN;
}

static int check_capture(struct replay_settings *s, const char *path)
{
	char copy[DUMP_NAME_BYTES];

	if (!path && s->save_object)
		return OPTIONS_RUN;
	if (!path)
		return usage("which capture? Name a pcap or pcapng file, or - for standard input");
	s->capture = path;
	if (strcmp(path, "-") == 0) {
		(void)snprintf(s->capture_name, sizeof(s->capture_name), "standard input");
		return OPTIONS_RUN;
	}
	/* the end of the path is what holds the name */
	(void)snprintf(copy, sizeof(copy), "%s",
		       strlen(path) < sizeof(copy) ? path : path + strlen(path) - sizeof(copy) + 1);
	(void)snprintf(s->capture_name, sizeof(s->capture_name), "%s", basename(copy));
	return OPTIONS_RUN;
}

int replay_options(int argc, char **argv, struct replay_settings *ret_settings)
{
	struct option_row rows[ROWS_MAX];
	struct option_table table = {
		.usage = "[OPTION]... FILE [ADDRESS|PREFIX]...",
		.purpose = "Run a capture (pcap, pcapng; - is standard input) through the BPF "
			   "program of ipacct and\nprint what ipacct-dump prints. Needs root; "
			   "nothing is attached or pinned.",
		.rows = rows,
		.epilogue =
			"Exit code: 0 ok, proven; 1 error; 2 usage; 3 not conserved, different; "
			"78 another ABI version.\n",
	};
	struct replay_settings settings = { .n_addresses_max = ADDRESSES_MAX_DEFAULT };
	int first, outcome;

	memcpy(rows, own_rows, sizeof(own_rows));
	table.n_rows = N_ELEMENTS(own_rows);
	rows_share(rows, &table.n_rows);
	dump_options_init(&settings.dump);
	outcome = options_parse(&table, argc, argv, &settings, &first);
	if (outcome == OPTIONS_RUN)
		outcome = check_capture(&settings, argv[first]);
	if (outcome == OPTIONS_RUN)
		outcome = dump_options_finish(argc, argv, first < argc ? first + 1 : argc,
					      &settings.dump);
	if (outcome == OPTIONS_RUN)
		outcome = check_modes(&settings);
	if (outcome == OPTIONS_RUN)
		*ret_settings = settings;
	return outcome;
}
