/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacct-dump, and what ipacct-replay shares of it: settings, the part of a snapshot that was asked for, and its output formats. */
#ifndef IPACCT_TOOLS_DUMP_H
#define IPACCT_TOOLS_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

#include "base/json.h"
#include "common.h"
#include "common_options.h"
#include "common_text.h"
#include "dump_geo.h"

#define DUMP_PREFIXES_MAX 256u       /* positional filters; each row is compared with each */
#define DUMP_ANY_DOMAIN   UINT64_MAX /* domains have 16 bits */

enum dump_format {
	DUMP_TABLE = 0,
	DUMP_JSON,
	DUMP_NDJSON,
	DUMP_CSV,
	DUMP_ONELINE,
};

enum dump_sort {
	DUMP_SORT_BYTES = 0,
	DUMP_SORT_PACKETS,
	DUMP_SORT_TX_BYTES,
	DUMP_SORT_TX_PACKETS,
	DUMP_SORT_RX_BYTES,
	DUMP_SORT_RX_PACKETS,
	DUMP_SORT_LAST_SEEN,
	DUMP_SORT_ADDRESS,
};

enum dump_units {
	DUMP_UNITS_DEFAULT = 0, /* IEC in tables, exact elsewhere */
	DUMP_UNITS_EXACT,
	DUMP_UNITS_IEC,
	DUMP_UNITS_SI,
};

struct dump_prefix {
	struct ipacct_key key; /* domain unused */
	uint8_t prefix_len;    /* of 128 bits */
	bool ipv4;             /* ::/0 holds IPv6 only, though its bits would match everything */
};

/* Where the counts come from when it is no ledger: a capture that was replayed. */
struct dump_replay {
	const char *capture;        /* the file's name, shown as the interface's */
	uint64_t packets;           /* in the capture, all of them */
	uint64_t l2_bytes;          /* captured of them */
	uint64_t cut_packets;       /* of which the capture holds less than there was on the wire */
	uint64_t cut_l2_bytes;      /* how much is missing of them */
	bool padded;                /* zeros took the place of what is missing */
	uint64_t short_packets;     /* shorter than an Ethernet header: no program ever sees them */
	uint64_t first_ns, last_ns; /* earliest and latest packet, UTC */
};

struct dump_settings {
	struct tool_paths paths;
	unsigned int format; /* enum dump_format */
	bool pretty;
	bool live;
	unsigned int sort; /* enum dump_sort */
	bool reverse;
	uint64_t top;        /* 0 = all */
	unsigned int family; /* 0 = both, 4, 6 */
	uint64_t domain;
	const char *device; /* NULL = all interfaces */
	bool totals;
	bool rollups;
	unsigned int units; /* enum dump_units */
	unsigned int color; /* enum text_color */
	uint64_t watch_ns;  /* 0 = once */
	uint64_t n_watches; /* 0 = until stopped */
	bool geo;           /* columns of the geo file */
	const char *by_text;
	struct dump_by by;
	struct option_list country_lists;
	struct option_list asn_lists;
	struct option_list name_lists;
	struct option_list group_lists;
	struct dump_wanted countries;
	struct dump_wanted asns;
	struct dump_wanted names;
	struct dump_wanted groups;
	struct ipacct_groups *group_list; /* NULL = not asked for */
	const struct dump_replay *replay; /* NULL = the ledger */
	size_t n_prefixes;
	struct dump_prefix prefixes[DUMP_PREFIXES_MAX];
};

/* Read the command line; messages are printed. Returns enum options_outcome. */
int dump_options(int argc, char **argv, struct dump_settings *ret_settings);

/* The same in two steps, for a tool with more options: the rows write a struct dump_settings; then
 * positional arguments from argv[first] on are read as prefixes. Returns enum options_outcome. */
extern const struct option_table dump_option_table;
void dump_options_init(struct dump_settings *ret_settings);
int dump_options_finish(int argc, char **argv, int first, struct dump_settings *settings);

/* The rows to show, in order, and what is left out, so that every output can add up. */
struct dump_view {
	const struct ipacct_snapshot *snapshot; /* its counts: totals, or those of one interval */
	const struct ipacct_snapshot *at;       /* where cut, time and conservation come from */
	uint64_t interval_ns;                   /* 0: totals since the ledger began */
	const struct ipacct_entry **addresses;
	size_t n_addresses;
	size_t n_addresses_hidden;
	const struct ipacct_entry **rollups;
	size_t n_rollups;
	size_t n_rollups_hidden;
	struct ipacct_geo *geo;    /* NULL = not asked for */
	struct dump_group *groups; /* with --by: shown instead of addresses and rollups */
	size_t n_groups;
	struct ipacct_counters hidden; /* Σ addresses that filters or --top left out */
	struct ipacct_counters rolled; /* Σ all roll-ups, shown or not */
	struct ipacct_counters total;  /* Σ all addresses and roll-ups of the snapshot */
	struct ipacct_counters
		left_out; /* total − Σ shown addresses − Σ shown roll-ups, or groups */
	bool selected;    /* a filter or --top was given */
};

