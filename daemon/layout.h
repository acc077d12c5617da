/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of an earlier ABI version, and how they become those of this one.
 *
 * A row for each version that an upgrade may find: where each field lay then. What it is called now
 * is known to the compiler, so whoever takes a field away has to say here what becomes of it. The same
 * in every version, and not in here: the pins' names, struct ipacct_meta and struct ipacct_ctl up to
 * their `reserved`, the first page of the ledger up to `cut`. */
#ifndef IPACCT_DAEMON_LAYOUT_H
#define IPACCT_DAEMON_LAYOUT_H

#include <stdint.h>

#include "ipacct/abi.h"

struct layout_record;

/* n times so many octets, or n records. What is not named is 0 afterwards. */
struct layout_field {
	uint16_t there; /* offset in that version … */
	uint16_t here;  /* … and in this one */
	uint16_t bytes; /* of one, in that version */
	uint16_t n;
	const struct layout_record *of; /* NULL: octets as they are */
};

struct layout_record {
	uint32_t bytes;      /* in that version */
	uint32_t bytes_here; /* in this one */
	uint32_t n_fields;
	const struct layout_field *fields;
};

/* X(record): each is struct ipacct_<record> */
#define LAYOUT_RECORDS(X)   \
	X(key)              \
	X(counters)         \
	X(totals)           \
	X(interface)        \
	X(domain)           \
	X(vlans)            \
	X(part)             \
	X(hot4_line)        \
	X(hot6_line)        \
	X(roll6_line)       \
	X(ledger_version)   \
	X(ledger_record)    \
	X(ledger_totals)    \
	X(ledger_interface) \
	X(ledger_series)    \
	X(ledger_cut)       \
	X(ledger_header)

struct layout {
	uint32_t abi_version;
#define LAYOUT_MEMBER(record) struct layout_record record;
	LAYOUT_RECORDS(LAYOUT_MEMBER)
#undef LAYOUT_MEMBER
	uint32_t ifs_max; /* as IPACCT_IFS_MAX, … */
	uint32_t domains_max;
	uint32_t roll_lines;
	uint32_t roll6_lines;
	uint32_t hot4_ways;
	uint32_t hot6_ways;
	uint32_t hot_set_bytes;
	uint32_t series_max;
	uint32_t ledger_header_bytes;
};

/* The layout of a version, this one's too; NULL when it is not known. */
const struct layout *layout_of(uint32_t abi_version);

/* One record of that version as one of this: `to` has record->bytes_here. */
void layout_convert(const struct layout_record *record, const void *from, void *to);

#endif
