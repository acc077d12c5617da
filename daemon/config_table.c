/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of all settings. Add one here and nowhere else. */
#include <string.h>
#include <sys/un.h>

#include "base/num.h"
#include "budget.h"
#include "config_setting.h"
#include "sizing.h"
#include "series_limits.h"

#define MS_NS   1000000ULL
#define HOUR_NS (3600ULL * 1000000000ULL)
#define DAY_NS  (24ULL * HOUR_NS)

/* The control socket lies in the runtime directory and its path must fit (unix(7)). */
#define RUNTIME_DIR_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("/control"))

static const struct setting_choice modes[] = {
	{ "native", IPACCT_MODE_NATIVE },
	{ "generic", IPACCT_MODE_GENERIC },
	{ NULL, 0 },
};

static const struct setting_choice profiles[] = {
	{ "production", PROFILE_PRODUCTION },
	{ "staging", PROFILE_STAGING },
	{ "development", PROFILE_DEVELOPMENT },
	{ "debug", PROFILE_DEBUG },
	{ NULL, 0 },
};

static const struct setting_choice attaches[] = {
	{ "auto", CONFIG_ATTACH_AUTO },
	{ "link", CONFIG_ATTACH_LINK },
	{ "dispatcher", CONFIG_ATTACH_DISPATCHER },
	{ "tc", CONFIG_ATTACH_TC },
	{ NULL, 0 },
};

static const struct setting_choice hooks[] = {
	{ "xdp", IPACCT_HOOK_XDP },
	{ "tc-ingress", IPACCT_HOOK_TC_INGRESS },
	{ "tc-egress", IPACCT_HOOK_TC_EGRESS },
	{ NULL, 0 },
};

static const struct setting_choice accounts[] = {
	{ "outer", CONFIG_ACCOUNT_OUTER },
	{ "inner", CONFIG_ACCOUNT_INNER },
	{ NULL, 0 },
};

static const struct setting_choice hot_tiers[] = {
	{ "on", true },
	{ "off", false },
	{ NULL, 0 },
};

/* The lower-case words of YAML 1.1 (yaml.org/type/bool) without the one-letter ones. */
static const struct setting_choice booleans[] = {
	{ "true", true }, { "yes", true },  { "on", true }, { "false", false },
	{ "no", false },  { "off", false }, { NULL, 0 },
};

#define CONFIG_MEMBER(member) \
	.offset = offsetof(struct config, member), .bytes = sizeof(((struct config *)0)->member)
#define INTERFACE_MEMBER(member)                                                       \
	.scope = SCOPE_INTERFACE, .offset = offsetof(struct config_interface, member), \
	.bytes = sizeof(((struct config_interface *)0)->member)

#define GEO_LIST(list, count)                                   \
	.offset = offsetof(struct config, geo.list),            \
	.bytes = sizeof(((struct config *)0)->geo.list[0]),     \
	.items_max = sizeof(((struct config *)0)->geo.list) /   \
		     sizeof(((struct config *)0)->geo.list[0]), \
	.max = sizeof(((struct config *)0)->geo.list[0]) - 1,   \
	.count_offset = offsetof(struct config, geo.count)
/* A list of the file only: paths are set once for a database layout, not on a command line. */
#define GEO_FIELD_PATH(field, words_, help_)                                                       \
	{                                                                                          \
		.key = "geo_path_" words_, .argument = "country, iso_code", .type = SETTING_WORDS, \
		GEO_LIST(paths[field].words, paths[field].n),                                      \
		.default_help = "as MaxMind, DB-IP and IPinfo have it",                            \
		.help = "where databases have " help_                                              \
	}

