/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nearly all packets: IP directly above Ethernet, both addresses at home in the hot tier.
 *
 * What such a packet costs is how many instructions it takes, so calls and look-ups come first, nothing
 * of the packet is in memory on the way, and what can be known before (enum ipacct_plain) is not asked.
 * The functions count_… return whether the packet was counted; else nothing was changed, and it is
 * for ipacct_count_any(). README.md has what each step is worth. */
#ifndef IPACCT_PLAIN_BPF_H
#define IPACCT_PLAIN_BPF_H

#define PLAIN4_BYTES (ETH_HLEN + PARSE_IPV4_BYTES)

/* Class of a protocol (parse_protocol_classes) as where its counters are among those of all. */
static const __u8 protocol_offsets[256] = {
#define CLASS(name) (IPACCT_PROTOCOL_##name * sizeof(struct ipacct_packets_l3))
	[0] = CLASS(OTHER),
	[PARSE_IP_ICMP] = CLASS(ICMP),
	[PARSE_IP_ICMP + 1 ... PARSE_IP_TCP - 1] = CLASS(OTHER),
	[PARSE_IP_TCP] = CLASS(TCP),
	[PARSE_IP_TCP + 1 ... PARSE_IP_UDP - 1] = CLASS(OTHER),
	[PARSE_IP_UDP] = CLASS(UDP),
	[PARSE_IP_UDP + 1 ... PARSE_IP_ICMPV6 - 1] = CLASS(OTHER),
	[PARSE_IP_ICMPV6] = CLASS(ICMP),
	[PARSE_IP_ICMPV6 + 1 ... 255] = CLASS(OTHER),
#undef CLASS
};

/* An IPv4 header without options behind Ethernet, in the linear part. */
static __always_inline bool plain4_is(const __u8 *frame, const void *end)
{
	/* the type follows both MAC addresses */
	return frame + PLAIN4_BYTES <= (const __u8 *)end &&
	       parse_raw16(frame + 12) == __builtin_bswap16(ETH_P_IP) &&
	       frame[ETH_HLEN] == PARSE_IPV4_PLAIN;
}

/* Octets of the packet as parse_ipv4() counts them. room: of the frame, from the IP header on. */
static __always_inline __u64 plain4_bytes(const __u8 *frame, __u64 room)
{
	__u64 total = parse_be16(frame + ETH_HLEN + 2);

	return total < room ? total : room;
}

static __always_inline __u32 plain4_is_fragment(const __u8 *frame)
{
	return parse_raw16(frame + ETH_HLEN + 6) &
	       __builtin_bswap16(PARSE_IPV4_OFFSET | PARSE_IPV4_MF);
}

static __always_inline void plain4_totals(struct ipacct_totals *totals, __u64 len,
					  const __u8 *frame, __u64 l3_bytes)
{
	struct ipacct_packets_l3 *class =
		(void *)((__u8 *)totals->protocol + protocol_offsets[frame[ETH_HLEN + 9]]);
	__u32 fragment;

	totals->accounted.packets++;
	totals->accounted.l2_bytes += len;
	totals->ipv4.packets++;
	totals->ipv4.l3_bytes += l3_bytes;
	class->packets++;
	class->l3_bytes += l3_bytes;
	fragment = plain4_is_fragment(frame);
	if (!fragment)
		return;
	if (fragment & __builtin_bswap16(PARSE_IPV4_OFFSET))
		totals->other_fragments++;
	else
		totals->first_fragments++;
}

/* The line of an address. word: as lines begin. *ret_line is set when the result is true. */
static __always_inline bool plain4_find(void *table, __u64 mask, __u64 word, __u64 seed,
					struct ipacct_hot4_line **ret_line)
{
	struct ipacct_hot4_line *line = ipacct_hot4_at_home(table, mask, hot_hash(word, seed));

	if (!ipacct_hot4_is(line, word)) {
		/* the hash is made anew: kept, it would take a register of those that are at home */
		barrier_var(word);
		line = ipacct_hot4_elsewhere(table, mask, hot_hash(word, seed), word);
		if (!line)
			return false;
	}
	*ret_line = line;
	return true;
}

/* Where the hot tables of this CPU and epoch are, in both families' maps; where there are none, a number
 * that finds nothing. plain: as cfg_plain. */
static __always_inline __u32 plain_table_at(__u32 epoch, __u32 plain)
{
	return plain == IPACCT_PLAIN_BY_CPU ? 2 * bpf_get_smp_processor_id() + epoch
					    : account_index(epoch) - IPACCT_EPOCHS;
}

