/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One address of one packet: its own record in the LRU tier, or the roll-up line of its prefix.
 * Every path adds to exactly one place. */
#ifndef IPACCT_ACCOUNT_BPF_H
#define IPACCT_ACCOUNT_BPF_H

/* What both addresses of a packet share. */
struct account {
	__u64 seed;
	__u32 index; /* 2 * partition + epoch */
	__u32 l3_bytes;
	__u32 shared; /* the partition belongs to several CPUs: atomic adds, zero inserts */
};

/* Octets of ::ffff:0:0/96 before the IPv4 address, RFC 4291 2.5.5.2 */
#define KEY_IPV4_MAPPED __builtin_bswap32(0x0000ffff)

static __always_inline bool key_is_ipv4(const struct ipacct_key *key)
{
	return !key->addr_be[0] && !key->addr_be[1] && key->addr_be[2] == KEY_IPV4_MAPPED;
}

static __always_inline void add(__u64 *counter, __u64 n, bool shared)
{
	if (shared)
		__sync_fetch_and_add(counter, n);
	else
		*counter += n;
}

static __always_inline void counters_add(struct ipacct_counters *counters, bool rx,
					 const struct account *what)
{
	if (rx) {
		add(&counters->rx_packets, 1, what->shared);
		add(&counters->rx_l3_bytes, what->l3_bytes, what->shared);
	} else {
		add(&counters->tx_packets, 1, what->shared);
		add(&counters->tx_l3_bytes, what->l3_bytes, what->shared);
	}
}

/* Mixes 64 bits (the finaliser of MurmurHash3): keyed by the seed, so nobody can aim at one set. */
static __always_inline __u64 mix64(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

/* The line of the key's /32, taken if it is new; NULL when its set is full. */
static __always_inline struct ipacct_counters *roll6_line(const struct ipacct_key *key,
							  const struct account *what)
{
	__u64 wanted = IPACCT_ROLL6_KEY(key->addr_be[0], key->domain);
	__u32 set = mix64(wanted ^ what->seed) & (IPACCT_ROLL6_LINES / IPACCT_ROLL6_WAYS - 1);
	__u32 at = what->index * IPACCT_ROLL6_LINES + set * IPACCT_ROLL6_WAYS;

	for (__u32 i = 0; i < IPACCT_ROLL6_WAYS; i++, at++) {
		struct ipacct_roll6_line *line = bpf_map_lookup_elem(&ipacct_roll6, &at);
		__u64 found;

		if (!line)
			return NULL;
		found = *(volatile __u64 *)&line->key;
		if (!found && what->shared)
			found = __sync_val_compare_and_swap(&line->key, 0, wanted);
		else if (!found)
			line->key = wanted;
		if (!found || found == wanted)
			return &line->counters;
	}
	return NULL;
}

/* What gets no record of its own. Returns 0, or −1 when no map answered (cannot happen). */
static __noinline int rollup(const struct ipacct_key *key, const struct account *what, bool rx)
{
	struct ipacct_counters *line = NULL;
	bool ipv4 = key_is_ipv4(key);
	__u32 index = what->index, at;
	struct ipacct_part *part = bpf_map_lookup_elem(&ipacct_parts, &index);

	if (part)
		add(&part->rollup_updates, 1, what->shared);
	if (!ipv4)
		line = roll6_line(key, what);
	if (!line) {
		if (ipv4 && !key->domain)
			at = __builtin_bswap32(key->addr_be[3]) >> 16;
		else
			at = IPACCT_ROLL4_LINES + 2 * cfg_domain_slot + !ipv4;
		at += index * IPACCT_ROLL_LINES;
		line = bpf_map_lookup_elem(&ipacct_roll, &at);
	}
	if (!line)
		return -1;
	counters_add(line, rx, what);
	return 0;
}

/* Whether this epoch still has room for a new record; counts the wish either way. Staying 128
 * below the capacity (per CPU that inserts) is what keeps the LRU from evicting, ever. */
static __always_inline bool budget_take(struct ipacct_part *part, bool shared)
{
	__u64 inserts = shared ? __sync_fetch_and_add(&part->lru_inserts, 1) : part->lru_inserts++;

	if (inserts < part->lru_budget)
		return true;
	add(&part->lru_refused, 1, shared);
	return false;
}

/* The first packet of a key. A partition of one CPU takes the counts with the insert; in a shared
 * one two CPUs may insert at once and the loser's counts would vanish, so a zero record goes in
 * first and both add to what a second look-up finds. */
static __noinline int account_new(void *lru, const struct ipacct_key *key,
				  const struct account *what, bool rx)
{
	struct ipacct_counters first = {}, *record;
	__u32 index = what->index;
	struct ipacct_part *part = bpf_map_lookup_elem(&ipacct_parts, &index);

	if (!part || !budget_take(part, what->shared))
		return rollup(key, what, rx);
	if (!what->shared)
		counters_add(&first, rx, what);
	if (!bpf_map_update_elem(lru, key, &first, BPF_NOEXIST) && !what->shared)
		return 0;
	record = bpf_map_lookup_elem(lru, key);
	if (!record)
		return rollup(key, what, rx);
	counters_add(record, rx, what);
	return 0;
}

/* lru: the inner map of this partition and epoch.
 * Returns 0, or −1 when the packet could be added nowhere (cannot happen). */
static __noinline int account_address(void *lru, const struct ipacct_key *key,
				      const struct account *what, bool rx)
{
	struct ipacct_counters *record = bpf_map_lookup_elem(lru, key);

	if (!record)
		return account_new(lru, key, what, rx);
	counters_add(record, rx, what);
	return 0;
}

#endif
