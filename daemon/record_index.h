/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Find a ledger record by key: the collector's own index beside the file. */
#ifndef IPACCT_DAEMON_RECORD_INDEX_H
#define IPACCT_DAEMON_RECORD_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "ipacct/abi.h"
#include "table.h"

#define RECORD_NONE UINT32_MAX
#define RECORD_FREE (1u << 31) /* in `state`; so a ledger has fewer records than this */

struct record_index {
	struct ipacct_ledger_record *records; /* the file's */
	uint32_t *n_records;                  /* the file's count of claimed ones */
	uint32_t n_records_max;
	uint64_t *slots; /* open addressing: hash in the upper half, record number in the lower */
	uint32_t n_slots;
	uint64_t seed;
	/* Of each record: when it last moved (31 bits of the cut's number), or RECORD_FREE and the
	 * number of the next free one. */
	uint32_t *state;
	uint32_t n_free;
	uint32_t first_free;
	/* Of each record, what its user knows about its key; RECORD_NONE when the key is another one.
	 * The user's, who may leave it NULL. */
	uint32_t *notes;
};

/* Index what the file holds; `cut` is its committed cut. A record is free when it has no version, or
 * when the newest one says that it was folded and is committed: so it is the same set of records in
 * whatever process looks. Returns 0, -ENOMEM, or -EBADMSG when more is claimed than fits. */
int record_index_init(struct record_index *index, struct ipacct_ledger_record *records,
		      uint32_t *n_records, uint32_t n_records_max, uint64_t seed, uint64_t cut);
/* The same again, after the file was changed by somebody else. */
void record_index_rebuild(struct record_index *index, uint64_t cut);
void record_index_finish(struct record_index *index);

/* The record's number, or RECORD_NONE. */
uint32_t record_index_find(const struct record_index *index, const struct ipacct_key *key,
			   uint8_t prefix_len);

/* The same for every entry of a table of addresses, into ret_records: what the next look-ups need is
 * fetched while one is made. */
void record_index_find_all(const struct record_index *index, const struct ipacct_table *table,
			   uint32_t *ret_records);

/* Find it, or claim one as long as fewer than `limit` are in use; RECORD_NONE when there is no room.
 * A claimed record has no version yet, or the one of its former owner that says it is free: readers
 * do not see it. */
uint32_t record_index_claim(struct record_index *index, const struct ipacct_key *key,
			    uint8_t prefix_len, uint64_t time_ns, uint32_t limit);

/* Give a folded record back, once its fold is committed. */
void record_index_release(struct record_index *index, uint32_t record);

/* How many records have an owner. */
static inline uint32_t record_index_used(const struct record_index *index)
{
	return *index->n_records - index->n_free;
}
/* A cut's number as `state` holds it. */
static inline uint32_t record_index_moment(uint64_t cut)
{
	return (uint32_t)(cut % RECORD_FREE);
}

#endif
