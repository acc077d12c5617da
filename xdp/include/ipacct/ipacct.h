/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libipacct: read what ipacct has counted, with or without the daemon and without privilege.
 *
 * A reader needs the ledger file (runtime directory) for what was counted up to the last cut, and
 * for IPACCT_SNAPSHOT_LIVE also the pinned maps (bpffs directory). Group `ipacct` may read both.
 * Functions return 0 or a negative errno. Nothing here logs, exits or keeps global state. A reader
 * and its snapshots belong to one thread at a time. */
#ifndef IPACCT_IPACCT_H
#define IPACCT_IPACCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"
#include "ipacct/geo.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IPACCT_RUNTIME_DIR_DEFAULT "/run/ipacct"
#define IPACCT_BPFFS_DIR_DEFAULT   "/run/ipacct/bpf"

struct ipacct_reader;

/* Why ipacct_reader_open() or ipacct_snapshot_read() failed, in words; see ret_problem there. */
struct ipacct_problem {
	char text[256]; /* one line, no newline, "" when nothing is known */
};

/* Open the ledger and, where they are readable, the pinned maps.
 * runtime_dir, bpffs_dir: NULL means the defaults above.
 * ret_reader:  owned by the caller; end it with ipacct_reader_close().
 * ret_problem: may be NULL; on failure one line for a person.
 * Errors: -ENOENT no ledger there; -EACCES not root and not in the group; -EPROTO other magic or
 * ABI version (the text names both); -EBADMSG damaged file; -ENOMEM. */
int ipacct_reader_open(const char *runtime_dir, const char *bpffs_dir,
		       struct ipacct_reader **ret_reader, struct ipacct_problem *ret_problem);

/* Accepts NULL. */
void ipacct_reader_close(struct ipacct_reader *reader);

/* The committed cut and the file's creation time (ns since 1970, UTC), cheap enough to poll. */
uint64_t ipacct_reader_cut(struct ipacct_reader *reader);

/* One address or one roll-up prefix. The counters of an address are all that came since
 * first_seen_ns: a full ledger folds addresses that are idle into their prefix, and one that returns
 * begins again with another first_seen_ns. */
struct ipacct_entry {
	struct ipacct_key key;
	uint8_t prefix_len; /* of the 128-bit key; 128 for an address. IPv4 /16 is 112. An IPv6 entry
			     * among the addresses with less is a group's shared record, see abi.h */
	struct ipacct_counters counters;
	uint64_t first_seen_ns; /* time of the first and last cut that moved it, UTC; for a key */
	uint64_t last_seen_ns;  /* not cut yet both are the time of reading */
	uint32_t ledger_index;  /* which address record of the ledger, for ipacct_geo_find() */
};

#define IPACCT_INDEX_NONE UINT32_MAX /* not in the ledger yet, or a roll-up */

/* What a group of prefixes sent and received since created_ns. */
struct ipacct_group {
	char name[IPACCT_SERIES_NAME_BYTES]; /* safe to show */
	uint32_t record;     /* of the ledger; IPACCT_INDEX_NONE: only the maps know it yet */
	uint32_t number;     /* in the list of now; IPACCT_INDEX_NONE: not in it */
	uint32_t n_prefixes; /* of the list of now; 0: it is not in it, or is one of: */
	bool collective;     /* "unknown", "rolled_up", "earlier", "other": see abi.h */
	struct ipacct_counters counters;
	uint64_t created_ns;
	uint64_t last_seen_ns; /* 0: never */
};

/* One interface slot that was ever used. */
struct ipacct_interface_totals {
	uint32_t slot;
	struct ipacct_interface interface;
	struct ipacct_totals totals; /* summed over CPUs */
};

/* Sums that must be equal, and how far they are apart: sum of absolute differences of
 * seen − accounted − ignored per interface, accounted − Σ tx, accounted − Σ rx. */
struct ipacct_conservation {
	uint64_t error_packets;
	uint64_t error_l2_bytes;
	uint64_t error_l3_bytes;
};

