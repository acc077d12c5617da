/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fold the records that were idle longest into their prefixes when the ledger is full. */
#ifndef IPACCT_DAEMON_FOLD_H
#define IPACCT_DAEMON_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "record_index.h"
#include "table.h"

struct fold {
	/* Addresses that are never folded: set by whoever knows them. */
	bool (*is_protected)(const void *context, const struct ipacct_key *key, uint8_t prefix_len);
	const void *context;
	uint64_t cut;     /* the one that `marked` belongs to */
	uint32_t *marked; /* records folded in it */
	uint32_t n_marked;
	uint32_t n_allocated;
};

/* Find the marks of a cut that was not committed. Zeroed storage may be finished.
 * Returns 0 or -ENOMEM. */
int fold_init(struct fold *fold, const struct ipacct_ledger *ledger);
void fold_finish(struct fold *fold);

/* The marks were taken back. */
void fold_forget(struct fold *fold);

/* When fewer than a 64th of the records can still be claimed, mark those that were idle longest as
 * folded at this cut; what an earlier attempt at this cut has decided is obeyed instead. Every record
 * that moves in this cut must have it as its state in `addresses` (the index of the ledger's).
 * n_open:   how many records new keys may have in use.
 * prefixes: what is folded is added to them, for the roll-up records.
 * facts:    so are the number of records and their counts.
 * Returns 0 or -ENOMEM: nothing but marks was written, call it again. */
int fold_place(struct fold *fold, const struct ipacct_ledger *ledger,
	       struct record_index *addresses, uint32_t n_open, struct ipacct_table *prefixes,
	       struct ipacct_ledger_cut *facts);

/* The cut is committed: what was marked is free for other keys. */
void fold_release(struct fold *fold, struct record_index *addresses);

#endif
