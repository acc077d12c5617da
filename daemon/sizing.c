/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the memory budget to the sizes of maps and ledger. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "ledger.h"
#include "log.h"
#include "maps.h"
#include "sizing.h"
#include "table.h"

#define MIB                  (1024.0 * 1024.0)
#define BUDGET_DEFAULT_BYTES (256ULL << 20)
#define BUDGET_RAM_SHARE     16u  /* DESIGN: min(256 MiB, 1/16 of RAM) */
#define LRU_ENTRY_BYTES      136u /* measured: element, node, bucket of one LRU_HASH entry */
#define LRU_ENTRIES_STEP     1024u
/* An entry of the trie: its node and at most one where paths part, of 64 octets and the allocator's
 * 8, from the 96-octet slab (142 measured on 6.18). The supervisor's lists, old and new, and the
 * collector's ranges: 36 octets each. */
#define GUARD_ENTRY_BYTES (2 * 96u + 2 * sizeof(struct ipacct_guard_key) + 36u)
#define PROCESS_BYTES     (10ULL << 20) /* supervisor and collector, measured before tables */
#define ROLLUPS_SMALL     8192u         /* records for budgets below … */
#define ROLLUPS_ALL_FROM  (96ULL << 20) /* … this, above it every /16 has its place */
#define LEDGER_PER_LRU    2u            /* addresses remembered per LRU entry */
/* Of the collector, per LRU entry of a CPU: folded entry and its index, key kept for clearing. */
#define COLLECTOR_ENTRY_BYTES  (sizeof(struct ipacct_table_entry) + 16u + sizeof(struct ipacct_key))
#define COLLECTOR_RECORD_BYTES 20u /* of the collector, per ledger record: index, state, place */

static uint64_t ram_bytes(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t sizing_budget_bytes(const struct config *config)
{
	uint64_t share = ram_bytes() / BUDGET_RAM_SHARE;

	if (config->memory_bytes)
		return config->memory_bytes;
	return share < BUDGET_DEFAULT_BYTES ? share : BUDGET_DEFAULT_BYTES;
}

static uint32_t own_parts(const struct sizing *sizing)
{
	return sizing->n_parts - 1;
}

/* Capacity of the shared partition: 128 of it per CPU are the reserve of the insert budget. */
static uint32_t shared_entries(uint32_t entries, uint32_t n_own, uint32_t n_cpus)
{
	uint32_t shared = n_own ? entries / 4 : entries;
	uint32_t least = 2 * 128 * n_cpus;

	least = least < SIZING_LRU_ENTRIES_MIN ? SIZING_LRU_ENTRIES_MIN : least;
	return shared < least ? least : shared;
}

#define HOT_SHARE 8u /* of the budget, at most */

/* The largest power of two of sets that costs no more than `bytes` over all own partitions. */
static uint32_t hot_sets(uint64_t bytes, uint32_t n_own)
{
	uint32_t sets = SIZING_HOT_SETS_MAX;

	while (sets > SIZING_HOT_SETS_MIN &&
	       (uint64_t)sets * IPACCT_HOT_SET_BYTES * IPACCT_EPOCHS * n_own > bytes)
		sets /= 2;
	return sets;
}

/* The smallest power of two of sets that has so many lines. */
static uint32_t hot_sets_of(uint32_t lines, uint32_t ways)
{
	uint32_t sets = SIZING_HOT_SETS_MIN;

	while (sets < SIZING_HOT_SETS_MAX && sets * ways < lines)
		sets *= 2;
	return sets;
}

static void hot_size(struct sizing *sizing, const struct config *config)
{
	uint64_t bytes = sizing->budget_bytes / HOT_SHARE;

	sizing->hot4_sets = sizing->hot6_sets = 0;
	if (!config->hot || !own_parts(sizing))
		return;
	sizing->hot4_sets = config->hot4_lines ? hot_sets_of(config->hot4_lines, IPACCT_HOT4_WAYS)
					       : hot_sets(bytes * 2 / 3, own_parts(sizing));
	sizing->hot6_sets = config->hot6_lines ? hot_sets_of(config->hot6_lines, IPACCT_HOT6_WAYS)
					       : hot_sets(bytes / 3, own_parts(sizing));
}

static void sum_up(struct sizing *sizing)
{
	uint64_t entries = (uint64_t)own_parts(sizing) * sizing->lru_entries + sizing->lru_shared;

	sizing->lru_bytes = IPACCT_EPOCHS * entries * LRU_ENTRY_BYTES;
	sizing->roll_bytes = (uint64_t)sizing->n_parts * IPACCT_EPOCHS *
			     (IPACCT_ROLL_LINES * sizeof(struct ipacct_counters) +
			      IPACCT_ROLL6_LINES * sizeof(struct ipacct_roll6_line));
	sizing->hot_bytes = (uint64_t)own_parts(sizing) * IPACCT_EPOCHS * IPACCT_HOT_SET_BYTES *
			    (sizing->hot4_sets + sizing->hot6_sets);
	sizing->totals_bytes = (uint64_t)IPACCT_EPOCHS * IPACCT_IFS_MAX *
			       sizeof(struct ipacct_totals) * sizing->n_cpus;
	sizing->guard_bytes = sizing->n_guard_entries * GUARD_ENTRY_BYTES;
	sizing->ledger_bytes = ipacct_ledger_bytes(sizing->n_rollups_max, sizing->n_addresses_max);
	sizing->process_bytes = PROCESS_BYTES + entries * COLLECTOR_ENTRY_BYTES +
				(uint64_t)sizing->n_addresses_max * COLLECTOR_RECORD_BYTES;
	geo_sizing_sum(&sizing->geo, sizing->n_addresses_max);
	sizing->total_bytes = sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes +
			      sizing->totals_bytes + sizing->guard_bytes + sizing->ledger_bytes +
			      sizing->process_bytes + sizing->geo.file_bytes +
			      sizing->geo.process_bytes;
}

static void try_entries(struct sizing *sizing, const struct config *config, uint32_t entries)
{
	sizing->lru_entries = entries;
	sizing->lru_shared = shared_entries(entries, own_parts(sizing), sizing->n_cpus);
	sizing->n_addresses_max =
		config->ledger_addresses
			? config->ledger_addresses
			: LEDGER_PER_LRU * (own_parts(sizing) ? entries : sizing->lru_shared);
	sum_up(sizing);
}

/* The number of entries that the operator chose, else the largest that fits; 0 when it does not. */
static uint32_t entries_find(struct sizing *sizing, const struct config *config)
{
	uint32_t low = 0, high = SIZING_LRU_ENTRIES_MAX / LRU_ENTRIES_STEP;

	if (config->lru_entries) {
		try_entries(sizing, config, config->lru_entries);
		return sizing->total_bytes <= sizing->budget_bytes ? config->lru_entries : 0;
	}
	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;

		try_entries(sizing, config, middle * LRU_ENTRIES_STEP);
		if (sizing->total_bytes <= sizing->budget_bytes)
			low = middle;
		else
			high = middle - 1;
	}
	try_entries(sizing, config, low ? low * LRU_ENTRIES_STEP : SIZING_LRU_ENTRIES_MIN);
	return low * LRU_ENTRIES_STEP;
}

