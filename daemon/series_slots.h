/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The series records of the ledger: whose each one is, and adding to it at a cut. */
#ifndef IPACCT_DAEMON_SERIES_SLOTS_H
#define IPACCT_DAEMON_SERIES_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"

#define SLOT_NONE UINT32_MAX

struct series_slots {
	struct ipacct_ledger *ledger;
	bool used[IPACCT_SERIES_MAX];
	uint64_t left_cut[IPACCT_SERIES_MAX]; /* of one that is zero from this cut on; 0: none */
	uint32_t next;                        /* where to look for a free one */
};

/* One record, wherever it is: what it holds at a cut, and adding to it at the next. */
struct ipacct_counters series_record_amount(const struct ipacct_ledger_series *record,
					    uint64_t cut);
void series_record_add(struct ipacct_ledger_series *record, const struct ipacct_counters *delta,
		       const struct ipacct_ledger_cut *facts);

/* Take back what a cut that was never committed wrote, and see which records are in use: whoever
 * applies that cut again may attribute otherwise, and each kind must still sum to what is accounted. */
void slots_init(struct series_slots *slots, struct ipacct_ledger *ledger);

/* What the record holds at the last committed cut; all zero: nobody's. */
struct ipacct_counters slots_amount(const struct series_slots *slots, uint32_t slot);

/* A record for this name, zero so far; SLOT_NONE when all are taken.
 * name: shorter than IPACCT_SERIES_NAME_BYTES. */
uint32_t slots_claim(struct series_slots *slots, enum ipacct_series_kind kind, const char *name,
		     uint64_t created_ns);

/* Add to it at this cut: once for each slot and cut. */
void slots_add(struct series_slots *slots, uint32_t slot, const struct ipacct_counters *delta,
	       const struct ipacct_ledger_cut *facts);

/* Make it zero at this cut; returns what it held. Nobody gets it before the cut is committed. */
struct ipacct_counters slots_leave(struct series_slots *slots, uint32_t slot,
				   const struct ipacct_ledger_cut *facts);

#endif
