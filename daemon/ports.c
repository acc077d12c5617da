/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface slots: taken, given back, restored after a failure. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>

#include "attach_hook.h"
#include "attach_tc.h"
#include "base/cleanup.h"
#include "log.h"
#include "port_attach.h"
#include "port_hold.h"
#include "stick.h"
#include "ports_inner.h"
#include "vlans.h"

int ports_load(struct ports *ports)
{
	ports->vlans = vlans_map(ports->maps);
	if (!ports->vlans)
		return -errno;
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct port *port = &ports->port[slot];

		*port = (struct port){ .link_fd = -1 };
		if (bpf_map_lookup_elem(ports->maps->ifs_fd, &slot, &port->record))
			return -errno;
		if (!port->record.hook)
			continue;
		port->link_fd = port_open(ports, port);
		if (port->record.attach != IPACCT_ATTACH_TC) /* killed before it was attached */
			port->record.flags &= (uint16_t)~IPACCT_IFFLAG_CLSACT;
		if (port->link_fd < 0 && port->record.state == IPACCT_IF_ATTACHED) {
			log_warning("%s: its link pin is gone", port->record.ifname);
			port->removed = port_is_dispatched(port);
			port->record.state = IPACCT_IF_GONE;
		}
		port_look(ports, port);
	}
	return 0;
}

struct port *port_on(struct ports *ports, uint32_t ifindex, uint8_t hook)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && ifindex; slot++)
		if (ports->port[slot].link_fd >= 0 && !ports->port[slot].away &&
		    ports->port[slot].record.ifindex == ifindex &&
		    ports->port[slot].record.hook == hook)
			return &ports->port[slot];
	return NULL;
}

/* The slot whose link is on the device; else the one that had this name and has no device now; else
 * an unused one. A name alone does not make a slot the device's: devices come and go under it. */
static struct port *port_of(struct ports *ports, const char *ifname, uint32_t ifindex, uint8_t hook)
{
	struct port *found = port_on(ports, ifindex, hook);

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !found; slot++)
		if (ports->port[slot].record.hook == hook && ports->port[slot].link_fd < 0 &&
		    !strcmp(ports->port[slot].record.ifname, ifname))
			found = &ports->port[slot];
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !found; slot++)
		if (!ports->port[slot].record.hook)
			found = &ports->port[slot];
	return found;
}

static int port_start(struct ports *ports, const struct config_interface *wanted, uint8_t hook,
		      bool replace, struct ipacct_problem *ret_problem)
{
	uint32_t ifindex = if_nametoindex(wanted->name);
	struct port *port = port_of(ports, wanted->name, ifindex, hook);

	if (!port) {
		ipacct_problem_set(ret_problem, "%s: all %u interface slots are in use",
				   wanted->name, IPACCT_IFS_MAX);
		return -ENOSPC;
	}
	if (port->link_fd < 0)
		return port_begin(ports, port, ifindex, wanted, hook, ret_problem);
	port_stays_warn(port, wanted);
	if (!replace && port_is_settled(port, wanted))
		return 0;
	return port_adopt(ports, port, wanted, ret_problem);
}

const struct config_interface *wanted_of(const struct config *config, const char *ifname)
{
	for (size_t i = 0; i < config->n_interfaces; i++)
		if (!strcmp(config->interfaces[i].name, ifname))
			return &config->interfaces[i];
	return NULL;
}

/* The qdisc was made for a filter that is gone: it belongs to our other filter on it now, or goes. */
static void clsact_drop(struct ports *ports, struct port *port, uint32_t ifindex)
{
	uint8_t other = port_departures(port) ? IPACCT_HOOK_TC_INGRESS : IPACCT_HOOK_TC_EGRESS;
	struct port *heir = port_on(ports, ifindex, other);

	port->record.flags &= (uint16_t)~IPACCT_IFFLAG_CLSACT;
	(void)port_record_write(ports, port); /* an array slot of ours: cannot fail */
	if (heir && heir->record.attach == IPACCT_ATTACH_TC) {
		heir->record.flags |= IPACCT_IFFLAG_CLSACT;
		(void)port_record_write(ports, heir); /* likewise */
	} else if (ifindex) {
		clsact_remove_if_empty(ifindex);
	}
}

/* What cannot be released goes on counting, as the log says. */
static int port_drop(struct ports *ports, struct port *port, uint8_t state)
{
	uint32_t ifindex = port->record.ifindex;
	int ret = port_release(ports, port);

	if (ret)
		return ret;
	port->record.state = state;
	port->created = false;
	(void)port_record_write(ports, port); /* an array slot of ours: cannot fail */
	if (port->record.flags & IPACCT_IFFLAG_CLSACT)
		clsact_drop(ports, port, ifindex);
	return 0;
}

/* After a failure: every slot and every program as it was. */
static void ports_restore(struct ports *ports, const struct port *before)
{
	struct ipacct_problem problem = {};

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct port *port = &ports->port[slot];
		bool other_program = port->record.domain != before[slot].record.domain ||
				     port->record.flags != before[slot].record.flags;

		if (!memcmp(&port->record, &before[slot].record, sizeof(port->record)))
			continue;
		if (before[slot].link_fd < 0)
			(void)port_release(ports, port); /* said in the log */
		if (port->record.flags & ~before[slot].record.flags & IPACCT_IFFLAG_CLSACT)
			clsact_drop(ports, port, port->record.ifindex);
		port->record = before[slot].record;
		port->created = before[slot].created;
		(void)port_record_write(ports, port); /* an array slot of ours: cannot fail */
		if (port->link_fd >= 0 && other_program && port_adopt(ports, port, NULL, &problem))
			log_error("%s", problem.text);
	}
}

