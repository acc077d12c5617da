/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices above others: the one below counts, with the tags and before any copy is made. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "attach.h"
#include "base/cleanup.h"
#include "base/netlink.h"
#include "dispatcher_find.h"
#include "maps.h"
#include "stacked.h"

#define DEPTH_MAX   8u                   /* linux/netdevice.h MAX_NEST_DEV */
#define COUNTED_MAX (4 * IPACCT_IFS_MAX) /* configured, links, behind dispatchers, filters */

/* Devices, each with hooks that count there: a device may be in it more than once. */
struct counted {
	struct {
		uint32_t ifindex;
		unsigned int hooks; /* CONFIG_HOOK() */
	} at[COUNTED_MAX];
	size_t n;
};

static void counted_add(struct counted *counted, uint32_t ifindex, unsigned int hooks)
{
	if (!ifindex)
		return;
	counted->at[counted->n].ifindex = ifindex;
	counted->at[counted->n++].hooks = hooks;
}

/* Kinds whose link is the device that feeds them; of veth it is the peer, of a tunnel what carries it. */
static const char *const fed_kinds[] = {
	"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"
};

/* The device that feeds this one, 0 if it is in another network namespace or there is none. */
static uint32_t feeder(struct rtnl_link *link)
{
	const char *kind = rtnl_link_get_type(link);
	int32_t netns;

	if (!kind || !rtnl_link_get_link_netnsid(link, &netns))
		return 0;
	for (size_t i = 0; i < sizeof(fed_kinds) / sizeof(*fed_kinds); i++)
		if (!strcmp(kind, fed_kinds[i]))
			return (uint32_t)rtnl_link_get_link(link);
	return 0;
}

static uint32_t master_of(struct nl_cache *links, uint32_t ifindex)
{
	struct rtnl_link *link = rtnl_link_get(links, (int)ifindex);
	uint32_t master = link ? (uint32_t)rtnl_link_get_master(link) : 0;

	if (link)
		rtnl_link_put(link);
	return master;
}

/* Do packets of `lower` come to `upper` as well: as to its VLAN, its bond, its bridge? */
static bool lies_above(struct nl_cache *links, uint32_t upper, uint32_t lower, unsigned int depth)
{
	uint32_t master = master_of(links, lower);

	if (depth > DEPTH_MAX)
		return false;
	for (struct nl_object *o = nl_cache_get_first(links); o; o = nl_cache_get_next(o)) {
		struct rtnl_link *link = (struct rtnl_link *)o;
		uint32_t ifindex = (uint32_t)rtnl_link_get_ifindex(link);

		if (ifindex != master && feeder(link) != lower)
			continue;
		if (ifindex == upper || lies_above(links, upper, ifindex, depth + 1))
			return true;
	}
	return false;
}

static void counted_find(const struct config *config, struct counted *ret_counted)
{
	static const uint8_t linkless[] = { IPACCT_ATTACH_DISPATCHER, IPACCT_ATTACH_TC };

	struct link_facts found[IPACCT_IFS_MAX];

	ret_counted->n = 0;
	for (size_t i = 0; i < config->n_interfaces; i++)
		counted_add(ret_counted, if_nametoindex(config->interfaces[i].name),
			    config->interfaces[i].hooks);
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		int fd __cleanup(cleanup_fd) = link_open(config->bpffs_dir, slot);
		struct link_facts facts;

		if (fd >= 0 && !link_facts(fd, &facts))
			counted_add(ret_counted, facts.ifindex, CONFIG_HOOK(facts.hook));
	}
	for (size_t i = 0; i < sizeof(linkless) / sizeof(*linkless); i++) {
		size_t n = slots_without_link(config->bpffs_dir, linkless[i], found);

		while (n--)
			counted_add(ret_counted, found[n].ifindex, CONFIG_HOOK(found[n].hook));
	}
}

/* Arrivals at both, or departures at both: what arrives below and what leaves above are different packets,
 * but where they are forwarded, and then config_hooks.h decides. */
static bool same_direction(unsigned int a, unsigned int b)
{
	return (a & CONFIG_ARRIVALS && b & CONFIG_ARRIVALS) ||
	       (a & CONFIG_DEPARTURES && b & CONFIG_DEPARTURES);
}

static int pairs_check(struct nl_cache *links, const struct counted *counted,
		       struct ipacct_problem *ret_problem)
{
	char upper[IF_NAMESIZE] = "?", lower[IF_NAMESIZE] = "?"; /* gone meanwhile, say */

	for (size_t i = 0; i < counted->n; i++)
		for (size_t j = 0; j < counted->n; j++) {
			if (!same_direction(counted->at[i].hooks, counted->at[j].hooks) ||
			    !lies_above(links, counted->at[i].ifindex, counted->at[j].ifindex, 0))
				continue;
			(void)if_indextoname(counted->at[i].ifindex, upper);
			(void)if_indextoname(counted->at[j].ifindex, lower);
			ipacct_problem_set(ret_problem,
					   "%s lies above %s: its packets would be counted twice; "
					   "count at %s only",
					   upper, lower, lower);
			return -EINVAL;
		}
	return 0;
}

/* All links of this network namespace: the cache and its socket are the caller's to free. */
static int links_read(struct nl_sock **ret_socket, struct nl_cache **ret_links)
{
	*ret_links = NULL;
	*ret_socket = netlink_open(NETLINK_ROUTE);
	if (!*ret_socket || rtnl_link_alloc_cache(*ret_socket, AF_UNSPEC, ret_links))
		return -EIO;
	return 0;
}

static void links_free(struct nl_sock *socket, struct nl_cache *links)
{
	if (links)
		nl_cache_free(links);
	if (socket)
		nl_socket_free(socket);
}

bool stacked_alone(uint32_t ifindex)
{
	struct nl_sock *socket;
	struct nl_cache *links;
	bool alone = !links_read(&socket, &links);

	for (struct nl_object *o = alone ? nl_cache_get_first(links) : NULL; o && alone;
	     o = nl_cache_get_next(o)) {
		struct rtnl_link *link = (struct rtnl_link *)o;
		uint32_t other = (uint32_t)rtnl_link_get_ifindex(link);

		alone = other == ifindex || rtnl_link_get_flags(link) & IFF_LOOPBACK ||
			lies_above(links, other, ifindex, 0);
	}
	links_free(socket, links);
	return alone;
}

int stacked_check(const struct config *config, struct ipacct_problem *ret_problem)
{
	struct nl_sock *socket;
	struct nl_cache *links;
	struct counted counted;
	int ret = links_read(&socket, &links);

	counted_find(config, &counted);
	if (!ret)
		ret = pairs_check(links, &counted, ret_problem);
	else
		ipacct_problem_set(ret_problem, "the kernel does not list its links");
	links_free(socket, links);
	return ret;
}