static bool cpu_in(const uint64_t *set, uint32_t cpu)
{
	return set[cpu / 64] >> (cpu % 64) & 1;
}

static void cpus_read_online(uint64_t *ret_set)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	/* online now, not possible ever: a CPU that comes later uses the shared partition */
	for (long cpu = 0; cpu < n && cpu < (long)CONFIG_CPUS_MAX; cpu++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%ld/online", cpu);
		FILE *file = fopen(path, "re");
		int online = file ? fgetc(file) : '1'; /* cpu0 often has no such file */

		if (file)
			fclose(file);
		if (online == '1')
			ret_set[cpu / 64] |= 1ULL << (cpu % 64);
	}
}

/* Keep the first n CPUs of the wanted ones. */
static uint32_t own_cpus_set(struct sizing *sizing, const uint64_t *wanted, uint32_t n)
{
	uint32_t used = 0;

	memset(sizing->own_cpus, 0, sizeof(sizing->own_cpus));
	for (uint32_t cpu = 0; cpu < sizing->n_cpus && used < n; cpu++)
		if (cpu_in(wanted, cpu)) {
			sizing->own_cpus[cpu / 64] |= 1ULL << (cpu % 64);
			used++;
		}
	sizing->n_parts = 1 + used;
	return used;
}

static double geo_mib(const struct geo_sizing *geo)
{
	return (double)(geo->file_bytes + geo->process_bytes) / MIB;
}

static void problem_arithmetic(const struct sizing *sizing, struct ipacct_problem *ret_problem)
{
	ipacct_problem_set(ret_problem,
			   "memory %.1f MiB is too small: LRU %.1f (%u + %u entries x 2 "
			   "epochs x %u B) + hot tier %.1f + roll-ups %.1f + totals %.1f + "
			   "protected %.1f + ledger %.1f + processes %.1f + geo %.1f = %.1f MiB at "
			   "least for %u partitions",
			   (double)sizing->budget_bytes / MIB, (double)sizing->lru_bytes / MIB,
			   own_parts(sizing) * sizing->lru_entries, sizing->lru_shared,
			   LRU_ENTRY_BYTES, (double)sizing->hot_bytes / MIB,
			   (double)sizing->roll_bytes / MIB, (double)sizing->totals_bytes / MIB,
			   (double)sizing->guard_bytes / MIB, (double)sizing->ledger_bytes / MIB,
			   (double)sizing->process_bytes / MIB, geo_mib(&sizing->geo),
			   (double)sizing->total_bytes / MIB, sizing->n_parts);
}

int sizing_geo(const struct config *config, struct sizing *sizing,
	       struct ipacct_problem *ret_problem)
{
	struct sizing with = *sizing;

