/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says about a network device: the second witness. */
#ifndef IPACCT_TOOLS_CTL_LINKS_H
#define IPACCT_TOOLS_CTL_LINKS_H

#include <stdbool.h>
#include <stdint.h>

struct nl_sock;

struct link_reading {
	bool present;     /* the device exists here; else the rest is zero */
	uint64_t packets; /* struct rtnl_link_stats64: received, or sent */
	uint64_t bytes;
	uint32_t n_queues;    /* of that direction, at least 1 */
	bool encrypts;        /* WireGuard: counts what no program sees, and octets as encrypted */
	uint32_t xdp_prog_id; /* 0 = no program; one of them when there are several */
};

/* Open a route socket. Returns 0 or a negative errno; end it with links_close(). */
int links_open(struct nl_sock **ret_socket);
void links_close(struct nl_sock *socket);

/* sent: what left the device instead of what arrived. ifindex, ifname: both must be the device's. In another network namespace the number alone would
 * find a stranger. ifname has IPACCT_IFNAME_BYTES, NUL-terminated.
 * Returns 0 (also when there is no such device) or a negative errno. */
int links_read(struct nl_sock *socket, uint32_t ifindex, const char *ifname, bool sent,
	       struct link_reading *ret_reading);

#endif
