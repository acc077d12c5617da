/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a frame to the two addresses and the octets to count, or the reason why not.
 *
 * One body for three kinds of access: the includer defines struct ipacct_cursor (with members
 * `len`, the whole frame without FCS, and `n_tags`, VLAN tags of it that lie elsewhere) and
 *
 *	const void *ipacct_pull(cur, off, bytes, scratch)
 *
 * which returns `bytes` readable octets at `off`, either in place or copied to scratch, or NULL when
 * the frame ends before. The XDP program has one for the linear part and one for the rest
 * (cursor.bpf.h), the tests have a native one: so the oracle is this code, not a copy of it. The
 * includer also defines
 *
 *	int ipacct_chain(cur, off, next, pkt)
 *
 * which comes to parse_ipv6_chain(): the program makes it a function of its own there, so that the
 * verifier walks the chain once and not again for every combination of tags before it. */
#ifndef IPACCT_PARSE_H
#define IPACCT_PARSE_H

#include <linux/if_ether.h>

#include "ipacct/abi.h"

/* linux/if_ether.h has these, but not in every release that we build on. */
#define PARSE_ETH_P_QINQ1   0x9100 /* pre-standard QinQ, linux/if_ether.h ETH_P_QINQ1 */
#define PARSE_ETH_802_3_MIN 0x0600 /* IEEE 802.3 3.2.6: from here on a type, below a length */

#define PARSE_VLAN_DEPTH_MAX 4      /* 802.1ad needs 2; carriers stack a third */
#define PARSE_MPLS_DEPTH_MAX 8      /* DESIGN: VPN over TE over SR stays below */
#define PARSE_EXT_DEPTH_MAX  8      /* RFC 8200 4.1 names 7, one of them twice */
#define PARSE_MPLS_BOTTOM    0x100  /* RFC 3032 2.1: S bit of a label entry */
#define PARSE_PPP_IPV4       0x0021 /* RFC 1332 2.1 */
#define PARSE_PPP_IPV6       0x0057 /* RFC 5072 2 */

#define PARSE_IPV4_BYTES  20u
#define PARSE_IPV4_PLAIN  0x45 /* version 4, no options */
#define PARSE_IPV6_BYTES  40u
#define PARSE_IPV4_MF     0x2000 /* RFC 791 3.1 */
#define PARSE_IPV4_OFFSET 0x1fff
#define PARSE_IPV6_OFFSET 0xfff8 /* RFC 8200 4.5 */
#define PARSE_IPV6_MF     0x0001

/* IANA protocol numbers */
#define PARSE_IP_HOPOPTS  0
#define PARSE_IP_ICMP     1
#define PARSE_IP_TCP      6
#define PARSE_IP_UDP      17
#define PARSE_IP_ROUTING  43
#define PARSE_IP_FRAGMENT 44
#define PARSE_IP_AH       51
#define PARSE_IP_ICMPV6   58
#define PARSE_IP_DSTOPTS  60
#define PARSE_IP_MOBILITY 135
#define PARSE_IP_HIP      139
#define PARSE_IP_SHIM6    140

/* Where a copied header lies: the verifier wants aligned access to the stack. */
#define PARSE_SCRATCH __attribute__((aligned(8)))

/* A parser's verdict that a packet is ignored: negative, also for reason 0. */
#define PARSE_IGNORED(reason) (-(int)(reason)-1)
#define PARSE_REASON(verdict) ((__u32)(-(verdict)-1))

enum ipacct_fragment {
	IPACCT_FRAGMENT_NONE = 0,
	IPACCT_FRAGMENT_FIRST,
	IPACCT_FRAGMENT_OTHER,
};

/* What a packet is accounted as. The domain of both keys is the caller's. */
struct ipacct_packet {
	struct ipacct_key source;
	struct ipacct_key destination;
	__u32 l3_bytes;
	__u32 l3_off;   /* where its IP header begins */
	__u32 next_off; /* where what the IP header carries begins; meaningless in a later fragment */
	__u8 family;    /* 4 or 6 */
	__u8 protocol; /* enum ipacct_protocol */
	__u8 fragment; /* enum ipacct_fragment */
	__u8 next;     /* its IANA protocol number, behind all extension headers */
};

static __always_inline int ipacct_chain(struct ipacct_cursor *cur, __u32 off, __u32 next,
					struct ipacct_packet *pkt);

/* 16 and 32 bits of a frame, as they lie there and as numbers. Headers begin at multiples of two,
 * and IP at one of four behind the padding that kernels without unaligned access put before
 * Ethernet (NET_IP_ALIGN): BPF programs read them by width, as struct iphdr is read. */
