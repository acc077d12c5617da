/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding ledger records by key where it is not plain. */
#include <errno.h>

#include "ledger_common.h"
#include "record_index.h"
#include "sanitized.h"
#include "twin_keys.h"

static bool no_memory;

#if !SANITIZED
void *__libc_calloc(size_t n, size_t each);

void *calloc(size_t n, size_t each)
{
	return no_memory ? NULL : __libc_calloc(n, each);
}
#endif

Test(record_index, keys_of_one_hash_have_a_record_each)
{
	struct ipacct_key *keys = twin_keys_make();
	struct ipacct_ledger_record records[2] = {};
	uint32_t n_records = 0, n_pairs = 0;
	struct record_index index = {};

	for (size_t i = 0; i + 1 < N_TWIN_KEYS; i++) {
		if (twin_compare(&keys[i], &keys[i + 1]))
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

Test(record_index, prefixes_of_one_hash_have_a_record_each)
{
	struct ipacct_key *keys = twin_keys_make();
	struct ipacct_ledger_record records[2] = {};
	uint32_t n_records = 0, n_pairs = 0;
	struct record_index index = {};

	for (uint32_t i = 0; i < N_TWIN_KEYS; i++) {
		struct ipacct_key prefix = twin_key(i);
		const struct ipacct_key *twin =
			twin_find(keys, (uint32_t)ipacct_key_hash(0, &prefix, 112));

		if (!twin)
			continue;
		n_pairs++;
		n_records = 0;
		cr_assert_eq(record_index_init(&index, records, &n_records, 2, 0, 1), 0);
		cr_assert_eq(record_index_claim(&index, twin, 128, 1, 2), 0);
		cr_assert_eq(record_index_claim(&index, &prefix, 112, 1, 2), 1);
		cr_assert_eq(record_index_find(&index, &prefix, 112), 1);
		record_index_finish(&index);
	}
	cr_assert_geq(n_pairs, 1);
	free(keys);
}

/* Notes are of the owners of records; a rebuilt index may give a record to another one. */
Test(record_index, nothing_noted_of_a_record_outlives_a_rebuild)
{
	struct ipacct_key key = twin_key(1);
	struct ipacct_ledger_record records[2] = {};
	uint32_t n_records = 0, notes[2] = { 7, 8 };
	struct record_index index = {};

	cr_assert_eq(record_index_init(&index, records, &n_records, 2, 0, 1), 0);
	index.notes = notes;
	cr_assert_eq(record_index_claim(&index, &key, 128, 1, 2), 0);
	cr_assert_eq(notes[0], RECORD_NONE);
	cr_assert_eq(notes[1], 8);
	notes[0] = 7;
	record_index_rebuild(&index, 0); /* claimed, never counted: free */
	cr_assert_eq(record_index_find(&index, &key, 128), RECORD_NONE);
	cr_assert_eq(notes[0], RECORD_NONE);
	cr_assert_eq(notes[1], RECORD_NONE);
	record_index_finish(&index);
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
