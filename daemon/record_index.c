/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Find a ledger record by key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "crash.h"
#include "ledger.h"
#include "record_index.h"

#define AHEAD    16u /* keys fetched before their turn: README.md, "What a cut costs" */
#define N_HASHES (4 * AHEAD)

static uint64_t slot_make(uint32_t hash, uint32_t record)
{
	return (uint64_t)hash << 32 | record;
}

static uint32_t slot_hash(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

static uint32_t slot_record(uint64_t slot)
{
	return (uint32_t)slot;
}

static uint32_t hash_of(const struct record_index *index, const struct ipacct_key *key,
			uint8_t prefix_len)
{
	return (uint32_t)ipacct_key_hash(index->seed, key, prefix_len);
}

static bool record_is(const struct ipacct_ledger_record *record, const struct ipacct_key *key,
		      uint8_t prefix_len)
{
	return record->prefix_len == prefix_len && !memcmp(&record->key, key, sizeof(*key));
}

/* Where a hash wants to be. Not by a mask: the number of slots follows that of records. */
static uint32_t home_of(const struct record_index *index, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * index->n_slots >> 32);
}

static uint32_t slot_next(const struct record_index *index, uint32_t at)
{
	return at + 1 < index->n_slots ? at + 1 : 0;
}

/* The slot that holds the record, or the unused one where it belongs. */
static uint32_t slot_of(const struct record_index *index, uint32_t hash,
			const struct ipacct_key *key, uint8_t prefix_len)
{
	uint32_t at = home_of(index, hash);

	for (; slot_record(index->slots[at]) != RECORD_NONE; at = slot_next(index, at))
		if (slot_hash(index->slots[at]) == hash &&
		    record_is(&index->records[slot_record(index->slots[at])], key, prefix_len))
			break;
	return at;
}

static void free_push(struct record_index *index, uint32_t record)
{
	index->state[record] = RECORD_FREE | index->first_free;
	index->first_free = record;
	index->n_free++;
}

/* The cut that last moved it, 0 when it is free. */
static uint64_t last_moved(const struct ipacct_ledger_record *record, uint64_t cut)
{
	const struct ipacct_ledger_version *version = record->version;
	int newest = ipacct_version_pick(version[0].cut, version[1].cut, UINT64_MAX);

	if (newest < 0 || (version[newest].cut <= cut && !version[newest].last_seen_ns))
		return 0;
	return version[newest].cut;
}

void record_index_rebuild(struct record_index *index, uint64_t cut)
{
	memset(index->slots, 0xff, index->n_slots * sizeof(*index->slots)); /* RECORD_NONE */
	index->n_free = 0;
	index->first_free = 0;
	if (index->notes)
		memset(index->notes, 0xff, index->n_records_max * sizeof(*index->notes));
	for (uint32_t i = *index->n_records; i-- > 0;) {
		const struct ipacct_ledger_record *record = &index->records[i];
		uint32_t hash = hash_of(index, &record->key, record->prefix_len);
		uint64_t moved = last_moved(record, cut);

		if (!moved) {
			free_push(index, i);
			continue;
		}
		index->slots[slot_of(index, hash, &record->key, record->prefix_len)] =
			slot_make(hash, i);
		index->state[i] = record_index_moment(moved);
	}
}

int record_index_init(struct record_index *index, struct ipacct_ledger_record *records,
		      uint32_t *n_records, uint32_t n_records_max, uint64_t seed, uint64_t cut)
{
	uint32_t n_slots = n_records_max + n_records_max / 2 + 16; /* load at most two thirds */

	if (*n_records > n_records_max || n_records_max > RECORD_FREE / 2)
		return -EBADMSG;
	index->slots = reallocarray(NULL, n_slots, sizeof(*index->slots));
	index->state = calloc((size_t)n_records_max + 1, sizeof(*index->state));
	if (!index->slots || !index->state)
		return -ENOMEM;
	index->records = records;
	index->n_records = n_records;
	index->n_records_max = n_records_max;
	index->n_slots = n_slots;
	index->seed = seed;
	record_index_rebuild(index, cut);
	return 0;
}

void record_index_finish(struct record_index *index)
{
	free(index->slots);
	free(index->state);
	memset(index, 0, sizeof(*index));
}

