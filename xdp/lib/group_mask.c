/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IPv6 addresses of groups with a length share a record. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "group_mask.h"

#define WAYS 4u /* lines of a set: few /64s of a full cache find none */

/* What a /64 was found to be. */
struct mask_line {
	uint64_t high; /* the first 64 bits */
	uint16_t domain;
	uint8_t bits; /* 0: nothing is known, ASK: its addresses differ */
	uint8_t reserved[5];
};
_Static_assert(sizeof(struct mask_line) == IPACCT_MASK_LINE_BYTES, "a set is a cache line");

#define ASK 255u

void ipacct_mask_finish(struct ipacct_mask *mask)
{
	ipacct_table_finish(&mask->shared);
	free(mask->cache);
	memset(mask, 0, sizeof(*mask));
}

uint64_t ipacct_mask_of_cut(const struct ipacct_ledger_mask masks[2], uint64_t cut)
{
	const struct ipacct_ledger_mask *found = NULL;

	for (unsigned int i = 0; i < 2; i++)
		if (masks[i].from_cut <= cut && (!found || masks[i].from_cut > found->from_cut))
			found = &masks[i];
	return found ? found->digest : 0;
}

static int cache_begin(struct ipacct_mask *mask, const struct ipacct_group_list *list,
		       uint32_t n_entries)
{
	uint64_t digest = ipacct_group_list_mask(list);
	uint32_t n = mask->n_lines ? mask->n_lines : IPACCT_MASK_LINES_MIN;

	while (n < n_entries && n < IPACCT_MASK_LINES_MAX)
		n *= 2;
	if (n == mask->n_lines && mask->cached_of == digest)
		return 0;
	if (n != mask->n_lines) {
		free(mask->cache);
		mask->n_lines = 0;
		mask->cache = aligned_alloc(WAYS * sizeof(*mask->cache), n * sizeof(*mask->cache));
		if (!mask->cache)
			return -ENOMEM;
		mask->n_lines = n;
	}
	memset(mask->cache, 0, n * sizeof(*mask->cache));
	mask->cached_of = digest;
	return 0;
}

/* The line of a /64, or the one to give up for it. */
static struct mask_line *line_of(const struct ipacct_mask *mask, uint64_t high, uint16_t domain)
{
	uint64_t hash = ipacct_mix64(high ^ mask->shared.seed ^ domain);
	struct mask_line *set = &mask->cache[hash % (mask->n_lines / WAYS) * WAYS];

	for (uint32_t i = 0; i < WAYS; i++)
		if (!set[i].bits || (set[i].high == high && set[i].domain == domain))
			return &set[i];
	return &set[hash >> 62]; /* WAYS */
}

static uint8_t bits_of(struct ipacct_mask *mask, const struct ipacct_group_list *list,
		       const struct ipacct_key *key)
{
	struct mask_line *line;
	uint64_t high;
	uint8_t bits;
	bool all;

	memcpy(&high, key->addr_be, sizeof(high));
	line = line_of(mask, high, key->domain);
	if (line->bits && line->bits != ASK && line->high == high && line->domain == key->domain)
		return line->bits;
	bits = ipacct_group_list_bits(list, key, &all);
	*line = (struct mask_line){ .high = high, .domain = key->domain, .bits = all ? bits : ASK };
	mask->n_lookups++;
	return bits;
}

static void key_mask(struct ipacct_key *key, uint8_t bits)
{
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t first = 32 * i;

		if (first >= bits)
			key->addr_be[i] = 0;
		else if (first + 32 > bits)
			key->addr_be[i] &= htonl(UINT32_MAX << (first + 32 - bits));
	}
}

int ipacct_mask_key(struct ipacct_mask *mask, const struct ipacct_group_list *list,
		    struct ipacct_key *key)
{
	int ret;

	if (!ipacct_group_list_mask(list) || ipacct_key_is_ipv4(key))
		return 128;
	ret = cache_begin(mask, list, 0);
	if (ret)
		return ret;
	ret = bits_of(mask, list, key);
	key_mask(key, (uint8_t)ret);
	return ret;
}

int ipacct_mask_apply(struct ipacct_mask *mask, const struct ipacct_group_list *list,
		      struct ipacct_table *table)
{
	struct ipacct_table_entry *entries = table->entries;
	uint32_t n_kept = 0;
	int ret = 0;

	if (!ipacct_group_list_mask(list))
		return 0;
	ipacct_table_reset(&mask->shared);
	mask->shared.seed = table->seed;
	ret = cache_begin(mask, list, table->n_entries);
	for (uint32_t i = 0; i < table->n_entries && !ret; i++) {
		uint8_t bits = ipacct_key_is_ipv4(&entries[i].key)
				       ? 128
				       : bits_of(mask, list, &entries[i].key);
		struct ipacct_key key;

		if (bits == 128) {
			if (n_kept != i)
				entries[n_kept] = entries[i];
			n_kept++;
			continue;
		}
		key = entries[i].key;
		key_mask(&key, bits);
		ret = ipacct_table_add(&mask->shared, &key, bits, &entries[i].counters);
	}
	if (ret)
		return ret;
	ret = (int)(table->n_entries - n_kept - mask->shared.n_entries);
	if (mask->shared.n_entries)
		memcpy(entries + n_kept, mask->shared.entries,
		       mask->shared.n_entries * sizeof(*entries));
	table->n_entries = n_kept + mask->shared.n_entries;
	return ret;
}
