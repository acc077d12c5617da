/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By which list of groups a cut masks IPv6 addresses.
 *
 * Live readers show the addresses of an epoch before it is cut, so an epoch is masked by the list that
 * the ledger named before it began to count: whatever list the collector has by then, whoever died in
 * between. A new list begins with the epoch after the first cut of its collector. */
#ifndef IPACCT_DAEMON_CUT_MASK_H
#define IPACCT_DAEMON_CUT_MASK_H

#include "group_mask.h"

struct cut_mask {
	struct ipacct_group_list now; /* closed: none */
	struct ipacct_group_list was; /* what earlier cuts may need */
	struct ipacct_mask mask;
};

/* now_fd, was_fd: the files of abi.h, or a negative errno; they stay the caller's. A list that cannot
 * be read masks nothing. */
void cut_mask_init(struct cut_mask *mask, int now_fd, int was_fd);
/* Accepts a zeroed one, which masks nothing. */
void cut_mask_finish(struct cut_mask *mask);

/* Whether the list is there that the cut is masked by. If not it will not be masked at all, and what was
 * written of it must be taken back. */
bool cut_mask_known(const struct cut_mask *mask, const struct ipacct_ledger_header *header,
		    uint64_t cut);

/* Nobody has seen anything that is not in the ledger: mask by the list of now from the beginning. */
void cut_mask_begin(struct cut_mask *mask, struct ipacct_ledger_header *header);

/* The next epoch is about to count: see that it goes by the list of now. cut: of the one that counts. */
void cut_mask_next(struct cut_mask *mask, struct ipacct_ledger_header *header, uint64_t cut);

/* Mask the addresses of a cut; as ipacct_mask_apply(). Returns 0 or -ENOMEM. */
int cut_mask_apply(struct cut_mask *mask, const struct ipacct_ledger_header *header, uint64_t cut,
		   struct ipacct_table *addresses);

#endif
