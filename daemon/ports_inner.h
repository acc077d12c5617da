/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of ports.h share: ports.c, ports_check.c, ports_follow.c. */
#ifndef IPACCT_DAEMON_PORTS_INNER_H
#define IPACCT_DAEMON_PORTS_INNER_H

#include "ports.h"

/* The slot whose link is on the device; NULL: none. */
struct port *port_on(struct ports *ports, uint32_t ifindex, uint8_t hook);

/* Compare what the slot says with the link and the device behind it. */
void port_look(struct ports *ports, struct port *port);

/* What an earlier run attached goes on, so it must not count what a configured interface counts, too.
 * -EINVAL with words in ret_problem. */
int ports_check_attached(const struct ports *ports, struct ipacct_problem *ret_problem);

/* XDP counts what has no tag in its frame in the domain of the interface. */
void ports_warn_of_tags(const struct config *config);

#endif
