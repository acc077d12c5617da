/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet inside a tunnel: GRE, IP in IP, VXLAN, GENEVE. Behind parse.h, for the same three kinds of
 * access; the includer also defines
 *
 *	int ipacct_inside(cur, pkt)
 *
 * which comes to tunnel_inside(): a function of its own in the program, verified once for every depth.
 *
 * A packet counts for the addresses of the innermost IP header that can be read, TUNNEL_DEPTH_MAX
 * tunnels deep at most. Inner lengths are bounded by the frame, as outer ones are. */
#ifndef IPACCT_TUNNEL_H
#define IPACCT_TUNNEL_H

#include "parse.h"

#define TUNNEL_DEPTH_MAX 4 /* a VPN in a tunnel in an overlay stays below */

#define TUNNEL_IP_IPIP 4  /* IANA protocol numbers; RFC 2003 */
#define TUNNEL_IP_IPV6 41 /* RFC 4213, RFC 2473 */
#define TUNNEL_IP_GRE  47

#define TUNNEL_PORT_VXLAN  4789 /* RFC 7348 5 */
#define TUNNEL_PORT_GENEVE 6081 /* RFC 8926 3.3 */
#define TUNNEL_UDP_BYTES   8u   /* RFC 768 */

#define TUNNEL_GRE_BYTES        4u     /* RFC 2784 2.1 … */
#define TUNNEL_GRE_CHECKSUM     0x8000 /* … and each of these adds 4: RFC 2784 2.2 */
#define TUNNEL_GRE_KEY          0x2000 /* RFC 2890 2 */
#define TUNNEL_GRE_SEQUENCE     0x1000
#define TUNNEL_GRE_OPTION_BYTES 4u
/* RFC 2784 2.2 and 2.3: bits 1, 4 and 5 are RFC 1701's (routing), the last three the version, of which
 * 1 is PPTP (RFC 2637 4.1). */
#define TUNNEL_GRE_OTHER 0x4c07

#define TUNNEL_VXLAN_BYTES 8u   /* RFC 7348 5 */
#define TUNNEL_VXLAN_VNI   0x08 /* flag I: must be set */

#define TUNNEL_GENEVE_BYTES   8u   /* RFC 8926 3.4, then the options */
#define TUNNEL_GENEVE_VERSION 0xc0 /* of the first octet: 0 */
#define TUNNEL_GENEVE_OPTIONS 0x3f /* likewise: their length, of 4 octets each */
#define TUNNEL_GENEVE_CONTROL 0x80 /* of the second octet: between endpoints, nobody's payload */

#define TUNNEL_TYPE_ETHERNET 0x6558 /* linux/if_ether.h ETH_P_TEB: a frame with its MAC addresses */

enum tunnel_verdict {
	TUNNEL_NONE = 0, /* what the packet carries is no tunnel of these */
	TUNNEL_READ,     /* the packet is now the inner one */
	TUNNEL_OPAQUE,   /* a tunnel, but no packet in it that can be read: it is as it was */
};

/* What a tunnel carries: an ethertype, and where it begins. */
struct tunnel_payload {
	__u32 off;
	__u32 type;
};

/* Returns enum tunnel_verdict; *pkt changes only with TUNNEL_READ. */
static __always_inline int ipacct_inside(struct ipacct_cursor *cur, struct ipacct_packet *pkt);

static __always_inline int tunnel_gre(struct ipacct_cursor *cur, __u32 off,
				      struct tunnel_payload *ret_payload)
{
	__u8 scratch[TUNNEL_GRE_BYTES] PARSE_SCRATCH;
	const __u8 *gre = ipacct_pull(cur, off, TUNNEL_GRE_BYTES, scratch);
	__u32 flags = gre ? parse_be16(gre) : TUNNEL_GRE_OTHER;

	if (flags & TUNNEL_GRE_OTHER)
		return TUNNEL_OPAQUE;
	off += TUNNEL_GRE_BYTES;
	off += flags & TUNNEL_GRE_CHECKSUM ? TUNNEL_GRE_OPTION_BYTES : 0;
	off += flags & TUNNEL_GRE_KEY ? TUNNEL_GRE_OPTION_BYTES : 0;
	off += flags & TUNNEL_GRE_SEQUENCE ? TUNNEL_GRE_OPTION_BYTES : 0;
	ret_payload->off = off;
	ret_payload->type = parse_be16(gre + 2);
	return TUNNEL_READ;
}

static __always_inline int tunnel_vxlan(struct ipacct_cursor *cur, __u32 off,
					struct tunnel_payload *ret_payload)
{
	__u8 scratch[1] PARSE_SCRATCH;
	const __u8 *vxlan = ipacct_pull(cur, off, 1, scratch);

	if (!vxlan || !(vxlan[0] & TUNNEL_VXLAN_VNI))
		return TUNNEL_OPAQUE;
	ret_payload->off = off + TUNNEL_VXLAN_BYTES;
	ret_payload->type = TUNNEL_TYPE_ETHERNET;
	return TUNNEL_READ;
}

static __always_inline int tunnel_geneve(struct ipacct_cursor *cur, __u32 off,
					 struct tunnel_payload *ret_payload)
{
	__u8 scratch[4] PARSE_SCRATCH;
	const __u8 *geneve = ipacct_pull(cur, off, 4, scratch);

