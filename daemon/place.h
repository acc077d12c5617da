/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things live and who may touch them: runtime directory, locks, bpffs, the unprivileged user. */
#ifndef IPACCT_DAEMON_PLACE_H
#define IPACCT_DAEMON_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "ipacct/ipacct.h"

#define LOCK_WAIT_MS 1000 /* a daemon that is being replaced ends within this */
/* and a collector that outlived its supervisor: it ends its cut first */
#define OUTLIVE_WAIT_MS 5000
#define WAIT_STEP_MS    20

struct place {
	uid_t uid; /* of the collector */
	gid_t gid;
	int runtime_dir_fd;
	int lock_fd;  /* runtime directory's `lock`, exclusive */
	int bpffs_fd; /* `lock` in the bpffs: two runtime directories, one set of pins */
	/* made by this process, for undoing a failed start */
	bool made_runtime_dir;
	bool made_bpffs;
	bool made_bpffs_lock;
};

/* The user must exist and must not be root: -ENOENT or -EPERM with words in ret_problem. */
int place_user(const char *name, struct place *place, struct ipacct_problem *ret_problem);

/* Look only: would bpffs and runtime directory do? */
int place_check(const struct config *config, struct ipacct_problem *ret_problem);

/* Make the runtime directory (root:gid 0750; one that others may enter is used as it is), take both
 * locks (waiting at most one second), see that the bpffs is there. -EBUSY: another daemon holds
 * them. Nobody but root can open the lock files, so nobody else can hold a lock. */
int place_take(const struct config *config, struct place *place,
	       struct ipacct_problem *ret_problem);
void place_release(struct place *place);

/* After a failed start: remove what place_take() made. */
void place_undo(const struct config *config, struct place *place);

/* After everything was detached: the lock's directory goes, and the bpffs when ipacctd mounted it
 * (this one or an earlier one; the mount's source tells). */
void place_bpffs_leave(const struct config *config, struct place *place);

/* The collector's lock, a file of its own beside the ledger; a descriptor or a negative errno. */
int place_ledger_lock_open(int runtime_dir_fd, struct ipacct_problem *ret_problem);

/* flock() that gives up after `timeout_ms`: 0, -EWOULDBLOCK or -errno. */
int lock_wait(int fd, int timeout_ms);

/* In the collector, for good: no group but gid, uid, no capability, no new privileges. */
int privileges_drop(uid_t uid, gid_t gid);

#endif
