/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of two programs on one interface counts: the supervisor's side of xdp/bpf/turn.bpf.h.
 *
 * An upgrade behind libxdp's dispatcher, o = the old program, n = the new one. Whichever runs first
 * copies `wanted` to `decided` of its CPU once a packet, and counts if that is not the second; the
 * second obeys `decided`. Each arrow is a grace period: no packet of before is on its way any more.
 *
 *	o alone, wanted = o             o counts
 *	n attached beside it       →    both run for every packet; o counts, n does not
 *	wanted = n                 →    one of them per packet, by one decision; then n only
 *	decided = n on every CPU        a CPU that had no packet since: it says so there as well
 *	o detached                 →    n alone; if it is the second it finds `decided` = n
 *
 * Nobody but the supervisor writes `decided` when it does: what the first program writes then is n,
 * too. So at every moment, and after a crash between any two lines, each packet is counted once. */
#ifndef IPACCT_DAEMON_TURN_H
#define IPACCT_DAEMON_TURN_H

#include <stdint.h>

#include "maps.h"

/* turn: enum ipacct_turn. Return 0 or a negative errno. */
int turn_want(const struct ipacct_maps *maps, uint32_t slot, uint64_t turn);
int turn_decide(const struct ipacct_maps *maps, uint32_t slot, uint64_t turn);
/* Who is wanted. */
int turn_wanted(const struct ipacct_maps *maps, uint32_t slot, uint64_t *ret_turn);

#endif
