/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The line from a frame to its counters: parse → totals → two addresses, the same for every hook.
 *
 * The includer defines what the hook knows of a packet, before it includes this file:
 *
 *	ipacct_ctx                               type of the program's context
 *	ipacct_load_bytes(ctx, off, to, bytes)   copies octets of the frame wherever they lie; 0 = all
 *	ipacct_first_type(ctx)                   what the frame begins with, 0 = an Ethernet header
 *	ipacct_hidden_bytes(ctx)                 octets of it that the kernel keeps elsewhere: a VLAN tag
 *	ipacct_hidden_vlan(ctx)                  the id in that tag, −1 = none
 *
 * and after it
 *
 *	ipacct_bundle(ctx, totals, len, epoch, seed)   counts a frame that stands for several on the
 *	                                               wire and returns true; false: it is one
 */
#ifndef IPACCT_COUNT_BPF_H
#define IPACCT_COUNT_BPF_H

#include <stdbool.h>
#include <stddef.h>

#include "ipacct/abi.h"
#include "ipacct/counters.h"

/* Fixed before load, one load per interface. */
const volatile __u32 cfg_slot = 0;        /* interface slot */
const volatile __u16 cfg_domain = 0;      /* accounting domain of its addresses */
const volatile __u32 cfg_domain_slot = 0; /* slot of that domain in ipacct_doms */
const volatile __u32 cfg_hot4_sets = 0;   /* as ipacct_meta.hot4_sets; 0 removes the hot tier */
const volatile __u32 cfg_hot6_sets = 0;
const volatile __u32 cfg_hot6_bit = 0;   /* first bit of ipacct_hot6 in ipacct_hotmap */
const volatile __u32 cfg_door_first = 0; /* word of ipacct_hotmap where doors begin */
const volatile __u32 cfg_door_words = 0; /* of a partition and epoch, a power of two; 0: none */
const volatile __u32 cfg_guard = 0;      /* there are protected prefixes */
const volatile __u32 cfg_inner = 0;      /* tunnels count for the addresses inside */
const volatile __u32 cfg_vlans = 0;      /* VLAN ids have domains of their own */
/* What need not be asked of each packet. */
const volatile __u32 cfg_plain = IPACCT_PLAIN_ASK;

#include "maps.bpf.h"
#include "cursor.bpf.h"
#include "parse.h"
#include "tunnel.h"
#include "vlan.bpf.h"
#include "account.bpf.h"

/* Bin of a frame's size with FCS, one load instead of a chain of compares that mixed sizes mispredict.
 * In octets: all that one may hold is inside of the totals, so the verifier needs no mask. */
#define SIZE_OVERSIZE 1519u /* RFC 2819 etherStatsOversizePkts: longer than 1518 */
static const __u8 size_bins[SIZE_OVERSIZE + 1] = {
#define BIN(number) ((number) * sizeof(__u64))
	[0 ... 63] = BIN(0),      [64] = BIN(1),
	[65 ... 127] = BIN(2),    [128 ... 255] = BIN(3),
	[256 ... 511] = BIN(4),   [512 ... 1023] = BIN(5),
	[1024 ... 1518] = BIN(6), [SIZE_OVERSIZE] = BIN(7),
#undef BIN
};

static __always_inline __u64 *size_bin(struct ipacct_totals *totals, __u64 l2_bytes)
{
	__u64 size = l2_bytes < SIZE_OVERSIZE - IPACCT_FCS_BYTES ? l2_bytes
								 : SIZE_OVERSIZE - IPACCT_FCS_BYTES;

	return (__u64 *)((__u8 *)totals->size_histogram + size_bins[size + IPACCT_FCS_BYTES]);
}

static __always_inline void totals_seen(struct ipacct_totals *totals, __u64 len)
{
	totals->seen.packets++;
	totals->seen.l2_bytes += len;
	++*size_bin(totals, len);
}

/* Global functions: the verifier checks each once, whatever the callers know. */

/* IPv6 extension headers are rare enough to read by helper wherever they lie. */
__noinline int ipacct_parse_chain(ipacct_ctx *ctx, __u32 off, __u32 next, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = { .ctx = ctx, .whole = true };

	return pkt ? parse_ipv6_chain(&cur, off, next, pkt)
		   : PARSE_IGNORED(IPACCT_IGNORED_INTERNAL);
}

static __always_inline int ipacct_chain(struct ipacct_cursor *cur, __u32 off, __u32 next,
					struct ipacct_packet *pkt)
{
	return ipacct_parse_chain(cur->ctx, off, next, pkt);
}

/* The rare frame whose headers are not all in the linear part (or that is truncated for real). */
__noinline int ipacct_parse_whole(ipacct_ctx *ctx, __u32 len, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = {
		.ctx = ctx,
		.len = len - ipacct_hidden_bytes(ctx),
		.n_tags = ipacct_hidden_bytes(ctx) != 0,
		.whole = true,
	};

	if (!pkt)
		return PARSE_IGNORED(IPACCT_IGNORED_INTERNAL);
	__builtin_memset(pkt, 0, sizeof(*pkt));
	return ipacct_parse(&cur, ipacct_first_type(ctx), pkt);
}

static __always_inline struct ipacct_cursor cursor_linear(ipacct_ctx *ctx, __u32 len)
{
	return (struct ipacct_cursor){
		.ctx = ctx,
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
		.len = len - ipacct_hidden_bytes(ctx),
		.n_tags = ipacct_hidden_bytes(ctx) != 0,
		.whole = false,
	};
}

/* Headers in the linear part. */
__noinline int ipacct_parse_linear(ipacct_ctx *ctx, __u32 len, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = cursor_linear(ctx, len);

	return pkt ? ipacct_parse(&cur, ipacct_first_type(ctx), pkt)
		   : PARSE_IGNORED(IPACCT_IGNORED_INTERNAL);
}

