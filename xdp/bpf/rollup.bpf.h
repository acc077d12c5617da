/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last tier: exact sums by prefix, of what gets no record of its own. */
#ifndef IPACCT_ROLLUP_BPF_H
#define IPACCT_ROLLUP_BPF_H

/* The line of the key's /32, taken if it is new; NULL when its set is full. */
static __always_inline struct ipacct_counters *roll6_line(const struct ipacct_key *key, __u32 index)
{
	__u64 wanted = IPACCT_ROLL6_KEY(key->addr_be[0], key->domain);
	__u32 at, set;

	set = mix64(wanted ^ ipacct_ctl_value.seed) & (IPACCT_ROLL6_LINES / IPACCT_ROLL6_WAYS - 1);
	at = index * IPACCT_ROLL6_LINES + set * IPACCT_ROLL6_WAYS;
	for (__u32 i = 0; i < IPACCT_ROLL6_WAYS; i++, at++) {
		struct ipacct_roll6_line *line = bpf_map_lookup_elem(&ipacct_roll6, &at);
		__u64 found;

		if (!line)
			return NULL;
		found = *(volatile __u64 *)&line->key;
		if (!found && is_shared(index))
			found = __sync_val_compare_and_swap(&line->key, 0, wanted);
		else if (!found)
			line->key = wanted;
		if (!found || found == wanted)
			return &line->counters;
	}
	return NULL;
}

/* Returns 0, or −1 when no map answered (cannot happen). */
__noinline int ipacct_rollup(const struct ipacct_key *key, __u32 index,
			     const struct ipacct_counters *delta)
{
	struct ipacct_counters *line = NULL;
	struct ipacct_part *part;
	__u32 at = index;
	bool ipv4;

	if (!key || !delta)
		return -1;
	ipv4 = key_is_ipv4(key);
	part = bpf_map_lookup_elem(&ipacct_parts, &at);
	if (part)
		add(&part->rollup_updates, 1, is_shared(index));
	if (!ipv4)
		line = roll6_line(key, index);
	if (!line) {
		if (ipv4 && !key->domain)
			at = __builtin_bswap32(key->addr_be[3]) >> 16;
		else
			at = IPACCT_ROLL4_LINES + 2 * domain_slot_of(key->domain) + !ipv4;
		at += index * IPACCT_ROLL_LINES;
		line = bpf_map_lookup_elem(&ipacct_roll, &at);
	}
	if (!line)
		return -1;
	counters_add(line, delta, is_shared(index));
	return 0;
}

#endif
