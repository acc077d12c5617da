/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Empty an epoch at rest. */
#ifndef IPACCT_DAEMON_CLEAR_H
#define IPACCT_DAEMON_CLEAR_H

#include "epoch.h"
#include "maps.h"

/* epoch: what ipacct_epoch_read() found in epoch `number`, with its keys. Doing it again after a
 * crash in the middle is right: read, then clear. The cost follows what was used.
 * Returns 0 or a negative errno. */
int epoch_clear(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number);

/* The same for an epoch that may have been cleared already: what its hot lines keep stays then. */
int epoch_clear_again(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number);

#endif