struct ipacct_snapshot {
	bool live;             /* includes what was counted since the cut */
	uint64_t cut;          /* number of the committed cut, 0 before the first */
	uint64_t cut_time_ns;  /* its time, UTC; for a live snapshot still the cut's */
	uint64_t read_time_ns; /* when the snapshot was taken, UTC */
	uint64_t created_ns;   /* the counters began then, UTC */
	uint64_t instance;     /* names the set of maps; changes only when they are made anew */
	uint64_t interval_ns;  /* the collector's current interval, 0 when none runs */
	struct ipacct_ledger_cut facts;          /* of that cut */
	struct ipacct_conservation conservation; /* of the part at rest (the ledger) */
	size_t n_interfaces;
	struct ipacct_interface_totals *interfaces; /* by slot */
	size_t n_addresses;
	struct ipacct_entry *addresses; /* in no order */
	size_t n_rollups;
	struct ipacct_entry *rollups;
	size_t n_groups;             /* with IPACCT_SNAPSHOT_GROUPS */
	struct ipacct_group *groups; /* in no order; they sum to what was accounted */
};

#define IPACCT_SNAPSHOT_GROUPS 2u /* the totals of groups: -ENOENT when none are configured */
#define IPACCT_SNAPSHOT_LIVE   1u /* add the epochs that are not in the ledger yet */

/* Take a snapshot: all numbers at one cut (plus, live, what the maps hold beyond it: each number then
 * lies between what it was at the beginning and at the end of the call, so none falls from one snapshot
 * to the next. In a flood a single packet that may still be rolled up is left out until the cut; and the
 * line of a stranger that a protected address takes is rolled up when the LRU tier has no room for it).
 * Where cuts come faster than the maps can be read, on a busy machine, a live snapshot is that of a cut made
 * during the call.
 * ret_snapshot: owned by the caller; end it with ipacct_snapshot_destroy().
 * Errors: -EAGAIN 64 cuts in a row came before two numbers of each record were looked at; -ENOENT live
 * wanted and no pinned maps; -EACCES; -EPROTO; -EBADMSG; -ENOMEM. */
int ipacct_snapshot_read(struct ipacct_reader *reader, unsigned int flags,
			 struct ipacct_snapshot **ret_snapshot, struct ipacct_problem *ret_problem);

/* Accepts NULL. */
void ipacct_snapshot_destroy(struct ipacct_snapshot *snapshot);

/* What newer counted beyond older, for rates. Entries that did not move are left out; an entry that
 * older lacks counts whole, and so does one that was folded in between and returned. What a folded
 * address counted in between is on its prefix; what it had before is nowhere: the sums over the delta
 * are the differences of the sums. Both must be of one instance, else -ESTALE.
 * ret_delta: owned by the caller. first_seen/last_seen are those of newer. */
int ipacct_snapshot_delta(const struct ipacct_snapshot *newer, const struct ipacct_snapshot *older,
			  struct ipacct_snapshot **ret_delta);

/* Check the sums of a snapshot (see struct ipacct_conservation). Cannot fail. */
void ipacct_snapshot_conservation(const struct ipacct_snapshot *snapshot,
				  struct ipacct_conservation *ret_conservation);

/* ---- From cut to cut, cheaply: for who shows rates and asks often ---------------------------
 *
 * As two snapshots and their delta, from the ledger alone, by one walk over it; memory is kept from
 * step to step: 64 octets for each record of the ledger and 112 for each that moved. */
struct ipacct_follow;

/* What the cuts since the step before counted. Everything in it is valid until the next step. */
struct ipacct_moves {
	struct ipacct_snapshot delta; /* as of ipacct_snapshot_delta(); empty at the first step */
	bool first; /* nothing to compare with: the first step, or the counters began anew */
	uint64_t covered_ns; /* between the cuts; 0: no cut came in between, or first */
	size_t n_addresses;  /* in the ledger, moved or not */
	const struct ipacct_counters
		*address_totals;                     /* of each address of delta: all it ever had */
	const struct ipacct_counters *rollup_totals; /* the same of its roll-ups */
	const struct ipacct_interface_totals *interfaces; /* of each interface of delta: totals */
};

