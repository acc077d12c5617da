/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Netlink sockets by libnl. */
#ifndef IPACCT_BASE_NETLINK_H
#define IPACCT_BASE_NETLINK_H

#include <sys/socket.h>
#include <sys/time.h>

#include <netlink/socket.h>

/* The kernel answers before sendmsg() returns, so nobody waits that long who sent a request. */
#define NETLINK_LIMIT_S 5

/* A connected socket, or NULL. libnl (3.7) waits for the answer also to a request that it could not send
 * (nl_cache_refill()), so there is a limit. */
static inline struct nl_sock *netlink_open(int protocol)
{
	const struct timeval limit = { .tv_sec = NETLINK_LIMIT_S };
	struct nl_sock *socket = nl_socket_alloc();

	if (socket && !nl_connect(socket, protocol) &&
	    !setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return socket;
	if (socket)
		nl_socket_free(socket);
	return NULL;
}

static inline void cleanup_netlink(struct nl_sock **socket)
{
	if (*socket)
		nl_socket_free(*socket);
}

#endif
