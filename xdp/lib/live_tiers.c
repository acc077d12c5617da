/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read the maps while they count; what they said before is not worked on again.
 *
 * The order of reading, and why no counter falls or is counted twice, is that of epoch.c: LRU records, hot
 * lines, LRU records again when lines were displaced meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live_again.h"
#include "live_tiers.h"

static void parts_finish(struct live_tiers *tiers)
{
	for (uint32_t i = 0; i < tiers->n_parts; i++) {
		live_lines_finish(&tiers->parts[i].hot[0]);
		live_lines_finish(&tiers->parts[i].hot[1]);
		live_list_finish(&tiers->parts[i].lru);
	}
	free(tiers->parts);
	tiers->parts = NULL;
	tiers->n_parts = 0;
}

void live_tiers_finish(struct live_tiers *tiers)
{
	parts_finish(tiers);
	live_list_finish(&tiers->rolled);
	for (int i = 0; i < 2; i++) {
		ipacct_batch_finish(&tiers->copy[i]);
		ipacct_batch_finish(&tiers->again[i]);
	}
	ipacct_batch_finish(&tiers->words);
	ipacct_mask_finish(&tiers->mask);
	ipacct_epoch_finish(&tiers->epoch);
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

		live_lines_forget(&part->hot[0], &maps->meta, false);
		live_lines_forget(&part->hot[1], &maps->meta, true);
		live_list_forget(&part->lru, seed);
		part->rollup_updates = 0;
		memset(&part->waited, 0, sizeof(part->waited));
	}
	live_list_forget(&tiers->rolled, seed);
	tiers->epoch.rollups.seed = seed;
	tiers->mask.shared.seed = seed;
	return 0;
}

static int part_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index)
{
	struct live_part *part = &tiers->parts[index];
	bool hot = index >= IPACCT_EPOCHS && maps->meta.hot4_sets;
	struct ipacct_part after;
	int ret = 0;

	if (part->before.lru_inserts)
		ret = live_lru_read(tiers, maps, index, &part->before, NULL);
	if (!ret && hot)
		ret = live_hot_read(tiers, maps, index);
	if (!ret)
		ret = ipacct_epoch_part_read(&tiers->epoch, maps, index, &after);
	if (!ret && hot && after.hot_displaced != part->before.hot_displaced) {
		ipacct_wait_for_programs();
		ret = live_again_read(tiers, maps, index, &after);
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

void live_tiers_settle(struct live_tiers *tiers, const bool pending[IPACCT_EPOCHS])
{
	bool told = false;

	for (uint32_t i = 0; i < tiers->n_parts; i++) {
		struct live_part *part = &tiers->parts[i];

		if (!pending[i % IPACCT_EPOCHS])
			continue;
		told |= live_handed_over(&part->waited, &part->before) ||
			part->waited.rollup_updates != part->before.rollup_updates;
		part->waited = part->before;
	}
	if (told)
		ipacct_wait_for_programs();
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
