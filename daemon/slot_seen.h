/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one interface slot has seen so far, wherever it stands. */
#ifndef IPACCT_DAEMON_SLOT_SEEN_H
#define IPACCT_DAEMON_SLOT_SEEN_H

#include <stdint.h>

#include "maps.h"
#include "takeover.h"

/* Ledger plus epochs that are not in it, of maps of an earlier version as well, without walking any
 * address. Exact while the slot does not count. Returns 0 or a negative errno. */
int slot_seen(int runtime_dir_fd, const struct ipacct_maps *maps, const struct takeover *aside,
	      uint32_t slot, __u64 *ret_packets, __u64 *ret_l2_bytes);

#endif