uint32_t record_index_find(const struct record_index *index, const struct ipacct_key *key,
			   uint8_t prefix_len)
{
	uint32_t hash = hash_of(index, key, prefix_len);

	return slot_record(index->slots[slot_of(index, hash, key, prefix_len)]);
}

/* By the hash alone: nearly always the right one, and no harm when not. */
static void record_prefetch(const struct record_index *index, uint32_t hash)
{
	uint32_t at = home_of(index, hash);

	while (slot_record(index->slots[at]) != RECORD_NONE && slot_hash(index->slots[at]) != hash)
		at = slot_next(index, at);
	if (slot_record(index->slots[at]) != RECORD_NONE)
		__builtin_prefetch(&index->records[slot_record(index->slots[at])]);
}

void record_index_find_all(const struct record_index *index, const struct ipacct_table *table,
			   uint32_t *ret_records)
{
	const struct ipacct_table_entry *entries = table->entries;
	uint32_t hashes[N_HASHES]; /* a ring: the last ones hashed */
	uint64_t n = table->n_entries;

	for (uint64_t i = 0; i < n + 2 * AHEAD; i++) {
		uint64_t now = i - 2 * AHEAD; /* whose turn it is */

		if (i < n) {
			hashes[i % N_HASHES] =
				hash_of(index, &entries[i].key, entries[i].prefix_len);
			__builtin_prefetch(&index->slots[home_of(index, hashes[i % N_HASHES])]);
		}
		if (i >= AHEAD && i - AHEAD < n)
			record_prefetch(index, hashes[(i - AHEAD) % N_HASHES]);
		if (i >= 2 * AHEAD)
			ret_records[now] = slot_record(
				index->slots[slot_of(index, hashes[now % N_HASHES],
						     &entries[now].key, entries[now].prefix_len)]);
	}
}

/* A used one that is free again keeps its versions: the newest hides it from readers until this cut
 * is committed, and it is not the one that the cut will overwrite. */
static uint32_t record_take(struct record_index *index)
{
	uint32_t at = *index->n_records;

	if (index->n_free) {
		at = index->first_free;
		index->first_free = index->state[at] & ~RECORD_FREE;
		index->n_free--;
		return at;
	}
	memset(&index->records[at], 0, sizeof(*index->records));
	return at;
}

uint32_t record_index_claim(struct record_index *index, const struct ipacct_key *key,
			    uint8_t prefix_len, uint64_t time_ns, uint32_t limit)
{
	uint32_t hash = hash_of(index, key, prefix_len);
	uint32_t slot = slot_of(index, hash, key, prefix_len), at;
	struct ipacct_ledger_record *record;

	if (slot_record(index->slots[slot]) != RECORD_NONE)
		return slot_record(index->slots[slot]);
	if (record_index_used(index) >= limit)
		return RECORD_NONE;
	at = record_take(index);
	record = &index->records[at];
	record->key = *key;
	record->prefix_len = prefix_len;
	record->first_seen_ns = time_ns;
	if (index->notes)
		index->notes[at] = RECORD_NONE;
	if (at == *index->n_records)
		__atomic_store_n(index->n_records, at + 1, __ATOMIC_RELEASE);
	index->slots[slot] = slot_make(hash, at);
	CRASH_POINT(claiming);
	return at;
}

/* How many steps from one slot on to another. */
static uint32_t distance(const struct record_index *index, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + index->n_slots - from;
}

/* Take a slot out and close the gap: what others pushed beyond it moves nearer to its home. */
static void slot_remove(struct record_index *index, uint32_t gap)
{
	uint32_t at = slot_next(index, gap);

	for (; slot_record(index->slots[at]) != RECORD_NONE; at = slot_next(index, at)) {
		uint32_t home = home_of(index, slot_hash(index->slots[at]));

		if (distance(index, home, at) < distance(index, gap, at))
			continue; /* the gap is before its home */
		index->slots[gap] = index->slots[at];
		gap = at;
	}
	index->slots[gap] = slot_make(0, RECORD_NONE);
}

void record_index_release(struct record_index *index, uint32_t record)
{
	const struct ipacct_key *key = &index->records[record].key;
	uint8_t prefix_len = index->records[record].prefix_len;

	slot_remove(index, slot_of(index, hash_of(index, key, prefix_len), key, prefix_len));
	free_push(index, record);
}
