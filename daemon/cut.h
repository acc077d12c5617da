/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cut: switch the epoch, wait, read the one at rest, publish it, clear it. */
#ifndef IPACCT_DAEMON_CUT_H
#define IPACCT_DAEMON_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "cut_mask.h"
#include "epoch.h"
#include "guard_index.h"
#include "maps.h"
#include "publish.h"

struct cutter {
	struct ipacct_maps *maps; /* mapped read-write, owned by the caller */
	struct publisher publisher;
	struct ipacct_epoch epoch;
	struct cut_mask mask;              /* the caller's to begin; zeroed masks nothing */
	struct guard_index guard;          /* the protected prefixes */
	bool guard_changed[IPACCT_EPOCHS]; /* since what the epoch keeps was compared with them */
	bool unsettled;       /* the epoch at rest is not known to be published and empty */
	uint64_t time_ns;     /* a replay stamps cuts with it; 0 = CLOCK_REALTIME */
	uint64_t switched_ns; /* CLOCK_REALTIME of the last switch, 0 = not known */
	uint64_t duration_ns; /* of the last cut, switch to the end of clearing */
	uint64_t read_ns;     /* of it, reading and folding */
	uint64_t publish_ns;  /* of it, adding to the ledger */
	uint64_t n_syscalls;  /* BPF calls of the last cut */
	uint64_t n_entries;   /* LRU records read in the last cut */
	struct ipacct_conservation last; /* did it close? */
};

int cutter_init(struct cutter *cutter, struct ipacct_maps *maps, int ledger_fd,
		struct ipacct_problem *ret_problem);
void cutter_finish(struct cutter *cutter);

/* Bring maps and ledger together after a start: join a foreign pair, publish what was cut but not
 * committed, clear what was committed but not cleared. Returns 0 or a negative errno. */
int cutter_recover(struct cutter *cutter);

/* One cut. When an earlier one could not be published it is tried first, and the epoch that counts
 * stays as it is until that works. Returns 0 or a negative errno (nothing is lost by any). */
int cutter_cut(struct cutter *cutter);

/* There are other protected prefixes in the map: what each epoch keeps is compared with them before
 * it counts again, so they hold from the next cut on. Returns 0 or a negative errno. */
int cutter_guard_changed(struct cutter *cutter);

/* What drain.c does of it with maps of another version. */

/* A ledger from other maps, or maps from another ledger: both keep what they have, and the cuts of
 * these maps are numbered on from the ledger's. The active epoch goes first: so the one at rest stays
 * below it at every instant, which is how a pending one is recognised after a crash here.
 * ctl: the map, or a copy that `store` writes there after each change. Returns 0 or what store did. */
int cut_instance_join(struct cutter *cutter, struct ipacct_ctl *ctl,
		      int (*store)(const void *context, const struct ipacct_ctl *ctl),
		      const void *context);
/* The list that pending cuts were masked by is gone: what of them is in the ledger had other places. */
void cut_masks_forget(struct cutter *cutter);
/* The epoch that was read since begun_ns (CLOCK_MONOTONIC) goes into the ledger as this cut; what: how
 * it is called when it does not close. */
int cut_publish(struct cutter *cutter, struct ipacct_ledger_cut facts, uint64_t begun_ns,
		const char *what);

/* Wait until no program that began before still runs. */
int cut_grace(const struct ipacct_maps *maps);
/* The same where membarrier(2) is refused (nohz_full). */
int cut_grace_by_map(const struct ipacct_maps *maps);

#endif