	with.budget_bytes = sizing_budget_bytes(config);
	geo_sizing_look(&config->geo, &with.geo);
	sum_up(&with);
	if (with.total_bytes > with.budget_bytes) { /* maps of before took what they found */
		geo_sizing_shrink(&with.geo, with.total_bytes - with.budget_bytes);
		sum_up(&with);
	}
	if (with.geo.wanted && with.total_bytes > with.budget_bytes) {
		ipacct_problem_set(ret_problem,
				   "geo takes %.1f MiB (file %.1f, databases %.1f, the rest of the "
				   "worker %.1f) "
				   "and memory leaves %.1f of %.1f: raise `memory`",
				   geo_mib(&with.geo), (double)with.geo.file_bytes / MIB,
				   (double)with.geo.databases_bytes / MIB,
				   (double)(with.geo.process_bytes - with.geo.databases_bytes) /
					   MIB,
				   (double)with.budget_bytes / MIB -
					   ((double)with.total_bytes / MIB - geo_mib(&with.geo)),
				   (double)with.budget_bytes / MIB);
		return -ENOSPC;
	}
	*sizing = with;
	return 0;
}

int sizing_compute(const struct config *config, struct sizing *ret_sizing,
		   struct ipacct_problem *ret_problem)
{
	struct sizing sizing = {};
	uint64_t wanted[CONFIG_CPUS_MAX / 64] = {};
	int n_cpus = libbpf_num_possible_cpus();
	uint32_t n_own;

	if (n_cpus < 0)
		return n_cpus;
	sizing.n_cpus = (uint32_t)n_cpus;
	sizing.n_guard_entries = config->n_guard_entries;
	sizing.budget_bytes = sizing_budget_bytes(config);
	sizing.n_rollups_max = 2 * IPACCT_DOMAINS_MAX + ROLLUPS_SMALL;
	if (sizing.budget_bytes >= ROLLUPS_ALL_FROM)
		sizing.n_rollups_max += IPACCT_ROLL4_LINES;
	if (config->receive_cpus_given)
		memcpy(wanted, config->receive_cpus, sizeof(wanted));
	else
		cpus_read_online(wanted);
	geo_sizing_look(&config->geo, &sizing.geo);
	n_own = own_cpus_set(&sizing, wanted, sizing.n_cpus);
	hot_size(&sizing, config);
	/* few megabytes and many CPUs: some CPUs share, unless the operator chose them */
	while (!entries_find(&sizing, config) && n_own && !config->receive_cpus_given) {
		n_own = own_cpus_set(&sizing, wanted, n_own - 1);
		hot_size(&sizing, config);
	}
	if (sizing.total_bytes > sizing.budget_bytes) {
		problem_arithmetic(&sizing, ret_problem);
		return -ENOSPC;
	}
	*ret_sizing = sizing;
	return 0;
}

void sizing_from_maps(const struct ipacct_meta *meta, uint64_t budget_bytes, uint32_t n_rollups_max,
		      uint32_t n_addresses_max, struct sizing *ret_sizing)
{
	struct sizing sizing = {
		.budget_bytes = budget_bytes,
		.n_cpus = meta->n_cpus,
		.n_parts = meta->n_parts,
		.lru_entries = meta->lru_entries,
		.lru_shared = meta->lru_shared,
		.hot4_sets = meta->hot4_sets,
		.hot6_sets = meta->hot6_sets,
		.n_rollups_max = n_rollups_max,
		.n_addresses_max = n_addresses_max,
	};

	sum_up(&sizing);
	*ret_sizing = sizing;
}

void sizing_guard_set(struct sizing *sizing, uint64_t n_entries)
{
	sizing->n_guard_entries = n_entries;
	sum_up(sizing);
}

void sizing_log(const struct sizing *sizing)
{
	log_info(
		"memory: LRU %.1f MiB (%u partitions of %u and one shared of %u entries, 2 epochs, "
		"%u B each) + hot tier %.1f (%u IPv4 and %u IPv6 lines each) + roll-ups %.1f + "
		"totals %.1f + protected %.1f (%llu prefixes) + ledger %.1f (%u addresses, %u "
		"prefixes) + processes %.1f + geo %.1f = %.1f of %.1f MiB",
		(double)sizing->lru_bytes / MIB, own_parts(sizing), sizing->lru_entries,
		sizing->lru_shared, LRU_ENTRY_BYTES, (double)sizing->hot_bytes / MIB,
		sizing->hot4_sets * IPACCT_HOT4_WAYS, sizing->hot6_sets * IPACCT_HOT6_WAYS,
		(double)sizing->roll_bytes / MIB, (double)sizing->totals_bytes / MIB,
		(double)sizing->guard_bytes / MIB, (unsigned long long)sizing->n_guard_entries,
		(double)sizing->ledger_bytes / MIB, sizing->n_addresses_max, sizing->n_rollups_max,
		(double)sizing->process_bytes / MIB, geo_mib(&sizing->geo),
		(double)sizing->total_bytes / MIB, (double)sizing->budget_bytes / MIB);
}
