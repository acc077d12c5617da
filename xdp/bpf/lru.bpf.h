/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The LRU tier: records that the hot tier displaced, or all of them where there is none. */
#ifndef IPACCT_LRU_BPF_H
#define IPACCT_LRU_BPF_H

#define LRU_FULL 1

#define LRU_GUARDED_SHARE 8u /* the last 1/8 of the budget is for protected addresses */

/* What strangers may insert in one epoch. */
static __always_inline __u64 budget_open(__u64 budget)
{
	return cfg_guard ? budget - budget / LRU_GUARDED_SHARE : budget;
}

/* Whether this epoch still has room for a new record of the key. Staying 128 below the capacity (per
 * CPU that inserts) is what keeps the LRU from evicting, ever. The guard is asked only when the part
 * of the budget that is open to all is spent. In a shared partition a refusal adds nothing to
 * lru_inserts (but for the CPUs that race at the limit): strangers cannot eat the guarded part.
 * n_packets: what will be rolled up when the answer is no. */
static __always_inline bool budget_take(struct ipacct_part *part, const struct ipacct_key *key,
					__u64 n_packets, bool shared)
{
	__u64 inserts = *(volatile __u64 *)&part->lru_inserts, limit = part->lru_budget;
	__u16 guarded = inserts < budget_open(limit) ? 0 : guard_flag(key);

	if (!guarded)
		limit = budget_open(limit);
	if (inserts < limit && !shared) {
		part->lru_inserts = inserts + 1;
		return true;
	}
	if (inserts < limit && __sync_fetch_and_add(&part->lru_inserts, 1) < limit)
		return true;
	add(&part->lru_refused, 1, shared);
	if (guarded)
		add(&part->guard_rolled, n_packets, shared);
	return false;
}

/* The first packets of a key. A partition of one CPU takes the counts with the insert; in a shared
 * one two CPUs may insert at once and the loser's counts would vanish, so a zero record goes in
 * first and both add to what a second look-up finds. */
static __always_inline int lru_new(void *lru, const struct ipacct_key *key, __u32 index,
				   const struct ipacct_counters *delta)
{
	struct ipacct_counters first = {}, *record;
	struct ipacct_part *part = bpf_map_lookup_elem(&ipacct_parts, &index);
	bool shared = is_shared(index);

	if (!part || !budget_take(part, key, delta->tx_packets + delta->rx_packets, shared))
		return LRU_FULL;
	if (!shared)
		first = *delta;
	if (!bpf_map_update_elem(lru, key, &first, BPF_NOEXIST) && !shared)
		return 0;
	record = bpf_map_lookup_elem(lru, key);
	if (!record)
		return LRU_FULL;
	counters_add(record, delta, shared);
	return 0;
}

/* Returns 0, or LRU_FULL when nothing was added: the caller rolls it up. */
__noinline int ipacct_lru_add(const struct ipacct_key *key, __u32 index,
			      const struct ipacct_counters *delta)
{
	struct ipacct_counters *record;
	struct ipacct_key own; /* 6.1 takes a key from the stack, not from a caller's memory */
	__u32 at = index;
	void *lru;

	if (!key || !delta)
		return LRU_FULL;
	own = *key;
	lru = bpf_map_lookup_elem(&ipacct_lru, &at);
	if (!lru)
		return LRU_FULL;
	record = bpf_map_lookup_elem(lru, &own);
	if (!record)
		return lru_new(lru, &own, index, delta);
	counters_add(record, delta, is_shared(index));
	return 0;
}

#endif
