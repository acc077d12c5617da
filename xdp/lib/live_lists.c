/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tiers that list their keys, while they count: LRU records and roll-ups. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "base/array.h"
#include "live_again.h"
#include "live_tiers.h"

#define LIST_ROOM 1024u
/* Looking up a key takes 0.3 us, walking past an empty bucket 10 ns; there is one for each entry. */
#define LOOK_UP_SHARE 32u

void live_list_finish(struct live_list *list)
{
	ipacct_table_finish(&list->was);
	free(list->numbers);
}

void live_list_forget(struct live_list *list, uint64_t seed)
{
	ipacct_table_reset(&list->was);
	list->was.seed = seed;
}

static int list_room(struct live_list *list)
{
	uint32_t n = list->n_room ? 2 * list->n_room : LIST_ROOM;
	int ret;

	if (list->was.n_entries < list->n_room)
		return 0;
	ret = array_resize(&list->numbers, sizeof(*list->numbers), n);
	if (!ret)
		list->n_room = n;
	return ret;
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
				      : live_address_number(tiers, key, &list->numbers[at]);
		if (!ret)
			ret = ipacct_table_add(&list->was, key, prefix_len, &nothing);
	}
	*ret_at = at;
	return ret;
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

int live_rollups_read(struct live_tiers *tiers, const struct ipacct_maps *maps,
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
		live_list_add(&tiers->rolled, at, &more, tiers->rollups);
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
		live_list_add(context->list, at, &more, context->tiers->addresses);
		return 0;
	}
	live_doubt(context->tiers, context->list->numbers[at]);
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
		if (ret == -ENOENT)
			return -EAGAIN; /* nothing is ever evicted: a cut has cleared it */
		if (!ret)
			ret = lru_entry(context, &list->was.entries[i].key, &counters);
	}
	return ret;
}

int live_lru_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		  const struct ipacct_part *state, struct ipacct_table *more)
{
	struct live_part *part = &tiers->parts[index];
	struct lru_context context = { tiers, &part->lru, more };
	uint32_t room = index < IPACCT_EPOCHS ? maps->meta.lru_shared : maps->meta.lru_entries;

	/* all that were told are known; one that was told may come later */
	if (state->lru_inserts == part->lru.was.n_entries &&
	    part->lru.was.n_entries < room / LOOK_UP_SHARE)
		return lru_look_up(maps, index, &context);
	return ipacct_batch_read(&tiers->epoch.batch, maps->lru_fds[index],
				 sizeof(struct ipacct_key), sizeof(struct ipacct_counters),
				 lru_entries, &context);
}
