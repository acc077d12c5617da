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

/* The totals of groups in two steps. What the ledger has of them at the snapshot's cut, while that cut is
 * known to stand; -ENOENT: no groups are configured. Then, whatever the ledger does, the names of the list
 * and what the epoch has beyond the cut (NULL: nothing); 0 or -ENOMEM. */
int ipacct_groups_copy(struct ipacct_reader *reader, struct ipacct_snapshot *snapshot,
		       struct ipacct_problem *ret_problem);
int ipacct_groups_join(const struct ipacct_reader *reader, const struct ipacct_epoch *live,
		       struct ipacct_snapshot *snapshot);

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

/* From which cut on the ledger has everything that was counted when somebody began to read. Zeroed: not
 * known yet. */
struct reader_begun {
	uint64_t instance;
	uint64_t cut;
	uint64_t time_ns; /* CLOCK_REALTIME, when they began */
};

/* ctl: read after they began. Only the first one of a set of maps is noted. */
void ipacct_reader_begun(struct reader_begun *begun, const struct ipacct_ctl *ctl);

/* Whether the ledger's cut is such a one. Then who lost the race for the maps needs them no more: each
 * number at that cut lies between what it was when they began and what it is now. So they arrive
 * however fast cuts come and however little of a CPU they get. */
bool ipacct_reader_overtaken(const struct ipacct_reader *reader, const struct reader_begun *begun,
			     uint64_t cut);

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