/* Borrows the snapshots and geo, which may be NULL; end with dump_view_finish(). Returns 0 or
 * -ENOMEM. */
int dump_view_init(const struct dump_settings *settings, const struct ipacct_snapshot *snapshot,
		   const struct ipacct_snapshot *at, uint64_t interval_ns, struct ipacct_geo *geo,
		   struct dump_view *ret_view);
void dump_view_finish(struct dump_view *view);

/* Whether any filter is set that chooses rows, and whether they want this one. */
bool dump_filters(const struct dump_settings *settings);
bool dump_row_wanted(const struct dump_settings *settings, struct ipacct_geo *geo,
		     const struct ipacct_entry *e);

/* What --sort compares; 0 for DUMP_SORT_ADDRESS. */
uint64_t dump_sort_value(enum dump_sort sort, const struct ipacct_entry *e);
/* IPv4 first, then by address, the shorter prefix first, then by domain. */
int dump_compare_keys(const struct ipacct_entry *a, const struct ipacct_entry *b);
/* Whether text is an address or a prefix. */
bool dump_prefix_parse(const char *text, struct dump_prefix *ret_prefix);
/* Clear the bits behind the prefix. */
void dump_key_mask(struct ipacct_key *key, uint8_t prefix_len);

/* Whether -i wants this slot. */
bool dump_shows_interface(const struct dump_settings *settings,
			  const struct ipacct_interface_totals *slot);

/* Σ ignored of one slot. */
struct ipacct_packets_l2 dump_ignored(const struct ipacct_totals *totals);

/* l3 bytes accounted by one slot. */
uint64_t dump_accounted_l3_bytes(const struct ipacct_totals *totals);

#define DUMP_NAME_BYTES 256u /* linux/limits.h NAME_MAX and its end; a device has 15 */

/* The name of the device or of the capture as it is. Returns buffer. */
char *dump_device(const struct dump_settings *settings, const struct ipacct_interface *interface,
		  char buffer[DUMP_NAME_BYTES]);
/* The same, made safe for a terminal. */
char *dump_ifname(const struct dump_settings *settings, const struct ipacct_interface *interface,
		  char buffer[DUMP_NAME_BYTES]);

/* Print one view in settings->format. Returns 0 or a negative errno that is not the output's. */
int dump_print(const struct dump_settings *settings, const struct dump_view *view);

int dump_print_table(const struct dump_settings *settings, const struct dump_view *view);
int dump_print_totals(const struct dump_settings *settings, const struct dump_view *view);
int dump_print_json(const struct dump_settings *settings, const struct dump_view *view);
int dump_print_ndjson(const struct dump_settings *settings, const struct dump_view *view);
int dump_print_csv(const struct dump_settings *settings, const struct dump_view *view);
int dump_print_oneline(const struct dump_settings *settings, const struct dump_view *view);

/* The units for tables (machine = false) or for --oneline (machine = true). */
enum text_units dump_units(const struct dump_settings *settings, bool machine);

/* A name for output where libipacct knows none (NULL): a value of a newer version. */
static inline const char *dump_name(const char *name)
{
	return name ? name : "unknown";
}

/* "native", "generic", or "mixed" over all slots that ever counted. */
const char *dump_mode_of_all(const struct ipacct_snapshot *snapshot);

/* Snapshot after snapshot until SIGINT, SIGTERM or --count. Returns the exit code. */
int dump_watch(const struct dump_settings *settings, struct ipacct_reader *reader,
	       struct ipacct_geo *geo);

/* What to ask libipacct for. */
static inline unsigned int dump_snapshot_flags(const struct dump_settings *settings, bool live)
{
	return (live ? IPACCT_SNAPSHOT_LIVE : 0) |
	       (settings->by.axis == DUMP_AXIS_GROUP ? IPACCT_SNAPSHOT_GROUPS : 0);
}

/* Read one snapshot, explain a failure. live: with the epochs that are not cut yet.
 * Returns 0, or the exit code of a failure. */
int dump_read(const struct dump_settings *settings, struct ipacct_reader *reader, bool live,
	      struct ipacct_snapshot **ret_snapshot);

/* What a replay adds to each output; settings->replay is not NULL. */
void dump_replay_table(const struct dump_settings *settings);
void dump_replay_json(struct json_writer *json, const struct dump_replay *replay);
void dump_replay_oneline(const struct dump_replay *replay);
/* "N packets were cut by the capture (…): counted as captured"; "" when none was. */
#define DUMP_REPLAY_NOTE_BYTES 160u
char *dump_replay_cut_note(const struct dump_replay *replay, enum text_units units,
			   char buffer[DUMP_REPLAY_NOTE_BYTES]);

#endif
