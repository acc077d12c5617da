/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface slots. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "attach.h"
#include "attach_hook.h"
#include "attach_tc.h"
#include "base/cleanup.h"
#include "config_hooks.h"
#include "dispatcher.h"
#include "log.h"
#include "port_attach.h"
#include "port_hold.h"
#include "stacked.h"
#include "stick.h"
#include "vlans.h"

/* Is the XDP program on the device ours? */
static bool link_is_ours(const struct config *config, uint32_t ifindex)
{
	struct link_facts dispatched[IPACCT_IFS_MAX];
	size_t n;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		int fd __cleanup(cleanup_fd) = link_open(config->bpffs_dir, slot);
		struct link_facts facts;

		if (fd >= 0 && !link_facts(fd, &facts) && facts.ifindex == ifindex &&
		    facts.hook == IPACCT_HOOK_XDP)
			return true;
	}
	n = slots_without_link(config->bpffs_dir, IPACCT_ATTACH_DISPATCHER, dispatched);
	while (n--)
		if (dispatched[n].ifindex == ifindex)
			return true;
	return false;
}

int ports_check_dispatcher(const struct config *config, const struct dispatcher_use *dispatcher,
			   struct ipacct_problem *ret_problem)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *wanted = &config->interfaces[i];

		if (dispatcher->available || wanted->attach != CONFIG_ATTACH_DISPATCHER)
			continue;
		ipacct_problem_set(ret_problem,
				   "%s: no libxdp dispatcher here: %s; `attach: link` does without",
				   wanted->name, dispatcher->reason.text);
		return -EOPNOTSUPP;
	}
	return 0;
}

int ports_check(const struct config *config, struct ipacct_problem *ret_problem)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *wanted = &config->interfaces[i];
		uint32_t ifindex = if_nametoindex(wanted->name);
		int ret;

		if (!ifindex && wanted->optional)
			continue;
		if (!ifindex) {
			ipacct_problem_set(ret_problem,
					   "no interface '%s': `ip -br link` lists what "
					   "is there",
					   wanted->name);
			return -ENODEV;
		}
		if (!(wanted->hooks & CONFIG_HOOK(IPACCT_HOOK_XDP)) ||
		    link_is_ours(config, ifindex))
			continue;
		if (wanted->attach != CONFIG_ATTACH_LINK && dispatcher_on(ifindex))
			continue; /* to be joined, if that can be done */
		ret = foreign_check(ifindex, wanted->name, ret_problem);
		if (ret)
			return ret;
	}
	return stacked_check(config, ret_problem);
}

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

/* Compare what the slot says with the link and the device behind it. */
static void port_look(struct ports *ports, struct port *port)
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

static struct port *port_on(struct ports *ports, uint32_t ifindex, uint8_t hook)
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

/* The other hook of arrivals than the attached one: until that is gone both would count. */
static int arrivals_check(const struct ipacct_interface *record,
			  const struct config_interface *wanted, struct ipacct_problem *ret_problem)
{
	uint8_t attached = (uint8_t)CONFIG_HOOK(record->hook);

	if (!(attached & CONFIG_ARRIVALS) || wanted->hooks & attached ||
	    !(wanted->hooks & CONFIG_ARRIVALS))
		return 0;
	ipacct_problem_set(ret_problem,
			   "%s counts arrivals at %s; at another hook they would be counted twice "
			   "until it is gone: `ipacctctl detach %s` first",
			   record->ifname, ipacct_hook_name(record->hook), record->ifname);
	return -EINVAL;
}

/* What an earlier run attached goes on, so it must not count what a configured interface counts, too. */
static int attached_check(const struct ports *ports, struct ipacct_problem *ret_problem)
{
	const struct config *config = ports->config;

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct ipacct_interface *record = &ports->port[slot].record;
		struct config_interface attached = { .hooks = (uint8_t)CONFIG_HOOK(record->hook),
						     .domain = record->domain };

		const struct config_interface *wanted = wanted_of(config, record->ifname);
		int ret;

		/* also where the device is gone: it would count again as soon as it returns */
		if (ports->port[slot].link_fd < 0 && record->state != IPACCT_IF_GONE)
			continue;
		if (wanted) {
			ret = arrivals_check(record, wanted, ret_problem);
			if (ret)
				return ret;
			continue;
		}
		if (record->flags & IPACCT_IFFLAG_VLANS)
			vlans_read(&ports->vlans[slot], &attached);
		for (size_t i = 0; i < config->n_interfaces; i++) {
			if (!config_hooks_twice(&attached, &config->interfaces[i]))
				continue;
			ipacct_problem_set(
				ret_problem,
				"%s is attached (%s) and not configured: what is forwarded "
				"between it and %s would be counted twice; `ipacctctl detach "
				"%s` ends it",
				record->ifname, ipacct_hook_name(record->hook),
				config->interfaces[i].name, record->ifname);
			return -EINVAL;
		}
	}
	return 0;
}

/* XDP counts what has no tag in its frame in the domain of the interface. */
static void tags_warn(const struct config *config)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *wanted = &config->interfaces[i];

		if (wanted->n_vlans && wanted->hooks & CONFIG_HOOK(IPACCT_HOOK_XDP) &&
		    device_strips_tags(wanted->name))
			log_warning("%s takes VLAN tags off before XDP, so vlan_domains cannot "
				    "see them: ethtool -K %s rxvlan off",
				    wanted->name, wanted->name);
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
		ret = attached_check(ports, ret_problem);
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
	tags_warn(config);
	stick_warn(config);
	return 0;
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
