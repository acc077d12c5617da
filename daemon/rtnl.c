/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, by rtnetlink. */
#include <errno.h>
#include <string.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "base/netlink.h"
#include "rtnl.h"

static int errno_of(int nl_error)
{
	switch (nl_error < 0 ? -nl_error : nl_error) {
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_AGAIN:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

void rtnl_finish(struct rtnl *rtnl)
{
	if (rtnl->news)
		nl_socket_free(rtnl->news);
	if (rtnl->request)
		nl_socket_free(rtnl->request);
	memset(rtnl, 0, sizeof(*rtnl));
}

static int sockets_open(struct rtnl *rtnl)
{
	int ret;

	rtnl->news = netlink_open(NETLINK_ROUTE);
	rtnl->request = netlink_open(NETLINK_ROUTE);
	if (!rtnl->news || !rtnl->request)
		return -EIO;
	nl_socket_disable_seq_check(rtnl->news); /* news have no request to match */
	ret = nl_socket_add_memberships(rtnl->news, RTNLGRP_LINK, RTNLGRP_TC, 0);
	if (!ret)
		ret = nl_socket_set_nonblocking(rtnl->news);
	return ret ? errno_of(ret) : 0;
}

int rtnl_init(struct rtnl *rtnl)
{
	int ret;

	memset(rtnl, 0, sizeof(*rtnl));
	ret = sockets_open(rtnl);
	if (ret)
		rtnl_finish(rtnl);
	return ret;
}

int rtnl_fd(const struct rtnl *rtnl)
{
	return nl_socket_get_fd(rtnl->news);
}

int rtnl_drain(struct rtnl *rtnl)
{
	char buffer[16384]; /* the content does not matter */
	int any = 0;
	ssize_t n;

	do {
		n = recv(rtnl_fd(rtnl), buffer, sizeof(buffer), MSG_DONTWAIT);
		any |= n > 0 || (n < 0 && errno == ENOBUFS); /* an overflow is news too */
	} while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)));
	return any;
}

int rtnl_counters_read(struct rtnl *rtnl, uint32_t ifindex, bool departures,
		       struct rtnl_counters *ret_counters)
{
	struct rtnl_link *link;
	int ret = rtnl_link_get_kernel(rtnl->request, (int)ifindex, NULL, &link);

	if (ret < 0)
		return errno_of(ret);
	ret_counters->packets =
		rtnl_link_get_stat(link, departures ? RTNL_LINK_TX_PACKETS : RTNL_LINK_RX_PACKETS);
	ret_counters->bytes =
		rtnl_link_get_stat(link, departures ? RTNL_LINK_TX_BYTES : RTNL_LINK_RX_BYTES);
	rtnl_link_put(link);
	return 0;
}
