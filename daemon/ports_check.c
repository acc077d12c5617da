/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface slots: what of a configuration cannot be, or would count twice. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "attach.h"
#include "base/cleanup.h"
#include "config_hooks.h"
#include "dispatcher.h"
#include "log.h"
#include "port_attach.h"
#include "ports_inner.h"
#include "stacked.h"
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

int ports_check_attached(const struct ports *ports, struct ipacct_problem *ret_problem)
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

void ports_warn_of_tags(const struct config *config)
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