static const struct setting settings[] = {
	{ .key = "interfaces",
	  .option = "interface",
	  .short_option = 'i',
	  .argument = "DEV[:HOOKS]",
	  .type = SETTING_INTERFACES,
	  .help = "count DEV, or its HOOKS (xdp,tc-egress); once for each interface" },
	{ .option = "config",
	  .short_option = 'c',
	  .argument = "FILE",
	  .type = SETTING_FILE,
	  CONFIG_MEMBER(config_file),
	  .max = CONFIG_PATH_BYTES - 1,
	  .help = "read FILE first; the other options win over it" },
	{ .key = "interval",
	  .option = "interval",
	  .argument = "DUR",
	  .type = SETTING_DURATION,
	  CONFIG_MEMBER(interval_ns),
	  .min = 100 * MS_NS,
	  .max = HOUR_NS,
	  .default_text = "1s",
	  .help = "time from one cut to the next" },
	{ .key = "interval_max",
	  .option = "interval-max",
	  .argument = "DUR",
	  .type = SETTING_DURATION,
	  CONFIG_MEMBER(interval_max_ns),
	  .min = 100 * MS_NS,
	  .max = HOUR_NS,
	  .default_help = "16 times the interval",
	  .help = "cuts that cost too much come no more than this apart" },
	{ .key = "profile",
	  .option = "profile",
	  .argument = "NAME",
	  .type = SETTING_CHOICE,
	  CONFIG_MEMBER(profile),
	  .choices = profiles,
	  .default_text = "production",
	  .help = "budgets of CPU and memory, and how often the program is timed" },
	{ .key = "cpu_budget",
	  .option = "cpu-budget",
	  .argument = "PERCENT",
	  .type = SETTING_PERCENT,
	  CONFIG_MEMBER(cpu_budget_ppm),
	  .min = 1,
	  .max = 1000000, /* all CPUs, in ppm */
	  .default_help = "2%, 3%, 5% or 10% by profile",
	  .help = "share of all CPUs that program and processes may take together" },
	{ .key = "memory",
	  .option = "memory",
	  .argument = "SIZE",
	  .type = SETTING_SIZE,
	  CONFIG_MEMBER(memory_bytes),
	  .min = 8ULL << 20,
	  .max = 1ULL << 40,
	  .default_help = "256M (development 128M, debug 512M) or a sixteenth of RAM",
	  .help = "budget of maps, ledger and processes together" },
	{ .key = "user",
	  .option = "user",
	  .argument = "NAME",
	  .type = SETTING_USER,
	  CONFIG_MEMBER(user),
	  .max = 32, /* useradd(8): names of up to 32 characters */
	  .default_text = "ipacct",
	  .help = "whom the unprivileged processes run as" },
	{ .key = "runtime_dir",
	  .option = "runtime-dir",
	  .argument = "DIR",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(runtime_dir),
	  .max = RUNTIME_DIR_MAX,
	  .default_text = "/run/ipacct",
	  .help = "ledger, lock and control socket" },
	{ .key = "bpffs",
	  .option = "bpffs",
	  .argument = "DIR",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(bpffs_dir),
	  .max = CONFIG_PATH_BYTES - 1,
	  .given_offset = offsetof(struct config, bpffs_given),
	  .default_text = "/run/ipacct/bpf",
	  .help = "pins; a DIR given here must be in a mounted bpffs" },
	{ .key = "mode",
	  .option = "mode",
	  .argument = "MODE",
	  .type = SETTING_CHOICE,
	  CONFIG_MEMBER(mode_default),
	  .choices = modes,
	  .default_text = "native",
	  .help = "where the program runs, for interfaces that do not say" },
	{ .key = "attach",
	  .option = "attach",
	  .argument = "HOW",
	  .type = SETTING_CHOICE,
	  CONFIG_MEMBER(attach_default),
	  .choices = attaches,
	  .default_text = "auto",
	  .help = "how it is attached, for interfaces that do not say" },
	{ .key = "hot",
	  .option = "hot",
	  .argument = "on|off",
	  .type = SETTING_CHOICE,
	  CONFIG_MEMBER(hot),
	  .choices = hot_tiers,
	  .default_text = "on",
	  .help = "tier of busy addresses, one cache line each" },
	{ .key = "hot_lines_ipv4",
	  .option = "hot-lines-ipv4",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(hot4_lines),
	  .min = SIZING_HOT_SETS_MIN * IPACCT_HOT4_WAYS,
	  .max = SIZING_HOT_SETS_MAX * IPACCT_HOT4_WAYS,
	  .default_help = "a quarter of the memory at most, with ipv6_share",
	  .help = "its lines for each CPU, rounded up to a power of two" },
	{ .key = "hot_lines_ipv6",
	  .option = "hot-lines-ipv6",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(hot6_lines),
	  .min = SIZING_HOT_SETS_MIN * IPACCT_HOT6_WAYS,
	  .max = SIZING_HOT_SETS_MAX * IPACCT_HOT6_WAYS,
	  .default_help = "a quarter of the memory at most, with ipv6_share",
	  .help = "the same for IPv6" },
	{ .key = "ipv6_share",
	  .option = "ipv6-share",
	  .argument = "PERCENT",
	  .type = SETTING_PERCENT,
	  CONFIG_MEMBER(ipv6_share_ppm),
	  .min = 0,
	  .max = 1000000,
	  .default_text = "33.3%",
	  .help = "how many of the addresses are IPv6: the lines are divided by it" },
	{ .key = "lru_entries",
	  .option = "lru-entries",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(lru_entries),
	  .min = SIZING_LRU_ENTRIES_MIN,
	  .max = SIZING_LRU_ENTRIES_MAX,
	  .default_help = "what the memory leaves",
	  .help = "records of the LRU tier for each CPU" },
	{ .key = "ledger_addresses",
	  .option = "ledger-addresses",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(ledger_addresses),
	  .min = SIZING_LRU_ENTRIES_MIN,
	  .max = 4 * SIZING_LRU_ENTRIES_MAX,
	  .default_help = "lines and records of a CPU",
	  .help = "addresses that the ledger remembers" },
	{ .key = "receive_cpus",
	  .option = "receive-cpus",
	  .argument = "LIST",
	  .type = SETTING_CPUS,
	  CONFIG_MEMBER(receive_cpus),
	  .max = CONFIG_CPUS_MAX - 1,
	  .given_offset = offsetof(struct config, receive_cpus_given),
	  .default_help = "chosen at start",
	  .help = "CPUs that get a partition of their own; the others share one" },
	{ .key = "protect",
	  .option = "protect",
	  .argument = "CIDR",
	  .type = SETTING_PREFIXES,
	  .help = "keep the addresses in CIDR exact in any flood; give it once for each" },
	{ .key = "protect_file",
	  .option = "protect-file",
	  .argument = "PATH",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(protect_file),
	  .max = CONFIG_PATH_BYTES - 1,
	  .help = "the same for each line of a file" },
	{ .key = "groups_file",
	  .option = "groups-file",
	  .argument = "PATH",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(groups_file),
	  .max = CONFIG_PATH_BYTES - 1,
	  .help = "groups of prefixes to account for: lines of CIDR NAME" },
	{ .key = "geo_databases",
	  .option = "geo-database",
	  .argument = "PATH",
	  .type = SETTING_FILES,
	  GEO_LIST(databases, n_databases),
	  .help = "country, city or AS data, a MaxMind DB file; up to three, the first wins" },
	{ .key = "geo_languages",
	  .option = "geo-language",
	  .argument = "LANG",
	  .type = SETTING_WORDS,
	  GEO_LIST(languages, n_languages),
	  .default_text = "en",
	  .help = "of names of places; several: the first that the database has" },
	{ .key = "geo_overrides",
	  .option = "geo-overrides",
	  .argument = "FILE",
	  .type = SETTING_FILE,
	  .offset = offsetof(struct config, geo.overrides),
	  .bytes = sizeof(((struct config *)0)->geo.overrides),
	  .max = GEO_DATABASE_PATH_BYTES - 1,
	  .help = "your own prefixes: lines of PREFIX name=TEXT country=CC asn=NUMBER" },
	GEO_FIELD_PATH(GEO_COUNTRY, "country", "the country's two letters"),
	GEO_FIELD_PATH(GEO_COUNTRY_NAME, "country_name", "the country's name"),
	GEO_FIELD_PATH(GEO_REGION, "region", "the region's name"),
	GEO_FIELD_PATH(GEO_CITY, "city", "the city's name"),
	GEO_FIELD_PATH(GEO_ASN, "asn", "the AS number"),
	GEO_FIELD_PATH(GEO_AS_ORG, "as_org", "the name of the AS"),
	{ .key = "listen",
	  .option = "listen",
	  .argument = "WHERE",
	  .type = SETTING_LISTEN,
	  CONFIG_MEMBER(listen),
	  .max = LISTEN_TEXT_MAX,
	  .default_text = "127.0.0.1:9477",
	  .help = "HTTP endpoint: /metrics, /healthz, /api/v1" },
	{ .key = "listen_tls_cert",
	  .option = "listen-tls-cert",
	  .argument = "FILE",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(listen_tls_cert),
	  .max = CONFIG_PATH_BYTES - 1,
	  .help = "certificate (PEM) of the HTTP endpoint: TLS only" },
	{ .key = "listen_tls_key",
	  .option = "listen-tls-key",
	  .argument = "FILE",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(listen_tls_key),
	  .max = CONFIG_PATH_BYTES - 1,
	  .help = "its private key" },
	{ .key = "listen_auth_file",
	  .option = "listen-auth-file",
	  .argument = "FILE",
	  .type = SETTING_DIRECTORY,
	  CONFIG_MEMBER(listen_auth_file),
	  .max = CONFIG_PATH_BYTES - 1,
	  .help = "USER:HASH lines, as htpasswd -B writes them: who may ask" },
	{ .key = "top_countries",
	  .option = "top-countries",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(top_countries),
	  .max = SERIES_COUNTRIES_MAX,
	  .default_text = "50",
	  .help = "countries with series of their own in /metrics" },
	{ .key = "top_asns",
	  .option = "top-asns",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(top_asns),
	  .max = SERIES_ASNS_MAX,
	  .default_text = "50",
	  .help = "the same for AS numbers" },
	{ .key = "top_groups",
	  .option = "top-groups",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(top_groups),
	  .max = SERIES_GROUPS_MAX,
	  .default_text = "100",
	  .help = "the same for groups of prefixes" },
	{ .key = "top_addresses",
	  .option = "top-addresses",
	  .argument = "N",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(top_addresses),
	  .max = SERIES_ADDRESSES_MAX,
	  .default_text = "0",
	  .help = "the same for addresses" },
	{ .option = "check-config",
	  .type = SETTING_FLAG,
	  CONFIG_MEMBER(check_config),
	  .help = "check configuration and options, then exit" },
	{ .option = "dry-run",
	  .type = SETTING_FLAG,
	  CONFIG_MEMBER(dry_run),
	  .help = "say what would be done, change nothing" },
	{ .option = "detach",
	  .type = SETTING_FLAG,
	  CONFIG_MEMBER(detach),
	  .help = "make a last cut, remove programs and pins, exit" },
	{ .option = "duration",
	  .argument = "DUR",
	  .type = SETTING_DURATION,
	  CONFIG_MEMBER(duration_ns),
	  .min = 100 * MS_NS,
	  .max = 365 * DAY_NS,
	  .default_help = "until stopped",
	  .help = "stop by itself; the program keeps counting" },
	{ .option = "confirm",
	  .argument = "SECONDS",
	  .type = SETTING_NUMBER,
	  CONFIG_MEMBER(confirm_s),
	  .min = 1,
	  .max = DAY_NS / (1000 * MS_NS),
	  .default_help = "no confirmation needed",
	  .help = "detach unless 'ipacctctl confirm' comes in time" },
	{ .option = "version", .type = SETTING_VERSION, .help = "print the version and exit" },
	{ .option = "help",
	  .short_option = 'h',
	  .type = SETTING_HELP,
	  .help = "print this text and exit" },

	{ .key = "name",
	  .type = SETTING_IFNAME,
	  INTERFACE_MEMBER(name),
	  .max = IPACCT_IFNAME_BYTES - 1,
	  .help = "the interface; needed in each entry" },
	{ .key = "mode",
	  .type = SETTING_CHOICE,
	  INTERFACE_MEMBER(mode),
	  .choices = modes,
	  .default_help = "mode of the daemon",
	  .help = "where the program runs" },
	{ .key = "attach",
	  .type = SETTING_CHOICE,
	  INTERFACE_MEMBER(attach),
	  .choices = attaches,
	  .default_help = "attach of the daemon",
	  .help = "how it is attached" },
	{ .key = "domain",
	  .type = SETTING_NUMBER,
	  INTERFACE_MEMBER(domain),
	  .min = 0,
	  .max = UINT16_MAX,
	  .default_text = "0",
	  .help = "accounting domain: keeps overlapping address space apart" },
	{ .key = "hooks",
	  .argument = "xdp, tc-egress",
	  .type = SETTING_CHOICES,
	  INTERFACE_MEMBER(hooks),
	  .choices = hooks,
	  .default_help = "[xdp]",
	  .help = "where it is counted: arrivals (tc-ingress without XDP), departures" },
	{ .key = "forwarded_twice",
	  .type = SETTING_CHOICE,
	  INTERFACE_MEMBER(forwarded_twice),
	  .choices = booleans,
	  .default_text = "no",
	  .help = "count here also what another interface of the domain counted" },
	{ .key = "vlan_domains",
	  .type = SETTING_VLANS,
	  .scope = SCOPE_INTERFACE,
	  .default_help = "domain of the interface",
	  .help = "domains of frames by the VLAN id of their outermost tag" },
	{ .key = "account",
	  .type = SETTING_CHOICE,
	  INTERFACE_MEMBER(account),
	  .choices = accounts,
	  .default_text = "outer",
	  .help = "whose addresses a tunnel's packet counts for: its own or those inside" },
	{ .key = "optional",
	  .type = SETTING_CHOICE,
	  INTERFACE_MEMBER(optional),
	  .choices = booleans,
	  .default_text = "no",
	  .help = "absent at start: wait for it instead of failing" },
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))
_Static_assert(N_SETTINGS <= SETTINGS_MAX, "raise SETTINGS_MAX");
_Static_assert(sizeof(bool) == 1, "SETTING_CHOICE stores one byte");

const struct setting *setting_at(size_t i)
{
	return i < N_SETTINGS ? &settings[i] : NULL;
}

const struct setting *setting_find(enum setting_scope scope, const char *key)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *setting = &settings[i];

		if (setting->scope == scope && setting->key && !strcmp(setting->key, key))
			return setting;
	}
	return NULL;
}

const char *setting_nearest_key(enum setting_scope scope, const char *word)
{
	const char *keys[N_SETTINGS];
	size_t n_keys = 0;

	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (settings[i].scope == scope && settings[i].key)
			keys[n_keys++] = settings[i].key;
	}
	return nearest_name(word, keys, n_keys);
}

const char *setting_nearest_option(const char *word)
{
	const char *options[N_SETTINGS];
	size_t n_options = 0;

	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (settings[i].option)
			options[n_options++] = settings[i].option;
	}
	return nearest_name(word, options, n_options);
}