#ifdef __bpf__
static __always_inline __u32 parse_raw16(const __u8 *at)
{
	return *(const __u16 *)at;
}

static __always_inline __be32 parse_raw32(const __u8 *at)
{
	return *(const __be32 *)at;
}
#else
static __always_inline __u32 parse_raw16(const __u8 *at)
{
	__u16 raw;

	__builtin_memcpy(&raw, at, sizeof(raw));
	return raw;
}

static __always_inline __be32 parse_raw32(const __u8 *at)
{
	__be32 raw;

	__builtin_memcpy(&raw, at, sizeof(raw));
	return raw;
}
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "network order is converted by swapping"
#endif

static __always_inline __u32 parse_be16(const __u8 *at)
{
	return __builtin_bswap16((__u16)parse_raw16(at));
}

static __always_inline __u32 parse_be32(const __u8 *at)
{
	return __builtin_bswap32(parse_raw32(at));
}

/* A table: mixed traffic mispredicts compares. */
static const __u8 parse_protocol_classes[256] = {
	[0] = IPACCT_PROTOCOL_OTHER,
	[PARSE_IP_ICMP] = IPACCT_PROTOCOL_ICMP,
	[PARSE_IP_ICMP + 1 ... PARSE_IP_TCP - 1] = IPACCT_PROTOCOL_OTHER,
	[PARSE_IP_TCP] = IPACCT_PROTOCOL_TCP,
	[PARSE_IP_TCP + 1 ... PARSE_IP_UDP - 1] = IPACCT_PROTOCOL_OTHER,
	[PARSE_IP_UDP] = IPACCT_PROTOCOL_UDP,
	[PARSE_IP_UDP + 1 ... PARSE_IP_ICMPV6 - 1] = IPACCT_PROTOCOL_OTHER,
	[PARSE_IP_ICMPV6] = IPACCT_PROTOCOL_ICMP,
	[PARSE_IP_ICMPV6 + 1 ... 255] = IPACCT_PROTOCOL_OTHER,
};

static __always_inline __u8 parse_protocol_class(__u8 protocol)
{
	return parse_protocol_classes[protocol];
}

/* RFC 791 3.1. Octets are bounded by the frame: a total length may promise more than came. */
static __always_inline int parse_ipv4(struct ipacct_cursor *cur, __u32 off,
				      struct ipacct_packet *pkt)
{
	__u8 scratch[PARSE_IPV4_BYTES] PARSE_SCRATCH;
	const __u8 *ip = ipacct_pull(cur, off, PARSE_IPV4_BYTES, scratch);
	__u32 room, header_bytes = PARSE_IPV4_BYTES, total;

	if (!ip)
		return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3);
	if (ip[0] != PARSE_IPV4_PLAIN) {
		if (ip[0] >> 4 != 4)
			return PARSE_IGNORED(IPACCT_IGNORED_BAD_IP_VERSION);
		header_bytes = (ip[0] & 0xf) * 4u;
		if (header_bytes < PARSE_IPV4_BYTES)
			return PARSE_IGNORED(IPACCT_IGNORED_BAD_IHL);
	}
	room = cur->len - off;
	if (room < header_bytes)
		return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3);
	total = parse_be16(ip + 2);
	pkt->l3_bytes = total;
	if (total < header_bytes) {
		if (total)
			return PARSE_IGNORED(IPACCT_IGNORED_BAD_LENGTH);
		/* a segment to be (TSO) larger than 65,535 octets, as the kernel writes it */
		pkt->l3_bytes = room;
	}
	if (total > room)
		pkt->l3_bytes = room;
	pkt->family = 4;
	pkt->l3_off = off;
	pkt->protocol = parse_protocol_class(ip[9]);
	pkt->next = ip[9];
	pkt->next_off = off + header_bytes;
	if (parse_raw16(ip + 6) & __builtin_bswap16(PARSE_IPV4_OFFSET | PARSE_IPV4_MF))
		pkt->fragment = parse_be16(ip + 6) & PARSE_IPV4_OFFSET ? IPACCT_FRAGMENT_OTHER
								       : IPACCT_FRAGMENT_FIRST;
	pkt->source.addr_be[2] = pkt->destination.addr_be[2] = __builtin_bswap32(0x0000ffff);
	pkt->source.addr_be[3] = parse_raw32(ip + 12);
	pkt->destination.addr_be[3] = parse_raw32(ip + 16);
	return 0;
}

static __always_inline bool parse_is_extension(__u32 next)
{
	return next == PARSE_IP_HOPOPTS || next == PARSE_IP_ROUTING || next == PARSE_IP_FRAGMENT ||
	       next == PARSE_IP_AH || next == PARSE_IP_DSTOPTS || next == PARSE_IP_MOBILITY ||
	       next == PARSE_IP_HIP || next == PARSE_IP_SHIM6;
}

