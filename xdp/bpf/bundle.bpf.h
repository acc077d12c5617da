/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Super-packets of the stack (GSO on the way out, GRO on the way in), counted as the packets that they
 * are on the wire.
 *
 * The kernel cuts what lies behind the innermost headers into pieces of gso_size and puts all headers
 * before each. So everything follows from where that payload begins; gso_segs is not needed, which
 * guests (virtio, tun: SKB_GSO_DODGY) need not tell. Where the headers cannot be followed (ESP, …),
 * the kernel's own estimate, wire_len, stands in.
 *
 * What a UDP port carries is anybody's choice. Behind an unknown one VXLAN and GENEVE are believed when the
 * IP packet in them ends where the super-packet ends: a datagram that is cut itself has something else
 * there. And where it stays UDP, the kernel's estimate counts if it has more headers. */
#ifndef IPACCT_BUNDLE_BPF_H
#define IPACCT_BUNDLE_BPF_H

#define BUNDLE_DEPTH_MAX   12 /* headers: IP and UDP and VXLAN and Ethernet and tags and IP and … */
#define BUNDLE_BY_FRAGS    0xffff  /* linux/skbuff.h GSO_BY_FRAGS: SCTP, chunks of any size */
#define BUNDLE_PACKETS_MAX 0xffffu /* gso_segs has 16 bits */
#define BUNDLE_UNKNOWN     (-1)
#define BUNDLE_STRIPPED    0x10000 /* a jumbo option of 8 octets is in the headers and goes */
#define BUNDLE_OPEN        0x20000 /* UDP to an unknown port: there may be more headers */

/* IANA protocol and port numbers; 8472 is what linux/net/vxlan.c uses when it is told no port */
#define BUNDLE_IP_IPIP     4
#define BUNDLE_IP_IPV6     41
#define BUNDLE_IP_GRE      47
#define BUNDLE_IP_SCTP     132
#define BUNDLE_PORT_VXLAN  4789
#define BUNDLE_PORT_OTV    8472
#define BUNDLE_PORT_GENEVE 6081
#define BUNDLE_VXLAN       0x08000000u /* RFC 7348 5: flag I, and 31 bits that are sent as 0 */
#define BUNDLE_GENEVE_ZERO 0xbf        /* RFC 8926 3.4: of the second octet, all but "critical" */
#define BUNDLE_ETH_P_TEB   0x6558      /* linux/if_ether.h ETH_P_TEB */

/* What comes next at an offset: an ethertype, or an IP protocol with this bit. */
#define BUNDLE_PROTOCOL 0x10000u

struct bundle_walk {
	__u32 off;
	__u32 next;
	__u32 stripped; /* BUNDLE_STRIPPED or 0 */
	__u32 done;
	__u32 open; /* where what a datagram to an unknown port carries begins; 0: there was none */
	__u32 end;  /* of the last IP packet, as its header says */
};

/* RFC 2784 2.1, RFC 2890 2: 4 octets, and 4 for each of checksum, key, sequence number. */
static __always_inline bool bundle_gre(ipacct_ctx *ctx, struct bundle_walk *walk)
{
	__u8 gre[4] PARSE_SCRATCH;

	if (ipacct_load_bytes(ctx, walk->off, gre, sizeof(gre)))
		return false;
	walk->off += 4 + (gre[0] >> 7 & 1) * 4 + (gre[0] >> 5 & 1) * 4 + (gre[0] >> 4 & 1) * 4;
	walk->next = parse_be16(gre + 2);
	return true;
}

/* RFC 7348 5: 8 octets. */
static __always_inline void bundle_vxlan(struct bundle_walk *walk)
{
	walk->off += 8;
	walk->next = BUNDLE_ETH_P_TEB;
	walk->done = 0;
}

