/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing one of the two versions of a ledger record, see abi.h. */
#ifndef IPACCT_DAEMON_LEDGER_VERSION_H
#define IPACCT_DAEMON_LEDGER_VERSION_H

#include <stdbool.h>
#include <string.h>

#include "crash.h"
#include "ledger.h"
#include "table.h"

/* Which of two versions to write for this cut: the older, or −1 when one carries it already.
 * ret_newest: the other one when it holds something, else −1. */
static inline int version_to_write(uint64_t cut0, uint64_t cut1, uint64_t cut, int *ret_newest)
{
	if (cut0 == cut || cut1 == cut)
		return -1;
	*ret_newest = ipacct_version_pick(cut0, cut1, cut);
	return *ret_newest == 0 ? 1 : 0;
}

/* Number 0 must be visible before any counter changes, the counters before the new number. */
static inline void version_open(__u64 *cut)
{
	__atomic_store_n(cut, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	CRASH_POINT(unstamped);
}

static inline void version_close(__u64 *cut, uint64_t number)
{
	CRASH_POINT(added);
	__atomic_store_n(cut, number, __ATOMIC_RELEASE);
	CRASH_POINT(stamped);
}

/* What records have, and this cut's delta, as the version of this cut. False: one of them is it already. */
static inline bool version_add(struct ipacct_ledger_version version[2],
			       const struct ipacct_counters *delta,
			       const struct ipacct_ledger_cut *facts)
{
	int newest, at = version_to_write(version[0].cut, version[1].cut, facts->cut, &newest);
	struct ipacct_ledger_version *to;

	if (at < 0)
		return false;
	to = &version[at];
	version_open(&to->cut);
	memset(&to->counters, 0, sizeof(to->counters));
	if (newest >= 0)
		to->counters = version[newest].counters;
	ipacct_counters_add(&to->counters, delta);
	to->last_seen_ns = facts->cut_time_ns;
	version_close(&to->cut, facts->cut);
	return true;
}

/* Add what records have at a cut. */
static inline void records_sum(const struct ipacct_ledger_record *records, uint32_t n, uint64_t cut,
			       struct ipacct_counters *sum)
{
	for (uint32_t i = 0; i < n; i++) {
		int newest = ipacct_version_pick(records[i].version[0].cut,
						 records[i].version[1].cut, cut);

		if (newest >= 0)
			ipacct_counters_add(sum, &records[i].version[newest].counters);
	}
}

#endif
