/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the memory budget to the sizes of maps and ledger, before anything is loaded. */
#ifndef IPACCT_DAEMON_SIZING_H
#define IPACCT_DAEMON_SIZING_H

#include <stdint.h>

#include "config.h"
#include "geo_sizing.h"
#include "ipacct/ipacct.h"

#define SIZING_HOT_SETS_MIN    64u    /* a word of the bitmap */
#define SIZING_HOT_SETS_MAX    65536u /* 524,288 IPv4 lines a CPU: beyond that caches do not follow */
#define SIZING_LRU_ENTRIES_MIN 1024u
#define SIZING_LRU_ENTRIES_MAX (1u << 22)

struct sizing {
	uint64_t budget_bytes;
	uint32_t n_cpus;  /* possible CPUs */
	uint32_t n_parts; /* 1 shared + one per CPU in own_cpus */
	uint64_t own_cpus[CONFIG_CPUS_MAX / 64];
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
	uint64_t total_bytes;
};

/* Returns 0, or -ENOSPC with the arithmetic in ret_problem when the budget is too small. */
int sizing_compute(const struct config *config, struct sizing *ret_sizing,
		   struct ipacct_problem *ret_problem);

/* The same sums for maps and a ledger that exist already. */
void sizing_from_maps(const struct ipacct_meta *meta, uint64_t budget_bytes, uint32_t n_rollups_max,
		      uint32_t n_addresses_max, struct sizing *ret_sizing);

/* Another number of protected prefixes: only the sums change. */
void sizing_guard_set(struct sizing *sizing, uint64_t n_entries);

/* The budget that the settings name, or its default. */
uint64_t sizing_budget_bytes(const struct config *config);

/* Put geo and the budget as the settings want them in the place of what was there; the rest stays.
 * -ENOSPC with the arithmetic when geo has no room: then nothing has changed. */
int sizing_geo(const struct config *config, struct sizing *sizing,
	       struct ipacct_problem *ret_problem);

/* Print the arithmetic, one log line. */
void sizing_log(const struct sizing *sizing);

#endif
