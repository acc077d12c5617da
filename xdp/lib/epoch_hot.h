/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of epoch.c: reading the hot tier. */
#ifndef IPACCT_LIB_EPOCH_HOT_H
#define IPACCT_LIB_EPOCH_HOT_H

#include "epoch.h"

/* Add the lines of partition and epoch `index` (2 * partition + epoch) to epoch->addresses; the shared
 * partition has none. While epoch->live, lines that were handed over meanwhile are left out.
 * Returns 0 or a negative errno. */
int ipacct_epoch_hot_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			  uint32_t index);

#endif
