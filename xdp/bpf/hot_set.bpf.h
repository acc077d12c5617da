/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hot tier of one family. Included once for each, with
 *	HOT(name)    the family's function name
 *	HOT_LINE, HOT_SET, HOT_WAYS, HOT_MAP
 *	HOT_SETS     how many sets a partition and epoch has, a power of two
 *	HOT_BIT      bit number of this family's first set in ipacct_hotmap
 * and HOT(is), HOT(key_write), HOT(key_read), HOT(hash). Only partitions of one CPU have it. */

static __always_inline void HOT(add)(HOT_LINE *line, const struct account *what, bool rx)
{
	if (rx) {
		line->rx_packets++;
		line->rx_l3_bytes += what->l3_bytes;
	} else {
		line->tx_packets++;
		line->tx_l3_bytes += what->l3_bytes;
	}
}

/* Put what the line holds elsewhere: into the LRU tier or, `to_rollup`, into that of its prefix. */
static __always_inline void HOT(displace)(const HOT_LINE *line, const struct account *what,
					  bool to_rollup)
{
	struct ipacct_counters was = {
		.tx_packets = line->tx_packets,
		.tx_l3_bytes = line->tx_l3_bytes,
		.rx_packets = line->rx_packets,
		.rx_l3_bytes = line->rx_l3_bytes,
	};
	struct ipacct_key key = {};

	HOT(key_read)(line, &key);
	if (!was.tx_packets && !was.rx_packets)
		return; /* a warm key that did not come this time */
	if (to_rollup)
		ipacct_rollup(&key, what, &was);
	else
		ipacct_lru_add(&key, what, &was, line->flags & IPACCT_HOT_PROTECTED);
}

/* The way of both sets where a key is looked for first and goes when it is free: half of all keys
 * are found by one compare in one cache line. */
static __always_inline __u32 HOT(home)(__u64 hash)
{
	return hash >> 58 & (HOT_WAYS - 1);
}

/* Choose among the lines of both sets, in this order: home when free; free; one cold packet of a stranger; the
 * weakest stranger. Returns the line's number, or −1 when every line is protected. */
__noinline int HOT(victim)(const HOT_SET *first, const HOT_SET *second, __u32 home)
{
	__u32 least = 0xffffffff;
	int at = -1;

	if (!first || !second)
		return -1;
	home &= HOT_WAYS - 1;
	if (!first->line[home].flags)
		return home;
	if (!second->line[home].flags)
		return HOT_WAYS + home;

	for (int i = 0; i < 2 * (int)HOT_WAYS; i++) {
		const HOT_LINE *line =
			i < (int)HOT_WAYS ? &first->line[i] : &second->line[i - (int)HOT_WAYS];
		__u32 weight = line->tx_packets + line->rx_packets;

		if (!line->flags)
			return i;
		if (line->flags & IPACCT_HOT_PROTECTED)
			continue;
		/* cold with one packet is weakest; a warm key counts double: it has shown that it
		 * comes back */
		weight = line->flags & IPACCT_HOT_WARM ? 2 * weight + 2 : weight;
		if (weight < least) {
			least = weight;
			at = i;
		}
	}
	return at;
}

/* A key that is in neither set takes the victim's line. A single packet of a stranger goes to the
 * LRU tier only while half of its budget is left: so an ordinary crowd stays exact by address, and
 * a flood of new sources costs one roll-up line each and leaves room for what comes back. */
