/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The durable totals of groups: who sent and received what, by the list of prefixes. Kept by the thread
 * that cuts, as a part of the cut. */
#ifndef IPACCT_DAEMON_GROUPS_H
#define IPACCT_DAEMON_GROUPS_H

#include "epoch.h"
#include "groups_records.h"
#include "ledger.h"
#include "record_index.h"

struct groups;

/* Facts for status and benches. */
struct groups_facts {
	uint32_t n_groups;
	uint32_t n_prefixes;
	uint32_t n_without_record; /* groups that found no room: they count as "other" */
	uint64_t n_lookups;        /* addresses looked up in the list; the others were known */
};

/* list_fd:   the file of abi.h; stays the caller's.
 * ledger, addresses: the publisher's, must outlive it. What an uncommitted cut wrote is taken back.
 * Returns 0, -ENOMEM, -EBADMSG, -EPROTO. */
int groups_init(struct ipacct_ledger *ledger, struct record_index *addresses, int list_fd,
		struct groups **ret_groups, struct ipacct_problem *ret_problem);
/* Accepts NULL. */
void groups_finish(struct groups *groups);

/* Add the counts of a cut: after all records have their place, before it is committed. May be done
 * again after a crash, by another list too.
 * address_records: the ledger record of each address of the epoch, or RECORD_NONE. */
void groups_apply(struct groups *groups, const struct ipacct_epoch *epoch,
		  const uint32_t *address_records, const struct ipacct_ledger_cut *facts);

/* What the last groups_apply() added, one after the other, for the series of /metrics.
 * add: name is NULL for what is in no group. */
void groups_each(const struct groups *groups,
		 void (*add)(void *context, const char *name,
			     const struct ipacct_counters *counters),
		 void *context);

void groups_facts(const struct groups *groups, struct groups_facts *ret_facts);

#endif
