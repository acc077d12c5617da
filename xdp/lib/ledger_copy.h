/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of a ledger at one cut, whatever the collector does meanwhile.
 *
 * A walk over them that is overtaken by a cut was not for nothing: the next one copies what that cut
 * touched and what is missing. So a walk that has to fit between two cuts only looks at two numbers of
 * each record, and a reader on a busy machine gets there. */
#ifndef IPACCT_LIB_LEDGER_COPY_H
#define IPACCT_LIB_LEDGER_COPY_H

#include "ipacct/ipacct.h"
#include "ledger.h"

/* Zeroed storage: nothing is copied yet. One ledger file and one of its two arrays for each. */
struct ledger_copy {
	struct ipacct_entry *entries; /* of record i, while cuts[i] says of which cut it is */
	uint64_t *cuts;               /* 0: there is none, or a folded one */
	uint32_t n; /* records that were walked over; of the rest nothing is set */
	uint32_t n_allocated;
	uint64_t n_copied; /* over all walks */
};

void ledger_copy_finish(struct ledger_copy *copy);

/* Walk over the first n records as of that cut.
 * addresses: whether the records' numbers mean something to others (struct ipacct_entry).
 * Returns 0, -EAGAIN when another cut is committed by now (call again with that one), or -ENOMEM. Who
 * gets 0 still has to look at the ledger's cut when everything else is read, too. */
int ledger_copy_walk(struct ledger_copy *copy, const struct ipacct_ledger *ledger,
		     const struct ipacct_ledger_record *records, uint32_t n, bool addresses,
		     uint64_t cut);

/* Hand the entries over, dense, with room for n_more behind them; the copy is empty then.
 * Returns 0 or -ENOMEM. */
int ledger_copy_take(struct ledger_copy *copy, size_t n_more, struct ipacct_entry **ret_entries,
		     size_t *ret_n);

#endif