/* RFC 8926 3.4: 8 octets and options. */
static __always_inline void bundle_geneve(struct bundle_walk *walk, const __u8 *geneve)
{
	walk->off += 8 + (geneve[0] & 0x3f) * 4;
	walk->next = parse_be16(geneve + 2);
	walk->done = 0;
}

static __always_inline bool bundle_looks_geneve(const __u8 *geneve)
{
	__u32 type = parse_be16(geneve + 2);

	return !(geneve[0] >> 6) && !(geneve[1] & BUNDLE_GENEVE_ZERO) && !geneve[7] &&
	       (type == BUNDLE_ETH_P_TEB || type == ETH_P_IP || type == ETH_P_IPV6);
}

/* UDP, and a tunnel in it by its port or by its looks. */
static __always_inline bool bundle_udp(ipacct_ctx *ctx, struct bundle_walk *walk)
{
	__u8 udp[16] PARSE_SCRATCH;
	__u32 port;

	walk->done = 1;
	if (ipacct_load_bytes(ctx, walk->off, udp, sizeof(udp))) {
		walk->off += 8; /* the last octets of a frame without a tunnel */
		return true;
	}
	port = parse_be16(udp + 2);
	walk->off += 8; /* RFC 768 */
	if (port == BUNDLE_PORT_VXLAN || port == BUNDLE_PORT_OTV) {
		bundle_vxlan(walk);
	} else if (port == BUNDLE_PORT_GENEVE) {
		bundle_geneve(walk, udp + 8);
	} else if (!walk->open) {
		walk->open = walk->off;
		if (parse_be32(udp + 8) == BUNDLE_VXLAN && !udp[15])
			bundle_vxlan(walk);
		else if (bundle_looks_geneve(udp + 8))
			bundle_geneve(walk, udp + 8);
	}
	return true;
}

static __always_inline bool bundle_ip(ipacct_ctx *ctx, struct bundle_walk *walk)
{
	__u8 ip[10] PARSE_SCRATCH;

	if (ipacct_load_bytes(ctx, walk->off, ip, sizeof(ip)))
		return false;
	if (ip[0] >> 4 == 4) {
		walk->end = walk->off + parse_be16(ip + 2);
		walk->off += (ip[0] & 0xf) * 4;
		walk->next = BUNDLE_PROTOCOL | ip[9];
		return true;
	}
	if (ip[0] >> 4 != 6)
		return false;
	walk->off += PARSE_IPV6_BYTES;
	walk->end = walk->off + parse_be16(ip + 4);
	walk->next = BUNDLE_PROTOCOL | ip[6];
	/* RFC 2675: the kernel takes the option away when it cuts (ipv6_gso_segment()) */
	if (ip[6] == PARSE_IP_HOPOPTS && !parse_be16(ip + 4))
		walk->stripped = BUNDLE_STRIPPED;
	return true;
}

static __always_inline bool bundle_protocol(ipacct_ctx *ctx, struct bundle_walk *walk)
{
	__u32 protocol = walk->next & 0xff;
	__u8 header[2] PARSE_SCRATCH;

	switch (protocol) {
	case PARSE_IP_UDP:
		return bundle_udp(ctx, walk);
	case BUNDLE_IP_GRE:
		return bundle_gre(ctx, walk);
	case BUNDLE_IP_IPIP:
	case BUNDLE_IP_IPV6:
		walk->next = ETH_P_IP;
		return true;
	case BUNDLE_IP_SCTP:
		walk->off += 12; /* RFC 9260 3.1 */
		walk->done = 1;
		return true;
	case PARSE_IP_TCP:
		if (ipacct_load_bytes(ctx, walk->off + 12, header, 1))
			return false;
		walk->off += (header[0] >> 4) * 4; /* RFC 9293 3.1 */
		walk->done = 1;
		return true;
	default:
		if (!parse_is_extension(protocol) || protocol == PARSE_IP_AH ||
		    ipacct_load_bytes(ctx, walk->off, header, sizeof(header)))
			return false;
		walk->next = BUNDLE_PROTOCOL | header[0];
		walk->off += protocol == PARSE_IP_FRAGMENT ? 8 : (header[1] + 1) * 8;
		return true;
	}
}

