/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Find a ledger record by key: the collector's own index beside the file. */
#ifndef IPACCT_DAEMON_RECORD_INDEX_H
#define IPACCT_DAEMON_RECORD_INDEX_H

#include <stdint.h>

#include "ipacct/abi.h"

#define RECORD_NONE UINT32_MAX

struct record_index {
	struct ipacct_ledger_record *records; /* the file's */
	uint32_t *n_records;                  /* the file's count of claimed ones */
	uint32_t n_records_max;
	uint32_t *slots; /* open addressing, record numbers */
	uint32_t n_slots;
	uint64_t seed;
};

/* Index what is claimed already. Returns 0, -ENOMEM, or -EBADMSG when more is claimed than fits. */
int record_index_init(struct record_index *index, struct ipacct_ledger_record *records,
		      uint32_t *n_records, uint32_t n_records_max, uint64_t seed);
void record_index_finish(struct record_index *index);

/* The record's number, or RECORD_NONE. */
uint32_t record_index_find(const struct record_index *index, const struct ipacct_key *key,
			   uint8_t prefix_len);

/* Find it, or claim a new one as long as no more than `limit` are; RECORD_NONE when there is no room.
 * A claimed record has no version yet: readers do not see it. */
uint32_t record_index_claim(struct record_index *index, const struct ipacct_key *key,
			    uint8_t prefix_len, uint64_t time_ns, uint32_t limit);

#endif