/* reader: outlives the follower. ret_follow: owned by the caller. Returns 0 or -ENOMEM. */
int ipacct_follow_open(struct ipacct_reader *reader, struct ipacct_follow **ret_follow);

/* Accepts NULL. */
void ipacct_follow_close(struct ipacct_follow *follow);

/* Go to the newest cut. ret_moves: owned by the follower. Errors as of ipacct_snapshot_read() that is
 * not live; after one the next step covers the time since the last good one. */
int ipacct_follow_step(struct ipacct_follow *follow, const struct ipacct_moves **ret_moves,
		       struct ipacct_problem *ret_problem);

/* ---- The same with what the maps hold, where nobody cuts -----------------------------------
 *
 * As two live snapshots and their delta. What was read before is remembered (64 octets for each line of the
 * hot tier, 130 for each address), so that a step costs a copy of the hot tier, and what is other in it.
 * The first step after a cut reads the ledger, too. */
struct ipacct_live;

/* reader: outlives it. ret_live: owned by the caller. Returns 0 or a negative errno. */
int ipacct_live_open(struct ipacct_reader *reader, struct ipacct_live **ret_live);

/* Accepts NULL. */
void ipacct_live_close(struct ipacct_live *live);

/* Go to what is counted now; the first step tells what came since the cut. ret_moves: owned by live;
 * delta.live is set. Errors as of ipacct_snapshot_read() that is live; after one the next step covers
 * the time since the last good one. */
int ipacct_live_step(struct ipacct_live *live, const struct ipacct_moves **ret_moves,
		     struct ipacct_problem *ret_problem);

/* ---- Where and whose an address is: the geo file, see ipacct/geo.h ------------------------
 *
 * Reading it looks nothing up: that is the geo worker's work, done before. An answer is taken from
 * private memory; no content of the file and nothing its writer does to it can hurt the reader. */
struct ipacct_geo;

/* Texts are UTF-8 without control characters, at most 255 octets, "" when unknown; they are valid
 * until the next ipacct_geo_refresh() or ipacct_geo_close(). */
struct ipacct_geo_info {
	char country[3];       /* ISO 3166-1 alpha-2, "" when unknown */
	uint8_t address_class; /* enum ipacct_geo_class */
	uint8_t flags;         /* IPACCT_GEO_KNOWN, IPACCT_GEO_OVERRIDE */
	uint32_t asn;          /* 0: unknown */
	const char *country_name;
	const char *region;
	const char *city;
	const char *as_org;
	const char *name; /* of the operator's prefix group */
};

/* Open the geo file. What is asked for is kept: up to 64 octets for each record of the file, in chunks
 * of 64 KiB, and all names.
 * runtime_dir: NULL means IPACCT_RUNTIME_DIR_DEFAULT.
 * ret_geo:     owned by the caller; end it with ipacct_geo_close().
 * ret_problem: may be NULL; on failure one line for a person.
 * Errors: -ENOENT no such file: no geo worker is configured; -EACCES; -EPROTO another version;
 * -EBADMSG damaged; -ENOMEM. */
int ipacct_geo_open(const char *runtime_dir, struct ipacct_geo **ret_geo,
		    struct ipacct_problem *ret_problem);

/* Accepts NULL. */
void ipacct_geo_close(struct ipacct_geo *geo);

/* Let the next ipacct_geo_find() of each address see what was written since, in this file or in the
 * one that replaced it. Between two refreshes an address has one answer; so call it once for each
 * snapshot. Costs two system calls and what is new, not the size of the file.
 * On failure (-EBADMSG damaged, -errno) what was read before still answers. */
int ipacct_geo_refresh(struct ipacct_geo *geo);

