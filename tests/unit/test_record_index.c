/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding ledger records by key where it is not plain. */
#include <errno.h>

#include "base/mix.h"
#include "ledger_common.h"
#include "record_index.h"
#include "sanitized.h"

#define N_KEYS 200000u /* some have the same 32 bits of their hash (a birthday: about five pairs) */

static bool no_memory;

#if !SANITIZED
void *__libc_calloc(size_t n, size_t each);

void *calloc(size_t n, size_t each)
{
	return no_memory ? NULL : __libc_calloc(n, each);
}
#endif

static uint32_t hash_of(const void *key)
{
	return (uint32_t)ipacct_key_hash(0, key, 128);
}

static int compare_hashes(const void *a, const void *b)
{
	uint32_t x = hash_of(a), y = hash_of(b);

	return x < y ? -1 : x > y;
}

Test(record_index, keys_of_one_hash_have_a_record_each)
{
	struct ipacct_key *keys = malloc(N_KEYS * sizeof(*keys));
	struct ipacct_ledger_record records[2] = {};
	uint32_t n_records = 0, n_pairs = 0;
	struct record_index index = {};

	for (uint32_t i = 0; i < N_KEYS; i++)
		keys[i] = key4(i * 2654435761u);
	qsort(keys, N_KEYS, sizeof(*keys), compare_hashes);
	for (size_t i = 0; i + 1 < N_KEYS; i++) {
		if (compare_hashes(&keys[i], &keys[i + 1]))
			continue;
		n_pairs++;
		n_records = 0;
		cr_assert_eq(record_index_init(&index, records, &n_records, 2, 0, 1), 0);
		cr_assert_eq(record_index_claim(&index, &keys[i], 128, 1, 2), 0);
		cr_assert_eq(record_index_claim(&index, &keys[i + 1], 128, 1, 2), 1);
		cr_assert_eq(record_index_find(&index, &keys[i], 128), 0);
		cr_assert_eq(record_index_find(&index, &keys[i + 1], 128), 1);
		record_index_finish(&index);
	}
	cr_assert_geq(n_pairs, 1);
	free(keys);
}

/* The first key of this hash or a later one; N_KEYS when all are before. */
static size_t first_of(const struct ipacct_key *keys, uint32_t hash)
{
	size_t low = 0, high = N_KEYS;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (hash_of(&keys[middle]) < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

Test(record_index, prefixes_of_one_hash_have_a_record_each)
{
	struct ipacct_key *keys = malloc(N_KEYS * sizeof(*keys));
	struct ipacct_ledger_record records[2] = {};
	uint32_t n_records = 0, n_pairs = 0;
	struct record_index index = {};

	for (uint32_t i = 0; i < N_KEYS; i++)
		keys[i] = key4(i * 2654435761u);
	qsort(keys, N_KEYS, sizeof(*keys), compare_hashes);
	for (uint32_t i = 0; i < N_KEYS; i++) {
		struct ipacct_key prefix = key4(i * 2654435761u);
		uint32_t hash = (uint32_t)ipacct_key_hash(0, &prefix, 112);
		size_t at = first_of(keys, hash);

		if (at == N_KEYS || hash_of(&keys[at]) != hash)
			continue;
		n_pairs++;
		n_records = 0;
		cr_assert_eq(record_index_init(&index, records, &n_records, 2, 0, 1), 0);
		cr_assert_eq(record_index_claim(&index, &keys[at], 128, 1, 2), 0);
		cr_assert_eq(record_index_claim(&index, &prefix, 112, 1, 2), 1);
		cr_assert_eq(record_index_find(&index, &prefix, 112), 1);
		record_index_finish(&index);
	}
	cr_assert_geq(n_pairs, 1);
	free(keys);
}

Test(record_index, refuses_what_it_cannot_number)
{
	struct ipacct_ledger_record records[2] = {};
	struct record_index index = {};
	uint32_t n_records = 3;

	cr_assert_eq(record_index_init(&index, records, &n_records, 2, 0, 1), -EBADMSG);
	n_records = 0;
	cr_assert_eq(record_index_init(&index, records, &n_records, RECORD_FREE / 2 + 1, 0, 1),
		     -EBADMSG);
}

Test(record_index, a_start_without_memory_says_so)
{
	struct ipacct_ledger_record records[2] = {};
	struct record_index index = {};
	uint32_t n_records = 0;
	int ret;

	no_memory = true;
	ret = record_index_init(&index, records, &n_records, 2, 0, 1);
	no_memory = false;
#if SANITIZED
	cr_assert_eq(ret, 0); /* the sanitizer has its own calloc() */
#else
	cr_assert_eq(ret, -ENOMEM);
#endif
	record_index_finish(&index);
}
