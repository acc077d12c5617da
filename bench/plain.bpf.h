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

/* Parser and totals. IP directly above Ethernet first, as the program under test may do. */
static __always_inline int plain_parse(struct xdp_md *ctx, struct ipacct_packet *pkt,
				       bool histogram, bool protocol)
{
	__u32 slot = 2 * BENCH_PLAIN_SLOT, len, class;
	struct ipacct_cursor cur = {
		.ctx = ctx,
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
		.len = bpf_xdp_get_buff_len(ctx),
	};
	struct ipacct_totals *totals = bpf_map_lookup_elem(&ipacct_totals, &slot);
	struct ipacct_packets_l3 *family;
	int verdict;

	if (!totals)
		return -1;
	len = cur.len;
	totals->seen.packets++;
	totals->seen.l2_bytes += len;
	if (histogram)
		totals->size_histogram[size_bin(len)]++;
	verdict =
		cfg_family == 4 ? parse_ipv4(&cur, ETH_HLEN, pkt) : parse_ipv6(&cur, ETH_HLEN, pkt);
	if (verdict < 0)
		return -1;
	totals->accounted.packets++;
	totals->accounted.l2_bytes += len;
	family = pkt->family == 4 ? &totals->ipv4 : &totals->ipv6;
	family->packets++;
	family->l3_bytes += pkt->l3_bytes;
	if (protocol) {
		class = pkt->protocol & (IPACCT_PROTOCOLS_MAX - 1);
		totals->protocol[class].packets++;
		totals->protocol[class].l3_bytes += pkt->l3_bytes;
	}
	if (pkt->fragment == IPACCT_FRAGMENT_FIRST)
		totals->first_fragments++;
	else if (pkt->fragment == IPACCT_FRAGMENT_OTHER)
		totals->other_fragments++;
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
	struct ipacct_key key = {};

	if (plain_parse(ctx, &pkt, true, true))
		return;
	__builtin_memcpy(key.addr_be, pkt.source_be, sizeof(key.addr_be));
	plain_add(map, &key, pkt.l3_bytes, false);
	__builtin_memcpy(key.addr_be, pkt.destination_be, sizeof(key.addr_be));
	plain_add(map, &key, pkt.l3_bytes, true);
}

static __always_inline void plain_count_u32(struct xdp_md *ctx)
{
	struct ipacct_packet pkt = {};

	if (plain_parse(ctx, &pkt, true, true))
		return;
	plain_add(&bench_lru_u32, &pkt.source_be[3], pkt.l3_bytes, false);
	plain_add(&bench_lru_u32, &pkt.destination_be[3], pkt.l3_bytes, true);
}

#endif
