/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An upgrade finds maps of an earlier ABI version.
 *
 *	main       drain_<when they were made>/    what the next start finds to do
 *	old set    -                               move the old set aside
 *	old set    (part, no ipacct_meta)          the same, anew
 *	(part)     old set                         make new maps, with its slots
 *	new set    old set                         replace every program, drain, remove
 *	new set    (part, no ipacct_meta)          remove
 *
 * Links stay where they are; a program is replaced behind its link as in every start. The older
 * ipacctd that is started in between refuses the new set (exit code 78); before there is one it goes on
 * with new maps of its own and drains those that were moved aside. */
#ifndef IPACCT_DAEMON_TAKEOVER_H
#define IPACCT_DAEMON_TAKEOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "drain_read.h"

#define TAKEOVER_SETS_MAX 8u /* of so many upgrades in a row each would have to be cut short */

struct takeover {
	struct drain_set sets[TAKEOVER_SETS_MAX];
	char dir[TAKEOVER_SETS_MAX][32]; /* below the bpffs directory */
	size_t n_sets;
	char moved[32]; /* the one that this process has moved there, or "" */
	gid_t gid;      /* of pins */
};

/* Is there anything for takeover_begin() to do? Nothing is changed. */
bool takeover_pending(const char *bpffs_dir);

/* Move pins of an earlier version aside and open everything that is to be drained. Pins of this
 * version and of ones that are not known are left alone, and so is a set that is not whole. gid: who
 * may read pins. Returns 0, or a negative errno with words: −EPROTO it cannot be taken over, −EBADMSG
 * a map is missing or of another size, −errno. */
int takeover_begin(struct takeover *takeover, const char *bpffs_dir, gid_t gid,
		   struct ipacct_problem *ret_problem);

/* Slots of the newest set for new maps that are not pinned yet; nothing without sets. */
int takeover_carry(const struct takeover *takeover, const struct ipacct_maps *to);

/* All are drained: remove their pins. */
void takeover_finish(struct takeover *takeover, const char *bpffs_dir);

/* Close what takeover_begin() opened. undo: no program was replaced; then, if nothing is in main, the
 * pins of the newest set go back there. */
void takeover_end(struct takeover *takeover, const char *bpffs_dir, bool undo);

#endif
