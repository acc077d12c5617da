/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program under test and its baselines, in one object: same parser, same totals, same flags.
 * Each entry first writes the next pair of addresses into the frame, because BPF_PROG_TEST_RUN runs
 * one frame over and over; the cost of that is in every figure and is subtracted with the floor. */
#include "../xdp/bpf/ipacct.bpf.c"

const volatile __u32 cfg_addresses = 1;

/* key: 0. value per CPU: a random state. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bench_random SEC(".maps");

/* What everybody uses: one shared LRU with a value per CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1 << 18);
	__type(key, struct ipacct_key);
	__type(value, struct ipacct_counters);
} bench_lru SEC(".maps");

/* xorshift64 (Marsaglia 2003) */
static __always_inline __u32 next_address(__u64 *state)
{
	__u64 x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return (__u32)(((x & 0xffffffff) * cfg_addresses) >> 32);
}

/* 10.0.0.0/8 → 11.0.0.0/8, in an Ethernet II frame that holds IPv4 without options. */
static __always_inline int next_frame(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 zero = 0, *addresses = data + 26;
	__u64 *state = bpf_map_lookup_elem(&bench_random, &zero);

	if (!state || data + 34 > data_end)
		return -1;
	addresses[0] = __builtin_bswap32(0x0a000000 + next_address(state));
	addresses[1] = __builtin_bswap32(0x0b000000 + next_address(state));
	return 0;
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
		count(ctx);
	return XDP_PASS;
}

static __always_inline void plain_add(const struct ipacct_key *key, __u32 l3_bytes, bool rx)
{
	struct ipacct_counters delta, *record = bpf_map_lookup_elem(&bench_lru, key);

	delta_of(&delta, l3_bytes, rx);
	if (record)
		counters_add(record, &delta, false);
	else
		bpf_map_update_elem(&bench_lru, key, &delta, BPF_ANY);
}

/* Parser and totals in front of the plain map, for both that use it: those of count_plain(). */
static __always_inline int plain_parse(struct xdp_md *ctx, struct ipacct_packet *pkt)
{
	struct ipacct_cursor cur;
	struct ipacct_totals *totals;
	__u32 zero = 0, slot, len;
	struct ipacct_ctl *ctl;

	if (next_frame(ctx))
		return -1;
	ctl = bpf_map_lookup_elem(&ipacct_ctl, &zero);
	if (!ctl)
		return -1;
	slot = 2 * cfg_slot + (*(volatile __u32 *)&ctl->epoch & 1);
	totals = bpf_map_lookup_elem(&ipacct_totals, &slot);
	if (!totals)
		return -1;
	len = bpf_xdp_get_buff_len(ctx);
	totals->seen.packets++;
	totals->seen.l2_bytes += len;
	totals->size_histogram[size_bin(len)]++;
	cur = cursor_linear(ctx, len);
	if (ipacct_parse_plain(&cur, ETH_P_IP, pkt))
		return -1;
	totals_accounted(totals, len, pkt);
	return 0;
}

/* All but the two updates. */
SEC("xdp.frags")
int bench_totals(struct xdp_md *ctx)
{
	struct ipacct_packet pkt = {};

	plain_parse(ctx, &pkt);
	return XDP_PASS;
}

SEC("xdp.frags")
int bench_lru_percpu(struct xdp_md *ctx)
{
	struct ipacct_packet pkt = {};

	if (plain_parse(ctx, &pkt))
		return XDP_PASS;
	plain_add(&pkt.source, pkt.l3_bytes, false);
	plain_add(&pkt.destination, pkt.l3_bytes, true);
	return XDP_PASS;
}
