/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The baselines: what one writes without ipacct, with ipacct's own parser and totals in front of it.
 * This is the only file here that knows functions inside of the program under test. */
#ifndef IPACCT_BENCH_PLAIN_BPF_H
#define IPACCT_BENCH_PLAIN_BPF_H

/* What everybody uses: one shared LRU with a value per CPU. Full: evicts, and says nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct ipacct_key);
	__type(value, struct ipacct_counters);
} bench_lru SEC(".maps");

/* The same with a key as short as an IPv4 address allows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ipacct_counters);
} bench_lru_u32 SEC(".maps");

/* No eviction. Full: the update fails. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct ipacct_key);
	__type(value, struct ipacct_counters);
} bench_hash SEC(".maps");

/* plain4_totals() and totals_accounted() without the protocol. */
static __always_inline void plain_totals(struct ipacct_totals *totals, __u64 len, __u64 l3_bytes,
					 bool fragment)
{
	struct ipacct_packets_l3 *family = cfg_family == 4 ? &totals->ipv4 : &totals->ipv6;

	totals->accounted.packets++;
	totals->accounted.l2_bytes += len;
	family->packets++;
	family->l3_bytes += l3_bytes;
	if (fragment)
		totals->first_fragments++;
}

static __always_inline int plain_parse4(struct xdp_md *ctx, struct ipacct_totals *totals, __u64 len,
					struct ipacct_packet *pkt, bool protocols)
{
	const __u8 *frame = (void *)(long)ctx->data;
	__u64 l3_bytes;

	if (!plain4_is(frame, (void *)(long)ctx->data_end))
		return -1;
	l3_bytes = plain4_bytes(frame, len - ETH_HLEN);
	if (l3_bytes < PARSE_IPV4_BYTES)
		return -1;
	pkt->l3_bytes = l3_bytes;
	pkt->source.addr_be[2] = pkt->destination.addr_be[2] = KEY_IPV4_MAPPED;
	pkt->source.addr_be[3] = parse_raw32(frame + ETH_HLEN + 12);
	pkt->destination.addr_be[3] = parse_raw32(frame + ETH_HLEN + 16);
	if (protocols)
		plain4_totals(totals, len, frame, l3_bytes);
	else
		plain_totals(totals, len, l3_bytes, plain4_is_fragment(frame));
	return 0;
}

/* Epoch, parser and totals as in count() and its way for plain packets. */
static __always_inline int plain_parse(struct xdp_md *ctx, struct ipacct_packet *pkt,
				       bool histogram, bool protocols)
{
	__u64 len = bpf_xdp_get_buff_len(ctx);
	struct ipacct_totals *totals;
	struct ipacct_cursor cur;
	__u32 at = 2 * BENCH_PLAIN_SLOT + (ipacct_ctl_value.epoch & 1);

	totals = bpf_map_lookup_elem(&ipacct_totals, &at);
	if (!totals)
		return -1;
	if (histogram) {
		totals_seen(totals, len);
	} else {
		totals->seen.packets++;
		totals->seen.l2_bytes += len;
	}
	if (cfg_family == 4)
		return plain_parse4(ctx, totals, len, pkt, protocols);
	cur = cursor_linear(ctx, len);
	if (ipacct_parse_plain(&cur, 0, ETH_P_IPV6, pkt))
		return -1;
	if (protocols)
		totals_accounted(totals, len, pkt);
	else
		plain_totals(totals, len, pkt->l3_bytes, pkt->fragment);
	return 0;
}

static __always_inline void plain_failed(void)
{
	__u32 zero = 0;
	struct bench_state *state = bpf_map_lookup_elem(&bench_state, &zero);

	if (state)
		state->n_failed++;
}

static __always_inline void plain_add(void *map, const void *key, __u32 l3_bytes, bool rx)
{
	struct ipacct_counters *record = bpf_map_lookup_elem(map, key), first = {};

	if (!record) {
		first.tx_packets = !rx;
		first.tx_l3_bytes = rx ? 0 : l3_bytes;
		first.rx_packets = rx;
		first.rx_l3_bytes = rx ? l3_bytes : 0;
		if (bpf_map_update_elem(map, key, &first, BPF_ANY))
			plain_failed();
	} else if (rx) {
		record->rx_packets++;
		record->rx_l3_bytes += l3_bytes;
	} else {
		record->tx_packets++;
		record->tx_l3_bytes += l3_bytes;
	}
}

static __always_inline void plain_count(struct xdp_md *ctx, void *map)
{
	struct ipacct_packet pkt = {};

	if (plain_parse(ctx, &pkt, true, true))
		return;
	plain_add(map, &pkt.source, pkt.l3_bytes, false);
	plain_add(map, &pkt.destination, pkt.l3_bytes, true);
}

static __always_inline void plain_count_u32(struct xdp_md *ctx)
{
	struct ipacct_packet pkt = {};

	if (plain_parse(ctx, &pkt, true, true))
		return;
	plain_add(&bench_lru_u32, &pkt.source.addr_be[3], pkt.l3_bytes, false);
	plain_add(&bench_lru_u32, &pkt.destination.addr_be[3], pkt.l3_bytes, true);
}

#endif
