/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing one of the two versions of a ledger record, see abi.h. */
#ifndef IPACCT_DAEMON_LEDGER_VERSION_H
#define IPACCT_DAEMON_LEDGER_VERSION_H

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
