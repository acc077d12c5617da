/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differences of counters have in common: snapshots (delta.c) and a ledger followed (follow.c). */
#ifndef IPACCT_LIB_DELTA_H
#define IPACCT_LIB_DELTA_H

#include "ipacct/ipacct.h"
#include "table.h"

/* *totals becomes what came beyond older, each counter 0 at least. */
void ipacct_totals_minus(struct ipacct_totals *totals, const struct ipacct_totals *older);

/* An address was folded: take what it had off what its prefix moved; where its own prefix had no room
 * that of 0.0.0.0/0 or ::/0. table: of the roll-ups, entry i of it is rollups[i]. */
void ipacct_delta_folded(struct ipacct_entry *rollups, const struct ipacct_table *table,
			 const struct ipacct_key *key, struct ipacct_counters had);

#endif
