/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of ledger and maps, what they have as far as it was read, and what of it was told. */
#ifndef IPACCT_LIB_LIVE_BOOK_H
#define IPACCT_LIB_LIVE_BOOK_H

#include "ipacct/ipacct.h"
#include "table.h"

struct live_note {
	struct ipacct_counters told; /* never more than there was, never less than before */
	uint64_t first_seen_ns;      /* 0: no ledger has it yet */
	uint32_t ledger_index;
};

/* Entry i of the table has note i; in reserved[0] of the entry, whether it may have more than was told: it
 * is touched with the counters. Zeroed storage is an empty one. */
struct live_book {
	struct ipacct_table has;
	struct live_note *notes;
	uint32_t *touched;
	uint32_t n_touched;
	uint32_t n_room; /* of notes and touched */
};

void live_book_reset(struct live_book *book, uint64_t seed);
void live_book_finish(struct live_book *book);

/* The number of a key, which is made if it is new. Returns 0 or -ENOMEM. */
int live_book_number(struct live_book *book, const struct ipacct_key *key, uint8_t prefix_len,
		     uint32_t *ret_number);

static inline void live_book_touch(struct live_book *book, uint32_t number)
{
	if (book->has.entries[number].reserved[0])
		return;
	book->has.entries[number].reserved[0] = 1;
	book->touched[book->n_touched++] = number;
}

static inline struct ipacct_counters *live_book_has(struct live_book *book, uint32_t number)
{
	return &book->has.entries[number].counters;
}

/* Take over what a newer ledger says: keys that go on keep what was told of them. What was told of others
 * that a ledger had is in the roll-up of their prefix now; they are put into `folded`. Those that only the
 * maps had keep what was told until the maps are read, see live_book_lacking().
 * begin: nothing was told before; now it is what the ledger has.
 * Returns 0 or -ENOMEM: then nothing that was told is forgotten, and it can be tried again. */
int live_book_renew(struct live_book *book, const struct ipacct_entry *entries, size_t n,
		    bool begin, struct ipacct_table *folded);

/* Ledger and maps have been read. What they have less than was told of a key that no ledger has: its packets
 * found no record, they are in the roll-up of its prefix now and put into `folded`. Returns 0 or -ENOMEM. */
int live_book_lacking(struct live_book *book, struct ipacct_table *folded);

/* What is on its prefix now was told as an address before: it is no traffic of the prefix. */
void live_book_folded(struct live_book *rollups, const struct ipacct_table *folded);

#endif
