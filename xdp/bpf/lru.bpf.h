/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The LRU tier: records that the hot tier displaced, or all of them where there is none. */
#ifndef IPACCT_LRU_BPF_H
#define IPACCT_LRU_BPF_H

#define LRU_FULL 1

#define LRU_GUARDED_SHARE 8u /* the last 1/8 of the budget is for protected addresses */

/* Whether this epoch still has room for a new record; counts the wish either way. Staying 128
 * below the capacity (per CPU that inserts) is what keeps the LRU from evicting, ever. */
static __always_inline bool budget_take(struct ipacct_part *part, bool shared, bool guarded)
{
	__u64 limit = part->lru_budget, inserts;

	if (cfg_hot4_sets && !guarded)
		limit -= limit / LRU_GUARDED_SHARE;
	if (shared) {
		inserts = __sync_fetch_and_add(&part->lru_inserts, 1);
	} else {
		inserts = part->lru_inserts;
		if (inserts < limit)
			part->lru_inserts++;
	}
	if (inserts < limit)
		return true;
	add(&part->lru_refused, 1, shared);
	return false;
}

/* The first packets of a key. A partition of one CPU takes the counts with the insert; in a shared
 * one two CPUs may insert at once and the loser's counts would vanish, so a zero record goes in
 * first and both add to what a second look-up finds. */
static __always_inline int lru_new(void *lru, const struct ipacct_key *key, __u32 index,
				   const struct ipacct_counters *delta, bool guarded)
{
	struct ipacct_counters first = {}, *record;
	struct ipacct_part *part = bpf_map_lookup_elem(&ipacct_parts, &index);
	bool shared = is_shared(index);

	if (!part || !budget_take(part, shared, guarded))
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

/* guarded: the key may use the whole budget.
 * Returns 0, or LRU_FULL when nothing was added: the caller rolls it up. */
__noinline int ipacct_lru_add(const struct ipacct_key *key, __u32 index,
			      const struct ipacct_counters *delta, __u32 guarded)
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
		return lru_new(lru, &own, index, delta, guarded);
	counters_add(record, delta, is_shared(index));
	return 0;
}

#endif
