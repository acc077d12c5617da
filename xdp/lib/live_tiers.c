/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read the maps while they count; what they said before is not worked on again.
 *
 * The order of reading, and why no counter falls or is counted twice, is that of epoch.c: LRU records, hot
 * lines, LRU records again when lines were displaced meanwhile. What is believed of a hot line:
 * - its key and counts were read from its beginning, while the program writes counts first and the key
 *   last, so a line that changes hands may be read as the old key with the new key's counts;
 * - a line with counts is told in hot_displaced or hot_rolled before it changes hands. While both stand
 *   still, only lines that had no counts before need a second look, else all of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "hot_lines.h"
#include "live_tiers.h"

#define AHEAD     16u /* lines whose entry is fetched before their turn, as table.c */
#define LIST_ROOM 1024u
/* Looking up a key takes 0.3 us, walking past an empty bucket 10 ns; there is one for each entry. */
#define LOOK_UP_SHARE 32u

static void lines_finish(struct live_lines *lines)
{
	free(lines->was);
	free(lines->numbers);
	free(lines->words);
	free(lines->fresh);
}

static void list_finish(struct live_list *list)
{
	ipacct_table_finish(&list->was);
	free(list->numbers);
}

static void parts_finish(struct live_tiers *tiers)
{
	for (uint32_t i = 0; i < tiers->n_parts; i++) {
		lines_finish(&tiers->parts[i].hot[0]);
		lines_finish(&tiers->parts[i].hot[1]);
		list_finish(&tiers->parts[i].lru);
	}
	free(tiers->parts);
	tiers->parts = NULL;
	tiers->n_parts = 0;
}

void live_tiers_finish(struct live_tiers *tiers)
{
	parts_finish(tiers);
	list_finish(&tiers->rolled);
	for (int i = 0; i < 2; i++) {
		ipacct_batch_finish(&tiers->copy[i]);
		ipacct_batch_finish(&tiers->again[i]);
	}
	ipacct_batch_finish(&tiers->words);
	ipacct_mask_finish(&tiers->mask);
	ipacct_epoch_finish(&tiers->epoch);
}

/* of the bitmap: 64 sets each */
static uint32_t n_words(const struct ipacct_maps *maps, bool ipv6)
{
	return hot_sets(&maps->meta, ipv6) / 64;
}

static void lines_forget(struct live_lines *lines, const struct ipacct_maps *maps, bool ipv6)
{
	if (!lines->fresh)
		return;
	memset(lines->was, 0, hot_lines(&maps->meta, ipv6) * hot_line_bytes(ipv6));
	memset(lines->numbers, 0, hot_lines(&maps->meta, ipv6) * sizeof(*lines->numbers));
}

int live_tiers_reset(struct live_tiers *tiers, const struct ipacct_maps *maps, uint64_t seed)
{
	if (tiers->n_parts != maps->meta.n_parts * IPACCT_EPOCHS ||
	    tiers->hot4_sets != maps->meta.hot4_sets || tiers->hot6_sets != maps->meta.hot6_sets) {
		parts_finish(tiers);
		tiers->hot4_sets = maps->meta.hot4_sets;
		tiers->hot6_sets = maps->meta.hot6_sets;
		tiers->parts = calloc(maps->meta.n_parts * IPACCT_EPOCHS, sizeof(*tiers->parts));
		if (!tiers->parts)
			return -ENOMEM;
		tiers->n_parts = maps->meta.n_parts * IPACCT_EPOCHS;
	}
	for (uint32_t i = 0; i < tiers->n_parts; i++) {
		struct live_part *part = &tiers->parts[i];

		lines_forget(&part->hot[0], maps, false);
		lines_forget(&part->hot[1], maps, true);
		ipacct_table_reset(&part->lru.was);
		part->lru.was.seed = seed;
		part->rollup_updates = part->lru_inserts = 0;
		memset(&part->waited, 0, sizeof(part->waited));
	}
	ipacct_table_reset(&tiers->rolled.was);
	tiers->rolled.was.seed = tiers->epoch.rollups.seed = seed;
	tiers->mask.shared.seed = seed;
	return 0;
}

