/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses of the ledger need an answer. */
#ifndef IPACCT_DAEMON_GEO_SCAN_H
#define IPACCT_DAEMON_GEO_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "geo_set.h"
#include "geo_table.h"
#include "ledger.h"

struct geo_scan {
	const struct ipacct_ledger *ledger;
	struct geo_table *table;
	struct geo_set *set;
	uint32_t n_seen;     /* addresses looked at so far; the ledger adds at the end */
	uint32_t pass_at;    /* of a pass over all of those, because the set changed */
	uint32_t slice_at;   /* of the round over all of them, whatever happens */
	uint32_t slice_left; /* in this tick */
	/* Places that another address may take: the ledger folded the one that had it. A bit each. */
	uint64_t *free_places;
	uint32_t n_free_words;
	uint32_t free_at;        /* the word that is looked at next in this tick */
	uint64_t folded_records; /* of the ledger at the last tick */
};

/* pass_at begins at 0: what another worker wrote is looked at, too. -ENOMEM. */
int geo_scan_init(struct geo_scan *scan, const struct ipacct_ledger *ledger,
		  struct geo_table *table, struct geo_set *set);
void geo_scan_finish(struct geo_scan *scan);

/* A new set: number it in the header, and begin a pass over all addresses. Records are rewritten one
 * by one; a reader has the old answer until then. */
void geo_scan_renew(struct geo_scan *scan, uint64_t digest);

/* One interval is over. */
void geo_scan_tick(struct geo_scan *scan);

/* Do a part of what there is to do, new addresses first; at most a few milliseconds' worth. Returns
 * whether there is more. */
bool geo_scan_step(struct geo_scan *scan);

#endif
