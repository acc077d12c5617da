/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters by key and prefix length: the fold of all CPUs and tiers into one record each. */
#ifndef IPACCT_LIB_TABLE_H
#define IPACCT_LIB_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "counters_math.h"
#include "ipacct/abi.h"

#define IPACCT_TABLE_NONE        UINT32_MAX /* no entry; also bounds the number of entries */
#define IPACCT_TABLE_ENTRIES_MIN 1024u      /* room at first; it doubles */

struct ipacct_table_entry {
	struct ipacct_key key;
	uint8_t prefix_len;
	uint8_t reserved[3];
	struct ipacct_counters counters;
};

/* Entries lie dense in the order of their first addition; `slots` is an open-addressing index of
 * words: the lower bits, as many as number the slots, are an entry's number, the others are those of
 * its key's hash that do not say where it belongs, so that a look-up hardly reads an entry but its own.
 * Keeps its memory over ipacct_table_reset(), so a steady state allocates nothing. */
struct ipacct_table {
	struct ipacct_table_entry *entries;
	uint32_t n_entries;
	uint32_t n_allocated;
	uint32_t *slots;
	uint32_t n_slots; /* a power of two, 0 before the first addition */
	uint64_t seed;    /* any number nobody outside knows */
};

/* Zeroed storage is a valid empty table (with seed 0). */
void ipacct_table_reset(struct ipacct_table *table);
void ipacct_table_finish(struct ipacct_table *table);

/* Add counters to the entry of (key, prefix_len), which is made if it is new.
 * Returns 0 or -ENOMEM (nothing changed). */
int ipacct_table_add(struct ipacct_table *table, const struct ipacct_key *key, uint8_t prefix_len,
		     const struct ipacct_counters *counters);

/* The same for n addresses in a row (prefix length 128), at a fraction of the cost: what the next
 * ones need is fetched while one is added. On -ENOMEM the first ones are in. */
int ipacct_table_add_addresses(struct ipacct_table *table, const struct ipacct_key *keys,
			       const struct ipacct_counters *counters, size_t n);

/* After entries were moved or changed by hand: until then nothing can be found or added. */
void ipacct_table_reindex(struct ipacct_table *table);

/* The entry's number, or IPACCT_TABLE_NONE. */
uint32_t ipacct_table_find(const struct ipacct_table *table, const struct ipacct_key *key,
			   uint8_t prefix_len);

/* Octets that a table takes once it held so many entries: them, and two slots for each that there is
 * room for. */
static inline uint64_t ipacct_table_bytes(uint64_t n_entries)
{
	uint64_t n_allocated = IPACCT_TABLE_ENTRIES_MIN;

	while (n_allocated < n_entries)
		n_allocated *= 2;
	return n_entries * sizeof(struct ipacct_table_entry) + 2 * n_allocated * sizeof(uint32_t);
}

/* Cut a key to the prefix that holds it when it has no record: /16 of IPv4 in domain 0, /32 of IPv6;
 * wide: 0.0.0.0/0 or ::/0 of its domain (so is every IPv4 key of another domain).
 * ret_prefix may be key itself; returns the prefix length. */
uint8_t ipacct_key_prefix(const struct ipacct_key *key, int wide, struct ipacct_key *ret_prefix);

#endif