__noinline int HOT(miss)(const struct ipacct_key *key, const struct account *what, __u32 rx,
			 __u64 hash)
{
	struct ipacct_counters delta = {};
	HOT_SET *first, *second;
	struct ipacct_part *part;
	__u32 index, base, bit, word, at, at2;
	__u16 guarded;
	HOT_LINE *line;
	__u64 *bits;
	int number;

	if (!key || !what)
		return -1;
	index = what->index;
	base = (index - IPACCT_EPOCHS) * HOT_SETS;
	at = base + ((__u32)hash & (HOT_SETS - 1));
	at2 = base + ((__u32)(hash >> 32) & (HOT_SETS - 1));
	first = bpf_map_lookup_elem(&HOT_MAP, &at);
	second = bpf_map_lookup_elem(&HOT_MAP, &at2);
	part = bpf_map_lookup_elem(&ipacct_parts, &index);
	if (!first || !second || !part)
		return -1;
	guarded = guard_flag(key);
	number = HOT(victim)(first, second, HOT(home)(hash));
	if (number < 0 || number >= 2 * (int)HOT_WAYS) {
		/* every line is protected */
		delta_of(&delta, what, rx);
		return guarded ? ipacct_lru_add(key, what, &delta, true)
			       : ipacct_rollup(key, what, &delta);
	}
	if (number < (int)HOT_WAYS) {
		line = &first->line[number & (HOT_WAYS - 1)];
		bit = at;
	} else {
		line = &second->line[number & (HOT_WAYS - 1)];
		bit = at2;
	}
	if (line->flags) {
		bool one_packet = line->tx_packets + line->rx_packets == 1 &&
				  !(line->flags & IPACCT_HOT_WARM);
		bool to_rollup = one_packet && part->lru_inserts >= part->lru_budget / 2;

		if (to_rollup)
			part->hot_rolled++;
		else
			part->hot_displaced++;
		HOT(displace)(line, what, to_rollup);
	}
	line->tx_packets = line->rx_packets = 0;
	line->tx_l3_bytes = line->rx_l3_bytes = 0;
	HOT(key_write)(line, key);
	line->flags = IPACCT_HOT_USED | guarded;
	HOT(add)(line, what, rx);
	bit += HOT_BIT;
	word = bit / 64;
	bits = bpf_map_lookup_elem(&ipacct_hotmap, &word);
	if (bits)
		*bits |= 1ULL << (bit % 64);
	return 0;
}

static __always_inline HOT_LINE *HOT(find)(HOT_SET *set, const struct ipacct_key *key, __u32 home)
{
	if (HOT(is)(&set->line[home], key))
		return &set->line[home];
	for (int i = 0; i < (int)HOT_WAYS; i++)
		if (HOT(is)(&set->line[i], key))
			return &set->line[i];
	return NULL;
}

/* A 32-bit packet counter is half full: move what the line holds to the LRU tier, keep the key. */
__noinline int HOT(overflow)(HOT_LINE *line, const struct account *what)
{
	if (!line || !what)
		return -1;
	HOT(displace)(line, what, false);
	line->tx_packets = line->rx_packets = 0;
	line->tx_l3_bytes = line->rx_l3_bytes = 0;
	return 0;
}

__noinline int HOT(account)(const struct ipacct_key *key, const struct account *what, __u32 rx)
{
	HOT_SET *first, *second;
	__u32 base, at, at2;
	HOT_LINE *line;
	__u64 hash;

	if (!key || !what)
		return -1;
	hash = HOT(hash)(key, what->seed);
	base = (what->index - IPACCT_EPOCHS) * HOT_SETS;
	at = base + ((__u32)hash & (HOT_SETS - 1));
	at2 = base + ((__u32)(hash >> 32) & (HOT_SETS - 1));
	/* both pointers before the first compare: the two cache misses overlap */
	first = bpf_map_lookup_elem(&HOT_MAP, &at);
	second = bpf_map_lookup_elem(&HOT_MAP, &at2);
	if (!first || !second)
		return -1;
	line = HOT(find)(first, key, HOT(home)(hash));
	if (!line)
		line = HOT(find)(second, key, HOT(home)(hash));
	if (!line)
		return HOT(miss)(key, what, rx, hash);
	HOT(add)(line, what, rx);
	if ((line->tx_packets | line->rx_packets) & HOT_PACKETS_FULL)
		return HOT(overflow)(line, what);
	return 0;
}