/* One header on. A global function: the verifier walks it once, not again for every way to it. */
__noinline int ipacct_bundle_step(ipacct_ctx *ctx, struct bundle_walk *walk)
{
	__u8 type[2] PARSE_SCRATCH;

	if (!walk)
		return false;
	if (walk->next & BUNDLE_PROTOCOL)
		return bundle_protocol(ctx, walk);
	if (walk->next == ETH_P_IP || walk->next == ETH_P_IPV6)
		return bundle_ip(ctx, walk);
	if (walk->next == BUNDLE_ETH_P_TEB) {
		walk->off += 12; /* both MAC addresses, then as behind a tag: 2 octets, the type */
		walk->next = 0;
	} else if (walk->next == ETH_P_8021Q || walk->next == ETH_P_8021AD) {
		walk->off += 2;
		walk->next = 0;
	} else {
		return false;
	}
	if (ipacct_load_bytes(ctx, walk->off, type, sizeof(type)))
		return false;
	walk->off += 2;
	walk->next = parse_be16(type);
	return true;
}

/* Where the payload of the innermost header begins, with BUNDLE_STRIPPED and BUNDLE_OPEN; or
 * BUNDLE_UNKNOWN. off: of the outermost IP header. */
__noinline int ipacct_bundle_headers(ipacct_ctx *ctx, __u32 off)
{
	struct bundle_walk walk = { .off = off, .next = ETH_P_IP };

	for (int i = 0; i < BUNDLE_DEPTH_MAX && !walk.done; i++)
		if (walk.off > 0xffff || !ipacct_bundle_step(ctx, &walk))
			break;
	/* no IP packet tells a length above 65,535 */
	if (walk.open &&
	    (!walk.done || walk.open == walk.off || (walk.end != ctx->len && ctx->len <= 0xffff)))
		return (int)(walk.open & 0xffff) | BUNDLE_OPEN;
	return walk.done && walk.off <= 0xffff ? (int)(walk.off | walk.stripped) : BUNDLE_UNKNOWN;
}

/* A super-packet on the wire. */
struct bundle {
	__u32 packets;
	__u32 l2_bytes;   /* of all of them */
	__u32 full_bytes; /* of each frame but the last */
	__u32 last_bytes;
};

/* len: octets of the frame with hidden ones. least_bytes: of them before IP. headers: as
 * ipacct_bundle_headers() says. */
static __always_inline void bundle_measure(ipacct_ctx *ctx, __u32 len, __u32 least_bytes,
					   int headers, struct bundle *ret_bundle)
{
	__u32 size = ctx->gso_size, packets = ctx->gso_segs, payload, header_bytes = 0,
	      stripped = 0, estimate = 0;

	if (packets > 1 && ctx->wire_len > ctx->len)
		estimate = (ctx->wire_len - ctx->len) / (packets - 1);
	if (headers >= 0) {
		stripped = headers & BUNDLE_STRIPPED ? 8 : 0;
		header_bytes = headers & 0xffff;
	}
	if ((headers < 0 || headers & BUNDLE_OPEN) && header_bytes < estimate)
		header_bytes = estimate;
	if (header_bytes)
		header_bytes += ipacct_hidden_bytes(ctx);
	if (header_bytes < least_bytes)
		header_bytes = least_bytes;
	if (header_bytes > len)
		header_bytes = len; /* a header that is not there */
	payload = len - header_bytes;
	header_bytes -= stripped;
	if (size != BUNDLE_BY_FRAGS || !packets)
		packets = (payload + size - 1) / size; /* size is not 0: the caller asked */
	if (packets < 1)
		packets = 1;
	if (packets > BUNDLE_PACKETS_MAX)
		packets = BUNDLE_PACKETS_MAX;
	if (size == BUNDLE_BY_FRAGS)
		size = payload / packets; /* their mean, for the histogram */
	ret_bundle->packets = packets;
	ret_bundle->l2_bytes = packets * header_bytes + payload;
	ret_bundle->full_bytes = header_bytes + size;
	ret_bundle->last_bytes = header_bytes + payload - (packets - 1) * size;
}

