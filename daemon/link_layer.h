/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a frame begins with where a tc program sees it. */
#ifndef IPACCT_DAEMON_LINK_LAYER_H
#define IPACCT_DAEMON_LINK_LAYER_H

#include <stdint.h>

#include "ipacct/ipacct.h"

/* Do frames begin with IP (1) or with Ethernet (0)?
 * type: ARPHRD_*; kind: IFLA_INFO_KIND, may be NULL; remote: other end of a tunnel, host order, 0: none;
 * hook: IPACCT_HOOK_TC_*.
 * −EAFNOSUPPORT: with neither; −EDESTADDRREQ: with the outer header of GRE; −EOPNOTSUPP: with a header of the
 * device below. */
int link_layer(unsigned int type, const char *kind, uint32_t remote, uint8_t hook);

/* The same of a device, in words when it fails; −errno when the kernel does not tell. */
int link_layer_of(const char *ifname, uint32_t ifindex, uint8_t hook,
		  struct ipacct_problem *ret_problem);

#endif