/* Wherever the headers lie; *pkt is zero. */
static __always_inline int parse_any(ipacct_ctx *ctx, __u32 len, struct ipacct_packet *pkt)
{
	int verdict = ipacct_parse_linear(ctx, len, pkt);

	if (verdict == PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2) ||
	    verdict == PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3))
		verdict = ipacct_parse_whole(ctx, len, pkt);
	return verdict;
}

/* One tunnel deeper, wherever its headers lie. */
__noinline int ipacct_tunnel(ipacct_ctx *ctx, __u32 len, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = {
		.ctx = ctx,
		.len = len - ipacct_hidden_bytes(ctx),
		.whole = true,
	};

	return pkt ? tunnel_inside(&cur, pkt) : TUNNEL_NONE;
}

static __always_inline int ipacct_inside(struct ipacct_cursor *cur, struct ipacct_packet *pkt)
{
	return ipacct_tunnel(cur->ctx, cur->len, pkt);
}

static __always_inline void totals_accounted(struct ipacct_totals *totals, __u32 len,
					     const struct ipacct_packet *pkt)
{
	struct ipacct_packets_l3 *family = pkt->family == 4 ? &totals->ipv4 : &totals->ipv6;
	__u32 class = pkt->protocol & (IPACCT_PROTOCOLS_MAX - 1); /* for the verifier */

	totals->accounted.packets++;
	totals->accounted.l2_bytes += len;
	family->packets++;
	family->l3_bytes += pkt->l3_bytes;
	totals->protocol[class].packets++;
	totals->protocol[class].l3_bytes += pkt->l3_bytes;
	if (!pkt->fragment)
		return;
	if (pkt->fragment == IPACCT_FRAGMENT_FIRST)
		totals->first_fragments++;
	else
		totals->other_fragments++;
}

static __always_inline void totals_ignored(struct ipacct_totals *totals, __u32 len, __u32 reason)
{
	reason &= IPACCT_REASONS_MAX - 1; /* for the verifier */
	totals->ignored[reason].packets++;
	totals->ignored[reason].l2_bytes += len;
}

/* From the addresses of a tunnel to those inside. Returns enum tunnel_verdict. */
static __always_inline int count_inside(ipacct_ctx *ctx, __u32 len, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = { .ctx = ctx, .len = len };

	return cfg_inner ? ipacct_innermost(&cur, pkt) : TUNNEL_NONE;
}

static __always_inline void totals_tunnel(struct ipacct_totals *totals, int verdict, __u32 packets)
{
	if (verdict == TUNNEL_READ)
		totals->inner_packets += packets;
	else if (verdict == TUNNEL_OPAQUE)
		totals->tunnel_outer_packets += packets;
}

/* Any packet: tags, tunnels, extension headers, headers beyond the linear part, errors, addresses that
 * are not at home. */
__noinline int ipacct_count_any(ipacct_ctx *ctx, struct ipacct_totals *totals, __u32 len,
				__u32 epoch)
{
	__u64 seed = ipacct_ctl_value.seed;
	struct ipacct_packet pkt = {};
	__u32 index;
	int verdict;

	if (!totals)
		return -1;
	verdict = parse_any(ctx, len, &pkt);
	if (verdict < 0) {
		totals_ignored(totals, len, PARSE_REASON(verdict));
		return 0;
	}
	totals_tunnel(totals, count_inside(ctx, len, &pkt), 1);
	totals_accounted(totals, len, &pkt);
	pkt.source.domain = pkt.destination.domain = frame_domain(ctx);
	index = account_index(epoch & 1);
	verdict = ipacct_account(&pkt.source, pkt.l3_bytes, index, ACCOUNT_TX(1), seed);
	return verdict | ipacct_account(&pkt.destination, pkt.l3_bytes, index, ACCOUNT_RX(1), seed);
}

#include "plain.bpf.h"

static __always_inline bool ipacct_bundle(ipacct_ctx *ctx, struct ipacct_totals *totals, __u32 len,
					  __u32 epoch);

/* plain: a constant in each caller. */
static __always_inline void count_as(ipacct_ctx *ctx, __u64 len, __u32 plain)
{
	__u32 epoch = ipacct_ctl_value.epoch & 1, at = 2 * cfg_slot + epoch;
	__u32 table_at = plain ? plain_table_at(epoch, plain) : 0;
	struct ipacct_totals *totals = bpf_map_lookup_elem(&ipacct_totals, &at);

	if (!totals || ipacct_bundle(ctx, totals, len, at & 1))
		return;
	totals_seen(totals, len);
	/* behind a closed door most lines are not worth loading */
	if ((plain || cfg_hot4_sets) && !door_is_closed(epoch))
		if ((plain ? count_plain4(ctx, totals, len, &table_at)
			   : count_asking4(ctx, totals, len, at & 1)) ||
		    ipacct_count_plain6(ctx, totals, len, at & 1))
			return;
	ipacct_count_any(ctx, totals, len, at & 1);
}

/* One packet of `len` octets without FCS. Everything about it belongs to one epoch, read once. */
static __always_inline void count(ipacct_ctx *ctx, __u64 len)
{
	switch (cfg_plain) {
	case IPACCT_PLAIN_BY_CPU:
		count_as(ctx, len, IPACCT_PLAIN_BY_CPU);
		break;
	case IPACCT_PLAIN_BY_TABLE:
		count_as(ctx, len, IPACCT_PLAIN_BY_TABLE);
		break;
	default:
		count_as(ctx, len, IPACCT_PLAIN_ASK);
	}
}

#endif
