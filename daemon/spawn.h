/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The collector as a child: start, ask, stop, and start again when it dies. */
#ifndef IPACCT_DAEMON_SPAWN_H
#define IPACCT_DAEMON_SPAWN_H

struct supervisor;

/* Returns 0 or a negative errno. */
int collector_spawn(struct supervisor *supervisor);

/* Let it make its last cut and wait for its end (at most 10 s, then kill it: nothing is lost). */
void collector_stop(struct supervisor *supervisor);

/* After SIGCHLD: arrange for a new one within a second, or stop when it says that it cannot run. */
void collector_reap(struct supervisor *supervisor);

#endif