/* A fragment header (RFC 8200 4.5). Returns whether the chain goes on behind it. */
static __always_inline bool parse_ipv6_fragment(const __u8 *header, struct ipacct_packet *pkt)
{
	__u32 fragment = parse_be16(header + 2);

	if (fragment & PARSE_IPV6_OFFSET) {
		/* what follows is payload, not a header */
		pkt->fragment = IPACCT_FRAGMENT_OTHER;
		pkt->protocol = parse_protocol_class(header[0]);
		pkt->next = header[0];
		return false;
	}
	if (fragment & PARSE_IPV6_MF)
		pkt->fragment = IPACCT_FRAGMENT_FIRST;
	return true;
}

/* Walk the chain to the upper protocol (RFC 8200 4). Only what says how far it goes is read. */
static __always_inline int parse_ipv6_chain(struct ipacct_cursor *cur, __u32 off, __u32 next,
					    struct ipacct_packet *pkt)
{
	__u8 scratch[8] PARSE_SCRATCH;
	const __u8 *ext;

	for (int i = 0; i < PARSE_EXT_DEPTH_MAX && parse_is_extension(next); i++) {
		if (next == PARSE_IP_FRAGMENT) {
			ext = ipacct_pull(cur, off, 8, scratch);
			if (!ext)
				return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3);
			if (!parse_ipv6_fragment(ext, pkt))
				return 0;
			off += 8;
		} else {
			ext = ipacct_pull(cur, off, 2, scratch);
			if (!ext)
				return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3);
			/* RFC 4302 2.2: AH counts 32-bit words minus 2; others 8 octets minus 1 */
			off += next == PARSE_IP_AH ? (ext[1] + 2u) * 4u : (ext[1] + 1u) * 8u;
		}
		next = ext[0];
	}
	if (parse_is_extension(next))
		return PARSE_IGNORED(IPACCT_IGNORED_IPV6_EXT_DEPTH);
	pkt->protocol = parse_protocol_class(next);
	pkt->next = next;
	pkt->next_off = off;
	return 0;
}

/* RFC 8200 3. What follows the fixed header is not looked at: *ret_next. */
static __always_inline int parse_ipv6_fixed(struct ipacct_cursor *cur, __u32 off,
					    struct ipacct_packet *pkt, __u32 *ret_next)
{
	__u8 scratch[PARSE_IPV6_BYTES] PARSE_SCRATCH;
	const __u8 *ip = ipacct_pull(cur, off, PARSE_IPV6_BYTES, scratch);
	__u32 room, payload, next;

	if (!ip)
		return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3);
	if (ip[0] >> 4 != 6)
		return PARSE_IGNORED(IPACCT_IGNORED_BAD_IP_VERSION);
	room = cur->len - off;
	payload = parse_be16(ip + 4);
	next = ip[6];
	/* RFC 2675: a jumbogram says 0 and carries its length in a hop-by-hop option */
	if (!payload && next == PARSE_IP_HOPOPTS)
		pkt->l3_bytes = room;
	else
		pkt->l3_bytes =
			PARSE_IPV6_BYTES + payload < room ? PARSE_IPV6_BYTES + payload : room;
	pkt->family = 6;
	pkt->l3_off = off;
	for (int i = 0; i < 4; i++) {
		pkt->source.addr_be[i] = parse_raw32(ip + 8 + 4 * i);
		pkt->destination.addr_be[i] = parse_raw32(ip + 24 + 4 * i);
	}
	pkt->protocol = parse_protocol_class(next);
	pkt->next = next;
	pkt->next_off = off + PARSE_IPV6_BYTES;
	*ret_next = next;
	return 0;
}

static __always_inline int parse_ipv6(struct ipacct_cursor *cur, __u32 off,
				      struct ipacct_packet *pkt)
{
	__u32 next;
	int ret = parse_ipv6_fixed(cur, off, pkt, &next);

	if (!ret && parse_is_extension(next))
		ret = ipacct_chain(cur, off + PARSE_IPV6_BYTES, next, pkt);
	return ret;
}

/* IP of one family directly above Ethernet and no extension header: nearly every packet. Returns 0 and
 * fills *pkt, or a negative number for ipacct_parse() to find out. wanted: a constant.
 * first: what the frame begins with, 0 = an Ethernet header. */
static __always_inline int ipacct_parse_plain(struct ipacct_cursor *cur, __u32 first, __u32 wanted,
					      struct ipacct_packet *pkt)
{
	__u8 scratch[2] PARSE_SCRATCH;
	__u32 off = first ? 0 : ETH_HLEN, next;
	const __u8 *type;

