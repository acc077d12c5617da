/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What keys have, and what was told of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "delta.h"
#include "live_book.h"

#define ROOM_MIN 1024u
#define KEPT     2u /* in reserved[0] of an entry that a newer book has */

void live_book_reset(struct live_book *book, uint64_t seed)
{
	ipacct_table_reset(&book->has);
	book->has.seed = seed;
	book->n_touched = 0;
}

void live_book_finish(struct live_book *book)
{
	ipacct_table_finish(&book->has);
	free(book->notes);
	free(book->touched);
	memset(book, 0, sizeof(*book));
}

static int notes_room(struct live_book *book)
{
	uint32_t n = book->n_room ? 2 * book->n_room : ROOM_MIN;
	int ret;

	if (book->has.n_entries < book->n_room)
		return 0;
	ret = array_resize(&book->notes, sizeof(*book->notes), n);
	if (!ret)
		ret = array_resize(&book->touched, sizeof(*book->touched), n);
	if (!ret)
		book->n_room = n;
	return ret;
}

int live_book_number(struct live_book *book, const struct ipacct_key *key, uint8_t prefix_len,
		     uint32_t *ret_number)
{
	static const struct ipacct_counters nothing;
	uint32_t number = ipacct_table_find(&book->has, key, prefix_len);
	int ret = 0;

	if (number == IPACCT_TABLE_NONE) {
		ret = notes_room(book);
		number = book->has.n_entries;
		if (!ret)
			ret = ipacct_table_add(&book->has, key, prefix_len, &nothing);
		if (ret)
			return ret;
		book->notes[number] = (struct live_note){ .ledger_index = IPACCT_INDEX_NONE };
	}
	*ret_number = number;
	return 0;
}

/* Whether the ledger's counts contain what was told. A key that only the maps had has no time of its
 * own yet. */
static bool goes_on(const struct live_note *note, const struct ipacct_entry *entry)
{
	return !note->first_seen_ns || note->first_seen_ns == entry->first_seen_ns;
}

static int entry_renew(struct live_book *book, const struct ipacct_entry *entry, bool begin,
		       struct live_book *was)
{
	uint32_t number, at = ipacct_table_find(&was->has, &entry->key, entry->prefix_len);
	struct live_note *note;
	int ret = live_book_number(book, &entry->key, entry->prefix_len, &number);

	if (ret)
		return ret;
	*live_book_has(book, number) = entry->counters;
	note = &book->notes[number];
	note->first_seen_ns = entry->first_seen_ns;
	note->ledger_index = entry->ledger_index;
	if (begin) {
		note->told = entry->counters;
	} else if (at != IPACCT_TABLE_NONE && goes_on(&was->notes[at], entry)) {
		note->told = was->notes[at].told;
		was->has.entries[at].reserved[0] = KEPT;
	}
	live_book_touch(book, number);
	return 0;
}

/* A key that the newer ledger has not. */
static int left_renew(struct live_book *book, struct live_book *was, uint32_t at,
		      struct ipacct_table *folded)
{
	const struct ipacct_table_entry *entry = &was->has.entries[at];
	struct live_note *note = &was->notes[at];
	uint32_t number;
	int ret;

	if (entry->reserved[0] == KEPT || !ipacct_counters_moved(&note->told))
		return 0;
	if (note->first_seen_ns) {
		ret = ipacct_table_add(folded, &entry->key, entry->prefix_len, &note->told);
		if (!ret)
			note->told = (struct ipacct_counters){};
		return ret;
	}
	ret = live_book_number(book, &entry->key, entry->prefix_len, &number);
	if (ret)
		return ret;
	book->notes[number].told = note->told;
	live_book_touch(book, number);
	return 0;
}

int live_book_renew(struct live_book *book, const struct ipacct_entry *entries, size_t n,
		    bool begin, struct ipacct_table *folded)
{
	struct live_book was = *book;
	int ret = 0;

	*book = (struct live_book){};
	live_book_reset(book, was.has.seed);
	for (size_t i = 0; i < n && !ret; i++)
		ret = entry_renew(book, &entries[i], begin, &was);
	for (uint32_t i = 0; i < was.has.n_entries && !ret && !begin; i++)
		ret = left_renew(book, &was, i, folded);
	if (ret) { /* what was told is known nowhere else */
		live_book_finish(book);
		*book = was;
		for (uint32_t i = 0; i < book->has.n_entries; i++)
			book->has.entries[i].reserved[0] = 0;
		book->n_touched = 0;
		return ret;
	}
	live_book_finish(&was);
	return 0;
}

int live_book_lacking(struct live_book *book, struct ipacct_table *folded)
{
	for (uint32_t i = 0; i < book->n_touched; i++) {
		const struct ipacct_table_entry *entry = &book->has.entries[book->touched[i]];
		struct live_note *note = &book->notes[book->touched[i]];
		struct ipacct_counters lacks = ipacct_counters_minus(&note->told, &entry->counters);
		int ret;

		if (note->first_seen_ns || !ipacct_counters_moved(&lacks))
			continue;
		ret = ipacct_table_add(folded, &entry->key, entry->prefix_len, &lacks);
		if (ret)
			return ret;
		ipacct_counters_take(&note->told, &lacks);
	}
	return 0;
}

static void told_move(struct live_book *rollups, const struct ipacct_key *key, int wide,
		      struct ipacct_counters *amount)
{
	struct ipacct_counters free_room, rest, taken;
	struct ipacct_key prefix;
	uint8_t prefix_len = ipacct_key_prefix(key, wide, &prefix);
	uint32_t at = ipacct_table_find(&rollups->has, &prefix, prefix_len);

	if (at == IPACCT_TABLE_NONE)
		return;
	free_room = ipacct_counters_minus(live_book_has(rollups, at), &rollups->notes[at].told);
	rest = ipacct_counters_minus(amount, &free_room);
	taken = ipacct_counters_minus(amount, &rest);
	ipacct_counters_add(&rollups->notes[at].told, &taken);
	*amount = rest;
}

void live_book_folded(struct live_book *rollups, const struct ipacct_table *folded)
{
	for (uint32_t i = 0; i < folded->n_entries; i++) {
		struct ipacct_counters had = folded->entries[i].counters;

		told_move(rollups, &folded->entries[i].key, 0, &had);
		told_move(rollups, &folded->entries[i].key, 1, &had);
	}
}
