/* SPDX-License-Identifier: GPL-2.0-or-later */
/* However the program of a slot is held: by a pin of ours, or behind libxdp's dispatcher by libxdp's.
 * Private to the parts of ports.h and port_attach.c. */
#ifndef IPACCT_DAEMON_PORT_HOLD_H
#define IPACCT_DAEMON_PORT_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "ports.h"

bool port_is_dispatched(const struct port *port);

/* What of a slot there is: a descriptor, or −ENOENT. */
int port_open(const struct ports *ports, struct port *port);
/* As hook_facts(); behind a dispatcher the descriptor follows its exchange. */
int port_facts(const struct ports *ports, struct port *port, struct link_facts *ret_facts);
/* Take the program away. Behind a dispatcher that may fail (said in the log): then all is as before. */
int port_release(const struct ports *ports, struct port *port);

/* Decide how to attach to the device; is it free for that? */
int port_choose(const struct ports *ports, struct port *port, uint32_t ifindex,
		struct ipacct_problem *ret_problem);
/* Attach, or replace, behind a dispatcher: 1 = another program counts now. */
int port_dispatch(const struct ports *ports, struct port *port, struct ipacct_problem *ret_problem);

/* Somebody took the program away, and it is back: what went by meanwhile.
 * before: the record as it was. */
void port_removed_note(struct port *port, const struct ipacct_interface *before);

#endif