	if (!first) {
		type = ipacct_pull(cur, 12, 2, scratch); /* after both MAC addresses */
		if (!type)
			return -1;
		first = parse_be16(type);
	}
	if (first != wanted)
		return -1;
	if (wanted == ETH_P_IP)
		return parse_ipv4(cur, off, pkt);
	return parse_ipv6_fixed(cur, off, pkt, &next) || parse_is_extension(next) ? -1 : 0;
}

/* RFC 3032: labels up to the bottom of the stack; what follows tells its version itself.
 * Moves *off to it and sets *ret_type to its ethertype. */
static __always_inline int parse_mpls(struct ipacct_cursor *cur, __u32 *off, __u32 *ret_type)
{
	__u8 scratch[4] PARSE_SCRATCH;
	const __u8 *label;
	bool bottom = false;

	for (int i = 0; i < PARSE_MPLS_DEPTH_MAX && !bottom; i++) {
		label = ipacct_pull(cur, *off, 4, scratch);
		if (!label)
			return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2);
		bottom = parse_be32(label) & PARSE_MPLS_BOTTOM;
		*off += 4;
	}
	if (!bottom)
		return PARSE_IGNORED(IPACCT_IGNORED_MPLS_DEPTH);
	label = ipacct_pull(cur, *off, 1, scratch);
	if (!label)
		return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2);
	if (label[0] >> 4 != 4 && label[0] >> 4 != 6)
		return PARSE_IGNORED(IPACCT_IGNORED_MPLS_PAYLOAD);
	*ret_type = label[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6;
	return 0;
}

/* What comes behind the type field of an Ethernet header; off is where. Returns as ipacct_parse(). */
static __always_inline int parse_type(struct ipacct_cursor *cur, __u32 off, __u32 type,
				      struct ipacct_packet *pkt)
{
	__u8 scratch[8] PARSE_SCRATCH;
	const __u8 *at;

	for (__u32 i = cur->n_tags;
	     i < PARSE_VLAN_DEPTH_MAX &&
	     (type == ETH_P_8021Q || type == ETH_P_8021AD || type == PARSE_ETH_P_QINQ1);
	     i++) {
		at = ipacct_pull(cur, off, 4, scratch); /* IEEE 802.1Q 9.6: TCI, then the type */
		if (!at)
			return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2);
		type = parse_be16(at + 2);
		off += 4;
	}
	if (type == ETH_P_PPP_SES) {
		at = ipacct_pull(cur, off, 8, scratch); /* RFC 2516 4: 6 octets, PPP protocol */
		if (!at)
			return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2);
		type = parse_be16(at + 6);
		if (type != PARSE_PPP_IPV4 && type != PARSE_PPP_IPV6)
			return PARSE_IGNORED(IPACCT_IGNORED_PPPOE_CONTROL);
		type = type == PARSE_PPP_IPV4 ? ETH_P_IP : ETH_P_IPV6;
		off += 8;
	} else if (type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC) {
		int ret = parse_mpls(cur, &off, &type);

		if (ret)
			return ret;
	}
	switch (type) {
	case ETH_P_IP:
		return parse_ipv4(cur, off, pkt);
	case ETH_P_IPV6:
		return parse_ipv6(cur, off, pkt);
	case ETH_P_8021Q:
	case ETH_P_8021AD:
	case PARSE_ETH_P_QINQ1:
		return PARSE_IGNORED(IPACCT_IGNORED_VLAN_DEPTH);
	case ETH_P_ARP:
		return PARSE_IGNORED(IPACCT_IGNORED_ARP);
	default:
		return type < PARSE_ETH_802_3_MIN ? PARSE_IGNORED(IPACCT_IGNORED_LLC)
						  : PARSE_IGNORED(IPACCT_IGNORED_OTHER_ETHERTYPE);
	}
}

/* type: ethertype of what the frame begins with, 0 = an Ethernet header.
 * Returns 0 and fills *pkt (which the caller has zeroed), or −reason − 1. */
static __always_inline int ipacct_parse(struct ipacct_cursor *cur, __u32 type,
					struct ipacct_packet *pkt)
{
	__u8 scratch[2] PARSE_SCRATCH;
	__u32 off = type ? 0 : ETH_HLEN;
	const __u8 *at;

	if (!type) {
		at = ipacct_pull(cur, 12, 2, scratch); /* after both MAC addresses */
		if (!at)
			return PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2);
		type = parse_be16(at);
	}
	return parse_type(cur, off, type, pkt);
}

#endif
