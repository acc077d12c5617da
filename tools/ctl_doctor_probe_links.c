// SPDX-License-Identifier: GPL-2.0-or-later
/* Probe of the doctor: every link of this network namespace, by one RTM_GETLINK dump. */
#include "ctl_doctor.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl_links.h"

static void cleanup_links(struct nl_sock **socket)
{
	if (*socket)
		links_close(*socket);
}

/* Kinds whose link is the device that feeds them; of veth it is the peer, of a tunnel the carrier. */
static const char *const fed_kinds[] = {
	"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"
};

static bool is_fed(const char *kind)
{
	for (size_t i = 0; i < sizeof(fed_kinds) / sizeof(fed_kinds[0]); i++)
		if (strcmp(kind, fed_kinds[i]) == 0)
			return true;
	return false;
}

static void take_kind(struct nlattr *nested, struct doctor_device *device)
{
	struct nlattr *info[IFLA_INFO_MAX + 1];

	if (nla_parse_nested(info, IFLA_INFO_MAX, nested, NULL) == 0 && info[IFLA_INFO_KIND])
		nla_strlcpy(device->kind, info[IFLA_INFO_KIND], sizeof(device->kind));
}

static void take_program(struct nlattr *nested, struct doctor_device *device)
{
	static const enum doctor_xdp_mode modes[] = {
		[XDP_ATTACHED_NONE] = XDP_MODE_NONE,   [XDP_ATTACHED_DRV] = XDP_MODE_NATIVE,
		[XDP_ATTACHED_SKB] = XDP_MODE_GENERIC, [XDP_ATTACHED_HW] = XDP_MODE_OTHER,
		[XDP_ATTACHED_MULTI] = XDP_MODE_OTHER,
	};
	struct nlattr *xdp[IFLA_XDP_MAX + 1];
	uint8_t mode;

	if (nla_parse_nested(xdp, IFLA_XDP_MAX, nested, NULL) < 0 || !xdp[IFLA_XDP_ATTACHED])
		return;
	mode = nla_get_u8(xdp[IFLA_XDP_ATTACHED]);
	device->xdp_mode = mode < sizeof(modes) / sizeof(modes[0]) ? modes[mode] : XDP_MODE_OTHER;
	if (xdp[IFLA_XDP_PROG_ID])
		device->xdp_prog_id = nla_get_u32(xdp[IFLA_XDP_PROG_ID]);
	else if (xdp[IFLA_XDP_DRV_PROG_ID]) /* programs of several modes: the first of them */
		device->xdp_prog_id = nla_get_u32(xdp[IFLA_XDP_DRV_PROG_ID]);
}

static void take_stats(struct nlattr *attribute, struct doctor_device *device)
{
	struct rtnl_link_stats64 stats = { 0 };

	nla_memcpy(&stats, attribute, (int)sizeof(stats)); /* aligned to 4 octets only */
	device->rx_packets = stats.rx_packets;
	device->rx_missed = stats.rx_missed_errors;
	device->rx_over = stats.rx_over_errors;
	device->rx_fifo = stats.rx_fifo_errors;
	device->rx_crc = stats.rx_crc_errors;
	device->rx_nohandler = stats.rx_nohandler;
}

static int take_link(struct nl_msg *message, void *argument)
{
	struct doctor_facts *facts = argument;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct ifinfomsg *link = nlmsg_data(header);
	struct nlattr *attrs[IFLA_MAX + 1];
	struct doctor_device *device;

	if (header->nlmsg_type != RTM_NEWLINK || link->ifi_flags & IFF_LOOPBACK ||
	    nlmsg_parse(header, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0 ||
	    !attrs[IFLA_IFNAME])
		return NL_SKIP;
	if (facts->n_devices == DOCTOR_DEVICES_MAX) {
		facts->devices_left_out = true;
		return NL_SKIP;
	}
	device = &facts->devices[facts->n_devices++];
	*device = (struct doctor_device){
		.ifindex = (uint32_t)link->ifi_index,
		.up = link->ifi_flags & IFF_UP,
		.xdp_features = UNKNOWN,
		.n_tc_programs = UNKNOWN,
		.n_rx_queues = UNKNOWN,
		.n_rx_queues_max = UNKNOWN,
		.ring = UNKNOWN,
		.ring_max = UNKNOWN,
		.xdp_drops = UNKNOWN,
	};
	nla_strlcpy(device->ifname, attrs[IFLA_IFNAME], sizeof(device->ifname));
	if (attrs[IFLA_LINKINFO])
		take_kind(attrs[IFLA_LINKINFO], device);
	if (attrs[IFLA_MTU])
		device->mtu = nla_get_u32(attrs[IFLA_MTU]);
	if (attrs[IFLA_MASTER])
		device->master = nla_get_u32(attrs[IFLA_MASTER]);
	if (attrs[IFLA_LINK] && !attrs[IFLA_LINK_NETNSID] && is_fed(device->kind))
		device->lower = nla_get_u32(attrs[IFLA_LINK]);
	if (attrs[IFLA_XDP])
		take_program(attrs[IFLA_XDP], device);
	if (attrs[IFLA_STATS64])
		take_stats(attrs[IFLA_STATS64], device);
	return NL_OK;
}

static int dump_links(struct doctor_facts *facts)
{
	struct nl_sock *socket __cleanup(cleanup_links) = NULL;
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	int r = links_open(&socket);

	if (r < 0)
		return r;
	r = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_link, facts);
	if (r == 0)
		r = nl_send_simple(socket, RTM_GETLINK, NLM_F_DUMP, &header, sizeof(header));
	if (r >= 0)
		r = nl_recvmsgs_default(socket);
	return r < 0 ? -EIO : 0;
}

void doctor_probe_links(struct doctor_facts *facts)
{
	facts->links_error = dump_links(facts);
	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct doctor_device *master =
			doctor_device_find(facts, facts->devices[i].master);

		if (master)
			memcpy(facts->devices[i].master_kind, master->kind, sizeof(master->kind));
	}
}
