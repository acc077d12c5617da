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

/* Take off what a key has in its hot lines here: the first reading and those are one sum. */
static void hot_take(const struct live_tiers *tiers, const struct live_lines *lines, uint32_t n,
		     bool ipv6, struct ipacct_table *more)
{
	for (uint32_t i = 0; i < n && lines->fresh; i++) {
		const char *line = lines->was + i * hot_line_bytes(ipv6);
		struct ipacct_counters counters;
		struct ipacct_key key;
		uint32_t at;

		if (!doubted(tiers, lines->numbers[i]) || !hot_line_counts(line, ipv6))
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

int live_again_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		    const struct ipacct_part *state)
{
	struct ipacct_table more = { .seed = tiers->rolled.was.seed };
	struct live_part *part = &tiers->parts[index];
	int ret;

	memset(tiers->doubted, 0, sizeof(tiers->doubted));
	ret = live_lru_read(tiers, maps, index, state, &more);
	if (!ret && more.n_entries) {
		hot_take(tiers, &part->hot[0], hot_lines(&maps->meta, false), false, &more);
		hot_take(tiers, &part->hot[1], hot_lines(&maps->meta, true), true, &more);
	}
	for (uint32_t i = 0; i < more.n_entries; i++) {
		uint32_t at = ipacct_table_find(&part->lru.was, &more.entries[i].key, 128);

		if (!ret)
			live_list_add(&part->lru, at, &more.entries[i].counters, tiers->addresses);
	}
	ipacct_table_finish(&more);
	return ret;
}