	if (!geneve || geneve[0] & TUNNEL_GENEVE_VERSION || geneve[1] & TUNNEL_GENEVE_CONTROL)
		return TUNNEL_OPAQUE;
	ret_payload->off = off + TUNNEL_GENEVE_BYTES + 4u * (geneve[0] & TUNNEL_GENEVE_OPTIONS);
	ret_payload->type = parse_be16(geneve + 2);
	return TUNNEL_READ;
}

static __always_inline int tunnel_udp(struct ipacct_cursor *cur, __u32 off,
				      struct tunnel_payload *ret_payload)
{
	__u8 scratch[2] PARSE_SCRATCH;
	const __u8 *port = ipacct_pull(cur, off + 2, 2, scratch); /* after the source's */
	__u32 number = port ? parse_be16(port) : 0;

	off += TUNNEL_UDP_BYTES;
	if (number == TUNNEL_PORT_VXLAN)
		return tunnel_vxlan(cur, off, ret_payload);
	if (number == TUNNEL_PORT_GENEVE)
		return tunnel_geneve(cur, off, ret_payload);
	return TUNNEL_NONE;
}

/* What the packet carries, if it is a tunnel. A fragment from the middle is payload from the middle. */
static __always_inline int tunnel_find(struct ipacct_cursor *cur, const struct ipacct_packet *pkt,
				       struct tunnel_payload *ret_payload)
{
	__u32 next = pkt->next, off = pkt->next_off;

	if (next != TUNNEL_IP_IPIP && next != TUNNEL_IP_IPV6 && next != TUNNEL_IP_GRE &&
	    next != PARSE_IP_UDP)
		return TUNNEL_NONE;
	if (pkt->fragment == IPACCT_FRAGMENT_OTHER)
		return next == PARSE_IP_UDP ? TUNNEL_NONE : TUNNEL_OPAQUE;
	if (next == PARSE_IP_UDP)
		return tunnel_udp(cur, off, ret_payload);
	if (next == TUNNEL_IP_GRE)
		return tunnel_gre(cur, off, ret_payload);
	ret_payload->off = off;
	ret_payload->type = next == TUNNEL_IP_IPIP ? ETH_P_IP : ETH_P_IPV6;
	return TUNNEL_READ;
}

static __always_inline bool tunnel_is_known(__u32 type)
{
	return type == ETH_P_IP || type == ETH_P_IPV6 || type == TUNNEL_TYPE_ETHERNET ||
	       type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC; /* RFC 4023 */
}

/* One tunnel deeper. */
static __always_inline int tunnel_inside(struct ipacct_cursor *cur, struct ipacct_packet *pkt)
{
	struct tunnel_payload payload = {};
	struct ipacct_packet inner = {};
	__u8 scratch[2] PARSE_SCRATCH;
	const __u8 *at;
	int verdict = tunnel_find(cur, pkt, &payload);

	if (verdict != TUNNEL_READ)
		return verdict;
	if (!tunnel_is_known(payload.type))
		return TUNNEL_OPAQUE;
	if (payload.type == TUNNEL_TYPE_ETHERNET) {
		at = ipacct_pull(cur, payload.off + 12, 2, scratch); /* after both MAC addresses */
		if (!at)
			return TUNNEL_OPAQUE;
		payload.type = parse_be16(at);
		payload.off += ETH_HLEN;
	}
	if (parse_type(cur, payload.off, payload.type, &inner))
		return TUNNEL_OPAQUE;
	*pkt = inner;
	return TUNNEL_READ;
}

/* Turn a parsed packet into the innermost one that can be read. */
static __always_inline int ipacct_innermost(struct ipacct_cursor *cur, struct ipacct_packet *pkt)
{
	int verdict = ipacct_inside(cur, pkt);

	if (verdict != TUNNEL_READ)
		return verdict;
	for (int i = 1; i < TUNNEL_DEPTH_MAX; i++)
		if (ipacct_inside(cur, pkt) != TUNNEL_READ)
			break;
	return TUNNEL_READ;
}

/* Before a plain packet (ipacct_parse_plain) is counted: may it be a tunnel's? Only what is read by
 * direct access decides; whoever is in doubt says yes. first, wanted: as there. */
static __always_inline bool tunnel_maybe_plain(struct ipacct_cursor *cur, __u32 first, __u32 wanted)
{
	bool ipv4 = wanted == ETH_P_IP;
	__u32 off = first ? 0 : ETH_HLEN, port;
	__u32 udp_off = off + (ipv4 ? PARSE_IPV4_BYTES : PARSE_IPV6_BYTES);
	__u8 scratch[PARSE_IPV6_BYTES + TUNNEL_UDP_BYTES] PARSE_SCRATCH;
	const __u8 *ip = ipacct_pull(cur, off, udp_off - off, scratch);
	__u32 next = ip ? ip[ipv4 ? 9 : 6] : TUNNEL_IP_GRE;

	if (next == TUNNEL_IP_IPIP || next == TUNNEL_IP_IPV6 || next == TUNNEL_IP_GRE)
		return true;
	if (next != PARSE_IP_UDP)
		return false;
	if (ipv4 && ip[0] != PARSE_IPV4_PLAIN)
		return true;
	ip = ipacct_pull(cur, udp_off + 2, 2, scratch);
	port = ip ? parse_be16(ip) : TUNNEL_PORT_VXLAN;
	return port == TUNNEL_PORT_VXLAN || port == TUNNEL_PORT_GENEVE;
}

#endif