static int interface_start(struct ports *ports, const struct config_interface *wanted, bool replace,
			   struct ipacct_problem *ret_problem)
{
	int ret = 0;

	for (uint8_t hook = IPACCT_HOOK_XDP; hook < IPACCT_HOOKS && !ret; hook++)
		if (wanted->hooks & CONFIG_HOOK(hook))
			ret = port_start(ports, wanted, hook, replace, ret_problem);
	return ret;
}

/* Hooks that the entry of their interface does not list any more: to go on there would count twice
 * what the operator moved elsewhere. */
static void hooks_drop(struct ports *ports)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct port *port = &ports->port[slot];
		const struct config_interface *wanted =
			wanted_of(ports->config, port->record.ifname);

		if (!port->record.hook || port->record.state == IPACCT_IF_DETACHED || !wanted ||
		    wanted->hooks & CONFIG_HOOK(port->record.hook))
			continue;
		if (port_drop(ports, port, IPACCT_IF_DETACHED))
			log_error("%s: hook %s is not configured any more, but goes on counting",
				  port->record.ifname, ipacct_hook_name(port->record.hook));
		else
			log_info("%s: hook %s is not configured any more: detached",
				 port->record.ifname, ipacct_hook_name(port->record.hook));
	}
}

/* Domains of VLANs that changed while their interface counts. */
static void tables_write(struct ports *ports)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct ipacct_interface *record = &ports->port[slot].record;

		for (size_t i = 0; i < ports->config->n_interfaces && record->hook; i++)
			if (record->flags & IPACCT_IFFLAG_VLANS &&
			    !strcmp(ports->config->interfaces[i].name, record->ifname))
				vlans_write(&ports->vlans[slot], &ports->config->interfaces[i]);
	}
}

int ports_apply(struct ports *ports, bool replace_all, struct ipacct_problem *ret_problem)
{
	const struct config *config = ports->config;
	struct port before[IPACCT_IFS_MAX];
	int ret = vlans_domains_take(ports->maps, config, ret_problem);

	if (!ret)
		ret = ports_check_attached(ports, ret_problem);
	if (ret)
		return ret;
	memcpy(before, ports->port, sizeof(before));
	for (size_t i = 0; i < config->n_interfaces && !ret; i++)
		ret = interface_start(ports, &config->interfaces[i], replace_all, ret_problem);
	/* what an earlier run attached goes on counting, with this version's program */
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !ret && replace_all; slot++) {
		struct port *port = &ports->port[slot];

		if (port->link_fd < 0 || wanted_of(config, port->record.ifname))
			continue;
		ret = port_adopt(ports, port, NULL, ret_problem);
		if (!ret)
			log_info("%s is not configured, but was attached before: it goes on "
				 "(ipacctctl detach %s ends it)",
				 port->record.ifname, port->record.ifname);
	}
	if (ret) {
		ports_restore(ports, before);
		return ret;
	}
	hooks_drop(ports);
	tables_write(ports);
	ports_warn_of_tags(config);
	stick_warn(config);
	return 0;
}

int ports_replace_rest(struct ports *ports, struct ipacct_problem *ret_problem)
{
	int ret = 0;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !ret; slot++)
		if (ports->port[slot].link_fd >= 0 && !ports->port[slot].prog_id)
			ret = port_adopt(ports, &ports->port[slot], NULL, ret_problem);
	return ret;
}

int ports_rollback(struct ports *ports)
{
	int n = 0;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		if (!ports->port[slot].created)
			continue;
		n += !port_drop(ports, &ports->port[slot], IPACCT_IF_DETACHED);
	}
	return n;
}

int ports_detach(struct ports *ports, const char *ifname)
{
	int n = 0;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		struct port *port = &ports->port[slot];

		if (!port->record.hook || port->record.state == IPACCT_IF_DETACHED ||
		    (ifname && strcmp(port->record.ifname, ifname)))
			continue;
		if (port_drop(ports, port, IPACCT_IF_DETACHED))
			continue;
		log_info("%s: detached, hook %s", port->record.ifname,
			 ipacct_hook_name(port->record.hook));
		n++;
	}
	return n;
}

int ports_pin_missing(struct ports *ports)
{
	int n = 0, ret = 0;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && ret >= 0; slot++) {
		if (ports->port[slot].link_fd < 0)
			continue;
		ret = hook_pin_missing(ports->config->bpffs_dir, slot, &ports->port[slot].record,
				       ports->port[slot].link_fd);
		n += ret > 0;
	}
	return ret < 0 ? ret : n;
}

bool ports_attached(const struct ports *ports, const char *ifname)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct ipacct_interface *record = &ports->port[slot].record;

		if (record->hook && record->state != IPACCT_IF_DETACHED &&
		    (!ifname || !strcmp(record->ifname, ifname)))
			return true;
	}
	return false;
}

void ports_finish(struct ports *ports)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++)
		close_fd(&ports->port[slot].link_fd);
	vlans_unmap(ports->vlans);
	ports->vlans = NULL;
}
