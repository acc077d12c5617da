// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of ipacct-dump. */
#include "dump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "common_options.h"

#define IPV4_FIRST_BIT 96u   /* RFC 4291 2.5.5.2: an IPv4 address is the last 32 of 128 bits */
#define WATCH_MS_MIN   100u  /* the shortest cut interval, daemon/config.h */
#define WATCH_S_MAX    86400 /* a day */

/* In the order of enum dump_sort. */
static const char *const sort_names[] = { "bytes",      "packets",  "tx_bytes",
					  "tx_packets", "rx_bytes", "rx_packets",
					  "last_seen",  "address",  NULL };
static const char *const human_names[] = { "iec", "si", NULL };
static const char *const color_names[] = { "auto", "always", "never", NULL };

#define AT(field) offsetof(struct dump_settings, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ 'j', "json", OPTION_VALUE, NULL, AT(format), DUMP_JSON, 0, NULL, "one JSON object (ipacct.dump/1)" },
	{ 'p', "pretty", OPTION_FLAG, NULL, AT(pretty), 0, 0, NULL, "JSON for people: one value a line" },
	{ 0, "ndjson", OPTION_VALUE, NULL, AT(format), DUMP_NDJSON, 0, NULL, "one JSON object a line, each with a \"type\"" },
	{ 0, "csv", OPTION_VALUE, NULL, AT(format), DUMP_CSV, 0, NULL, "comma-separated values (RFC 4180)" },
	{ 'o', "oneline", OPTION_VALUE, NULL, AT(format), DUMP_ONELINE, 0, NULL, "one record a line, every value after its name" },
	{ 0, "live", OPTION_FLAG, NULL, AT(live), 0, 0, NULL, "add what was counted since the last cut" },
	{ 0, "sort", OPTION_CHOICE, "KEY", AT(sort), 0, 0, sort_names, "order of rows, largest first (default: bytes = tx + rx)" },
	{ 'r', "reverse", OPTION_FLAG, NULL, AT(reverse), 0, 0, NULL, "smallest first" },
	{ 'n', "top", OPTION_NUMBER, "N", AT(top), 1, UINT32_MAX, NULL, "only the first N rows" },
	{ 't', NULL, OPTION_NUMBER, "N", AT(top), 1, UINT32_MAX, NULL, "the same as -n" },
	{ '4', "ipv4", OPTION_VALUE, NULL, AT(family), 4, 0, NULL, "only IPv4 rows" },
	{ '6', "ipv6", OPTION_VALUE, NULL, AT(family), 6, 0, NULL, "only IPv6 rows" },
	{ 0, "geo", OPTION_FLAG, NULL, AT(geo), 0, 0, NULL, "add country, region, city, AS and name of each address" },
	{ 0, "by", OPTION_STRING, "KEY", AT(by_text), 0, 0, NULL, "sums by country, asn, name, group or prefix[=LEN4[,LEN6]]" },
	{ 0, "country", OPTION_LIST, "LIST", AT(country_lists), 0, 0, NULL, "only these countries: DE,AT; also private, unknown, pending" },
	{ 0, "asn", OPTION_LIST, "LIST", AT(asn_lists), 0, 0, NULL, "only these AS numbers: 64500,AS64501" },
	{ 0, "name", OPTION_LIST, "LIST", AT(name_lists), 0, 0, NULL, "only prefixes that the operator gave these names" },
	{ 0, "group", OPTION_LIST, "LIST", AT(group_lists), 0, 0, NULL, "only these groups of the list of prefixes" },
	{ 0, "domain", OPTION_NUMBER, "N", AT(domain), 0, UINT16_MAX, NULL, "only rows of this accounting domain" },
	{ 'i', "interface", OPTION_STRING, "DEV", AT(device), 0, 0, NULL, "only this device in the part about interfaces" },
	{ 0, "totals", OPTION_FLAG, NULL, AT(totals), 0, 0, NULL, "table: every total of each interface, no addresses" },
	{ 0, "rollups", OPTION_FLAG, NULL, AT(rollups), 0, 0, NULL, "table, CSV: the roll-up prefixes, no addresses" },
	{ 'b', "exact", OPTION_VALUE, NULL, AT(units), DUMP_UNITS_EXACT, 0, NULL, "tables with exact integers" },
	{ 'h', "human", OPTION_CHOICE, "[=iec|si]", AT(units), DUMP_UNITS_IEC, 0, human_names, "KiB (iec, the default in tables) or kB (si)" },
	{ 'w', "watch", OPTION_SECONDS, "SECONDS", AT(watch_ns), WATCH_MS_MIN, WATCH_S_MAX, NULL, "rates, again after each interval" },
	{ 0, "count", OPTION_NUMBER, "N", AT(n_watches), 1, UINT32_MAX, NULL, "with -w: end after N intervals" },
	{ 0, "color", OPTION_CHOICE, "WHEN", AT(color), 0, 0, color_names, "default: auto; NO_COLOR is honoured" },
	{ 0, "runtime-dir", OPTION_STRING, "DIR", AT(paths.runtime_dir), 0, 0, NULL, "where the ledger and the geo file are (" IPACCT_RUNTIME_DIR_DEFAULT ")" },
	{ 0, "bpffs", OPTION_STRING, "DIR", AT(paths.bpffs_dir), 0, 0, NULL, "where the maps are pinned (" IPACCT_BPFFS_DIR_DEFAULT ")" },
	{ 'V', "version", OPTION_VERSION, NULL, 0, 0, 0, NULL, "print the version" },
	{ 0, "help", OPTION_HELP, NULL, 0, 0, 0, NULL, "print this help" },
};
/* clang-format on */

