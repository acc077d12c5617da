/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters by key and prefix length. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipacct/ipacct.h"
#include "base/mix.h"
#include "table.h"

#define TABLE_ENTRIES_MIN 1024u

static int entry_is(const struct ipacct_table_entry *entry, const struct ipacct_key *key,
		    uint8_t prefix_len)
{
	return entry->prefix_len == prefix_len && !memcmp(&entry->key, key, sizeof(*key));
}

/* The slot that holds the entry, or the free one where it belongs. Load is at most one half. */
static uint32_t slot_of(const struct ipacct_table *table, const struct ipacct_key *key,
			uint8_t prefix_len)
{
	uint32_t mask = table->n_slots - 1;
	uint32_t at = (uint32_t)ipacct_key_hash(table->seed, key, prefix_len) & mask;

	while (table->slots[at] != IPACCT_TABLE_NONE &&
	       !entry_is(&table->entries[table->slots[at]], key, prefix_len))
		at = (at + 1) & mask;
	return at;
}

static int table_grow(struct ipacct_table *table)
{
	uint32_t n = table->n_allocated ? table->n_allocated * 2 : TABLE_ENTRIES_MIN;
	struct ipacct_table_entry *entries;
	uint32_t *slots;

	if (n >= IPACCT_TABLE_NONE / 2)
		return -ENOMEM;
	entries = reallocarray(table->entries, n, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	table->entries = entries;
	slots = reallocarray(NULL, 2 * (size_t)n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(table->slots);
	table->slots = slots;
	table->n_slots = 2 * n;
	table->n_allocated = n;
	memset(slots, 0xff, 2 * (size_t)n * sizeof(*slots)); /* IPACCT_TABLE_NONE */
	for (uint32_t i = 0; i < table->n_entries; i++)
		slots[slot_of(table, &entries[i].key, entries[i].prefix_len)] = i;
	return 0;
}

void ipacct_table_reset(struct ipacct_table *table)
{
	if (table->n_entries)
		memset(table->slots, 0xff, (size_t)table->n_slots * sizeof(*table->slots));
	table->n_entries = 0;
}

void ipacct_table_finish(struct ipacct_table *table)
{
	free(table->entries);
	free(table->slots);
	memset(table, 0, sizeof(*table));
}

void ipacct_counters_add(struct ipacct_counters *sum, const struct ipacct_counters *more)
{
	sum->tx_packets += more->tx_packets;
	sum->tx_l3_bytes += more->tx_l3_bytes;
	sum->rx_packets += more->rx_packets;
	sum->rx_l3_bytes += more->rx_l3_bytes;
}

int ipacct_table_add(struct ipacct_table *table, const struct ipacct_key *key, uint8_t prefix_len,
		     const struct ipacct_counters *counters)
{
	struct ipacct_table_entry *entry;
	uint32_t slot;
	int ret;

	if (table->n_entries == table->n_allocated) {
		ret = table_grow(table);
		if (ret)
			return ret;
	}
	slot = slot_of(table, key, prefix_len);
	if (table->slots[slot] == IPACCT_TABLE_NONE) {
		entry = &table->entries[table->n_entries];
		memset(entry, 0, sizeof(*entry));
		entry->key = *key;
		entry->prefix_len = prefix_len;
		table->slots[slot] = table->n_entries++;
	}
	ipacct_counters_add(&table->entries[table->slots[slot]].counters, counters);
	return 0;
}

uint32_t ipacct_table_find(const struct ipacct_table *table, const struct ipacct_key *key,
			   uint8_t prefix_len)
{
	return table->n_slots ? table->slots[slot_of(table, key, prefix_len)] : IPACCT_TABLE_NONE;
}

uint8_t ipacct_key_prefix(const struct ipacct_key *key, int wide, struct ipacct_key *ret_prefix)
{
	struct ipacct_key prefix = { .domain = key->domain };
	uint8_t prefix_len;

	if (ipacct_key_is_ipv4(key)) {
		prefix.addr_be[2] = key->addr_be[2];
		wide = wide || key->domain;
		if (!wide)
			prefix.addr_be[3] = key->addr_be[3] & htonl(0xffff0000);
		prefix_len = wide ? 96 : 96 + 16;
	} else {
		if (!wide)
			prefix.addr_be[0] = key->addr_be[0];
		prefix_len = wide ? 0 : 32;
	}
	*ret_prefix = prefix;
	return prefix_len;
}
