/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A router on a stick. */
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/netconf.h>

#include "base/cleanup.h"
#include "base/netlink.h"
#include "log.h"
#include "stacked.h"
#include "stick.h"

/* By netlink: a unit with ProcSubset=pid has no /proc/sys. MPLS has forwarding of another kind. */
static bool forwards(void)
{
	struct nl_sock *socket __cleanup(cleanup_netlink) = netlink_open(NETLINK_ROUTE);
	struct nl_cache *cache = NULL;
	bool found = false;

	if (socket && !rtnl_netconf_alloc_cache(socket, &cache)) {
		for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
			struct rtnl_netconf *one = (struct rtnl_netconf *)o;
			int family, index, on;

			found |= !rtnl_netconf_get_family(one, &family) &&
				 (family == AF_INET || family == AF_INET6) &&
				 !rtnl_netconf_get_ifindex(one, &index) && index > 0 &&
				 !rtnl_netconf_get_forwarding(one, &on) && on;
		}
		nl_cache_free(cache);
	}
	return found;
}

void stick_warn(const struct config *config)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *wanted = &config->interfaces[i];
		uint32_t ifindex = if_nametoindex(wanted->name);

		if (!(wanted->hooks & CONFIG_ARRIVALS) || !(wanted->hooks & CONFIG_DEPARTURES) ||
		    wanted->forwarded_twice || wanted->n_vlans || !ifindex)
			continue;
		if (stacked_alone(ifindex) && forwards())
			log_warning("%s: this host forwards and has no other device: what comes "
				    "and goes by %s is counted twice; count arrivals only (hooks: "
				    "[xdp]), or say `forwarded_twice: yes`",
				    wanted->name, wanted->name);
	}
}
