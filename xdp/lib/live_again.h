/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The second look at LRU records: what came to them from hot lines while those were read. */
#ifndef IPACCT_LIB_LIVE_AGAIN_H
#define IPACCT_LIB_LIVE_AGAIN_H

#include <stdint.h>

#include "maps.h"

struct live_tiers;

/* When a key was displaced since reading began, this reading has all that it had then, and counts in place of
 * the first one and the key's hot line. state: of the partition, read before. */
int live_again_read(struct live_tiers *tiers, const struct ipacct_maps *maps, uint32_t index,
		    const struct ipacct_part *state);

/* The LRU record of the key with this number had more in the second reading than in the first. */
void live_doubt(struct live_tiers *tiers, uint32_t number);

#endif
