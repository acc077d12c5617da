/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys that share the 32 bits of their hash: of 200,000 some do (a birthday: about five pairs). */
#ifndef IPACCT_TESTS_TWIN_KEYS_H
#define IPACCT_TESTS_TWIN_KEYS_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mix.h"
#include "table.h"

#define N_TWIN_KEYS 200000u

static inline struct ipacct_key twin_key(uint32_t i)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(i * 2654435761u) } };
}

static inline uint32_t twin_hash(const void *key)
{
	return (uint32_t)ipacct_key_hash(0, key, 128);
}

static inline int twin_compare(const void *a, const void *b)
{
	uint32_t x = twin_hash(a), y = twin_hash(b);

	return x < y ? -1 : x > y;
}

/* N_TWIN_KEYS of them by their hash; the caller's to free. */
static inline struct ipacct_key *twin_keys_make(void)
{
	struct ipacct_key *keys = malloc(N_TWIN_KEYS * sizeof(*keys));

	for (uint32_t i = 0; i < N_TWIN_KEYS; i++)
		keys[i] = twin_key(i);
	qsort(keys, N_TWIN_KEYS, sizeof(*keys), twin_compare);
	return keys;
}

/* A key of this hash, or NULL. */
static inline const struct ipacct_key *twin_find(const struct ipacct_key *keys, uint32_t hash)
{
	size_t low = 0, high = N_TWIN_KEYS;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (twin_hash(&keys[middle]) < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low < N_TWIN_KEYS && twin_hash(&keys[low]) == hash ? &keys[low] : NULL;
}

#endif