/* The address's record may be one that it shares. */
static int address_number(struct live_tiers *tiers, const struct ipacct_key *key,
			  uint32_t *ret_number)
{
	struct ipacct_key record = *key;
	int bits = ipacct_mask_key(&tiers->mask, tiers->list, &record);

	return bits < 0 ? bits
			: live_book_number(tiers->addresses, &record, (uint8_t)bits, ret_number);
}

/* ---- Tiers that list their keys ---- */

static int list_room(struct live_list *list)
{
	uint32_t n = list->n_room ? 2 * list->n_room : LIST_ROOM;
	uint32_t *numbers;

	if (list->was.n_entries < list->n_room)
		return 0;
	numbers = reallocarray(list->numbers, n, sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	list->numbers = numbers;
	list->n_room = n;
	return 0;
}

/* The entry of a key in what was read before, with nothing when it is new. */
static int list_entry(struct live_tiers *tiers, struct live_list *list,
		      const struct ipacct_key *key, uint8_t prefix_len, uint32_t *ret_at)
{
	static const struct ipacct_counters nothing;
	uint32_t at = ipacct_table_find(&list->was, key, prefix_len);
	int ret = 0;

	if (at == IPACCT_TABLE_NONE) {
		ret = list_room(list);
		at = list->was.n_entries;
		if (!ret)
			ret = list == &tiers->rolled
				      ? live_book_number(tiers->rollups, key, prefix_len,
							 &list->numbers[at])
				      : address_number(tiers, key, &list->numbers[at]);
		if (!ret)
			ret = ipacct_table_add(&list->was, key, prefix_len, &nothing);
	}
	*ret_at = at;
	return ret;
}

/* The entry has so much more than before. */
static void list_add(struct live_list *list, uint32_t at, const struct ipacct_counters *more,
		     struct live_book *book)
{
	uint32_t number = list->numbers[at];

	if (!ipacct_counters_moved(more))
		return;
	ipacct_counters_add(&list->was.entries[at].counters, more);
	ipacct_counters_add(live_book_has(book, number), more);
	live_book_touch(book, number);
}

static int rollups_read(struct live_tiers *tiers, const struct ipacct_maps *maps,
			const bool pending[IPACCT_EPOCHS])
{
	int ret = 0;

	ipacct_table_reset(&tiers->epoch.rollups);
	for (uint32_t i = 0; i < tiers->n_parts && !ret; i++) {
		if (!pending[i % IPACCT_EPOCHS] || !tiers->parts[i].before.rollup_updates)
			continue;
		ret = ipacct_epoch_rollups_read(&tiers->epoch, maps, i);
	}
	return ret;
}

int live_tiers_rollups(struct live_tiers *tiers, const struct ipacct_maps *maps,
		       const bool pending[IPACCT_EPOCHS])
{
	const struct ipacct_table *read = &tiers->epoch.rollups;
	int ret = rollups_read(tiers, maps, pending);

	for (uint32_t i = 0; i < read->n_entries && !ret; i++) {
		struct ipacct_counters more;
		uint32_t at;

		ret = list_entry(tiers, &tiers->rolled, &read->entries[i].key,
				 read->entries[i].prefix_len, &at);
		if (ret)
			break;
		more = ipacct_counters_minus(&read->entries[i].counters,
					     &tiers->rolled.was.entries[at].counters);
		list_add(&tiers->rolled, at, &more, tiers->rollups);
	}
	for (uint32_t i = 0; i < tiers->n_parts && !ret; i++)
		tiers->parts[i].rollup_updates = tiers->parts[i].before.rollup_updates;
	return ret;
}

struct lru_context {
	struct live_tiers *tiers;
	struct live_list *list;
	/* the second reading: what is more than the first; NULL: the first one */
	struct ipacct_table *more;
};

/* By number of the book; those that share a bit are looked at for nothing. */
static void bit_set(uint64_t bits[DOUBTED_BITS / 64], uint32_t number)
{
	bits[number % DOUBTED_BITS / 64] |= 1ULL << number % 64;
}

static bool bit(const uint64_t bits[DOUBTED_BITS / 64], uint32_t number)
{
	return bits[number % DOUBTED_BITS / 64] >> number % 64 & 1;
}

static int lru_entry(struct lru_context *context, const struct ipacct_key *key,
		     const struct ipacct_counters *counters)
{
	struct ipacct_counters more;
	uint32_t at;
	int ret = list_entry(context->tiers, context->list, key, 128, &at);

	if (ret)
		return ret;
	more = ipacct_counters_minus(counters, &context->list->was.entries[at].counters);
	if (!ipacct_counters_moved(&more))
		return 0;
	if (!context->more) {
		list_add(context->list, at, &more, context->tiers->addresses);
		return 0;
	}
	bit_set(context->tiers->doubted, context->list->numbers[at]);
	return ipacct_table_add(context->more, key, 128, &more);
}

static int lru_entries(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct ipacct_counters *counters = values;
	const struct ipacct_key *key = keys;
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++)
		ret = lru_entry(context, &key[i], &counters[i]);
	return ret;
}

