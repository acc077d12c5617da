/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In a flood of forged sources nearly all new keys send one packet. Then the door of an epoch is closed: a
 * stranger gets a line with its second packet, and the first one goes to its prefix without any line being
 * loaded. The keys that have a line keep it, and their packets pass. */
#ifndef IPACCT_DAEMON_DOOR_H
#define IPACCT_DAEMON_DOOR_H

#include <stdint.h>

#include "maps.h"

/* Close or open the door of an epoch, which is at rest and whose lines are cleared: by what its parts say of
 * the time when it counted. Before they are cleared. */
void door_set(const struct ipacct_maps *maps, uint32_t number);

#endif
