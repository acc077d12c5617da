/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /metrics shows of the ledger. */
#include <errno.h>
#include <string.h>

#include "epoch.h"
#include "metrics_snapshot.h"

#define SNAPSHOT_TRIES 64 /* as snapshot.c: cuts are far apart */

/* One time series for each device and hook: a device that took an old one's name adds to it. */
static struct metrics_interface *interface_of(struct metrics_snapshot *snapshot,
					      const struct ipacct_interface *interface)
{
	struct metrics_interface *to = snapshot->interfaces;

	for (size_t i = 0; i < snapshot->n_interfaces; i++, to++)
		if (to->interface.hook == interface->hook &&
		    !strncmp(to->interface.ifname, interface->ifname, IPACCT_IFNAME_BYTES))
			return to;
	snapshot->n_interfaces++;
	memset(to, 0, sizeof(*to));
	return to;
}

static void interfaces_read(const struct ipacct_ledger *ledger, struct metrics_snapshot *snapshot)
{
	snapshot->n_interfaces = 0;
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct ipacct_ledger_interface *from = &ledger->interfaces[slot];
		int newest = IPACCT_VERSION_READ(from->version, snapshot->cut);
		struct metrics_interface *to;

		if (newest < 0)
			continue;
		to = interface_of(snapshot, &from->version[newest].interface);
		if (from->version[newest].interface.attached_ns >= to->interface.attached_ns)
			to->interface = from->version[newest].interface;
		to->interface.ifname[IPACCT_IFNAME_BYTES - 1] = '\0';
		ipacct_totals_add(&to->totals, &from->version[newest].totals);
	}
}

static void series_read(const struct ipacct_ledger *ledger, struct metrics_snapshot *snapshot)
{
	snapshot->n_series = 0;
	for (uint32_t slot = 0; slot < IPACCT_SERIES_MAX; slot++) {
		const struct ipacct_ledger_series *from = &ledger->series[slot];
		int newest = IPACCT_VERSION_READ(from->version, snapshot->cut);
		struct metrics_series *to = &snapshot->series[snapshot->n_series];

		if (newest < 0)
			continue;
		to->counters = from->version[newest].counters;
		if (!(to->counters.tx_packets | to->counters.rx_packets))
			continue; /* nobody's: the rest may be changing */
		to->kind = __atomic_load_n(&from->kind, __ATOMIC_ACQUIRE);
		to->created_ns = from->created_ns;
		memcpy(to->name, from->name, sizeof(to->name));
		to->name[sizeof(to->name) - 1] = '\0';
		snapshot->n_series++;
	}
}

static void header_read(const struct ipacct_ledger *ledger, struct metrics_snapshot *snapshot)
{
	const struct ipacct_ledger_header *header = ledger->header;
	int newest = IPACCT_VERSION_READ(header->version, snapshot->cut);

	memset(&snapshot->facts, 0, sizeof(snapshot->facts));
	if (newest >= 0)
		snapshot->facts = header->version[newest];
	snapshot->created_ns = header->created_ns;
	snapshot->interval_ns = __atomic_load_n(&header->interval_ns, __ATOMIC_RELAXED);
	snapshot->n_addresses = __atomic_load_n(&header->n_addresses, __ATOMIC_RELAXED);
	snapshot->n_addresses_max = ledger->n_addresses_max;
	snapshot->n_rollups = __atomic_load_n(&header->n_rollups, __ATOMIC_RELAXED);
	snapshot->n_rollups_max = ledger->n_rollups_max;
}

int metrics_snapshot_read(const struct ipacct_ledger *ledger, struct metrics_snapshot *snapshot)
{
	const uint64_t *committed = (const uint64_t *)&ledger->header->cut;

	for (int i = 0; i < SNAPSHOT_TRIES; i++) {
		snapshot->cut = __atomic_load_n(committed, __ATOMIC_ACQUIRE);
		header_read(ledger, snapshot);
		interfaces_read(ledger, snapshot);
		series_read(ledger, snapshot);
		/* versions of cut H are overwritten only after H + 1 was committed */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(committed, __ATOMIC_RELAXED) == snapshot->cut)
			return 0;
	}
	return -EAGAIN;
}