/* A system call for each key costs less than walking all buckets of a table that is nearly empty. */
static int lru_look_up(const struct ipacct_maps *maps, uint32_t index, struct lru_context *context)
{
	struct live_list *list = context->list;
	struct ipacct_counters counters;
	int ret = 0;

	for (uint32_t i = 0; i < list->was.n_entries && !ret; i++) {
		ret = bpf_map_lookup_elem(maps->lru_fds[index], &list->was.entries[i].key,
					  &counters);
		if (!ret)
			ret = lru_entry(context, &list->was.entries[i].key, &counters);
	}
	return ret;
}

/* part: its state before that. Every insert is told in lru_inserts before it is done, and nothing is ever
 * evicted. */
static int lru_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		    const struct ipacct_part *state, struct ipacct_table *more)
{
	struct live_part *part = &tiers->parts[index];
	struct lru_context context = { tiers, &part->lru, more };
	uint32_t room = index < IPACCT_EPOCHS ? maps->meta.lru_shared : maps->meta.lru_entries;

	if (state->lru_inserts == part->lru_inserts &&
	    part->lru.was.n_entries < room / LOOK_UP_SHARE)
		return lru_look_up(maps, index, &context);
	part->lru_inserts = state->lru_inserts;
	return ipacct_batch_read(&tiers->epoch.batch, maps->lru_fds[index],
				 sizeof(struct ipacct_key), sizeof(struct ipacct_counters),
				 lru_entries, &context);
}

/* ---- Hot lines ---- */

static int lines_reserve(struct live_lines *lines, const struct ipacct_maps *maps, bool ipv6)
{
	uint32_t n = hot_lines(&maps->meta, ipv6);

	if (lines->fresh)
		return 0;
	lines->was = calloc(n, hot_line_bytes(ipv6));
	lines->numbers = calloc(n, sizeof(*lines->numbers));
	if (!lines->was || !lines->numbers)
		return -ENOMEM;
	lines->words = calloc(n_words(maps, ipv6), sizeof(*lines->words));
	if (!lines->words)
		return -ENOMEM;
	lines->fresh = calloc(n, sizeof(*lines->fresh));
	return lines->fresh ? 0 : -ENOMEM;
}

struct words_context {
	struct live_lines *lines;
	uint32_t n;
	bool any;
};

static int words_copy(const void *keys, const void *values, uint32_t n, void *context)
{
	struct words_context *to = context;
	const uint64_t *words = values;

	(void)keys; /* they come in order */
	for (uint32_t i = 0; i < n; i++) {
		to->lines->words[to->n++] = words[i];
		to->any |= words[i] != 0;
	}
	return 0;
}