const struct option_table dump_option_table = {
	.usage = "[OPTION]... [ADDRESS|PREFIX]...",
	.purpose = "Show what ipacct has counted for each address. Only rows inside one of the "
		   "prefixes\nare shown when any is given.",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.epilogue = "Exit code: 0 ok, 1 error, 2 usage, 78 another ABI version.\n",
};

void dump_key_mask(struct ipacct_key *key, uint8_t prefix_len)
{
	unsigned char *bytes = (unsigned char *)key->addr_be;

	for (unsigned int i = 0; i < sizeof(key->addr_be); i++) {
		unsigned int first_bit = 8 * i;

		if (first_bit >= prefix_len)
			bytes[i] = 0;
		else if (first_bit + 8 > prefix_len)
			bytes[i] &= (unsigned char)(0xff00u >> (prefix_len - first_bit));
	}
}

bool dump_prefix_parse(const char *text, struct dump_prefix *ret_prefix)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t address_bytes = slash ? (size_t)(slash - text) : strlen(text);
	struct dump_prefix prefix = { 0 };
	unsigned int skip = 0;
	uint64_t bits;

	if (address_bytes >= sizeof(address))
		return false;
	memcpy(address, text, address_bytes);
	address[address_bytes] = '\0';
	if (inet_pton(AF_INET, address, &prefix.key.addr_be[3]) == 1) {
		prefix.key.addr_be[2] = htonl(0xffff); /* RFC 4291 2.5.5.2 */
		skip = IPV4_FIRST_BIT;
	} else if (inet_pton(AF_INET6, address, prefix.key.addr_be) != 1) {
		return false;
	}
	bits = 128 - skip;
	if (slash && parse_u64(slash + 1, 0, bits, &bits) < 0)
		return false;
	prefix.prefix_len = (uint8_t)(skip + bits);
	prefix.ipv4 = prefix.prefix_len >= IPV4_FIRST_BIT && ipacct_key_is_ipv4(&prefix.key);
	dump_key_mask(&prefix.key, prefix.prefix_len);
	*ret_prefix = prefix;
	return true;
}

static int usage(const char *message)
{
	tool_complain("%s; --help lists the options", message);
	return OPTIONS_USAGE;
}

static int lists_parse(enum dump_axis axis, const struct option_list *lists,
		       struct dump_wanted *wanted)
{
	for (size_t i = 0; i < lists->n; i++)
		if (dump_wanted_add(axis, lists->text[i], wanted) < 0)
			return OPTIONS_USAGE;
	return OPTIONS_RUN;
}

static int geo_options(struct dump_settings *s)
{
	if (s->by_text && dump_by_parse(s->by_text, &s->by) < 0) {
		tool_complain("--by %s: want country, asn, name, group, prefix or "
			      "prefix=LEN4,LEN6 such as prefix=16,32",
			      s->by_text);
		return OPTIONS_USAGE;
	}
	if (s->by_text && (s->totals || s->rollups))
		return usage("--by sums addresses up; --totals and --rollups show none");
	if (lists_parse(DUMP_AXIS_COUNTRY, &s->country_lists, &s->countries) != OPTIONS_RUN ||
	    lists_parse(DUMP_AXIS_ASN, &s->asn_lists, &s->asns) != OPTIONS_RUN ||
	    lists_parse(DUMP_AXIS_NAME, &s->name_lists, &s->names) != OPTIONS_RUN ||
	    lists_parse(DUMP_AXIS_GROUP, &s->group_lists, &s->groups) != OPTIONS_RUN)
		return OPTIONS_USAGE;
	if (s->by.axis == DUMP_AXIS_GROUP &&
	    (s->n_prefixes || s->family || s->domain != DUMP_ANY_DOMAIN || s->countries.n ||
	     s->asns.n || s->names.n))
		return usage(
			"--by group shows what the ledger has of each group: of the filters it "
			"takes --group");
	return OPTIONS_RUN;
}

void dump_options_init(struct dump_settings *ret_settings)
{
	*ret_settings = (struct dump_settings){ .domain = DUMP_ANY_DOMAIN };
}

int dump_options_finish(int argc, char **argv, int first, struct dump_settings *settings)
{
	for (; first < argc; first++) {
		if (settings->n_prefixes == DUMP_PREFIXES_MAX)
			return usage("more than 256 prefixes");
		if (!dump_prefix_parse(argv[first], &settings->prefixes[settings->n_prefixes])) {
			tool_complain("'%s' is neither an address nor a prefix such as "
				      "192.0.2.0/24 or 2001:db8::/32",
				      argv[first]);
			return OPTIONS_USAGE;
		}
		settings->n_prefixes++;
	}
	if (geo_options(settings) != OPTIONS_RUN)
		return OPTIONS_USAGE;
	if (settings->n_watches && !settings->watch_ns)
		return usage("--count needs -w SECONDS");
	if (settings->pretty && settings->format == DUMP_TABLE)
		settings->format = DUMP_JSON;
	return OPTIONS_RUN;
}

int dump_options(int argc, char **argv, struct dump_settings *ret_settings)
{
	struct dump_settings settings;
	int first, outcome;

	dump_options_init(&settings);
	outcome = options_parse(&dump_option_table, argc, argv, &settings, &first);
	if (outcome == OPTIONS_RUN)
		outcome = dump_options_finish(argc, argv, first, &settings);
	if (outcome == OPTIONS_RUN)
		*ret_settings = settings;
	return outcome;
}