/* IPv4, when cfg_plain says that nothing has to be asked. */
static __always_inline bool count_plain4(ipacct_ctx *ctx, struct ipacct_totals *totals, __u64 len,
					 const __u32 *table_at)
{
	const __u8 *frame = (void *)(long)ctx->data;
	struct ipacct_hot4_line *source, *destination;
	__u64 mask, seed, l3_bytes, word;
	void *table;

	if (!plain4_is(frame, (void *)(long)ctx->data_end))
		return false;
	table = bpf_map_lookup_elem(&ipacct_hot4, table_at);
	if (!table)
		return false;
	mask = ipacct_hot4_mask(cfg_hot4_sets);
	seed = ipacct_ctl_value.seed;
	word = hot4_word(0, cfg_domain);
	if (!plain4_find(table, mask, word | parse_raw32(frame + ETH_HLEN + 12), seed, &source) ||
	    !plain4_find(table, mask, word | parse_raw32(frame + ETH_HLEN + 16), seed,
			 &destination))
		return false;
	l3_bytes = plain4_bytes(frame, len - ipacct_hidden_bytes(ctx) - ETH_HLEN);
	if (l3_bytes < PARSE_IPV4_BYTES || !ipacct_hot4_add(source, destination, l3_bytes))
		return false;
	plain4_totals(totals, len, frame, l3_bytes);
	return true;
}

/* IPv4, when there may be a VLAN id beside the frame, a tunnel in it, or no Ethernet header. */
static __always_inline bool count_asking4(ipacct_ctx *ctx, struct ipacct_totals *totals, __u64 len,
					  __u32 epoch)
{
	__u32 table_at = plain_table_at(epoch, IPACCT_PLAIN_ASK), first = ipacct_first_type(ctx);
	void *table = bpf_map_lookup_elem(&ipacct_hot4, &table_at);
	__u64 mask = ipacct_hot4_mask(cfg_hot4_sets), seed = ipacct_ctl_value.seed, word;
	struct ipacct_hot4_line *source, *destination;
	struct ipacct_cursor cur = cursor_linear(ctx, len);
	struct ipacct_packet pkt = {};

	if (!table || vlan_is_beside(ctx) ||
	    (cfg_inner && tunnel_maybe_plain(&cur, first, ETH_P_IP)) ||
	    ipacct_parse_plain(&cur, first, ETH_P_IP, &pkt))
		return false;
	word = hot4_word(0, cfg_domain);
	if (!plain4_find(table, mask, word | pkt.source.addr_be[3], seed, &source) ||
	    !plain4_find(table, mask, word | pkt.destination.addr_be[3], seed, &destination) ||
	    !ipacct_hot4_add(source, destination, pkt.l3_bytes))
		return false;
	totals_accounted(totals, len, &pkt);
	return true;
}

static __always_inline struct ipacct_hot6_line *
plain6_find(void *table, __u64 mask, const struct ipacct_key *key, __u64 seed)
{
	__u64 hash = ipacct_hot6_hash(key, seed);
	struct ipacct_hot6_line *line = ipacct_hot6_at_home(table, mask, hash);

	return ipacct_hot6_is(line, key) ? line : ipacct_hot6_elsewhere(table, mask, hash, key);
}

/* IPv6; its own function, because its addresses do not fit into registers. */
__noinline int ipacct_count_plain6(ipacct_ctx *ctx, struct ipacct_totals *totals, __u32 len,
				   __u32 epoch)
{
	__u32 table_at = plain_table_at(epoch & 1, cfg_plain), first = ipacct_first_type(ctx);
	void *table = cfg_hot6_sets ? bpf_map_lookup_elem(&ipacct_hot6, &table_at) : NULL;
	__u64 mask = ipacct_hot6_mask(cfg_hot6_sets), seed = ipacct_ctl_value.seed;
	struct ipacct_hot6_line *source, *destination;
	struct ipacct_cursor cur = cursor_linear(ctx, len);
	struct ipacct_packet pkt = {};

	if (!totals || !table || vlan_is_beside(ctx) ||
	    (cfg_inner && tunnel_maybe_plain(&cur, first, ETH_P_IPV6)) ||
	    ipacct_parse_plain(&cur, first, ETH_P_IPV6, &pkt))
		return false;
	pkt.source.domain = pkt.destination.domain = cfg_domain;
	source = plain6_find(table, mask, &pkt.source, seed);
	destination = plain6_find(table, mask, &pkt.destination, seed);
	if (!source || !destination || !ipacct_hot6_add(source, destination, pkt.l3_bytes))
		return false;
	totals_accounted(totals, len, &pkt);
	return true;
}

#endif
