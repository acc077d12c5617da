/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One slot and its hook: load the program, attach it or take over what is attached. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "attach_hook.h"
#include "attach_tc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "link_layer.h"
#include "log.h"
#include "maps_make.h"
#include "port_attach.h"
#include "port_hold.h"
#include "program_tc.h"
#include "slot_seen.h"
#include "vlans.h"

uint32_t port_slot(const struct ports *ports, const struct port *port)
{
	return (uint32_t)(port - ports->port);
}

int port_record_write(const struct ports *ports, const struct port *port)
{
	uint32_t slot = port_slot(ports, port);

	return bpf_map_update_elem(ports->maps->ifs_fd, &slot, &port->record, BPF_ANY);
}

static int port_program(const struct ports *ports, const struct port *port)
{
	int domain = domain_slot(ports->maps, port->record.domain);

	if (domain < 0)
		return domain;
	if (port->record.hook == IPACCT_HOOK_XDP)
		return program_load(ports->maps, port_slot(ports, port), port->record.domain,
				    (uint32_t)domain, port->record.flags);
	return program_tc_load(ports->maps, port_slot(ports, port), port->record.domain,
			       (uint32_t)domain, port->record.flags);
}

/* What the program is to be told. A table that a program looks into is written when everything else
 * has worked (ports_apply). */
static void port_settle(struct ports *ports, struct port *port,
			const struct config_interface *wanted)
{
	struct ipacct_interface *record = &port->record;

	if (port->link_fd < 0 || !(record->flags & IPACCT_IFFLAG_VLANS))
		vlans_write(&ports->vlans[port_slot(ports, port)], wanted);
	record->domain = wanted->domain;
	record->flags &= (uint16_t)~PORT_FLAGS_WANTED;
	record->flags |= wanted->account == CONFIG_ACCOUNT_INNER ? IPACCT_IFFLAG_INNER : 0;
	record->flags |= wanted->n_vlans ? IPACCT_IFFLAG_VLANS : 0;
}

bool port_is_settled(const struct port *port, const struct config_interface *wanted)
{
	uint32_t flags = port->record.flags;

	return port->record.domain == wanted->domain &&
	       !(flags & IPACCT_IFFLAG_VLANS) == !wanted->n_vlans &&
	       !(flags & IPACCT_IFFLAG_INNER) == (wanted->account != CONFIG_ACCOUNT_INNER);
}

static void program_remember(struct port *port, int prog_fd)
{
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &bytes))
		return; /* then `status` does not show it */
	port->prog_id = info.id;
	memcpy(port->prog_name, info.name, sizeof(port->prog_name));
	memcpy(port->prog_tag, info.tag, sizeof(port->prog_tag));
}

static void port_log(const struct ports *ports, const struct port *port, const char *what)
{
	char pin[IPACCT_PIN_PATH_BYTES] = "";
	bool generic = port->record.mode == IPACCT_MODE_GENERIC;

	(void)hook_pin_path(ports->config->bpffs_dir, port_slot(ports, port), &port->record, pin,
			    sizeof(pin)); /* fits: it is pinned there */
	log_info("%s: %s, hook %s, mode %s%s, pinned %s %s", port->record.ifname, what,
		 ipacct_hook_name(port->record.hook), ipacct_mode_name(port->record.mode),
		 generic ? " (after GRO: not the wire's packets)" : "",
		 port->record.attach == IPACCT_ATTACH_TC ? "program" : "link", pin);
}

/* 1: another program counts now. */
static int program_replace(struct ports *ports, struct port *port)
{
	int prog_fd __cleanup(cleanup_fd) = port_program(ports, port);
	int ret = prog_fd < 0 ? prog_fd
			      : hook_replace(ports->config->bpffs_dir, port_slot(ports, port),
					     prog_fd, &port->record, &port->link_fd);

	if (ret)
		return ret;
	program_remember(port, prog_fd);
	ports->n_replaced++;
	return 1;
}

