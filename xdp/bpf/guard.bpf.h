/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Protected addresses: is a key one of the operator's own? */
#ifndef IPACCT_GUARD_BPF_H
#define IPACCT_GUARD_BPF_H

/* Returns IPACCT_HOT_PROTECTED or 0. A function of its own, and a leaf: its frame of 32 bytes would
 * not fit into those of its callers, which fill the stack of 6.1. */
__noinline int ipacct_guarded(const struct ipacct_key *key)
{
	struct ipacct_guard_key guard = { .prefixlen = 16 + 128 }; /* domain and address */

	if (!key)
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
