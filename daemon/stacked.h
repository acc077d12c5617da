/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices above others (VLAN, bond, bridge, macvlan): a packet is counted at one place. */
#ifndef IPACCT_DAEMON_STACKED_H
#define IPACCT_DAEMON_STACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "ipacct/ipacct.h"

/* Would a packet be counted twice, at a device and at one above it, because both count arrivals or both
 * departures? That is about every packet and no matter of `forwarded_twice`. Looks at what is configured and
 * at what is attached already. −EINVAL and both names in ret_problem, −errno when the kernel does not
 * answer, else 0. The kernel itself refuses only some of these pairs. */
int stacked_check(const struct config *config, struct ipacct_problem *ret_problem);

/* Does every other device here, the loopback aside, lie above this one? false also when the kernel does
 * not say. */
bool stacked_alone(uint32_t ifindex);

#endif
