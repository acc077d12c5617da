/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which devices a tc program can read, and at which end. */
#include <errno.h>
#include <net/if_arp.h>

#include <criterion/criterion.h>

#include "link_layer.h"

#define TYPE_RAWIP  519    /* linux/if_arp.h ARPHRD_RAWIP */
#define TYPE_IP6GRE 823    /* ARPHRD_IP6GRE */
#define TYPE_NONE   0xfffe /* ARPHRD_NONE */

#define SOMEWHERE 0xc0000201u /* RFC 5737: 192.0.2.1 */
#define GROUP     0xe9fc0001u /* RFC 5771 9.2: 233.252.0.1, for documentation */

Test(link_layer, tunnels_that_keep_an_outer_header_are_refused)
{
	static const struct {
		unsigned int type;
		const char *kind;
		uint32_t remote;
		int ingress, egress;
	} rows[] = {
		{ ARPHRD_ETHER, NULL, 0, 0, 0 },
		{ ARPHRD_ETHER, "veth", 0, 0, 0 },
		{ ARPHRD_ETHER, "gretap", 0, 0, 0 },
		{ ARPHRD_LOOPBACK, NULL, 0, 0, 0 },
		{ TYPE_NONE, "tun", 0, 1, 1 },
		{ TYPE_NONE, "wireguard", 0, 1, 1 },
		{ TYPE_NONE, "gre", 0, 1, 1 }, /* external */
		{ TYPE_NONE, NULL, 0, 1, 1 },
		{ ARPHRD_PPP, "ppp", 0, 1, 1 },
		{ TYPE_RAWIP, NULL, 0, 1, 1 },
		{ ARPHRD_TUNNEL, "ipip", 0, 1, 1 },
		{ ARPHRD_TUNNEL6, "ip6tnl", 0, 1, 1 },
		{ ARPHRD_SIT, "sit", 0, 1, 1 },
		{ ARPHRD_IPGRE, "gre", SOMEWHERE, 1, 1 },
		{ ARPHRD_IPGRE, "gre", 0, -EDESTADDRREQ, -EDESTADDRREQ },
		{ ARPHRD_IPGRE, "gre", GROUP, -EDESTADDRREQ, -EDESTADDRREQ },
		{ TYPE_NONE, "xfrm", 0, -EOPNOTSUPP, 1 },
		{ ARPHRD_TUNNEL, "vti", SOMEWHERE, -EOPNOTSUPP, 1 },
		{ ARPHRD_TUNNEL6, "vti6", 0, -EOPNOTSUPP, 1 },
		{ TYPE_IP6GRE, "ip6gre", 0, -EAFNOSUPPORT, -EAFNOSUPPORT },
		{ ARPHRD_INFINIBAND, NULL, 0, -EAFNOSUPPORT, -EAFNOSUPPORT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(link_layer(rows[i].type, rows[i].kind, rows[i].remote,
					IPACCT_HOOK_TC_INGRESS),
			     rows[i].ingress, "row %zu, ingress", i);
		cr_expect_eq(link_layer(rows[i].type, rows[i].kind, rows[i].remote,
					IPACCT_HOOK_TC_EGRESS),
			     rows[i].egress, "row %zu, egress", i);
	}
}

/* The loopback has index 1 in every network namespace; the last one is nobody's. */
Test(link_layer, the_kernel_is_asked)
{
	struct ipacct_problem problem = {};

	cr_expect_eq(link_layer_of("lo", 1, IPACCT_HOOK_TC_INGRESS, &problem), 0);
	cr_expect_str_eq(problem.text, "");
	cr_expect_lt(link_layer_of("none", INT32_MAX, IPACCT_HOOK_TC_INGRESS, &problem), 0);
	cr_expect_neq(problem.text[0], '\0');
}
