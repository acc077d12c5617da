/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters by key and prefix length. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipacct/ipacct.h"
#include "base/array.h"
#include "base/mix.h"
#include "table.h"

#define TABLE_AHEAD 16u /* keys fetched before their turn: daemon/README.md, "What a cut costs" */
#define N_HASHES    (4 * TABLE_AHEAD)

static bool entry_is(const struct ipacct_table_entry *entry, const struct ipacct_key *key,
		     uint8_t prefix_len)
{
	return entry->prefix_len == prefix_len && !memcmp(&entry->key, key, sizeof(*key));
}

#define SLOT_FREE UINT32_MAX /* its number would be the last slot's: entries are half as many */

static uint32_t slot_make(const struct ipacct_table *table, uint32_t hash, uint32_t number)
{
	return (hash & ~(table->n_slots - 1)) | number;
}

static uint32_t slot_number(const struct ipacct_table *table, uint32_t slot)
{
	return slot & (table->n_slots - 1);
}

static uint32_t hash_of(const struct ipacct_table *table, const struct ipacct_key *key,
			uint8_t prefix_len)
{
	return (uint32_t)ipacct_key_hash(table->seed, key, prefix_len);
}

/* The slot that holds the entry, or the free one where it belongs. Load is at most one half. */
static uint32_t slot_of(const struct ipacct_table *table, uint32_t hash,
			const struct ipacct_key *key, uint8_t prefix_len)
{
	uint32_t mask = table->n_slots - 1, at = hash & mask;

	for (; table->slots[at] != SLOT_FREE; at = (at + 1) & mask)
		if (!((table->slots[at] ^ hash) & ~mask) &&
		    entry_is(&table->entries[slot_number(table, table->slots[at])], key,
			     prefix_len))
			break;
	return at;
}

void ipacct_table_reindex(struct ipacct_table *table)
{
	const struct ipacct_table_entry *entries = table->entries;

	memset(table->slots, 0xff, (size_t)table->n_slots * sizeof(*table->slots)); /* SLOT_FREE */
	for (uint32_t i = 0; i < table->n_entries; i++) {
		uint32_t hash = hash_of(table, &entries[i].key, entries[i].prefix_len);

		table->slots[slot_of(table, hash, &entries[i].key, entries[i].prefix_len)] =
			slot_make(table, hash, i);
	}
}

static int table_grow(struct ipacct_table *table)
{
	uint32_t n = table->n_allocated ? table->n_allocated * 2 : IPACCT_TABLE_ENTRIES_MIN;
	uint32_t *slots;

	if (n >= IPACCT_TABLE_NONE / 2)
		return -ENOMEM;
	if (array_resize(&table->entries, sizeof(*table->entries), n))
		return -ENOMEM;
	slots = reallocarray(NULL, 2 * (size_t)n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(table->slots);
	table->slots = slots;
	table->n_slots = 2 * n;
	table->n_allocated = n;
	ipacct_table_reindex(table);
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

static int hashed_add(struct ipacct_table *table, uint32_t hash, const struct ipacct_key *key,
		      uint8_t prefix_len, const struct ipacct_counters *counters)
{
	struct ipacct_table_entry *entry;
	uint32_t at;
	int ret;

	if (table->n_entries == table->n_allocated) {
		ret = table_grow(table);
		if (ret)
			return ret;
	}
	at = slot_of(table, hash, key, prefix_len);
	if (table->slots[at] != SLOT_FREE) {
		entry = &table->entries[slot_number(table, table->slots[at])];
		ipacct_counters_add(&entry->counters, counters);
		return 0;
	}
	entry = &table->entries[table->n_entries];
	*entry = (struct ipacct_table_entry){ .key = *key,
					      .prefix_len = prefix_len,
					      .counters = *counters };
	table->slots[at] = slot_make(table, hash, table->n_entries++);
	return 0;
}

int ipacct_table_add(struct ipacct_table *table, const struct ipacct_key *key, uint8_t prefix_len,
		     const struct ipacct_counters *counters)
{
	return hashed_add(table, hash_of(table, key, prefix_len), key, prefix_len, counters);
}

/* Fetch the entry that the home slot names: most often the right one, and no harm when not. */
static void entry_prefetch(const struct ipacct_table *table, uint32_t hash)
{
	uint32_t slot = table->slots[hash & (table->n_slots - 1)];

	if (slot != SLOT_FREE)
		__builtin_prefetch(&table->entries[slot_number(table, slot)], 1);
}

int ipacct_table_add_addresses(struct ipacct_table *table, const struct ipacct_key *keys,
			       const struct ipacct_counters *counters, size_t n)
{
	uint32_t hashes[N_HASHES]; /* a ring: the last ones hashed */
	int ret = table->n_slots ? 0 : table_grow(table);

	for (size_t i = 0; i < n + 2 * TABLE_AHEAD && !ret; i++) {
		if (i < n) {
			hashes[i % N_HASHES] = hash_of(table, &keys[i], 128);
			__builtin_prefetch(
				&table->slots[hashes[i % N_HASHES] & (table->n_slots - 1)], 1);
		}
		if (i >= TABLE_AHEAD && i - TABLE_AHEAD < n)
			entry_prefetch(table, hashes[(i - TABLE_AHEAD) % N_HASHES]);
		if (i >= 2 * TABLE_AHEAD)
			ret = hashed_add(table, hashes[(i - 2 * TABLE_AHEAD) % N_HASHES],
					 &keys[i - 2 * TABLE_AHEAD], 128,
					 &counters[i - 2 * TABLE_AHEAD]);
	}
	return ret;
}

uint32_t ipacct_table_find(const struct ipacct_table *table, const struct ipacct_key *key,
			   uint8_t prefix_len)
{
	uint32_t slot;

	if (!table->n_slots)
		return IPACCT_TABLE_NONE;
	slot = table->slots[slot_of(table, hash_of(table, key, prefix_len), key, prefix_len)];
	return slot == SLOT_FREE ? IPACCT_TABLE_NONE : slot_number(table, slot);
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
