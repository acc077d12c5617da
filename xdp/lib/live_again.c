/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LRU records read a second time, after the hot lines. */
#include <string.h>

#include "hot_lines.h"
#include "live_again.h"
#include "live_tiers.h"

/* By number of the book; those that share a bit are looked at for nothing. */
void live_doubt(struct live_tiers *tiers, uint32_t number)
{
	tiers->doubted[number % DOUBTED_BITS / 64] |= 1ULL << number % 64;
}

static bool doubted(const struct live_tiers *tiers, uint32_t number)
{
	return tiers->doubted[number % DOUBTED_BITS / 64] >> number % 64 & 1;
}

/* Where records are read again. */
struct again {
	struct live_tiers *tiers;
	const struct ipacct_maps *maps;
	uint32_t index;
	struct ipacct_table *more; /* what records have beyond the first reading */
	bool waited;
};

/* The key's record came beyond the first reading: it has what the key's line had, which is taken back. */
static int line_drop(struct again *again, uint32_t i, bool ipv6)
{
	struct live_part *part = &again->tiers->parts[again->index];
	const char *line = part->hot[ipv6].was + i * hot_line_bytes(ipv6);
	struct ipacct_key key = hot_line_key(line, ipv6); /* of the record there may be several */
	uint32_t at = ipacct_table_find(again->more, &key, 128);
	struct ipacct_counters had = hot_line_counters(line, ipv6), record, *more, *first;
	int ret;

	if (at == IPACCT_TABLE_NONE)
		return 0;
	more = &again->more->entries[at].counters;
	live_line_doubt(again->tiers, &part->hot[ipv6], i, ipv6);
	if (ipacct_counters_hold(more, &had))
		return 0;
	first = &part->lru.was.entries[ipacct_table_find(&part->lru.was, &key, 128)].counters;
	record = *first;
	ipacct_counters_add(&record, more);
	ret = ipacct_epoch_record_again(again->maps, again->index, &key, &again->waited, &record);
	*more = ipacct_counters_minus(&record, first);
	return ret;
}

static int lines_drop(struct again *again, bool ipv6)
{
	const struct live_lines *lines = &again->tiers->parts[again->index].hot[ipv6];
	uint32_t n = hot_lines(&again->maps->meta, ipv6);
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++)
		if (doubted(again->tiers, lines->numbers[i]) &&
		    hot_line_shown(lines->was + i * hot_line_bytes(ipv6), ipv6))
			ret = line_drop(again, i, ipv6);
	return ret;
}

int live_again_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		    const struct ipacct_part *state)
{
	struct ipacct_table more = { .seed = tiers->rolled.was.seed };
	struct live_part *part = &tiers->parts[index];
	struct again again = { tiers, maps, index, &more, false };
	int ret;

	memset(tiers->doubted, 0, sizeof(tiers->doubted));
	ret = live_lru_read(tiers, maps, index, state, &more);
	if (!ret && more.n_entries)
		ret = lines_drop(&again, false);
	if (!ret && more.n_entries)
		ret = lines_drop(&again, true);
	for (uint32_t i = 0; i < more.n_entries; i++) {
		uint32_t at = ipacct_table_find(&part->lru.was, &more.entries[i].key, 128);

		if (!ret)
			live_list_add(&part->lru, at, &more.entries[i].counters, tiers->addresses);
	}
	ipacct_table_finish(&more);
	return ret;
}
