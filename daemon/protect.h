/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes in the supervisor: from the configuration into the map, new ones before old ones
 * go, so that at no moment neither list holds. */
#ifndef IPACCT_DAEMON_PROTECT_H
#define IPACCT_DAEMON_PROTECT_H

#include <stdbool.h>

#include "config.h"
#include "group_image.h"
#include "guard.h"

struct supervisor;

/* Read the lists of a configuration; sets its n_guard_entries.
 * Returns 0, or a negative errno with one line in ret_problem. */
int protect_read(struct config *config, const struct group_image *groups, struct guard_set *ret_set,
		 struct ipacct_problem *ret_problem);

/* A start: add the list before any program is loaded, drop what is not in it when all are attached. */
int protect_begin(struct supervisor *supervisor, struct ipacct_problem *ret_problem);
void protect_settle(struct supervisor *supervisor);
/* After a failed start: the list that was there before. */
void protect_undo(struct supervisor *supervisor);

/* A reload: take over *wanted, and the interfaces of supervisor->config when they differ as well.
 * After a failure list and interfaces are as before. */
int protect_change(struct supervisor *supervisor, struct guard_set *wanted, bool interfaces_differ,
		   struct ipacct_problem *ret_problem);

void protect_finish(struct supervisor *supervisor);

#endif
