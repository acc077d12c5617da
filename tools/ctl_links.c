// SPDX-License-Identifier: GPL-2.0-or-later
/* Read a device's counters and its XDP program by RTM_GETLINK: no privilege is needed for it. */
#include "ctl_links.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "base/netlink.h"

int links_open(struct nl_sock **ret_socket)
{
	struct nl_sock *socket = netlink_open(NETLINK_ROUTE);

	if (!socket)
		return -EIO;
	nl_socket_disable_auto_ack(socket); /* the answer, or the error, is all that comes */
	*ret_socket = socket;
	return 0;
}

void links_close(struct nl_sock *socket)
{
	nl_socket_free(socket);
}

static void take_xdp(struct nlattr *nested, struct link_reading *reading)
{
	struct nlattr *xdp[IFLA_XDP_MAX + 1];

	if (nla_parse_nested(xdp, IFLA_XDP_MAX, nested, NULL) < 0)
		return;
	/* IFLA_XDP_PROG_ID is absent when programs of several modes are attached */
	if (xdp[IFLA_XDP_PROG_ID])
		reading->xdp_prog_id = nla_get_u32(xdp[IFLA_XDP_PROG_ID]);
	else if (xdp[IFLA_XDP_DRV_PROG_ID])
		reading->xdp_prog_id = nla_get_u32(xdp[IFLA_XDP_DRV_PROG_ID]);
	else if (xdp[IFLA_XDP_SKB_PROG_ID])
		reading->xdp_prog_id = nla_get_u32(xdp[IFLA_XDP_SKB_PROG_ID]);
}

static bool is_wireguard(struct nlattr *nested)
{
	struct nlattr *info[IFLA_INFO_MAX + 1];

	return nla_parse_nested(info, IFLA_INFO_MAX, nested, NULL) >= 0 && info[IFLA_INFO_KIND] &&
	       !nla_strcmp(info[IFLA_INFO_KIND], "wireguard");
}

struct request {
	const char *ifname;
	bool sent;
	struct link_reading reading;
};

static int take_link(struct nl_msg *message, void *argument)
{
	struct request *request = argument;
	struct link_reading *reading = &request->reading;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attrs[IFLA_MAX + 1];
	int queues = request->sent ? IFLA_NUM_TX_QUEUES : IFLA_NUM_RX_QUEUES;
	struct rtnl_link_stats64 stats = { 0 };

	if (header->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(header, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0)
		return NL_SKIP;
	if (!attrs[IFLA_IFNAME] || nla_strcmp(attrs[IFLA_IFNAME], request->ifname) != 0)
		return NL_SKIP;
	reading->present = true;
	reading->n_queues = 1;
	if (attrs[IFLA_STATS64])
		/* the attribute is aligned to 4 octets only */
		nla_memcpy(&stats, attrs[IFLA_STATS64], (int)sizeof(stats));
	reading->packets = request->sent ? stats.tx_packets : stats.rx_packets;
	reading->bytes = request->sent ? stats.tx_bytes : stats.rx_bytes;
	if (attrs[queues] && nla_get_u32(attrs[queues]))
		reading->n_queues = nla_get_u32(attrs[queues]);
	reading->encrypts = attrs[IFLA_LINKINFO] && is_wireguard(attrs[IFLA_LINKINFO]);
	if (attrs[IFLA_XDP])
		take_xdp(attrs[IFLA_XDP], reading);
	return NL_OK;
}

int links_read(struct nl_sock *socket, uint32_t ifindex, const char *ifname, bool sent,
	       struct link_reading *ret_reading)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct request request = { .ifname = ifname, .sent = sent };
	int r;

	r = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_link, &request);
	if (r == 0)
		r = nl_send_simple(socket, RTM_GETLINK, 0, &header, sizeof(header));
	if (r >= 0)
		r = nl_recvmsgs_default(socket);
	if (r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND)
		r = 0; /* the device is gone: present stays false */
	if (r < 0)
		return r == -NLE_NOMEM ? -ENOMEM : -EIO;
	*ret_reading = request.reading;
	return 0;
}
