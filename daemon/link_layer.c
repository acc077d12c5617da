/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a frame begins with where a tc program sees it: a program at tc-ingress gets the frame from its
 * mac header on. */
#include <errno.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>

#include <netlink/addr.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "base/cleanup.h"
#include "base/netlink.h"
#include "link_layer.h"
#include "maps.h"

/* net/if_arp.h of glibc lacks some of linux/if_arp.h */
#define TYPE_RAWIP 519 /* ARPHRD_RAWIP */
#define TYPE_NONE  0xfffe

/* net/xfrm/xfrm_input.c xfrm4_remove_tunnel_encap(): skb_mac_header_rebuild() puts the header of the
 * device below, whatever that is, in front of the packet. */
static bool decrypts(const char *kind)
{
	static const char *const kinds[] = { "xfrm", "vti", "vti6" };

	for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}

int link_layer(unsigned int type, const char *kind, uint32_t remote, uint8_t hook)
{
	/* net/ipv4/ip_gre.c ipgre_tunnel_init(): only these have header_ops, which write the outer
	 * header before tc egress and keep it for tc ingress (__ipgre_rcv(), Linux 5.14) */
	if (type == ARPHRD_IPGRE && (!remote || IN_MULTICAST(remote)))
		return -EDESTADDRREQ;
	if (hook == IPACCT_HOOK_TC_INGRESS && decrypts(kind))
		return -EOPNOTSUPP;
	switch (type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return 0;
	case ARPHRD_PPP:
	case TYPE_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case TYPE_NONE:
		return 1;
	default:
		return -EAFNOSUPPORT;
	}
}

static int facts_read(uint32_t ifindex, struct rtnl_link **ret_link)
{
	struct nl_sock *socket __cleanup(cleanup_netlink) = netlink_open(NETLINK_ROUTE);

	if (!socket || rtnl_link_get_kernel(socket, (int)ifindex, NULL, ret_link))
		return -ENODEV;
	return 0;
}

/* Of a tunnel over IPv4 the broadcast address is the other end's. */
static uint32_t remote_of(struct rtnl_link *link)
{
	struct nl_addr *address = rtnl_link_get_broadcast(link);
	uint32_t remote_be = 0;

	if (address && nl_addr_get_len(address) == sizeof(remote_be))
		memcpy(&remote_be, nl_addr_get_binary_addr(address), sizeof(remote_be));
	return ntohl(remote_be);
}

int link_layer_of(const char *ifname, uint32_t ifindex, uint8_t hook,
		  struct ipacct_problem *ret_problem)
{
	struct rtnl_link *link = NULL;
	int ret = facts_read(ifindex, &link);

	if (!ret) {
		ret = link_layer(rtnl_link_get_arptype(link), rtnl_link_get_type(link),
				 remote_of(link), hook);
		rtnl_link_put(link);
	}
	if (ret == -EDESTADDRREQ)
		ipacct_problem_set(
			ret_problem,
			"%s: packets of a GRE device without a remote end begin with those "
			"around them: count the tunnel at the device below (account: inner)",
			ifname);
	else if (ret == -EOPNOTSUPP)
		ipacct_problem_set(
			ret_problem,
			"%s: at tc-ingress its packets begin with a header of the device "
			"below: count departures only (hooks: [tc-egress])",
			ifname);
	else if (ret < 0)
		ipacct_problem_set(ret_problem,
				   "%s: its frames begin neither with Ethernet nor with IP: %s",
				   ifname, strerror(-ret));
	return ret;
}
