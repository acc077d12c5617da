/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Protected addresses: is a key one of the operator's own? */
#ifndef IPACCT_GUARD_BPF_H
#define IPACCT_GUARD_BPF_H

/* Most strangers are told by one bit: the trie takes ten times as long, and more with many prefixes. */
static __always_inline bool guard_may_hold(const struct ipacct_key *key)
{
	const struct ipacct_guard_bits *bits;
	__u32 zero = 0;
	__u64 bit;

	bits = bpf_map_lookup_elem(&ipacct_guardmap, &zero);
	if (!bits)
		return true;
	if (key_is_ipv4(key))
		bit = IPACCT_GUARD_BIT4(__builtin_bswap32(key->addr_be[3]));
	else
		bit = IPACCT_GUARD_BIT6(__builtin_bswap32(key->addr_be[0]));
	/* the compiler knows the bounds and would leave the mask out; Linux 6.1 does not see them */
	asm volatile("" : "+r"(bit));
	bit &= IPACCT_GUARD_BITS - 1;
	return bits->word[bit / 64] >> (bit % 64) & 1;
}

/* Returns IPACCT_HOT_PROTECTED or 0. A function of its own, and a leaf: its frame of 32 bytes would
 * not fit into those of its callers, which fill the stack of 6.1. */
__noinline int ipacct_guarded(const struct ipacct_key *key)
{
	struct ipacct_guard_key guard = { .prefixlen = 16 + 128 }; /* domain and address */

	if (!key || !guard_may_hold(key))
		return 0;
	guard.domain_be = __builtin_bswap16(key->domain);
	__builtin_memcpy(guard.address, key->addr_be, sizeof(guard.address));
	return bpf_map_lookup_elem(&ipacct_guard, &guard) ? IPACCT_HOT_PROTECTED : 0;
}

/* Asked only where the answer decides something: when a key has no record yet. */
static __always_inline __u16 guard_flag(const struct ipacct_key *key)
{
	return cfg_guard ? ipacct_guarded(key) : 0;
}

#endif
