/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read the maps while they count, and remember what they said: only what is other than before is worked
 * on. */
#ifndef IPACCT_LIB_LIVE_TIERS_H
#define IPACCT_LIB_LIVE_TIERS_H

#include "epoch.h"
#include "group_mask.h"
#include "live_book.h"
#include "live_hot.h"
#include "live_lists.h"

#define DOUBTED_BITS (1u << 17) /* 16 KiB: stays in a cache */

/* One partition and epoch. */
struct live_part {
	struct live_lines hot[2]; /* IPv4, IPv6 */
	struct live_list lru;
	struct ipacct_part waited; /* programs that were under way then are done */
	struct ipacct_part before; /* reading began */
	uint64_t rollup_updates;   /* when roll-ups were read */
};

/* Zeroed storage is ready, after ipacct_epoch_init() of epoch. */
struct live_tiers {
	struct ipacct_epoch epoch; /* totals and roll-ups */
	struct live_part *parts;   /* [2 * partition + epoch] */
	uint32_t n_parts;
	uint32_t hot4_sets, hot6_sets; /* that the parts have room for */
	struct live_list rolled;
	struct ipacct_batch copy[2], again[2]; /* of hot lines, by family */
	struct ipacct_batch words;
	struct live_book *addresses, *rollups; /* the caller's */
	uint64_t doubted[DOUBTED_BITS / 64];   /* addresses, while LRU records are read again */
	struct ipacct_mask mask;
	const struct ipacct_group_list *list; /* that the epoch being read is masked by */
};

void live_tiers_finish(struct live_tiers *tiers);

/* Nothing is remembered any more: everything is added to what the books have. */
int live_tiers_reset(struct live_tiers *tiers, const struct ipacct_maps *maps, uint64_t seed);

/* The address's record may be one that it shares. Returns 0 or a negative errno. */
static inline int live_address_number(struct live_tiers *tiers, const struct ipacct_key *key,
				      uint32_t *ret_number)
{
	struct ipacct_key record = *key;
	int bits = ipacct_mask_key(&tiers->mask, tiers->list, &record);

	return bits < 0 ? bits
			: live_book_number(tiers->addresses, &record, (uint8_t)bits, ret_number);
}

/* Four steps. Totals and states of each epoch; *ret_rolled becomes true when something was
 * rolled up since roll-ups were read. Then what was told in these states is waited for: it is
 * done when live_tiers_settle() returns. Then roll-ups, of all epochs, by live_rollups_read(): a
 * packet that displaces a single one into them takes its place in the line, so that a sum with
 * lines that are read later never lacks it. Then the other tiers of each epoch. list: the epoch
 * is masked by it. */
int live_tiers_begin(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t number,
		     bool *ret_rolled);
void live_tiers_settle(struct live_tiers *tiers, const bool pending[IPACCT_EPOCHS]);
int live_tiers_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t number,
		    const struct ipacct_group_list *list);

#endif
