/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a memory budget to the sizes of maps and ledger: arithmetic only. The daemon makes what it
 * says; `ipacctctl plan` tells it before there is a daemon. */
#ifndef IPACCT_LIB_SIZES_H
#define IPACCT_LIB_SIZES_H

#include <stdbool.h>
#include <stdint.h>

#include "geo_sizes.h"
#include "group_sizes.h"
#include "ipacct/ipacct.h"

#define SIZING_CPUS_MAX        4096u   /* linux/threads.h NR_CPUS upper bound on x86 */
#define SIZING_HOT_SETS_MIN    64u     /* a word of the bitmap */
#define SIZING_HOT_SETS_MAX    262144u /* 2,097,152 IPv4 lines a CPU, 64 MiB a partition and epoch */
#define SIZING_PROCESS_BYTES   (6ULL << 20) /* supervisor and collector, measured before tables */
#define SIZING_PPM             1000000u
#define SIZING_IPV6_PPM        333000u /* a third: half as many lines, the same octets */
#define SIZING_LRU_ENTRIES_MIN 1024u
#define SIZING_LRU_ENTRIES_MAX (1u << 22)

struct sizing {
	uint64_t budget_bytes;
	uint32_t n_cpus;  /* possible CPUs */
	uint32_t n_parts; /* 1 shared + one per CPU in own_cpus */
	uint64_t own_cpus[SIZING_CPUS_MAX / 64];
	uint32_t lru_entries;
	uint32_t lru_shared;
	uint32_t hot4_sets; /* of one partition and epoch; 0 = no hot tier */
	uint32_t hot6_sets;
	uint32_t n_rollups_max;
	uint32_t n_addresses_max;
	uint64_t n_guard_entries; /* of the trie of protected prefixes */
	/* the sum, in octets; map sizes as the kernel allocates them */
	uint64_t lru_bytes;
	uint64_t hot_bytes;
	uint64_t roll_bytes;
	uint64_t totals_bytes;
	uint64_t guard_bytes;
	uint64_t ledger_bytes;
	uint64_t process_bytes;
	struct geo_sizing geo; /* its file and its worker */
	struct group_sizing groups;
	uint64_t total_bytes;
};

/* What is asked for; 0 = from the budget. */
struct sizing_wish {
	uint64_t budget_bytes;
	bool hot;
	uint32_t hot4_lines; /* of one CPU and epoch */
	uint32_t hot6_lines;
	uint32_t
		ipv4_ppm; /* of all addresses, in parts per million: hot lines are in this ratio; … */
	uint32_t ipv6_ppm;    /* … both 0: SIZING_IPV6_PPM */
	uint32_t lru_entries; /* as hot4_lines */
	uint32_t ledger_addresses;
	uint64_t n_guard_entries;
	uint32_t n_cpus;                     /* possible CPUs */
	uint64_t cpus[SIZING_CPUS_MAX / 64]; /* those that should get a partition of their own … */
	bool cpus_fixed;                     /* … all of them, or the first so many that fit */
	struct geo_sizing geo;
	struct group_sizing groups;
};

/* Returns 0, or -ENOSPC with the arithmetic in ret_problem when the budget is too small. */
int sizing_plan(const struct sizing_wish *wish, struct sizing *ret_sizing,
		struct ipacct_problem *ret_problem);

/* Sum up again after a field was changed. */
void sizing_sum(struct sizing *sizing);

/* Octets of maps alone. */
uint64_t sizing_maps_bytes(const struct sizing *sizing);

/* Partitions that belong to one CPU each. */
static inline uint32_t sizing_own_parts(const struct sizing *sizing)
{
	return sizing->n_parts - 1;
}

/* Octets of the entry of an LRU_HASH, for those who print the arithmetic. */
#define SIZING_LRU_ENTRY_BYTES 136u /* measured: element, node, bucket of one LRU_HASH entry */

#endif
