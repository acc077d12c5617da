// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of ipacct-top; what ipacct-dump has, too, is named as there. */
#include "top.h"

#include <string.h>

#include "common_options.h"

#define INTERVAL_MS_MIN 100u  /* the shortest cut interval, daemon/config.h */
#define INTERVAL_S_MAX  86400 /* a day */
#define WIDTH_MIN       40u   /* narrower lines hold no rate */
#define WIDTH_MAX       400u  /* top_frame.h TOP_COLUMNS_MAX */
#define BATCH_WIDTH     80u

/* In the order of the enumerations. */
static const char *const sort_names[] = { "bps",    "rx_bps", "tx_bps",  "pps", "rx_pps",
					  "tx_pps", "bytes",  "address", NULL };
static const char *const window_names[] = { "2", "10", "40", NULL };
static const char *const mode_names[] = { "split", "two-lines", "sum", "tx", "rx", NULL };
static const char *const color_names[] = { "auto", "always", "never", NULL };

#define AT(field) offsetof(struct top_settings, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ 'd', "interval", OPTION_SECONDS, "SECONDS", AT(interval_ns), INTERVAL_MS_MIN, INTERVAL_S_MAX, NULL, "between refreshes (default: 1)" },
	{ 'B', "batch", OPTION_VALUE, NULL, AT(format), TOP_BATCH, 0, NULL, "plain text, frame after frame" },
	{ 'j', "json", OPTION_VALUE, NULL, AT(format), TOP_JSON, 0, NULL, "one JSON object for each refresh, a line each (ipacct.top/1)" },
	{ 'n', "count", OPTION_NUMBER, "N", AT(n_frames), 1, UINT32_MAX, NULL, "end after N refreshes" },
	{ 't', "top", OPTION_NUMBER, "N", AT(dump.top), 1, 100000, NULL, "with --batch or --json: the first N rows (default: 20)" },
	{ 0, "width", OPTION_NUMBER, "N", AT(width), WIDTH_MIN, WIDTH_MAX, NULL, "with --batch: columns (default: 80)" },
	{ 0, "sort", OPTION_CHOICE, "KEY", AT(sort), 0, 0, sort_names, "order of rows, largest first (default: bps = rx + tx)" },
	{ 0, "window", OPTION_CHOICE, "SECONDS", AT(window), 0, 0, window_names, "which average is sorted by (default: 2)" },
	{ 0, "mode", OPTION_CHOICE, "MODE", AT(mode), 0, 0, mode_names, "columns of rates (default: split)" },
	{ 'p', "packets", OPTION_FLAG, NULL, AT(packets), 0, 0, NULL, "packets/s instead of bit/s" },
	{ 'T', "totals", OPTION_FLAG, NULL, AT(totals), 0, 0, NULL, "a column of all that was ever counted" },
	{ '4', "ipv4", OPTION_VALUE, NULL, AT(dump.family), 4, 0, NULL, "only IPv4 rows" },
	{ '6', "ipv6", OPTION_VALUE, NULL, AT(dump.family), 6, 0, NULL, "only IPv6 rows" },
	{ 0, "by", OPTION_STRING, "KEY", AT(by_text), 0, 0, NULL, "sums by country, asn, name, group, domain or prefix[=LEN4[,LEN6]]" },
	{ 0, "country", OPTION_LIST, "LIST", AT(dump.country_lists), 0, 0, NULL, "only these countries: DE,AT; also private, unknown, pending" },
	{ 0, "asn", OPTION_LIST, "LIST", AT(dump.asn_lists), 0, 0, NULL, "only these AS numbers: 64500,AS64501" },
	{ 0, "name", OPTION_LIST, "LIST", AT(dump.name_lists), 0, 0, NULL, "only prefixes that the operator gave these names" },
	{ 0, "group", OPTION_LIST, "LIST", AT(dump.group_lists), 0, 0, NULL, "only these groups of the list of prefixes" },
	{ 0, "domain", OPTION_NUMBER, "N", AT(dump.domain), 0, UINT16_MAX, NULL, "only rows of this accounting domain" },
	{ 'i', "interface", OPTION_STRING, "DEV", AT(dump.device), 0, 0, NULL, "only this device in the part about interfaces" },
	{ 0, "live", OPTION_FLAG, NULL, AT(dump.live), 0, 0, NULL, "read the pinned maps, also while cuts are made" },
	{ 0, "ascii", OPTION_FLAG, NULL, AT(ascii), 0, 0, NULL, "no characters but ASCII, whatever the locale" },
	{ 0, "color", OPTION_CHOICE, "WHEN", AT(dump.color), 0, 0, color_names, "default: auto; NO_COLOR is honoured" },
	{ 0, "runtime-dir", OPTION_STRING, "DIR", AT(dump.paths.runtime_dir), 0, 0, NULL, "where the ledger and the geo file are (" IPACCT_RUNTIME_DIR_DEFAULT ")" },
	{ 0, "bpffs", OPTION_STRING, "DIR", AT(dump.paths.bpffs_dir), 0, 0, NULL, "where the maps are pinned (" IPACCT_BPFFS_DIR_DEFAULT ")" },
	{ 'V', "version", OPTION_VERSION, NULL, 0, 0, 0, NULL, "print the version" },
	{ 'h', "help", OPTION_HELP, NULL, 0, 0, 0, NULL, "print this help" },
};
/* clang-format on */

