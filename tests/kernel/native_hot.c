// SPDX-License-Identifier: GPL-2.0-or-later
/* The hot tier's hash, from the program's own source. */
#include "native_hot.h"

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The tiers below are compiled, too, and never called here. */
static const volatile __u32 cfg_domain_slot = 0, cfg_hot6_bit = 0, cfg_guard = 0;
static const volatile __u32 cfg_hot4_sets = 1, cfg_hot6_sets = 1;
static const volatile __u16 cfg_domain = 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "maps.bpf.h"
#include "account.bpf.h"
#pragma GCC diagnostic pop

void native_hot4_sets(const struct ipacct_key *key, uint64_t seed, uint64_t n_sets,
		      uint32_t ret_sets[2])
{
	uint64_t hash = ipacct_hot4_hash(key, seed);

	ret_sets[0] = ipacct_hot4_home(hash, n_sets) / IPACCT_HOT4_WAYS;
	ret_sets[1] = ipacct_hot4_away(hash, n_sets) / IPACCT_HOT4_WAYS;
}

void native_hot6_sets(const struct ipacct_key *key, uint64_t seed, uint64_t n_sets,
		      uint32_t ret_sets[2])
{
	uint64_t hash = ipacct_hot6_hash(key, seed);

	ret_sets[0] = ipacct_hot6_home(hash, n_sets) / IPACCT_HOT6_WAYS;
	ret_sets[1] = ipacct_hot6_away(hash, n_sets) / IPACCT_HOT6_WAYS;
}
