/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can this kernel run libxdp's dispatcher, so that other XDP programs live beside ours? */
#ifndef IPACCT_DAEMON_PROBE_H
#define IPACCT_DAEMON_PROBE_H

#include <stdbool.h>

#include "ipacct/ipacct.h"

/* Tries it once on `lo` of a network namespace of its own, in a child process: nothing outside is
 * touched. ret_reason says in words what was found. */
bool probe_dispatcher(struct ipacct_problem *ret_reason);

#endif
