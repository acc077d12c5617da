/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Empty a table of the hot tier at rest, and put the keys that it keeps in their places. */
#ifndef IPACCT_DAEMON_HOT_CLEAR_H
#define IPACCT_DAEMON_HOT_CLEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "epoch.h"
#include "maps.h"

/* index: 2 * partition + epoch, of a partition that has the tier. epoch: lends memory. */
void hot_clear(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index,
	       bool ipv6);

#endif
