/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one snapshot counted beyond another. */
#include <errno.h>
#include <stdlib.h>

#include "ipacct/ipacct.h"
#include "epoch.h"

static uint64_t minus(uint64_t newer, uint64_t older)
{
	return newer > older ? newer - older : 0; /* counters never fall; never print 2^64 */
}

static int entries_delta(const struct ipacct_entry *newer, size_t n_newer,
			 const struct ipacct_table *older, struct ipacct_entry **ret_entries,
			 size_t *ret_n)
{
	struct ipacct_entry *entries = calloc(n_newer + 1, sizeof(*entries));
	static const struct ipacct_counters zero;
	size_t used = 0;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < n_newer; i++) {
		uint32_t at = ipacct_table_find(older, &newer[i].key, newer[i].prefix_len);
		const struct ipacct_counters *was =
			at == IPACCT_TABLE_NONE ? &zero : &older->entries[at].counters;
		struct ipacct_counters moved = {
			.tx_packets = minus(newer[i].counters.tx_packets, was->tx_packets),
			.tx_l3_bytes = minus(newer[i].counters.tx_l3_bytes, was->tx_l3_bytes),
			.rx_packets = minus(newer[i].counters.rx_packets, was->rx_packets),
			.rx_l3_bytes = minus(newer[i].counters.rx_l3_bytes, was->rx_l3_bytes),
		};

		if (!moved.tx_packets && !moved.rx_packets)
			continue;
		entries[used] = newer[i];
		entries[used++].counters = moved;
	}
	*ret_entries = entries;
	*ret_n = used;
	return 0;
}

static void totals_delta(struct ipacct_totals *totals, const struct ipacct_totals *older)
{
	uint64_t *to = (uint64_t *)totals;
	const uint64_t *from = (const uint64_t *)older;

	for (size_t i = 0; i < sizeof(*totals) / sizeof(*to); i++)
		to[i] = minus(to[i], from[i]);
}

static int interfaces_delta(const struct ipacct_snapshot *newer,
			    const struct ipacct_snapshot *older, struct ipacct_snapshot *delta)
{
	delta->interfaces = calloc(newer->n_interfaces + 1, sizeof(*delta->interfaces));
	if (!delta->interfaces)
		return -ENOMEM;
	delta->n_interfaces = newer->n_interfaces;
	for (size_t i = 0; i < newer->n_interfaces; i++) {
		delta->interfaces[i] = newer->interfaces[i];
		for (size_t k = 0; k < older->n_interfaces; k++)
			if (older->interfaces[k].slot == newer->interfaces[i].slot)
				totals_delta(&delta->interfaces[i].totals,
					     &older->interfaces[k].totals);
	}
	return 0;
}

static int table_fill(struct ipacct_table *table, const struct ipacct_entry *entries, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = ipacct_table_add(table, &entries[i].key, entries[i].prefix_len,
				       &entries[i].counters);
	return ret;
}

int ipacct_snapshot_delta(const struct ipacct_snapshot *newer, const struct ipacct_snapshot *older,
			  struct ipacct_snapshot **ret_delta)
{
	struct ipacct_table addresses = {}, rollups = {};
	struct ipacct_snapshot *delta;
	int ret;

	if (newer->instance != older->instance)
		return -ESTALE;
	delta = calloc(1, sizeof(*delta));
	if (!delta)
		return -ENOMEM;
	*delta = *newer;
	delta->interfaces = NULL;
	delta->addresses = delta->rollups = NULL;
	addresses.seed = rollups.seed = newer->instance;
	ret = interfaces_delta(newer, older, delta);
	if (!ret)
		ret = table_fill(&addresses, older->addresses, older->n_addresses);
	if (!ret)
		ret = table_fill(&rollups, older->rollups, older->n_rollups);
	if (!ret)
		ret = entries_delta(newer->addresses, newer->n_addresses, &addresses,
				    &delta->addresses, &delta->n_addresses);
	if (!ret)
		ret = entries_delta(newer->rollups, newer->n_rollups, &rollups, &delta->rollups,
				    &delta->n_rollups);
	ipacct_table_finish(&addresses);
	ipacct_table_finish(&rollups);
	if (ret) {
		ipacct_snapshot_destroy(delta);
		return ret;
	}
	*ret_delta = delta;
	return 0;
}
