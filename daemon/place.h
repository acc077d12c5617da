/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things live and who may touch them: runtime directory, locks, bpffs, the unprivileged user. */
#ifndef IPACCT_DAEMON_PLACE_H
#define IPACCT_DAEMON_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "ipacct/ipacct.h"

struct place {
	uid_t uid; /* of the collector */
	gid_t gid;
	int runtime_dir_fd;
	int lock_fd; /* runtime directory's `lock`, exclusive */
	int bpffs_fd; /* the bpffs directory itself, exclusive: two runtime directories, one set of pins */
	bool mounted; /* bpffs_dir is ours to unmount */
};

/* The user must exist and must not be root: -ENOENT or -EPERM with words in ret_problem. */
int place_user(const char *name, struct place *place, struct ipacct_problem *ret_problem);

/* Look only: would bpffs and runtime directory do? */
int place_check(const struct config *config, struct ipacct_problem *ret_problem);

/* Make the runtime directory (root:gid 0750), take both locks (waiting at most one second), see that
 * the bpffs is there. -EBUSY: another daemon holds them. */
int place_take(const struct config *config, struct place *place,
	       struct ipacct_problem *ret_problem);
void place_release(struct place *place);

/* Unmount the bpffs that is ours, after everything in it was removed. */
void place_unmount(const struct config *config, struct place *place);

/* flock() that gives up after `timeout_ms`: 0, -EWOULDBLOCK or -errno. */
int lock_wait(int fd, int timeout_ms);

/* In the collector, for good: no group but gid, uid, no capability, no new privileges. */
int privileges_drop(uid_t uid, gid_t gid);

#endif
