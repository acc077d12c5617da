/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface slots: devices that are renamed, go and come back. */
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "log.h"
#include "port_attach.h"
#include "port_hold.h"
#include "ports_inner.h"

/* The name belongs to another device now: the slot that waits for it stops waiting. */
static void name_retire(struct ports *ports, const struct port *except, const char *name)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct port *port = &ports->port[slot];

		if (port == except || port->link_fd >= 0 ||
		    port->record.hook != except->record.hook ||
		    port->record.state != IPACCT_IF_GONE || strcmp(port->record.ifname, name))
			continue;
		port->record.state = IPACCT_IF_DETACHED;
		(void)port_record_write(ports, port); /* an array slot of ours: cannot fail */
	}
}

static void port_rename(struct ports *ports, struct port *port, const char *name)
{
	name_retire(ports, port, name);
	log_info("%s is called %s now: its counters go on", port->record.ifname, name);
	memset(port->record.ifname, 0, sizeof(port->record.ifname));
	(void)snprintf(port->record.ifname, sizeof(port->record.ifname), "%s", name);
	(void)port_record_write(ports, port); /* an array slot of ours: cannot fail */
}

static void port_gone(struct ports *ports, struct port *port)
{
	char name[IF_NAMESIZE];

	bool dispatched = port_is_dispatched(port);

	port->removed = (dispatched || port->record.attach == IPACCT_ATTACH_TC) &&
			if_indextoname(port->record.ifindex, name);
	if (port->removed) {
		log_warning("%s: somebody removed our %s (%s): it is put back", port->record.ifname,
			    dispatched ? "program from its dispatcher" : "filter",
			    ipacct_hook_name(port->record.hook));
	} else {
		log_warning("%s is gone: counting resumes when it returns", port->record.ifname);
		port->record.flags &= (uint16_t)~IPACCT_IFFLAG_CLSACT; /* went with it */
	}
	if (dispatched)
		close_fd(&port->link_fd); /* nothing else is left of it */
	else
		(void)port_release(ports, port);
	port->record.ifindex = 0;
	port->record.state = IPACCT_IF_GONE;
	(void)port_record_write(ports, port); /* an array slot of ours: cannot fail */
}

void port_look(struct ports *ports, struct port *port)
{
	struct link_facts facts;
	char name[IF_NAMESIZE];

	if (port->link_fd < 0 || port_facts(ports, port, &facts))
		return;
	if (!facts.ifindex) {
		port_gone(ports, port);
		return;
	}
	if (!if_indextoname(facts.ifindex, name)) {
		if (!port->away)
			log_warning("%s moved to another network namespace: it is still counted",
				    port->record.ifname);
		port->away = true;
		return;
	}
	port->away = false;
	port->record.ifindex = facts.ifindex;
	if (strcmp(name, port->record.ifname))
		port_rename(ports, port, name);
}

/* A slot whose device was gone: is it back? Returns whether to try again later. */
static bool port_return(struct ports *ports, struct port *port)
{
	uint32_t ifindex = if_nametoindex(port->record.ifname);
	const struct ipacct_interface before = port->record;
	struct ipacct_problem problem = {};
	int ret;

	if (!ifindex || port_on(ports, ifindex, port->record.hook))
		return false;
	ret = port_attach(ports, port, ifindex, &problem);
	if (ret && ret != port->last_error)
		log_warning("%s is back, but: %s", port->record.ifname,
			    problem.text[0] ? problem.text : strerror(-ret));
	port->last_error = ret;
	/* counters of a new device begin at 0; how many passed a missing filter nobody knows */
	if (!ret && port->removed && before.attach == IPACCT_ATTACH_DISPATCHER) {
		port_removed_note(port, &before);
	} else if (!ret && !port->removed && port->record.base_rx_packets_before) {
		port->blind_packets += port->record.base_rx_packets_before;
		log_warning("%s: %" PRIu64 " packets came before it was attached to: not counted",
			    port->record.ifname, (uint64_t)port->record.base_rx_packets_before);
	}
	return ret != 0;
}

bool ports_reconcile(struct ports *ports)
{
	bool again = false;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct port *port = &ports->port[slot];

		if (!port->record.hook || port->record.state == IPACCT_IF_DETACHED)
			continue;
		port_look(ports, port);
		if (port->link_fd < 0)
			again |= port_return(ports, port);
	}
	return again;
}