/* Which sets of the family hold a key; whether any does. */
static int lines_used(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		      bool ipv6, bool *ret_any)
{
	struct words_context context = { .lines = &tiers->parts[index].hot[ipv6] };
	int ret = lines_reserve(context.lines, maps, ipv6);

	if (!ret)
		ret = ipacct_batch_read_array(&tiers->words, maps->hotmap_fd, sizeof(uint64_t),
					      ipacct_hotmap_first(&maps->meta, index, ipv6) / 64,
					      n_words(maps, ipv6), words_copy, &context);
	*ret_any = context.any;
	return ret;
}

static int lines_copy(struct ipacct_batch *batch, const struct ipacct_maps *maps, uint32_t index,
		      bool ipv6, const void **ret_lines)
{
	return ipacct_batch_read_element(
		batch, ipv6 ? maps->hot6_fd : maps->hot4_fd, index - IPACCT_EPOCHS,
		hot_lines(&maps->meta, ipv6) * hot_line_bytes(ipv6), ret_lines);
}

/* The line as it is now: with another key, other counts, or none. */
static int line_change(struct live_tiers *tiers, struct live_lines *lines, uint32_t i,
		       const void *now, bool ipv6)
{
	char *was = lines->was + i * hot_line_bytes(ipv6);
	struct ipacct_counters counters = hot_line_counters(was, ipv6);
	bool had = hot_line_counts(was, ipv6), has = hot_line_counts(now, ipv6);
	int ret = 0;

	if (had) {
		ipacct_counters_take(live_book_has(tiers->addresses, lines->numbers[i]), &counters);
		live_book_touch(tiers->addresses, lines->numbers[i]);
	}
	if (has && !(had && hot_line_keys_equal(was, now, ipv6))) {
		struct ipacct_key key = hot_line_key(now, ipv6);

		ret = address_number(tiers, &key, &lines->numbers[i]);
	}
	if (ret)
		return ret;
	if (has) {
		counters = hot_line_counters(now, ipv6);
		ipacct_counters_add(live_book_has(tiers->addresses, lines->numbers[i]), &counters);
		live_book_touch(tiers->addresses, lines->numbers[i]);
	}
	memcpy(was, now, hot_line_bytes(ipv6));
	return 0;
}

/* It changed hands while it was read: what its key had is in the LRU tier by then, and the new key's
 * packets came later. */
static int line_doubt(struct live_tiers *tiers, struct live_lines *lines, uint32_t i, bool ipv6)
{
	static const struct ipacct_hot6_line nothing;

	return line_change(tiers, lines, i, &nothing, ipv6);
}

static int line_judge(struct live_tiers *tiers, struct live_lines *lines, uint32_t i,
		      const char *now, const char *again, bool ipv6)
{
	size_t at = i * hot_line_bytes(ipv6);

	return hot_line_keys_equal(now + at, again + at, ipv6)
		       ? line_change(tiers, lines, i, now + at, ipv6)
		       : line_doubt(tiers, lines, i, ipv6);
}

/* The same key has more: nearly every line that is other than before. */
static inline void line_more(struct live_book *book, uint32_t number, void *was, const void *now,
			     bool ipv6)
{
	struct ipacct_counters a = hot_line_counters(was, ipv6), b = hot_line_counters(now, ipv6);
	struct ipacct_counters *has = live_book_has(book, number);

	ipacct_counters_add(has, &b);
	ipacct_counters_take(has, &a);
	live_book_touch(book, number);
	memcpy(was, now, hot_line_bytes(ipv6));
}

/* now: a copy of all lines. again: a later one when lines with counts changed hands, else NULL: then
 * lines that need it are put aside. */
struct walk {
	struct live_tiers *tiers;
	struct live_lines *lines;
	const char *now, *again;
};

