/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one snapshot counted beyond another.
 *
 * An address that was folded between them is in the older one and not, or with another owner's time, in
 * the newer one; what it had is part of its prefix there. So the prefix's difference is made less by
 * what the older snapshot had on the address: what remains is what came in between, and the sum over
 * the delta is the difference of the sums. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipacct/ipacct.h"
#include "delta.h"
#include "epoch.h"

/* Whether the newer entry's counts contain the older one's. One that only the maps had when `older`
 * was read has no record to name yet: its counters tell. */
static bool goes_on(const struct ipacct_entry *newer, const struct ipacct_entry *older,
		    const struct ipacct_snapshot *older_snapshot)
{
	const struct ipacct_counters *now = &newer->counters, *was = &older->counters;

	if (older_snapshot->live && older->first_seen_ns == older_snapshot->read_time_ns)
		return now->tx_packets >= was->tx_packets && now->rx_packets >= was->rx_packets &&
		       now->tx_l3_bytes >= was->tx_l3_bytes && now->rx_l3_bytes >= was->rx_l3_bytes;
	return newer->first_seen_ns == older->first_seen_ns;
}

/* goes_on: of each older entry, whether the newer snapshot has it still. */
static void addresses_delta(const struct ipacct_snapshot *newer,
			    const struct ipacct_snapshot *older, const struct ipacct_table *table,
			    struct ipacct_snapshot *delta, bool *ret_goes_on)
{
	for (size_t i = 0; i < newer->n_addresses; i++) {
		const struct ipacct_entry *entry = &newer->addresses[i];
		uint32_t at = ipacct_table_find(table, &entry->key, entry->prefix_len);
		struct ipacct_entry *to = &delta->addresses[delta->n_addresses];

		*to = *entry;
		if (at != IPACCT_TABLE_NONE && goes_on(entry, &older->addresses[at], older)) {
			ret_goes_on[at] = true;
			to->counters = ipacct_counters_minus(&to->counters,
							     &older->addresses[at].counters);
		}
		delta->n_addresses += ipacct_counters_moved(&to->counters);
	}
}

/* Take `amount` off what a prefix moved, as far as it goes; the rest stays in amount. */
static void prefix_take(struct ipacct_entry *rollups, const struct ipacct_table *table,
			const struct ipacct_key *key, int wide, struct ipacct_counters *amount)
{
	struct ipacct_counters *have, rest;
	struct ipacct_key prefix;
	uint8_t prefix_len = ipacct_key_prefix(key, wide, &prefix);
	uint32_t at = ipacct_table_find(table, &prefix, prefix_len);

	if (at == IPACCT_TABLE_NONE)
		return;
	have = &rollups[at].counters;
	rest = ipacct_counters_minus(amount, have);
	*have = ipacct_counters_minus(have, amount);
	*amount = rest;
}

void ipacct_delta_folded(struct ipacct_entry *rollups, const struct ipacct_table *table,
			 const struct ipacct_key *key, struct ipacct_counters had)
{
	prefix_take(rollups, table, key, 0, &had);
	prefix_take(rollups, table, key, 1, &had);
}

/* table: of the newer roll-ups, so that its numbers are theirs. */
static void rollups_delta(const struct ipacct_snapshot *newer, const struct ipacct_snapshot *older,
			  const struct ipacct_table *table, const bool *goes_on,
			  struct ipacct_snapshot *delta)
{
	memcpy(delta->rollups, newer->rollups, newer->n_rollups * sizeof(*newer->rollups));
	for (size_t i = 0; i < older->n_rollups; i++) {
		const struct ipacct_entry *was = &older->rollups[i];
		uint32_t at = ipacct_table_find(table, &was->key, was->prefix_len);

		if (at != IPACCT_TABLE_NONE)
			delta->rollups[at].counters =
				ipacct_counters_minus(&delta->rollups[at].counters, &was->counters);
	}
	for (size_t i = 0; i < older->n_addresses && newer->cut > older->cut; i++)
		if (!goes_on[i])
			ipacct_delta_folded(delta->rollups, table, &older->addresses[i].key,
					    older->addresses[i].counters);
	for (size_t i = 0; i < newer->n_rollups; i++)
		if (ipacct_counters_moved(&delta->rollups[i].counters))
			delta->rollups[delta->n_rollups++] = delta->rollups[i];
}