/* What is known about the address of entry (ledger_index, key) of a snapshot.
 * Returns 0 (a negative answer too: IPACCT_GEO_KNOWN is then not set); -ENOENT not looked up yet;
 * -EAGAIN being rewritten: ask again after a refresh. ret_info is written only on 0. */
int ipacct_geo_find(struct ipacct_geo *geo, uint32_t ledger_index, const struct ipacct_key *key,
		    struct ipacct_geo_info *ret_info);

/* The worker's facts (databases, counters) at the last refresh that succeeded. A private copy,
 * valid until ipacct_geo_close(); texts are terminated and safe to show, numbers are the worker's. */
const struct ipacct_geo_header *ipacct_geo_header(const struct ipacct_geo *geo);

/* ---- Whose an address is: groups of prefixes, see abi.h ------------------------------------ */
struct ipacct_groups;

/* Open the list of groups.
 * runtime_dir: NULL means IPACCT_RUNTIME_DIR_DEFAULT.
 * ret_groups:  owned by the caller; end it with ipacct_groups_close().
 * ret_problem: may be NULL; on failure one line for a person.
 * Errors: -ENOENT no groups are configured; -EACCES; -EPROTO another version; -EBADMSG; -ENOMEM. */
int ipacct_groups_open(const char *runtime_dir, struct ipacct_groups **ret_groups,
		       struct ipacct_problem *ret_problem);

/* Accepts NULL. */
void ipacct_groups_close(struct ipacct_groups *groups);

/* Take the list that is configured now. One system call when it is the same. On failure (-ENOENT: no
 * groups any more) the list of before still answers. */
int ipacct_groups_refresh(struct ipacct_groups *groups);

/* The group of the longest prefix that holds the address: some hundred nanoseconds, nothing is kept.
 * ret_name: written only on success; safe to show.
 * Returns its number in the list of now, or -ENOENT. */
int ipacct_groups_find(const struct ipacct_groups *groups, const struct ipacct_key *key,
		       char ret_name[IPACCT_SERIES_NAME_BYTES]);

/* The same for an entry: the longest prefix that holds all of key/prefix_len. */
int ipacct_groups_find_prefix(const struct ipacct_groups *groups, const struct ipacct_key *key,
			      uint8_t prefix_len, char ret_name[IPACCT_SERIES_NAME_BYTES]);

/* Facts of the list; valid until the next refresh or close. */
const struct ipacct_groups_header *ipacct_groups_header(const struct ipacct_groups *groups);

/* Text of an entry: "192.0.2.1", "2001:db8::1", with the prefix length for roll-ups:
 * "198.51.0.0/16", "2001:db8::/32". buffer_bytes ≥ IPACCT_PREFIX_TEXT_BYTES; returns buffer. */
#define IPACCT_PREFIX_TEXT_BYTES 52u
char *ipacct_key_format(const struct ipacct_key *key, uint8_t prefix_len, char *buffer,
			size_t buffer_bytes);
bool ipacct_key_is_ipv4(const struct ipacct_key *key);
/* Whether (key, prefix_len) of an entry is a roll-up, and no address or shared record of some. */
bool ipacct_key_is_rollup(const struct ipacct_key *key, uint8_t prefix_len);

/* Names as in counters.h; NULL when out of range. Static storage. */
const char *ipacct_reason_name(unsigned int reason);
const char *ipacct_reason_help(unsigned int reason);
const char *ipacct_protocol_name(unsigned int protocol);
const char *ipacct_size_bin_name(unsigned int bin);
const char *ipacct_hook_name(unsigned int hook);               /* "xdp", "tc-egress" */
const char *ipacct_mode_name(unsigned int mode);               /* "native", "generic", "replay" */
const char *ipacct_attach_name(unsigned int attach);           /* "link", "dispatcher", "none" */
const char *ipacct_if_state_name(unsigned int state);          /* "attached", "gone", "detached" */
const char *ipacct_geo_class_name(unsigned int address_class); /* "global", "private", … */

#ifdef __cplusplus
}
#endif

#endif