static __always_inline void bundle_seen(struct ipacct_totals *totals, __u32 len,
					const struct bundle *bundle)
{
	totals->seen.packets += bundle->packets;
	totals->seen.l2_bytes += bundle->l2_bytes;
	*size_bin(totals, bundle->full_bytes) += bundle->packets - 1;
	++*size_bin(totals, bundle->last_bytes);
	totals->bundles++;
	totals->bundled_packets += bundle->packets;
	totals->bundled_added_l2_bytes +=
		(__u64)bundle->l2_bytes - len; /* wraps when one shrinks */
}

/* A super-packet is no fragment. */
static __always_inline void bundle_accounted(struct ipacct_totals *totals,
					     const struct bundle *bundle,
					     const struct ipacct_packet *pkt, __u32 l3_bytes)
{
	struct ipacct_packets_l3 *family = pkt->family == 4 ? &totals->ipv4 : &totals->ipv6;
	__u32 class = pkt->protocol & (IPACCT_PROTOCOLS_MAX - 1); /* for the verifier */

	totals->accounted.packets += bundle->packets;
	totals->accounted.l2_bytes += bundle->l2_bytes;
	family->packets += bundle->packets;
	family->l3_bytes += l3_bytes;
	totals->protocol[class].packets += bundle->packets;
	totals->protocol[class].l3_bytes += l3_bytes;
}

__noinline int ipacct_count_bundle(ipacct_ctx *ctx, struct ipacct_totals *totals, __u32 len,
				   __u32 epoch)
{
	__u64 seed = ipacct_ctl_value.seed;
	struct ipacct_packet pkt = {};
	struct bundle bundle = {};
	__u32 index, l3_bytes, before_bytes = 0;
	int verdict, tunnel = TUNNEL_NONE, headers = BUNDLE_UNKNOWN;

	if (!totals)
		return -1;
	verdict = parse_any(ctx, len, &pkt);
	if (verdict >= 0) {
		/* its IP packet ends where the frame ends, whatever the length says that a guest wrote:
		 * the kernel writes the length of each piece anew (inet_gso_segment()) */
		before_bytes = pkt.l3_off + ipacct_hidden_bytes(ctx);
		headers = ipacct_bundle_headers(ctx, pkt.l3_off);
		tunnel = count_inside(ctx, len, &pkt);
		if (tunnel == TUNNEL_READ)
			before_bytes = pkt.l3_off + ipacct_hidden_bytes(ctx); /* likewise */
	}
	bundle_measure(ctx, len, before_bytes, headers, &bundle);
	bundle_seen(totals, len, &bundle);
	if (verdict < 0) {
		__u32 reason = PARSE_REASON(verdict) & (IPACCT_REASONS_MAX - 1);

		totals->ignored[reason].packets += bundle.packets;
		totals->ignored[reason].l2_bytes += bundle.l2_bytes;
		return 0;
	}
	totals_tunnel(totals, tunnel, bundle.packets);
	l3_bytes = bundle.l2_bytes - bundle.packets * before_bytes; /* before each of them */
	bundle_accounted(totals, &bundle, &pkt, l3_bytes);
	pkt.source.domain = pkt.destination.domain = frame_domain(ctx);
	index = account_index(epoch & 1);
	verdict = ipacct_account(&pkt.source, l3_bytes, index, ACCOUNT_TX(bundle.packets), seed);
	return verdict |
	       ipacct_account(&pkt.destination, l3_bytes, index, ACCOUNT_RX(bundle.packets), seed);
}

#endif
