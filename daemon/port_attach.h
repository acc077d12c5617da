/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One slot and its hook: load the program, attach it or take over what is attached. Private to
 * the parts of ports.h. */
#ifndef IPACCT_DAEMON_PORT_ATTACH_H
#define IPACCT_DAEMON_PORT_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "ports.h"

/* What the configuration says about it, NULL: nothing. */
const struct config_interface *wanted_of(const struct config *config, const char *ifname);

uint32_t port_slot(const struct ports *ports, const struct port *port);
/* Into ipacct_ifs, where readers find it. */
int port_record_write(const struct ports *ports, const struct port *port);
/* Does it count what leaves? */
bool port_departures(const struct port *port);

/* Bits of record.flags that the configuration decides, and the program is told. */
#define PORT_FLAGS_WANTED (IPACCT_IFFLAG_INNER | IPACCT_IFFLAG_VLANS)

/* Is the program as it should be? */
bool port_is_settled(const struct port *port, const struct config_interface *wanted);

/* Warn of what the configuration says and only a detach could change. */
void port_stays_warn(const struct port *port, const struct config_interface *wanted);

/* What is pinned goes on; only the program behind it changes. wanted: NULL = settings as they are. */
int port_adopt(struct ports *ports, struct port *port, const struct config_interface *wanted,
	       struct ipacct_problem *ret_problem);

/* Attach the slot's program to a device that is there. */
int port_attach(struct ports *ports, struct port *port, uint32_t ifindex,
		struct ipacct_problem *ret_problem);

/* Settings of a slot that did not count before; on failure the caller restores the record.
 * ifindex: 0 = the device is not there. */
int port_begin(struct ports *ports, struct port *port, uint32_t ifindex,
	       const struct config_interface *wanted, uint8_t hook,
	       struct ipacct_problem *ret_problem);

#endif
