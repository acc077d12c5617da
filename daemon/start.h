/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting the supervisor. Each sets supervisor->exit_code where the cause is known. */
#ifndef IPACCT_DAEMON_START_H
#define IPACCT_DAEMON_START_H

#include "ipacct/ipacct.h"

struct supervisor;

/* Everything that can be looked at before anything is made. Returns 0 or a negative errno with words
 * in problem; with exit code 0 there is nothing to do, and that was said. */
int start_check(struct supervisor *supervisor, struct ipacct_problem *problem);

/* Say what a start would do. */
void start_dry_run(struct supervisor *supervisor);

/* Locks, maps, ledger, links, control socket, collector; returns 0 or a negative errno. */
int start_all(struct supervisor *supervisor, struct ipacct_problem *problem);

/* The first collector is ready: what an upgrade had to keep until then goes. */
void start_settle(struct supervisor *supervisor);

/* A failed start leaves everything as it was: what this process made goes, what it found stays. */
void start_undo(struct supervisor *supervisor);

#endif
