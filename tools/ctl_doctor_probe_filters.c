// SPDX-License-Identifier: GPL-2.0-or-later
/* Probe of the doctor: tc filters, nftables flowtables that hardware runs, and what the driver says it
 * can do with XDP; all by netlink. */
#include "ctl_doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/netlink.h"

/* linux/netdev.h, which Debian 12 has not got */
#define NETDEV_FAMILY       "netdev"
#define NETDEV_CMD_GET      1 /* NETDEV_CMD_DEV_GET */
#define NETDEV_IFINDEX      1 /* NETDEV_A_DEV_IFINDEX */
#define NETDEV_XDP_FEATURES 3 /* NETDEV_A_DEV_XDP_FEATURES */
#define NETDEV_ATTR_MAX     8

static struct nl_sock *socket_open(int protocol)
{
	struct nl_sock *socket = netlink_open(protocol);

	if (socket)
		nl_socket_disable_auto_ack(socket);
	return socket;
}

/* Send the message and let `take` see each answer. Frees the message. */
static int exchange(struct nl_sock *socket, struct nl_msg *message,
		    int (*take)(struct nl_msg *answer, void *argument), void *argument)
{
	int r = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take, argument);

	if (r == 0)
		r = nl_send_auto(socket, message);
	if (r >= 0)
		r = nl_recvmsgs_default(socket);
	nlmsg_free(message);
	return r < 0 ? r : 0;
}

/* ---- tc: filters of the clsact hooks ---------------------------------------------------------- */

static int count_filter(struct nl_msg *answer, void *argument)
{
	const struct tcmsg *filter = nlmsg_data(nlmsg_hdr(answer));
	uint64_t *n = argument;

	if (nlmsg_hdr(answer)->nlmsg_type == RTM_NEWTFILTER && filter->tcm_handle)
		(*n)++; /* handle 0: the head of a chain, no filter */
	return NL_OK;
}

static uint64_t filters_count(struct nl_sock *socket, uint32_t ifindex, uint32_t parent)
{
	struct tcmsg header = { .tcm_family = AF_UNSPEC,
				.tcm_ifindex = (int)ifindex,
				.tcm_parent = parent };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETTFILTER, NLM_F_DUMP);
	uint64_t n = 0;

	if (!message || nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return 0;
	}
	(void)exchange(socket, message, count_filter, &n); /* an error: no qdisc there */
	return n;
}

