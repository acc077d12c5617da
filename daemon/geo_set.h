/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is asked about an address: class, up to three databases, the operator's list. */
#ifndef IPACCT_DAEMON_GEO_SET_H
#define IPACCT_DAEMON_GEO_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "geo_database.h"
#include "geo_memory.h"
#include "geo_overrides.h"
#include "geo_settings.h"
#include "geo_table.h"

#define GEO_COPIES_MAX \
	(IPACCT_GEO_DATABASES_MAX + 1) /* a new one is opened before the old is closed */

/* What is known of a place and its network; texts are offsets in the geo file's string table. */
struct geo_answer {
	char country[2];
	uint16_t reserved;
	uint32_t asn;
	uint32_t country_name;
	uint32_t region;
	uint32_t city;
	uint32_t as_org;
};

struct geo_cached {
	uint32_t database; /* 1 + index; 0: free */
	uint32_t offset;   /* of the entry in the database */
	struct geo_answer answer;
};

/* One configured database. */
struct geo_source {
	struct geo_database database;
	struct geo_identity tried; /* the last content that was opened or refused */
	struct geo_identity seen;  /* at the last look: a file being written is left alone */
	bool looked;               /* `tried` says something */
	int said;                  /* errno of the last line about it; 0: none */
	bool damage_said;
};

struct geo_set {
	struct geo_table *table;
	struct geo_memory *memory;
	int copy_fds[GEO_COPIES_MAX];
	uint64_t bytes_max; /* of all copies together */
	struct geo_settings settings;
	struct geo_source sources[IPACCT_GEO_DATABASES_MAX];
	struct geo_overrides overrides;
	struct geo_identity overrides_file;
	struct geo_cached *cache;
	bool degraded;  /* a configured database is not there at all: what is known is kept */
	bool exhausted; /* a database took all memory, and the library may not have given it back */
	bool changed;   /* since geo_set_changed() was asked last */
};

/* copy_fds: GEO_COPIES_MAX memfds, the caller's. -ENOMEM. */
int geo_set_init(struct geo_set *set, struct geo_table *table, struct geo_memory *memory,
		 const int *copy_fds, uint64_t bytes_max);
void geo_set_finish(struct geo_set *set);

/* Take these settings: open what is not open yet, close what is not wanted, read the operator's list
 * if it is another one. What cannot be read leaves the old in use, with one log line. */
void geo_set_apply(struct geo_set *set, const struct geo_settings *settings);

/* Open databases whose files have changed. settled: their writers are known to be done; else a file
 * must look the same twice. */
void geo_set_look(struct geo_set *set, bool settled);

/* Another set than at the last call: its digest then. */
bool geo_set_changed(struct geo_set *set, uint64_t *ret_digest);

/* All about one address, ready to be written (sequence and generation are the caller's).
 * old: what the record holds now. */
void geo_set_answer(struct geo_set *set, const struct ipacct_key *key,
		    const struct ipacct_geo_record *old, struct ipacct_geo_record *ret_record);

#endif
