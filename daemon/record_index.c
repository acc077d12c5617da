/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Find a ledger record by key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "crash.h"
#include "record_index.h"

static uint32_t slot_of(const struct record_index *index, const struct ipacct_key *key,
			uint8_t prefix_len)
{
	uint32_t mask = index->n_slots - 1,
		 at = (uint32_t)ipacct_key_hash(index->seed, key, prefix_len) & mask;

	for (; index->slots[at] != RECORD_NONE; at = (at + 1) & mask) {
		const struct ipacct_ledger_record *record = &index->records[index->slots[at]];

		if (record->prefix_len == prefix_len && !memcmp(&record->key, key, sizeof(*key)))
			break;
	}
	return at;
}

int record_index_init(struct record_index *index, struct ipacct_ledger_record *records,
		      uint32_t *n_records, uint32_t n_records_max, uint64_t seed)
{
	uint32_t n_slots = 1024;

	while (n_slots < 2 * (uint64_t)n_records_max && n_slots < 1u << 31)
		n_slots *= 2;
	index->slots = reallocarray(NULL, n_slots, sizeof(*index->slots));
	if (!index->slots)
		return -ENOMEM;
	memset(index->slots, 0xff, n_slots * sizeof(*index->slots)); /* RECORD_NONE */
	index->records = records;
	index->n_records = n_records;
	index->n_records_max = n_records_max;
	index->n_slots = n_slots;
	index->seed = seed;
	if (*n_records > n_records_max)
		return -EBADMSG;
	for (uint32_t i = 0; i < *n_records; i++)
		index->slots[slot_of(index, &records[i].key, records[i].prefix_len)] = i;
	return 0;
}

void record_index_finish(struct record_index *index)
{
	free(index->slots);
	memset(index, 0, sizeof(*index));
}

uint32_t record_index_find(const struct record_index *index, const struct ipacct_key *key,
			   uint8_t prefix_len)
{
	return index->slots[slot_of(index, key, prefix_len)];
}

uint32_t record_index_claim(struct record_index *index, const struct ipacct_key *key,
			    uint8_t prefix_len, uint64_t time_ns, uint32_t limit)
{
	uint32_t slot = slot_of(index, key, prefix_len), at = *index->n_records;
	struct ipacct_ledger_record *record;

	if (index->slots[slot] != RECORD_NONE)
		return index->slots[slot];
	if (at >= limit)
		return RECORD_NONE;
	record = &index->records[at];
	memset(record, 0, sizeof(*record));
	record->key = *key;
	record->prefix_len = prefix_len;
	record->first_seen_ns = time_ns;
	__atomic_store_n(index->n_records, at + 1, __ATOMIC_RELEASE);
	index->slots[slot] = at;
	CRASH_POINT(claiming);
	return at;
}