static ALWAYS_INLINE int line_walk(const struct walk *walk, uint32_t i, bool ipv6)
{
	struct live_lines *lines = walk->lines;
	const char *now = walk->now + i * hot_line_bytes(ipv6);
	char *was = lines->was + i * hot_line_bytes(ipv6);

	if (!memcmp(was, now, hot_line_bytes(ipv6)))
		return 0;
	if (hot_line_counts(now, ipv6) && hot_line_counts(was, ipv6) &&
	    hot_line_keys_equal(was, now, ipv6) &&
	    (!walk->again ||
	     hot_line_keys_equal(walk->again + i * hot_line_bytes(ipv6), now, ipv6))) {
		line_more(walk->tiers->addresses, lines->numbers[i], was, now, ipv6);
		return 0;
	}
	if (walk->again)
		return line_judge(walk->tiers, lines, i, walk->now, walk->again, ipv6);
	if (!hot_line_counts(now, ipv6))
		return line_change(walk->tiers, lines, i, now, ipv6);
	lines->fresh[lines->n_fresh++] = i;
	return 0;
}

/* What a line that comes soon is added to. Numbers of lines without counts are old ones, or 0. */
static inline void line_prefetch(const struct walk *walk, uint32_t i)
{
	if (walk->tiers->addresses->n_room)
		__builtin_prefetch(&walk->tiers->addresses->has.entries[walk->lines->numbers[i]],
				   1);
}

static ALWAYS_INLINE int lines_walk(const struct walk *walk, uint32_t words, bool ipv6)
{
	const uint32_t ways = hot_ways(ipv6), n = words * 64 * ways;
	int ret = 0;

	walk->lines->n_fresh = 0;
	for (uint32_t word = 0; word < words; word++)
		for (uint64_t bits = walk->lines->words[word]; bits; bits &= bits - 1) {
			uint32_t first = (word * 64 + (uint32_t)__builtin_ctzll(bits)) * ways;

			for (uint32_t i = first; i < first + ways && !ret; i++) {
				if (i + AHEAD < n)
					line_prefetch(walk, i + AHEAD);
				ret = line_walk(walk, i, ipv6);
			}
		}
	return ret;
}

static int family_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		       const void *now, const void *again, bool ipv6)
{
	struct live_lines *lines = &tiers->parts[index].hot[ipv6];
	struct walk walk = { tiers, lines, now, again };
	int ret = ipv6 ? lines_walk(&walk, n_words(maps, true), true)
		       : lines_walk(&walk, n_words(maps, false), false);

	if (!ret && lines->n_fresh)
		ret = lines_copy(&tiers->again[ipv6], maps, index, ipv6, &again);
	for (uint32_t i = 0; i < lines->n_fresh && !ret; i++)
		ret = line_judge(tiers, lines, lines->fresh[i], now, again, ipv6);
	return ret;
}

static bool handed_over(const struct ipacct_part *before, const struct ipacct_part *after)
{
	return before->hot_displaced != after->hot_displaced ||
	       before->hot_rolled != after->hot_rolled;
}

static int hot_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index)
{
	struct live_part *part = &tiers->parts[index];
	const void *now[2] = { NULL, NULL }, *again[2] = { NULL, NULL };
	struct ipacct_part after;
	bool used[2];
	int ret = 0;

	for (int ipv6 = 0; ipv6 < 2 && !ret; ipv6++) {
		ret = lines_used(tiers, maps, index, ipv6, &used[ipv6]);
		if (!ret && used[ipv6])
			ret = lines_copy(&tiers->copy[ipv6], maps, index, ipv6, &now[ipv6]);
	}
	if (!ret)
		ret = ipacct_epoch_part_read(&tiers->epoch, maps, index, &after);
	for (int ipv6 = 0; ipv6 < 2 && !ret && handed_over(&part->before, &after); ipv6++)
		if (used[ipv6])
			ret = lines_copy(&tiers->again[ipv6], maps, index, ipv6, &again[ipv6]);
	for (int ipv6 = 0; ipv6 < 2 && !ret; ipv6++)
		if (used[ipv6])
			ret = family_read(tiers, maps, index, now[ipv6], again[ipv6], ipv6);
	return ret;
}

