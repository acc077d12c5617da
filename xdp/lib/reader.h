/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside a struct ipacct_reader. */
#ifndef IPACCT_LIB_READER_H
#define IPACCT_LIB_READER_H

#include "epoch.h"
#include "group_list.h"
#include "group_mask.h"
#include "ledger.h"
#include "maps.h"

#define READER_PATH_BYTES 1100u

struct ipacct_reader {
	char ledger_path[READER_PATH_BYTES];
	char bpffs_dir[READER_PATH_BYTES];
	struct ipacct_ledger ledger;
	struct ipacct_maps maps;
	bool maps_open;
	ino_t meta_inode; /* of the pin: another one means that the maps were made anew */
	struct ipacct_epoch epoch;
	bool epoch_ready;
	struct ipacct_groups groups; /* its list is closed until somebody asks */
	/* by which epochs are masked: the list of now, and the one before; closed while not needed */
	struct ipacct_groups mask_lists[2];
	struct ipacct_mask mask;
	struct ipacct_table masked; /* of the epochs that were read before */
};

/* Put the totals of groups into a snapshot: what the ledger has at its cut, and what the epoch has
 * beyond it (NULL: nothing). -ENOENT: no groups are configured. */
int ipacct_groups_snapshot(struct ipacct_reader *reader, const struct ipacct_epoch *live,
			   struct ipacct_snapshot *snapshot, struct ipacct_problem *ret_problem);

/* Map the ledger again if another file has its name now. */
int ipacct_reader_refresh(struct ipacct_reader *reader, struct ipacct_problem *ret_problem);

/* Whether another file has the ledger's name by now. */
bool ipacct_reader_moved(const struct ipacct_reader *reader);

/* Open the pinned maps, again if they were made anew. */
int ipacct_reader_maps(struct ipacct_reader *reader, struct ipacct_problem *ret_problem);

/* A reader of one open ledger and of no maps; the descriptor stays the caller's. */
int ipacct_reader_of_ledger(int fd, struct ipacct_reader **ret_reader,
			    struct ipacct_problem *ret_problem);

/* What the ledger's head says of one cut, and its interfaces.
 * snapshot: its interfaces have room for IPACCT_IFS_MAX; addresses and roll-ups stay as they are. */
void ipacct_snapshot_head(const struct ipacct_ledger *ledger, uint64_t cut,
			  struct ipacct_snapshot *snapshot);

/* Put what an epoch has of each interface on top of what a snapshot has; room as above. */
void ipacct_interfaces_merge(struct ipacct_snapshot *snapshot, const struct ipacct_epoch *epoch);

/* The control record as it is now. */
int ipacct_reader_ctl(struct ipacct_reader *reader, struct ipacct_ctl *ret_ctl);

/* An epoch counts when its cut is not in the ledger. The one at rest may also be prepared for the
 * next cut and still empty: then its number is above the active one's. */
bool ipacct_epoch_pending(const struct ipacct_ctl *ctl, uint32_t number, uint64_t cut);

/* By which lists the epochs are masked: read after the control record, it is told before they count. */
void ipacct_reader_masks(const struct ipacct_reader *reader,
			 struct ipacct_ledger_mask ret_masks[2]);

/* The list with that digest; a closed one when it is not there, which masks nothing. */
const struct ipacct_group_list *ipacct_reader_mask_list(struct ipacct_reader *reader,
							uint64_t digest);

#endif