void ipacct_totals_minus(struct ipacct_totals *totals, const struct ipacct_totals *older)
{
	uint64_t *to = (uint64_t *)totals;
	const uint64_t *from = (const uint64_t *)older;

	for (size_t i = 0; i < sizeof(*totals) / sizeof(*to); i++)
		to[i] = ipacct_minus(to[i], from[i]);
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
				ipacct_totals_minus(&delta->interfaces[i].totals,
						    &older->interfaces[k].totals);
	}
	return 0;
}

/* Entry i of the table is entry i of the snapshot, as keys are in a snapshot once. */
static int table_fill(struct ipacct_table *table, const struct ipacct_entry *entries, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = ipacct_table_add(table, &entries[i].key, entries[i].prefix_len,
				       &entries[i].counters);
	return ret;
}

static int entries_delta(const struct ipacct_snapshot *newer, const struct ipacct_snapshot *older,
			 struct ipacct_snapshot *delta)
{
	struct ipacct_table addresses = { .seed = newer->instance };
	struct ipacct_table rollups = { .seed = newer->instance };
	bool *goes_on = calloc(older->n_addresses + 1, sizeof(*goes_on));
	int ret = 0;

	delta->addresses = calloc(newer->n_addresses + 1, sizeof(*delta->addresses));
	delta->rollups = calloc(newer->n_rollups + 1, sizeof(*delta->rollups));
	if (!goes_on || !delta->addresses || !delta->rollups)
		ret = -ENOMEM;
	if (!ret)
		ret = table_fill(&addresses, older->addresses, older->n_addresses);
	if (!ret)
		ret = table_fill(&rollups, newer->rollups, newer->n_rollups);
	if (!ret) {
		addresses_delta(newer, older, &addresses, delta, goes_on);
		rollups_delta(newer, older, &rollups, goes_on, delta);
	}
	free(goes_on);
	ipacct_table_finish(&addresses);
	ipacct_table_finish(&rollups);
	return ret;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct ipacct_group *)a)->name,
		      ((const struct ipacct_group *)b)->name);
}

/* Records move to other places when some give up theirs, so groups are found by name. Those that gave
 * up are in "other" since then: what they had is no traffic of its. A group that `older` has not counts
 * whole. */
static int groups_delta(const struct ipacct_snapshot *newer, const struct ipacct_snapshot *older,
			struct ipacct_snapshot *delta)
{
	struct ipacct_group *was = calloc(older->n_groups + 1, sizeof(*was)), *found, *other = NULL;
	size_t n = 0;

	delta->groups = calloc(newer->n_groups + 1, sizeof(*delta->groups));
	if (!was || !delta->groups) {
		free(was);
		return -ENOMEM;
	}
	if (older->n_groups)
		memcpy(was, older->groups, older->n_groups * sizeof(*was));
	qsort(was, older->n_groups, sizeof(*was), compare_names);
	for (size_t i = 0; i < newer->n_groups; i++) {
		struct ipacct_group *to = &delta->groups[i];

		*to = newer->groups[i];
		if (to->collective && !strcmp(to->name, "other"))
			other = to;
		found = bsearch(to, was, older->n_groups, sizeof(*was), compare_names);
		if (!found)
			continue;
		to->counters = ipacct_counters_minus(&to->counters, &found->counters);
		found->counters = (struct ipacct_counters){};
	}
	for (size_t i = 0; i < older->n_groups && other; i++)
		other->counters = ipacct_counters_minus(&other->counters, &was[i].counters);
	for (size_t i = 0; i < newer->n_groups; i++)
		if (ipacct_counters_moved(&delta->groups[i].counters))
			delta->groups[n++] = delta->groups[i];
	delta->n_groups = n;
	free(was);
	return 0;
}

int ipacct_snapshot_delta(const struct ipacct_snapshot *newer, const struct ipacct_snapshot *older,
			  struct ipacct_snapshot **ret_delta)
{
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
	delta->n_addresses = delta->n_rollups = 0;
	delta->groups = NULL;
	delta->n_groups = 0;
	ret = interfaces_delta(newer, older, delta);
	if (!ret)
		ret = entries_delta(newer, older, delta);
	if (!ret)
		ret = groups_delta(newer, older, delta);
	if (ret) {
		ipacct_snapshot_destroy(delta);
		return ret;
	}
	*ret_delta = delta;
	return 0;
}