/* ---- The second look at LRU records ---- */

/* Take off what a key has in its hot lines here: the first reading and those are one sum. */
static void hot_take(const struct live_tiers *tiers, const struct live_lines *lines, uint32_t n,
		     bool ipv6, struct ipacct_table *more)
{
	for (uint32_t i = 0; i < n && lines->fresh; i++) {
		const char *line = lines->was + i * hot_line_bytes(ipv6);
		struct ipacct_counters counters;
		struct ipacct_key key;
		uint32_t at;

		if (!bit(tiers->doubted, lines->numbers[i]) || !hot_line_counts(line, ipv6))
			continue;
		key = hot_line_key(line, ipv6); /* of the record there may be several */
		at = ipacct_table_find(more, &key, 128);
		if (at == IPACCT_TABLE_NONE)
			continue;
		counters = hot_line_counters(line, ipv6);
		more->entries[at].counters =
			ipacct_counters_minus(&more->entries[at].counters, &counters);
	}
}

/* When a key was displaced since reading began, this reading has all that it had then: what it has beyond
 * the first one and the hot line is missing. */
static int lru_again(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		     const struct ipacct_part *state)
{
	struct ipacct_table more = { .seed = tiers->rolled.was.seed };
	struct live_part *part = &tiers->parts[index];
	int ret;

	memset(tiers->doubted, 0, sizeof(tiers->doubted));
	ret = lru_read(tiers, maps, index, state, &more);
	if (!ret && more.n_entries) {
		hot_take(tiers, &part->hot[0], hot_lines(&maps->meta, false), false, &more);
		hot_take(tiers, &part->hot[1], hot_lines(&maps->meta, true), true, &more);
	}
	for (uint32_t i = 0; i < more.n_entries; i++) {
		uint32_t at = ipacct_table_find(&part->lru.was, &more.entries[i].key, 128);

		if (!ret)
			list_add(&part->lru, at, &more.entries[i].counters, tiers->addresses);
	}
	ipacct_table_finish(&more);
	return ret;
}

/* ---- A partition ---- */

static int part_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index)
{
	struct live_part *part = &tiers->parts[index];
	bool hot = index >= IPACCT_EPOCHS && maps->meta.hot4_sets;
	struct ipacct_part after;
	int ret = 0;

	if (handed_over(&part->waited, &part->before)) {
		ipacct_wait_for_programs();
		part->waited = part->before;
	}
	if (part->before.lru_inserts)
		ret = lru_read(tiers, maps, index, &part->before, NULL);
	if (!ret && hot)
		ret = hot_read(tiers, maps, index);
	if (!ret)
		ret = ipacct_epoch_part_read(&tiers->epoch, maps, index, &after);
	if (!ret && hot && after.hot_displaced != part->before.hot_displaced) {
		ipacct_wait_for_programs();
		ret = lru_again(tiers, maps, index, &after);
	}
	return ret;
}

int live_tiers_begin(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t number,
		     bool *ret_rolled)
{
	int ret = ipacct_epoch_totals_read(&tiers->epoch, maps, number);

	for (uint32_t index = number; index < tiers->n_parts && !ret; index += IPACCT_EPOCHS) {
		struct live_part *part = &tiers->parts[index];

		ret = ipacct_epoch_part_read(&tiers->epoch, maps, index, &part->before);
		if (!ret)
			*ret_rolled |= part->before.rollup_updates != part->rollup_updates;
	}
	return ret;
}

int live_tiers_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t number,
		    const struct ipacct_group_list *list)
{
	int ret = 0;

	tiers->list = list;
	for (uint32_t index = number; index < tiers->n_parts && !ret; index += IPACCT_EPOCHS)
		ret = part_read(tiers, maps, index);
	return ret;
}
