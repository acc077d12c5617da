/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One address of one packet, through the tiers: hot line, LRU record, roll-up line of its prefix.
 * Every path adds to exactly one place.
 *
 * `index` says where the records of this CPU and epoch are: 2 * partition + epoch. Partition 0 belongs
 * to several CPUs: there one adds atomically and inserts zeros. Tiers are global functions: the
 * verifier checks each once, and not again for every way that a packet takes to it. They call each
 * other side by side where they can, not one inside the other: kernel 6.1 allows 512 octets of stack
 * over the deepest chain. */
#ifndef IPACCT_ACCOUNT_BPF_H
#define IPACCT_ACCOUNT_BPF_H

/* Octets of ::ffff:0:0/96 before the IPv4 address, RFC 4291 2.5.5.2 */
#define KEY_IPV4_MAPPED __builtin_bswap32(0x0000ffff)

static __always_inline bool key_is_ipv4(const struct ipacct_key *key)
{
	return !key->addr_be[0] && !key->addr_be[1] && key->addr_be[2] == KEY_IPV4_MAPPED;
}

static __always_inline bool is_shared(__u32 index)
{
	return index < IPACCT_EPOCHS;
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

/* Counts on their way to a tier, and which one. */
struct account_record {
	struct ipacct_key key;
	__u32 reserved;
	struct ipacct_counters counters;
};

enum account_to {
	ACCOUNT_DONE = 0,
	ACCOUNT_TO_LRU,
	ACCOUNT_TO_ROLLUP,
};

/* Packets of one address in one direction: how many there are, and whether it is their destination. */
#define ACCOUNT_TX(packets) ((__u32)(packets) << 1)
#define ACCOUNT_RX(packets) (ACCOUNT_TX(packets) | 1)

static __always_inline void delta_of(struct ipacct_counters *ret_delta, __u32 l3_bytes,
				     __u32 packets)
{
	bool rx = packets & 1;

	packets >>= 1;
	ret_delta->tx_packets = rx ? 0 : packets;
	ret_delta->tx_l3_bytes = rx ? 0 : l3_bytes;
	ret_delta->rx_packets = rx ? packets : 0;
	ret_delta->rx_l3_bytes = rx ? l3_bytes : 0;
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

/* epoch: its last bit counts, so an index does as well. */
static __always_inline bool door_is_closed(__u32 epoch)
{
	return ipacct_ctl_value.doors >> (epoch & 1) & 1;
}

#include "domain.bpf.h"
#include "rollup.bpf.h"
#include "guard.bpf.h"
#include "lru.bpf.h"
#include "hot.bpf.h"

/* Packets of one address: ACCOUNT_TX(n) or ACCOUNT_RX(n), octets of all of them. Returns 0, or −1 when
 * they could be added nowhere (cannot happen). */
__noinline int ipacct_account(const struct ipacct_key *key, __u32 l3_bytes, __u32 index,
			      __u32 packets, __u64 seed)
{
	struct account_record record = {};
	int to = ACCOUNT_TO_LRU;

	if (!key)
		return -1;
	record.key = *key;
	delta_of(&record.counters, l3_bytes, packets);
	if (cfg_hot4_sets && !is_shared(index))
		to = key_is_ipv4(&record.key) ? ipacct_hot4_account(&record, index, seed)
					      : ipacct_hot6_account(&record, index, seed);
	if (to == ACCOUNT_DONE)
		return 0;
	if (to == ACCOUNT_TO_LRU && !ipacct_lru_add(&record.key, index, &record.counters))
		return 0;
	return ipacct_rollup(&record.key, index, &record.counters);
}

/* Where this CPU counts in this epoch. */
static __always_inline __u32 account_index(__u32 epoch)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 *partition = bpf_map_lookup_elem(&ipacct_cpus, &cpu);

	return 2 * (partition ? *partition : 0) + epoch;
}

#endif
