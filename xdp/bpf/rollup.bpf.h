/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last tier: exact sums by prefix, of what gets no record of its own. */
#ifndef IPACCT_ROLLUP_BPF_H
#define IPACCT_ROLLUP_BPF_H

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

/* Returns 0, or −1 when no map answered (cannot happen). */
__noinline int ipacct_rollup(const struct ipacct_key *key, const struct account *what,
			     const struct ipacct_counters *delta)
{
	struct ipacct_counters *line = NULL;
	struct ipacct_part *part;
	__u32 index, at;
	bool ipv4;

	if (!key || !what || !delta)
		return -1;
	ipv4 = key_is_ipv4(key);
	index = what->index;
	part = bpf_map_lookup_elem(&ipacct_parts, &index);
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
	counters_add(line, delta, what->shared);
	return 0;
}

#endif
