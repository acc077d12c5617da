/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One address of one packet, through the tiers: hot line, LRU record, roll-up line of its prefix.
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
	if (!shared)
		*counter += n;
	else if (n)
		__sync_fetch_and_add(counter, n);
}

static __always_inline void counters_add(struct ipacct_counters *counters,
					 const struct ipacct_counters *delta, bool shared)
{
	add(&counters->tx_packets, delta->tx_packets, shared);
	add(&counters->tx_l3_bytes, delta->tx_l3_bytes, shared);
	add(&counters->rx_packets, delta->rx_packets, shared);
	add(&counters->rx_l3_bytes, delta->rx_l3_bytes, shared);
}

/* One packet in one direction. */
static __always_inline void delta_of(struct ipacct_counters *ret_delta, const struct account *what,
				     bool rx)
{
	ret_delta->tx_packets = !rx;
	ret_delta->tx_l3_bytes = rx ? 0 : what->l3_bytes;
	ret_delta->rx_packets = rx;
	ret_delta->rx_l3_bytes = rx ? what->l3_bytes : 0;
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

#include "rollup.bpf.h"
#include "lru.bpf.h"
#include "hot.bpf.h"

/* The tiers are global functions: the verifier checks each once, and not again for every way that
 * a packet takes through the parser (243,908 instructions became 30,290).
 * Returns 0, or −1 when the packet could be added nowhere (cannot happen). */
static __always_inline int account_address(const struct ipacct_key *key, const struct account *what,
					   bool ipv4, bool rx)
{
	struct ipacct_counters delta;

	if (cfg_hot4_sets && !what->shared)
		return ipv4 ? ipacct_hot4_account(key, what, rx)
			    : ipacct_hot6_account(key, what, rx);
	delta_of(&delta, what, rx);
	return ipacct_lru_add(key, what, &delta, true);
}

#endif
