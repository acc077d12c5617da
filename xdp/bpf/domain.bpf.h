/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounting domains: which one a frame belongs to, and where the lines of one are. */
#ifndef IPACCT_DOMAIN_BPF_H
#define IPACCT_DOMAIN_BPF_H

/* The slot of any domain. Not always the running program's: what is rolled up may have been displaced
 * from a tier that all interfaces share. Slots are added in order and never go, so the first free one
 * ends the search; few systems have more than a handful. */
static __always_inline __u32 domain_slot_of(__u16 domain)
{
	const struct ipacct_domain *entry;

	if (domain == cfg_domain)
		return cfg_domain_slot;
	for (__u32 slot = 0; slot < IPACCT_DOMAINS_MAX; slot++) {
		__u32 at = slot;

		entry = bpf_map_lookup_elem(&ipacct_doms, &at);
		if (!entry || !entry->in_use)
			break;
		if (entry->domain == domain)
			return slot;
	}
	return cfg_domain_slot; /* cannot be: a domain has its slot before it counts */
}

#endif