static void filters_read(struct doctor_facts *facts)
{
	struct nl_sock *socket __cleanup(cleanup_netlink) = socket_open(NETLINK_ROUTE);

	for (size_t i = 0; socket && i < facts->n_devices; i++)
		if (facts->devices[i].asked_for)
			facts->devices[i].n_tc_programs =
				filters_count(socket, facts->devices[i].ifindex,
					      TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) +
				filters_count(socket, facts->devices[i].ifindex,
					      TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
}

/* ---- nftables: flowtables in hardware ---------------------------------------------------------- */

static void take_hooked(struct doctor_facts *facts, struct nlattr *devices)
{
	struct nlattr *name;
	int left;

	nla_for_each_nested(name, devices,
			    left) for (size_t i = 0; i < facts->n_devices;
				       i++) if (nla_type(name) == NFTA_DEVICE_NAME &&
						nla_strcmp(name, facts->devices[i].ifname) == 0)
		facts->devices[i]
			.flow_offload = SWITCH_ON;
}

static int take_flowtable(struct nl_msg *answer, void *argument)
{
	struct nlattr *attrs[NFTA_FLOWTABLE_MAX + 1], *hook[NFTA_FLOWTABLE_HOOK_MAX + 1];
	uint32_t flags;

	if (nlmsg_parse(nlmsg_hdr(answer), sizeof(struct nfgenmsg), attrs, NFTA_FLOWTABLE_MAX,
			NULL) < 0 ||
	    !attrs[NFTA_FLOWTABLE_FLAGS] || !attrs[NFTA_FLOWTABLE_HOOK])
		return NL_SKIP;
	flags = ntohl(nla_get_u32(attrs[NFTA_FLOWTABLE_FLAGS]));
	if (flags & NFT_FLOWTABLE_HW_OFFLOAD &&
	    nla_parse_nested(hook, NFTA_FLOWTABLE_HOOK_MAX, attrs[NFTA_FLOWTABLE_HOOK], NULL) ==
		    0 &&
	    hook[NFTA_FLOWTABLE_HOOK_DEVS])
		take_hooked(argument, hook[NFTA_FLOWTABLE_HOOK_DEVS]);
	return NL_OK;
}

static void flowtables_read(struct doctor_facts *facts)
{
	struct nl_sock *socket __cleanup(cleanup_netlink) = socket_open(NETLINK_NETFILTER);
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	struct nl_msg *message =
		nlmsg_alloc_simple(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETFLOWTABLE, NLM_F_DUMP);
	int r;

	if (!socket || !message ||
	    nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return;
	}
	r = exchange(socket, message, take_flowtable, facts);
	/* refused: unknown. Not known to the kernel (no nf_tables): there are none */
	if (r && r != -NLE_OPNOTSUPP && r != -NLE_INVAL && r != -NLE_OBJ_NOTFOUND)
		return;
	for (size_t i = 0; i < facts->n_devices; i++)
		if (facts->devices[i].flow_offload == SWITCH_UNKNOWN)
			facts->devices[i].flow_offload = SWITCH_OFF;
}

/* ---- netdev family: XDP features --------------------------------------------------------------- */

static int take_family(struct nl_msg *answer, void *argument)
{
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];

	if (nlmsg_parse(nlmsg_hdr(answer), GENL_HDRLEN, attrs, CTRL_ATTR_MAX, NULL) == 0 &&
	    attrs[CTRL_ATTR_FAMILY_ID])
		*(uint16_t *)argument = nla_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	return NL_OK;
}

static int take_features(struct nl_msg *answer, void *argument)
{
	struct nlattr *attrs[NETDEV_ATTR_MAX + 1];

	if (nlmsg_parse(nlmsg_hdr(answer), GENL_HDRLEN, attrs, NETDEV_ATTR_MAX, NULL) == 0 &&
	    attrs[NETDEV_XDP_FEATURES])
		*(uint64_t *)argument = nla_get_u64(attrs[NETDEV_XDP_FEATURES]);
	return NL_OK;
}

/* A generic netlink message with its header; NULL when there is no memory. */
static struct nl_msg *generic_message(uint16_t family, uint8_t command)
{
	struct genlmsghdr header = { .cmd = command, .version = 1 };
	struct nl_msg *message = nlmsg_alloc_simple(family, 0);

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

static void features_read(struct doctor_facts *facts)
{
	struct nl_sock *socket __cleanup(cleanup_netlink) = socket_open(NETLINK_GENERIC);
	struct nl_msg *message = generic_message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint16_t family = 0;

	if (!socket || !message ||
	    nla_put_string(message, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY) < 0) {
		nlmsg_free(message);
		return;
	}
	if (exchange(socket, message, take_family, &family) || !family)
		return; /* before 6.3 */
	for (size_t i = 0; i < facts->n_devices; i++) {
		struct doctor_device *device = &facts->devices[i];

		message = device->asked_for ? generic_message(family, NETDEV_CMD_GET) : NULL;
		if (!message)
			continue;
		if (nla_put_u32(message, NETDEV_IFINDEX, device->ifindex) == 0)
			(void)exchange(socket, message, take_features, &device->xdp_features);
		else
			nlmsg_free(message);
	}
}

void doctor_probe_filters(struct doctor_facts *facts)
{
	filters_read(facts);
	flowtables_read(facts);
	features_read(facts);
}