static const struct option_table table = {
	.usage = "[OPTION]... [ADDRESS|PREFIX]...",
	.purpose = "Show the rates of each address, live. Only rows inside one of the prefixes "
		   "are shown\nwhen any is given. Keys: h.",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.epilogue = "Exit code: 0 ok, 1 error, 2 usage, 78 another ABI version.\n",
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

bool top_sort_is_packets(enum top_sort sort)
{
	return sort >= TOP_SORT_PPS && sort <= TOP_SORT_TX_PPS;
}

enum top_sort top_sort_in(enum top_sort sort, bool packets)
{
	if (sort >= TOP_SORT_BYTES || top_sort_is_packets(sort) == packets)
		return sort;
	return packets ? sort + TOP_SORT_PPS : sort - TOP_SORT_PPS;
}

/* "domain" is an axis of this tool alone; the dump checks the others. */
static void by_take(struct top_settings *settings)
{
	if (!settings->by_text)
		return;
	if (strcmp(settings->by_text, "domain") == 0)
		settings->by = TOP_BY_DOMAIN;
	else
		settings->dump.by_text = settings->by_text;
}

static void by_set(struct top_settings *settings)
{
	static const enum top_by of_axis[] = {
		[DUMP_AXIS_COUNTRY] = TOP_BY_COUNTRY, [DUMP_AXIS_ASN] = TOP_BY_ASN,
		[DUMP_AXIS_NAME] = TOP_BY_NAME,       [DUMP_AXIS_PREFIX] = TOP_BY_PREFIX,
		[DUMP_AXIS_GROUP] = TOP_BY_GROUP,
	};

	if (settings->dump.by.axis != DUMP_AXIS_NONE)
		settings->by = of_axis[settings->dump.by.axis];
	if (settings->by ==
	    TOP_BY_GROUP) /* rows are addresses here, and --group chooses among them */
		settings->dump.by.axis = DUMP_AXIS_NONE;
}

int top_options(int argc, char **argv, struct top_settings *ret_settings)
{
	struct top_settings settings = { .interval_ns = NS_PER_S, .width = BATCH_WIDTH };
	int first, outcome;

	dump_options_init(&settings.dump);
	settings.dump.top = 20;
	outcome = options_parse(&table, argc, argv, &settings, &first);
	if (outcome != OPTIONS_RUN)
		return outcome;
	by_take(&settings);
	outcome = dump_options_finish(argc, argv, first, &settings.dump);
	if (outcome != OPTIONS_RUN)
		return outcome;
	by_set(&settings);
	settings.packets |= top_sort_is_packets(settings.sort);
	settings.sort = top_sort_in(settings.sort, settings.packets);
	*ret_settings = settings;
	return OPTIONS_RUN;
}