/* What holds the program, if the configuration wants something else to; or NULL. */
static const char *held_otherwise(const struct port *port, const struct config_interface *wanted)
{
	bool filter = port->record.attach == IPACCT_ATTACH_TC;

	if (port->record.hook == IPACCT_HOOK_XDP) {
		if (port_is_dispatched(port))
			return wanted->attach == CONFIG_ATTACH_LINK ? "libxdp's dispatcher" : NULL;
		return wanted->attach == CONFIG_ATTACH_DISPATCHER ? "a link of its own" : NULL;
	}
	if (wanted->attach == CONFIG_ATTACH_TC)
		return filter ? NULL : "a tcx link";
	/* before 6.6 there is nothing else */
	return filter && wanted->attach == CONFIG_ATTACH_LINK && tcx_known(port->record.ifindex)
		       ? "a filter"
		       : NULL;
}

void port_stays_warn(const struct port *port, const struct config_interface *wanted)
{
	const struct ipacct_interface *record = &port->record;
	const char *held = held_otherwise(port, wanted);

	if (held)
		log_warning("%s stays attached by %s (%s): another way means detaching it "
			    "(ipacctctl detach %s)",
			    record->ifname, held, ipacct_hook_name(record->hook), record->ifname);
	if (record->hook == IPACCT_HOOK_XDP && wanted->mode != record->mode)
		log_warning("%s stays in %s mode: another one means detaching it (ipacctctl detach "
			    "%s)",
			    record->ifname, ipacct_mode_name(record->mode), record->ifname);
}

/* The pinned link goes on; only the program behind it changes. */
int port_adopt(struct ports *ports, struct port *port, const struct config_interface *wanted,
	       struct ipacct_problem *ret_problem)
{
	int ret;

	if (wanted)
		port_settle(ports, port, wanted);
	ret = port_is_dispatched(port) ? port_dispatch(ports, port, ret_problem)
				       : program_replace(ports, port);
	if (ret < 0 && port_is_dispatched(port) && ret_problem->text[0])
		return ret; /* libxdp's reason, in words */
	if (ret < 0) {
		ipacct_problem_set(ret_problem,
				   "%s: cannot replace the program: %s (the old one "
				   "goes on counting)",
				   port->record.ifname, strerror(-ret));
		return ret;
	}
	port->record.state = IPACCT_IF_ATTACHED;
	port_log(ports, port, ret ? "adopted, program replaced" : "adopted, same program");
	return port_record_write(ports, port);
}

bool port_departures(const struct port *port)
{
	return port->record.hook == IPACCT_HOOK_TC_EGRESS;
}

/* What the witness needs: kernel counters and our own at the moment of attaching. */
static void witness_before(struct ports *ports, struct port *port, uint32_t ifindex)
{
	struct rtnl_counters counters = {};

	if (slot_seen(ports->place->runtime_dir_fd, ports->maps, ports->aside,
		      port_slot(ports, port), &port->record.base_seen_packets,
		      &port->record.base_seen_l2_bytes))
		log_warning("%s: earlier totals cannot be read, `verify` will show a residue",
			    port->record.ifname);
	if (rtnl_counters_read(ports->rtnl, ifindex, port_departures(port), &counters))
		log_warning("%s: the kernel does not tell its counters", port->record.ifname);
	port->record.base_rx_packets_before = counters.packets;
	port->record.base_rx_bytes_before = counters.bytes;
}

static void witness_after(struct ports *ports, struct port *port)
{
	struct rtnl_counters counters = {};

	(void)rtnl_counters_read(ports->rtnl, port->record.ifindex, port_departures(port),
				 &counters); /* said before */
	port->record.base_rx_packets_after = counters.packets;
	port->record.base_rx_bytes_after = counters.bytes;
}

