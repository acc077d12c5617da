/* SPDX-License-Identifier: GPL-2.0-or-later */
/* However the program of a slot is held. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "attach_hook.h"
#include "base/cleanup.h"
#include "dispatcher.h"
#include "log.h"
#include "port_attach.h"
#include "port_hold.h"

bool port_is_dispatched(const struct port *port)
{
	return port->record.attach == IPACCT_ATTACH_DISPATCHER;
}

int port_open(const struct ports *ports, struct port *port)
{
	int fd;

	if (port_is_dispatched(port))
		return dispatcher_open(ports->maps, &port->record);
	fd = hook_open(ports->config->bpffs_dir, port_slot(ports, port), &port->record);
	if (fd != -ENOENT || port->record.attach != IPACCT_ATTACH_TCX)
		return fd;
	/* killed after it fell back to a filter and before the record said so? */
	port->record.attach = IPACCT_ATTACH_TC;
	fd = hook_open(ports->config->bpffs_dir, port_slot(ports, port), &port->record);
	if (fd < 0)
		port->record.attach = IPACCT_ATTACH_TCX;
	return fd;
}

int port_facts(const struct ports *ports, struct port *port, struct link_facts *ret_facts)
{
	if (port_is_dispatched(port))
		return dispatcher_look(ports->maps, &port->record, &port->link_fd, ret_facts);
	return hook_facts(port->link_fd, &port->record, ret_facts);
}

int port_release(const struct ports *ports, struct port *port)
{
	struct ipacct_problem problem = {};
	int ret;

	if (!port_is_dispatched(port)) {
		hook_remove(ports->config->bpffs_dir, port_slot(ports, port), &port->record,
			    &port->link_fd);
		return 0;
	}
	ret = dispatcher_remove(ports->maps, &port->record, &port->link_fd, &problem);
	if (ret)
		log_error("%s", problem.text[0] ? problem.text : strerror(-ret));
	return ret;
}

/* A dispatcher that others have there is joined; else a link of our own, which nobody can take away. */
static uint8_t xdp_attach_of(const struct ports *ports, const struct port *port, uint32_t ifindex)
{
	const struct config_interface *wanted = wanted_of(ports->config, port->record.ifname);

	if (!wanted)
		return port->record.attach;
	if (wanted->attach == CONFIG_ATTACH_DISPATCHER ||
	    (wanted->attach != CONFIG_ATTACH_LINK && ports->dispatcher->available &&
	     dispatcher_on(ifindex)))
		return IPACCT_ATTACH_DISPATCHER;
	return IPACCT_ATTACH_LINK;
}

int port_choose(const struct ports *ports, struct port *port, uint32_t ifindex,
		struct ipacct_problem *ret_problem)
{
	port->record.attach = xdp_attach_of(ports, port, ifindex);
	if (!port_is_dispatched(port))
		return foreign_check(ifindex, port->record.ifname, ret_problem);
	port->record.ifindex = ifindex; /* how it is found after a crash */
	return ports_check_dispatcher(ports->config, ports->dispatcher, ret_problem);
}

/* Others before ours may drop packets: libxdp lets anybody choose a priority. */
static void dispatched_remember(const struct ports *ports, struct port *port)
{
	struct dispatched found[DISPATCHER_OURS_MAX];

	if (dispatcher_find(ports->maps, port->record.ifindex, found) > 0) {
		port->prog_id = found[0].prog_id;
		memcpy(port->prog_name, found[0].name, sizeof(port->prog_name));
		memcpy(port->prog_tag, found[0].tag, sizeof(port->prog_tag));
		if (found[0].position)
			log_warning("%s: %u programs run before ours: what they drop is not seen",
				    port->record.ifname, found[0].position);
	}
	dispatched_close(found);
}

int port_dispatch(const struct ports *ports, struct port *port, struct ipacct_problem *ret_problem)
{
	uint32_t slot = port_slot(ports, port);
	int ret = 1;

	if (port->link_fd >= 0)
		ret = dispatcher_update(ports->maps, slot, &port->record, &port->link_fd,
					ret_problem);
	else
		port->link_fd = dispatcher_attach(ports->maps, slot, &port->record, ret_problem);
	if (port->link_fd < 0)
		return port->link_fd;
	dispatched_remember(ports, port);
	return ret;
}

/* The kernel's count goes on without the program: what it has more is what the program missed. */
void port_removed_note(struct port *port, const struct ipacct_interface *before)
{
	uint64_t seen = port->record.base_seen_packets - before->base_seen_packets;
	uint64_t expected =
		before->base_rx_packets_after + seen; /* had it been there all the time */
	uint64_t received =
		port->record.base_rx_packets_before; /* less after a reset of the driver */
	uint64_t missed = received > expected ? received - expected : 0;

	port->removed = false;
	port->blind_packets += missed;
	log_warning("%s: the program is back; about %" PRIu64
		    " packets came without it: not counted",
		    port->record.ifname, missed);
}
