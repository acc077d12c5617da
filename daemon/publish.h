/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apply the deltas of a cut to the ledger, so that doing it again changes nothing. */
#ifndef IPACCT_DAEMON_PUBLISH_H
#define IPACCT_DAEMON_PUBLISH_H

#include "epoch.h"
#include "fold.h"
#include "ledger.h"
#include "guard_index.h"
#include "record_index.h"

struct groups;
struct series;

struct publisher {
	struct ipacct_ledger ledger;
	struct record_index addresses;
	struct record_index rollups;
	/* of the cut being applied: which record each key goes to; kept from cut to cut */
	uint32_t *address_records;
	size_t n_address_records;
	/* What this cut adds to roll-up records: roll-ups of the maps and keys that found no room, but
	 * also records that are folded, whose counts are old. So this is no measure of traffic. */
	struct ipacct_table prefixes;
	struct ipacct_table wides; /* of those, what goes to 0.0.0.0/0 and ::/0 */
	struct fold fold;
	const struct guard_index *guard; /* the caller's; NULL: nobody is protected */
	/* The cut may have been applied in part by a process that is gone and knew another list: a key
	 * that it could not place must not find a place now, or it would be counted twice. */
	bool again;
	struct groups *groups; /* the caller's; NULL: there are none */
	struct series *series; /* the caller's; NULL: none are kept */
};

/* fd: the ledger, read-write; stays the caller's. Zeroed storage may be finished. */
int publisher_init(struct publisher *publisher, int fd, uint64_t seed,
		   struct ipacct_problem *ret_problem);
void publisher_finish(struct publisher *publisher);

/* Take back what carries a number above the committed cut, as ipacct_ledger_forget_uncommitted(). */
void publisher_forget_uncommitted(struct publisher *publisher);

/* The last committed cut. */
uint64_t publisher_cut(const struct publisher *publisher);

/* facts: in: cut, cut_time_ns, error_*, and what this cut adds to the cumulative fields.
 * Returns 0 when committed; -ENOMEM: nothing was added, try again later. */
int publisher_apply(struct publisher *publisher, const struct ipacct_epoch *epoch,
		    struct ipacct_ledger_cut facts);

#endif
