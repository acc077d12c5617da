/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The geo file: what is known about the addresses of the ledger, written by the geo worker.
 *
 * header page | n_records_max records | string table.
 * Record i belongs to address record i of the ledger: a join is one index, no look-up. A record whose
 * key is not that address's is of another one: unknown yet. Its sequence is odd while it is written.
 * The string table only grows; offset 0 is "". The file may hold any bytes (its writer is not
 * trusted): readers check each offset and keep a private copy of the strings. */
#ifndef IPACCT_GEO_H
#define IPACCT_GEO_H

#include <linux/types.h>

#include "ipacct/abi.h"

#define IPACCT_GEO_NAME          "geo"
#define IPACCT_GEO_MAGIC         0x6f65676363617069ULL /* "ipaccgeo" */
#define IPACCT_GEO_VERSION       1u
#define IPACCT_GEO_HEADER_BYTES  4096u
#define IPACCT_GEO_DATABASES_MAX 3u

/* What kind of address space it is. Special purposes by RFC 6890 and its IANA registries. */
enum ipacct_geo_class {
	IPACCT_GEO_GLOBAL = 0,
	IPACCT_GEO_PRIVATE,       /* RFC 1918, RFC 4193 */
	IPACCT_GEO_SHARED,        /* RFC 6598, carrier-grade NAT */
	IPACCT_GEO_LOOPBACK,      /* RFC 1122 3.2.1.3, RFC 4291 */
	IPACCT_GEO_LINK_LOCAL,    /* RFC 3927, RFC 4291 */
	IPACCT_GEO_MULTICAST,     /* RFC 5771, RFC 4291 2.7 */
	IPACCT_GEO_BROADCAST,     /* RFC 919 */
	IPACCT_GEO_DOCUMENTATION, /* RFC 5737, RFC 3849, RFC 9637 */
	IPACCT_GEO_RESERVED,      /* every other entry that is not globally reachable */
	IPACCT_GEO_CLASSES
};

#define IPACCT_GEO_KNOWN \
	1u /* some database or override knew something; without it: a negative answer */
#define IPACCT_GEO_OVERRIDE 2u /* at least one field is the operator's */

struct ipacct_geo_record {
	__u32 sequence; /* odd: being written. 0: never written */
	struct ipacct_key key;
	char country[2]; /* ISO 3166-1 alpha-2, zero when unknown */
	__u8 address_class;
	__u8 flags; /* IPACCT_GEO_* */
	__u32 asn;  /* 0: unknown (RFC 7607) */
	/* offsets in the string table, 0: unknown */
	__u32 country_name;
	__u32 region;
	__u32 city;
	__u32 as_org;
	__u32 name;       /* of the operator's prefix group */
	__u32 generation; /* of the databases that were asked */
	__u32 reserved[2];
};

struct ipacct_geo_database {
	char path[224];
	char type[64]; /* MaxMind DB metadata: database_type */
	__u64 build_s; /* metadata: build_epoch, seconds since 1970 */
	__u64 loaded_ns;
	__u32 state; /* 0: not configured, 1: in use, 2: configured, not usable: the old one, if any, is */
	__u32 reserved;
};

struct ipacct_geo_header {
	__u64 magic;
	__u32 version;
	__u32 header_bytes;
	__u32 record_bytes;
	__u32 n_records_max;
	__u64 strings_at; /* offset in the file */
	__u32 strings_bytes_max;
	__u32 strings_bytes; /* used; grows with release order, after the strings */
	__u64 file_bytes;
	/* the worker's, each written with a plain store */
	__u64 generation;   /* of the set of databases and overrides, from 1 */
	__u64 updated_ns;   /* CLOCK_REALTIME of the last pass over the ledger */
	__u64 lookups;      /* of addresses in the databases, ever */
	__u64 known;        /* records with IPACCT_GEO_KNOWN */
	__u64 negative;     /* records without */
	__u64 pending;      /* addresses of the ledger without a record of this generation */
	__u64 strings_full; /* names left out because the table was full */
	struct ipacct_geo_database databases[IPACCT_GEO_DATABASES_MAX];
	__u64 set_digest; /* of what `generation` numbers: lets a restarted worker go on with it */
};

IPACCT_ASSERT_SIZE(struct ipacct_geo_record, 64);
_Static_assert(sizeof(struct ipacct_geo_header) <= IPACCT_GEO_HEADER_BYTES, "one page");

#endif
