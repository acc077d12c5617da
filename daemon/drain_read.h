/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an epoch of maps of another version holds, in records of this one. */
#ifndef IPACCT_DAEMON_DRAIN_READ_H
#define IPACCT_DAEMON_DRAIN_READ_H

#include <stdbool.h>

#include "epoch.h"
#include "layout.h"

/* Maps whose version is not ours any more: nothing counts in them. */
struct drain_set {
	struct ipacct_maps maps; /* descriptors; not mapped */
	const struct layout *layout;
};

/* Are all maps there that are read here, and laid out as large as their version says? */
bool drain_set_fits(const struct drain_set *set);

/* One interface slot. Returns 0 or a negative errno. */
int drain_interface(const struct drain_set *set, uint32_t slot,
		    struct ipacct_interface *ret_record);

/* Add what a slot has in epochs that are not in the ledger of this header; none of a marked set
 * (drain.h). Exact while the slot does not count there. Returns 0 or a negative errno. */
int drain_slot_pending(const struct drain_set *set, const struct ipacct_ledger_header *header,
		       uint32_t slot, struct ipacct_totals *sum);

/* As ipacct_epoch_read(). Reads every line of every tier, since what says which ones were used is
 * of that version, too: it happens once. Returns 0 or a negative errno. */
int drain_read(struct ipacct_epoch *epoch, const struct drain_set *set, uint32_t number);

/* Slots of interfaces, domains and VLANs of `set`, written into new maps before anything counts
 * there. Returns 0 or a negative errno; -E2BIG if that version had more slots. */
int drain_carry(const struct drain_set *set, const struct ipacct_maps *to);

#endif
