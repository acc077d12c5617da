/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Count every packet that arrives and pass it on: parse → totals → two addresses. */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "ipacct/abi.h"
#include "ipacct/counters.h"

/* Fixed before load, one load per interface. */
const volatile __u32 cfg_slot = 0;        /* interface slot */
const volatile __u16 cfg_domain = 0;      /* accounting domain of its addresses */
const volatile __u32 cfg_domain_slot = 0; /* slot of that domain in ipacct_doms */
const volatile __u32 cfg_hot4_sets = 0;   /* as ipacct_meta.hot4_sets; 0 removes the hot tier */
const volatile __u32 cfg_hot6_sets = 0;
const volatile __u32 cfg_hot6_bit = 0; /* first bit of ipacct_hot6 in ipacct_hotmap */
const volatile __u32 cfg_guard = 0;    /* there are protected prefixes */

#include "maps.bpf.h"
#include "cursor.bpf.h"
#include "parse.h"
#include "account.bpf.h"

static __always_inline __u32 size_bin(__u32 l2_bytes)
{
	__u32 size = l2_bytes + IPACCT_FCS_BYTES, bin = 0;

#define BELOW(limit, name)  \
	if (size < (limit)) \
		return bin; \
	bin++;
	IPACCT_SIZES(BELOW)
#undef BELOW
	return IPACCT_SIZE_BINS - 1;
}

/* Global functions: the verifier checks each once, whatever the callers know. */

/* IPv6 extension headers are rare enough to read by helper wherever they lie. */
__noinline int ipacct_parse_chain(struct xdp_md *ctx, __u32 off, __u32 next,
				  struct ipacct_packet *pkt)
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
__noinline int ipacct_parse_whole(struct xdp_md *ctx, __u32 len, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = { .ctx = ctx, .len = len, .whole = true };

	if (!pkt)
		return PARSE_IGNORED(IPACCT_IGNORED_INTERNAL);
	__builtin_memset(pkt, 0, sizeof(*pkt));
	return ipacct_parse(&cur, pkt);
}

static __always_inline int parse(struct xdp_md *ctx, __u32 len, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur = {
		.ctx = ctx,
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
		.len = len,
		.whole = false,
	};
	int verdict = ipacct_parse(&cur, pkt);

	if (verdict == PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L2) ||
	    verdict == PARSE_IGNORED(IPACCT_IGNORED_TRUNCATED_L3))
		verdict = ipacct_parse_whole(ctx, len, pkt);
	return verdict;
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
	if (pkt->fragment == IPACCT_FRAGMENT_FIRST)
		totals->first_fragments++;
	else if (pkt->fragment == IPACCT_FRAGMENT_OTHER)
		totals->other_fragments++;
}

static __always_inline void totals_ignored(struct ipacct_totals *totals, __u32 len, __u32 reason)
{
	reason &= IPACCT_REASONS_MAX - 1; /* for the verifier */
	totals->ignored[reason].packets++;
	totals->ignored[reason].l2_bytes += len;
}

static __always_inline int account_packet(const struct ipacct_packet *pkt, __u32 epoch, __u64 seed)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 *found = bpf_map_lookup_elem(&ipacct_cpus, &cpu);
	__u32 partition = found ? *found : 0;
	struct account what = {
		.seed = seed,
		.index = 2 * partition + epoch,
		.l3_bytes = pkt->l3_bytes,
		.shared = partition == 0,
	};
	struct ipacct_key key = { .domain = cfg_domain }; /* one: the stack of 6.1 is full */
	bool ipv4 = pkt->family == 4;
	int ret;

	__builtin_memcpy(key.addr_be, pkt->source_be, sizeof(key.addr_be));
	ret = account_address(&key, &what, ipv4, false);
	__builtin_memcpy(key.addr_be, pkt->destination_be, sizeof(key.addr_be));
	return ret | account_address(&key, &what, ipv4, true);
}

/* Everything about one packet belongs to one epoch, read once. */
static __always_inline void count(struct xdp_md *ctx)
{
	struct ipacct_packet pkt = {};
	__u32 zero = 0, epoch, slot, len;
	struct ipacct_totals *totals;
	struct ipacct_ctl *ctl;
	int verdict;

	ctl = bpf_map_lookup_elem(&ipacct_ctl, &zero);
	if (!ctl)
		return;
	epoch = *(volatile __u32 *)&ctl->epoch & 1;
	slot = 2 * cfg_slot + epoch;
	totals = bpf_map_lookup_elem(&ipacct_totals, &slot);
	if (!totals)
		return;
	len = bpf_xdp_get_buff_len(ctx);
	totals->seen.packets++;
	totals->seen.l2_bytes += len;
	totals->size_histogram[size_bin(len)]++;
	verdict = parse(ctx, len, &pkt);
	if (verdict < 0) {
		totals_ignored(totals, len, PARSE_REASON(verdict));
		return;
	}
	totals_accounted(totals, len, &pkt);
	account_packet(&pkt, epoch, ctl->seed);
}

SEC("xdp.frags")
int ipacct_xdp(struct xdp_md *ctx)
{
	count(ctx);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
