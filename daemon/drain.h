/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of earlier versions, emptied into the ledger once. */
#ifndef IPACCT_DAEMON_DRAIN_H
#define IPACCT_DAEMON_DRAIN_H

#include "cut.h"
#include "drain_read.h"

/* Publish what the sets hold that is not in the ledger, as cuts of their own maps. Programs must
 * count elsewhere. Each set is marked when it is in the ledger as a whole (both cuts of its ipacct_ctl
 * are 0), before anything of another one comes: a second call, by whoever, adds nothing. Before
 * cutter_recover(), which joins the ledger with the maps of now. Returns 0 or a negative errno. */
int drain_all(struct cutter *cutter, const struct drain_set *sets, size_t n_sets);

#endif
