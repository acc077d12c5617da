/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hot lines, while they count. A line is believed when two copies agree (hot_line_believed()). One with
 * counts is told in hot_displaced or hot_rolled before it changes hands: while both stand still, only lines
 * that showed nothing before need a second look, else all of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hot_lines.h"
#include "live_tiers.h"

#define AHEAD 16u /* lines whose entry is fetched before their turn, as table.c */

void live_lines_finish(struct live_lines *lines)
{
	free(lines->was);
	free(lines->numbers);
	free(lines->words);
	free(lines->fresh);
	memset(lines, 0, sizeof(*lines));
}

void live_lines_forget(struct live_lines *lines, const struct ipacct_meta *meta, bool ipv6)
{
	if (!lines->fresh)
		return;
	memset(lines->was, 0, hot_lines(meta, ipv6) * hot_line_bytes(ipv6));
	memset(lines->numbers, 0, hot_lines(meta, ipv6) * sizeof(*lines->numbers));
}

/* of the bitmap: 64 sets each */
static uint32_t n_words(const struct ipacct_maps *maps, bool ipv6)
{
	return hot_sets(&maps->meta, ipv6) / 64;
}

static int lines_reserve(struct live_lines *lines, const struct ipacct_maps *maps, bool ipv6)
{
	uint32_t n = hot_lines(&maps->meta, ipv6);

	if (lines->fresh)
		return 0;
	lines->was = calloc(n, hot_line_bytes(ipv6));
	lines->numbers = calloc(n, sizeof(*lines->numbers));
	lines->words = calloc(n_words(maps, ipv6), sizeof(*lines->words));
	lines->fresh = calloc(n, sizeof(*lines->fresh));
	if (lines->was && lines->numbers && lines->words && lines->fresh)
		return 0;
	live_lines_finish(lines); /* the next reading tries again */
	return -ENOMEM;
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

/* What the line had is its key's no longer. */
static void line_take(struct live_tiers *tiers, const struct live_lines *lines, uint32_t i,
		      bool ipv6)
{
	const char *was = lines->was + i * hot_line_bytes(ipv6);
	struct ipacct_counters counters = hot_line_counters(was, ipv6);

	if (!hot_line_shown(was, ipv6))
		return;
	ipacct_counters_take(live_book_has(tiers->addresses, lines->numbers[i]), &counters);
	live_book_touch(tiers->addresses, lines->numbers[i]);
}

/* The line as it is now: with another key than before, or without counts. The rest is
 * line_more()'s. */
static int line_change(struct live_tiers *tiers, struct live_lines *lines, uint32_t i,
		       const void *now, bool ipv6)
{
	struct ipacct_key key = hot_line_key(now, ipv6);
	struct ipacct_counters counters = hot_line_counters(now, ipv6);
	int ret;

	line_take(tiers, lines, i, ipv6);
	if (hot_line_shown(now, ipv6)) {
		ret = live_address_number(tiers, &key, &lines->numbers[i]);
		if (ret)
			return ret;
		ipacct_counters_add(live_book_has(tiers->addresses, lines->numbers[i]), &counters);
		live_book_touch(tiers->addresses, lines->numbers[i]);
	}
	memcpy(lines->was + i * hot_line_bytes(ipv6), now, hot_line_bytes(ipv6));
	return 0;
}

void live_line_doubt(struct live_tiers *tiers, struct live_lines *lines, uint32_t i, bool ipv6)
{
	line_take(tiers, lines, i, ipv6);
	memset(lines->was + i * hot_line_bytes(ipv6), 0, hot_line_bytes(ipv6));
}

static int line_judge(struct live_tiers *tiers, struct live_lines *lines, uint32_t i,
		      const char *now, const char *again, bool ipv6)
{
	size_t at = i * hot_line_bytes(ipv6);

	if (hot_line_believed(now + at, again + at, ipv6))
		return line_change(tiers, lines, i, again + at, ipv6);
	live_line_doubt(tiers, lines, i, ipv6);
	return 0;
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
	const char *again = walk->again ? walk->again + i * hot_line_bytes(ipv6) : now;
	char *was = lines->was + i * hot_line_bytes(ipv6);

	if (!memcmp(was, now, hot_line_bytes(ipv6)))
		return 0;
	if (hot_line_shown(was, ipv6) && hot_line_keys_equal(was, now, ipv6) &&
	    hot_line_believed(now, again, ipv6)) {
		line_more(walk->tiers->addresses, lines->numbers[i], was, again, ipv6);
		return 0;
	}
	if (walk->again)
		return line_judge(walk->tiers, lines, i, walk->now, walk->again, ipv6);
	if (!hot_line_shown(now, ipv6))
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

bool live_handed_over(const struct ipacct_part *before, const struct ipacct_part *after)
{
	return before->hot_displaced != after->hot_displaced ||
	       before->hot_rolled != after->hot_rolled;
}

int live_hot_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index)
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
	for (int ipv6 = 0; ipv6 < 2 && !ret && live_handed_over(&part->before, &after); ipv6++)
		if (used[ipv6])
			ret = lines_copy(&tiers->again[ipv6], maps, index, ipv6, &again[ipv6]);
	for (int ipv6 = 0; ipv6 < 2 && !ret; ipv6++)
		if (used[ipv6])
			ret = family_read(tiers, maps, index, now[ipv6], again[ipv6], ipv6);
	return ret;
}