static int port_link_layer(struct port *port, uint32_t ifindex, struct ipacct_problem *ret_problem)
{
	int ret = link_layer_of(port->record.ifname, ifindex, port->record.hook, ret_problem);

	if (ret < 0)
		return ret;
	if (ret && port->record.hook == IPACCT_HOOK_XDP) {
		/* the program would take addresses for a type; in XDP nothing tells the real one */
		ipacct_problem_set(ret_problem,
				   "%s: its frames begin with IP, XDP is for those of Ethernet: "
				   "count it at tc-ingress (-i %s:tc-ingress)",
				   port->record.ifname, port->record.ifname);
		return -EOPNOTSUPP;
	}
	port->record.flags &= (uint16_t)~IPACCT_IFFLAG_NO_ETHERNET;
	port->record.flags |= ret ? IPACCT_IFFLAG_NO_ETHERNET : 0;
	return 0;
}

int port_attach(struct ports *ports, struct port *port, uint32_t ifindex,
		struct ipacct_problem *ret_problem)
{
	bool clsact_before = port->record.flags & IPACCT_IFFLAG_CLSACT;
	int prog_fd __cleanup(cleanup_fd) = -1;
	int ret = port_link_layer(port, ifindex, ret_problem);

	if (!ret && port->record.hook == IPACCT_HOOK_XDP)
		ret = port_choose(ports, port, ifindex, ret_problem);
	if (ret)
		return ret;
	if (!port_is_dispatched(port)) /* that one is loaded for its dispatcher */
		prog_fd = port_program(ports, port);
	if (!port_is_dispatched(port) && prog_fd < 0) {
		ipacct_problem_set(ret_problem, "%s: cannot load the program: %s",
				   port->record.ifname, strerror(-prog_fd));
		return prog_fd;
	}
	witness_before(ports, port, ifindex);
	if (port->record.hook != IPACCT_HOOK_XDP) {
		port->record.ifindex = ifindex; /* how a filter is found after a crash, … */
		/* … and that its qdisc is ours: who is killed after making it can tell nobody */
		port->record.flags |= clsact_there(ifindex) ? 0 : IPACCT_IFFLAG_CLSACT;
	}
	ret = port_record_write(ports, port); /* the slot is known before it counts */
	if (ret)
		return ret;
	if (port_is_dispatched(port))
		(void)port_dispatch(ports, port, ret_problem); /* the descriptor tells */
	else
		port->link_fd = hook_create(ports->config->bpffs_dir, port_slot(ports, port),
					    prog_fd, ifindex, &port->record, ret_problem);
	if (port->record.attach != IPACCT_ATTACH_TC || (port->link_fd < 0 && !clsact_before))
		port->record.flags &= (uint16_t)~IPACCT_IFFLAG_CLSACT; /* it was not made */
	if (port->link_fd < 0)
		return port->link_fd;
	port->created = true;
	if (!port_is_dispatched(port))
		program_remember(port, prog_fd);
	port->record.ifindex = ifindex;
	port->record.state = IPACCT_IF_ATTACHED;
	port->record.attached_ns = ipacct_clock_ns(CLOCK_REALTIME);
	port->record.n_attached++;
	witness_after(ports, port);
	port_log(ports, port, "attached");
	return port_record_write(ports, port);
}

/* Settings of a slot that did not count before; on failure the caller restores the record. */
int port_begin(struct ports *ports, struct port *port, uint32_t ifindex,
	       const struct config_interface *wanted, uint8_t hook,
	       struct ipacct_problem *ret_problem)
{
	bool xdp = hook == IPACCT_HOOK_XDP;

	(void)snprintf(port->record.ifname, sizeof(port->record.ifname), "%s", wanted->name);
	port->record.hook = hook;
	port->record.mode = xdp ? wanted->mode : IPACCT_MODE_STACK;
	port->record.attach = xdp                                  ? IPACCT_ATTACH_LINK
			      : wanted->attach == CONFIG_ATTACH_TC ? IPACCT_ATTACH_TC
								   : IPACCT_ATTACH_TCX;
	port_settle(ports, port, wanted);
	if (ifindex)
		return port_attach(ports, port, ifindex, ret_problem);
	if (!wanted->optional) {
		ipacct_problem_set(ret_problem, "no interface '%s'", wanted->name);
		return -ENODEV;
	}
	port->record.state = IPACCT_IF_GONE;
	log_info("%s is not there yet: waiting for it", wanted->name);
	return port_record_write(ports, port);
}
