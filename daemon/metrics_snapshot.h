/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /metrics shows of the ledger, all at one cut, in memory that is used again and again. */
#ifndef IPACCT_DAEMON_METRICS_SNAPSHOT_H
#define IPACCT_DAEMON_METRICS_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "ledger.h"

/* All interface slots that have this device name and hook. */
struct metrics_interface {
	struct ipacct_interface interface; /* of the slot that was attached last; name terminated */
	struct ipacct_totals totals;
};

struct metrics_series {
	enum ipacct_series_kind kind;
	char name[IPACCT_SERIES_NAME_BYTES];
	uint64_t created_ns;
	struct ipacct_counters counters;
};

struct metrics_snapshot {
	uint64_t cut; /* 0: nothing was committed yet, the rest is zero */
	uint64_t created_ns;
	uint64_t interval_ns;
	struct ipacct_ledger_cut facts;
	uint32_t n_addresses, n_addresses_max; /* records claimed, and room for them */
	uint32_t n_rollups, n_rollups_max;
	size_t n_interfaces;
	struct metrics_interface interfaces[IPACCT_IFS_MAX];
	size_t n_series;
	struct metrics_series series[IPACCT_SERIES_MAX]; /* without those that are zero */
};

/* Take all numbers of the last committed cut, as any reader of the ledger does: without a lock, and
 * again when a cut was committed meanwhile.
 * Returns 0, or -EAGAIN when cuts came faster than they could be read (*snapshot is then garbage). */
int metrics_snapshot_read(const struct ipacct_ledger *ledger, struct metrics_snapshot *snapshot);

#endif
