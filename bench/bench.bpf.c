/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program under test and its baselines, in one object: same parser, same totals, same flags. */
#include "../xdp/bpf/ipacct.bpf.c"
#include "generator.bpf.h"
#include "plain.bpf.h"

/* What the call itself costs. */
SEC("xdp.frags")
int bench_bare(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* The floor: what the frame costs when nobody counts. */
SEC("xdp.frags")
int bench_drop(struct xdp_md *ctx)
{
	next_frame(ctx);
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_ipacct(struct xdp_md *ctx)
{
	if (!next_frame(ctx))
		count(ctx, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

SEC("xdp.frags")
int bench_lru_percpu(struct xdp_md *ctx)
{
	if (!next_frame(ctx))
		plain_count(ctx, &bench_lru);
	return XDP_PASS;
}

SEC("xdp.frags")
int bench_lru_short(struct xdp_md *ctx)
{
	if (!next_frame(ctx))
		plain_count_u32(ctx);
	return XDP_PASS;
}

SEC("xdp.frags")
int bench_percpu(struct xdp_md *ctx)
{
	if (!next_frame(ctx))
		plain_count(ctx, &bench_hash);
	return XDP_PASS;
}

/* All but the two updates; then without one part of the totals each. */
#define TOTALS(name, histogram, protocol)                            \
	SEC("xdp.frags")                                             \
	int name(struct xdp_md *ctx)                                 \
	{                                                            \
		struct ipacct_packet pkt = {};                       \
                                                                     \
		if (!next_frame(ctx))                                \
			plain_parse(ctx, &pkt, histogram, protocol); \
		return XDP_PASS;                                     \
	}
TOTALS(bench_totals, true, true)
TOTALS(bench_no_histogram, false, true)
TOTALS(bench_no_protocol, true, false)
#undef TOTALS

/* Live frames: the source sends new addresses out of the device it runs on; one of the others is at
 * the far end. */
SEC("xdp")
int bench_live_source(struct xdp_md *ctx)
{
	return next_frame(ctx) ? XDP_ABORTED : XDP_TX;
}

SEC("xdp.frags")
int bench_live_ipacct(struct xdp_md *ctx)
{
	count(ctx, bpf_xdp_get_buff_len(ctx));
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_live_lru(struct xdp_md *ctx)
{
	plain_count(ctx, &bench_lru);
	return XDP_DROP;
}

/* A receiver that takes a microsecond or two: tells whose time soft interrupts count as. */
SEC("xdp.frags")
int bench_live_slow(struct xdp_md *ctx)
{
	__u64 sum = ctx->ingress_ifindex;

	for (int i = 0; i < 64; i++)
		sum += bpf_ktime_get_ns();
	return sum ? XDP_DROP : XDP_ABORTED;
}
