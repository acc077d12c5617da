/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a memory budget to the sizes of maps and ledger. */
#include "sizes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hot_lines.h"
#include "ledger.h"
#include "table.h"

#define MIB              (1024.0 * 1024.0)
#define LRU_ENTRIES_STEP 1024u
/* An entry of the trie: its node and at most one where paths part, of 64 octets and the allocator's
 * 8, from the 96-octet slab (142 measured on 6.18). The supervisor's lists, old and new, and the
 * collector's ranges: 36 octets each. */
#define GUARD_ENTRY_BYTES (2 * 96u + 2 * sizeof(struct ipacct_guard_key) + 36u)
#define ROLLUPS_SMALL     8192u         /* records for budgets below … */
#define ROLLUPS_ALL_FROM  (96ULL << 20) /* … this, above it every /16 has its place */
#define LEDGER_PER_LRU    2u            /* addresses remembered per LRU entry, where that is all */
/* Of the collector, per ledger record: a slot and a half of the index, and when it moved. */
#define COLLECTOR_RECORD_BYTES (12u + 4u)
#define FOLDED_OF_RECORDS      64u /* one in so many is folded at once, into a prefix each */
#define COLLECTOR_PLACE_BYTES  4u  /* per key of an epoch: which ledger record it goes to */

/* Capacity of the shared partition: 128 of it per CPU are the reserve of the insert budget. */
static uint32_t shared_entries(uint32_t entries, uint32_t n_own, uint32_t n_cpus)
{
	uint32_t shared = n_own ? entries / 4 : entries;
	uint32_t least = 2 * 128 * n_cpus;

	least = least < SIZING_LRU_ENTRIES_MIN ? SIZING_LRU_ENTRIES_MIN : least;
	return shared < least ? least : shared;
}

#define HOT_SHARE       4u  /* of the budget, at most … */
#define HOT_SHARE_LEAST 64u /* … and at least, as long as the LRU tier gets no more than … */
#define LINES_PER_LRU   16u /* … a record for so many lines */
#define RATIO_MATTERS   64u /* a gain of less than one in so many is a ratio that was rounded */

/* The smallest power of two of sets that has so many lines. */
static uint32_t hot_sets_of(uint32_t lines, uint32_t ways)
{
	uint32_t sets = SIZING_HOT_SETS_MIN;

	while (sets < SIZING_HOT_SETS_MAX && sets * ways < lines)
		sets *= 2;
	return sets;
}

/* Octets over all own partitions; the least that a family can have is not counted. */
static uint64_t hot_bytes(uint32_t hot4_sets, uint32_t hot6_sets, uint32_t n_own)
{
	uint64_t sets = (hot4_sets > SIZING_HOT_SETS_MIN ? hot4_sets : 0) +
			(hot6_sets > SIZING_HOT_SETS_MIN ? hot6_sets : 0);

	return sets * IPACCT_HOT_SET_BYTES * IPACCT_EPOCHS * n_own;
}

/* How many addresses in the wanted ratio both families have a line for. */
static uint64_t hot_covered(uint32_t hot4_sets, uint32_t hot6_sets, uint32_t ipv4_ppm,
			    uint32_t ipv6_ppm)
{
	uint64_t ipv4 = ipv4_ppm ? (uint64_t)hot4_sets * IPACCT_HOT4_WAYS * SIZING_PPM / ipv4_ppm
				 : UINT64_MAX;
	uint64_t ipv6 = ipv6_ppm ? (uint64_t)hot6_sets * IPACCT_HOT6_WAYS * SIZING_PPM / ipv6_ppm
				 : UINT64_MAX;

	return ipv4 < ipv6 ? ipv4 : ipv6;
}

/* The powers of two of sets that cover most addresses in so many octets, and no set more: what one family
 * has beyond the ratio is better used by the LRU tier, which takes both. */
static void hot_split(struct sizing *sizing, const struct sizing_wish *wish, uint64_t bytes)
{
	bool given = wish->ipv4_ppm || wish->ipv6_ppm;
	uint32_t ipv6_ppm = given ? wish->ipv6_ppm : SIZING_IPV6_PPM;
	uint32_t ipv4_ppm = given ? wish->ipv4_ppm : SIZING_PPM - SIZING_IPV6_PPM;
	uint64_t best = 0;

	sizing->hot4_sets = sizing->hot6_sets = SIZING_HOT_SETS_MIN;
	for (uint32_t six = SIZING_HOT_SETS_MIN; six <= SIZING_HOT_SETS_MAX; six *= 2)
		for (uint32_t four = SIZING_HOT_SETS_MIN; four <= SIZING_HOT_SETS_MAX; four *= 2) {
			uint64_t covered = hot_covered(four, six, ipv4_ppm, ipv6_ppm);

			if (hot_bytes(four, six, sizing_own_parts(sizing)) > bytes ||
			    covered <= best + best / RATIO_MATTERS)
				continue;
			best = covered;
			sizing->hot4_sets = four;
			sizing->hot6_sets = six;
		}
}

static void hot_size(struct sizing *sizing, const struct sizing_wish *wish, uint32_t share)
{
	sizing->hot4_sets = sizing->hot6_sets = 0;
	if (!wish->hot || !sizing_own_parts(sizing))
		return;
	hot_split(sizing, wish, sizing->budget_bytes / share);
	if (wish->hot4_lines)
		sizing->hot4_sets = hot_sets_of(wish->hot4_lines, IPACCT_HOT4_WAYS);
	if (wish->hot6_lines)
		sizing->hot6_sets = hot_sets_of(wish->hot6_lines, IPACCT_HOT6_WAYS);
}

/* Lines of the hot tier of one partition and epoch. */
static uint32_t lines_of(const struct sizing *sizing)
{
	return sizing->hot4_sets * IPACCT_HOT4_WAYS + sizing->hot6_sets * IPACCT_HOT6_WAYS;
}

/* What the collector holds of an epoch whose maps are full, no key of it in two places: each takes an
 * entry of the fold and the number of its record, and one of the LRU tier is kept for clearing. The
 * prefixes are there twice: as the maps have them, and those that have a record or take folded ones. */
static uint64_t collector_bytes(const struct sizing *sizing, uint64_t lru_entries)
{
	uint64_t entries = lru_entries + (uint64_t)sizing_own_parts(sizing) * lines_of(sizing);
	uint64_t prefixes = IPACCT_ROLL_LINES + (uint64_t)sizing->n_parts * IPACCT_ROLL6_LINES;
	uint64_t placed =
		sizing->n_rollups_max + sizing->n_addresses_max / (uint64_t)FOLDED_OF_RECORDS;

	return ipacct_table_bytes(entries) + entries * COLLECTOR_PLACE_BYTES +
	       lru_entries * sizeof(struct ipacct_key) + ipacct_table_bytes(prefixes) +
	       ipacct_table_bytes(placed) +
	       ((uint64_t)sizing->n_addresses_max + sizing->n_rollups_max) * COLLECTOR_RECORD_BYTES;
}

void sizing_sum(struct sizing *sizing)
{
	uint64_t entries =
		(uint64_t)sizing_own_parts(sizing) * sizing->lru_entries + sizing->lru_shared;

	sizing->lru_bytes = IPACCT_EPOCHS * entries * SIZING_LRU_ENTRY_BYTES;
	sizing->roll_bytes = (uint64_t)sizing->n_parts * IPACCT_EPOCHS *
			     (IPACCT_ROLL_LINES * sizeof(struct ipacct_counters) +
			      IPACCT_ROLL6_LINES * sizeof(struct ipacct_roll6_line));
	sizing->hot_bytes = (uint64_t)sizing_own_parts(sizing) * IPACCT_EPOCHS *
			    (IPACCT_HOT_SET_BYTES * (sizing->hot4_sets + sizing->hot6_sets) +
			     hot_door_words(sizing->hot4_sets, sizing->hot6_sets) * sizeof(__u64));
	sizing->totals_bytes = (uint64_t)IPACCT_EPOCHS * IPACCT_IFS_MAX *
				       sizeof(struct ipacct_totals) * sizing->n_cpus +
			       IPACCT_IFS_MAX * sizeof(struct ipacct_vlans);
	sizing->guard_bytes = sizing->n_guard_entries * GUARD_ENTRY_BYTES;
	sizing->ledger_bytes = ipacct_ledger_bytes(sizing->n_rollups_max, sizing->n_addresses_max);
	sizing->process_bytes = SIZING_PROCESS_BYTES + collector_bytes(sizing, entries);
	geo_sizing_sum(&sizing->geo, sizing->n_addresses_max);
	group_sizing_sum(&sizing->groups, entries, sizing->n_addresses_max);
	sizing->total_bytes = sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes +
			      sizing->totals_bytes + sizing->guard_bytes + sizing->ledger_bytes +
			      sizing->groups.bytes + sizing->process_bytes +
			      sizing->geo.file_bytes + sizing->geo.process_bytes;
}

static void try_entries(struct sizing *sizing, const struct sizing_wish *wish, uint32_t entries)
{
	sizing->lru_entries = entries;
	sizing->lru_shared = shared_entries(entries, sizing_own_parts(sizing), sizing->n_cpus);
	if (wish->ledger_addresses)
		sizing->n_addresses_max = wish->ledger_addresses;
	else if (sizing->hot4_sets)
		sizing->n_addresses_max = lines_of(sizing) + entries;
	else
		sizing->n_addresses_max =
			LEDGER_PER_LRU * (sizing_own_parts(sizing) ? entries : sizing->lru_shared);
	sizing_sum(sizing);
}

/* The number of entries that the operator chose, else the largest that fits; 0 when it does not. */
static uint32_t entries_find(struct sizing *sizing, const struct sizing_wish *wish)
{
	uint32_t low = 0, high = SIZING_LRU_ENTRIES_MAX / LRU_ENTRIES_STEP;

	if (wish->lru_entries) {
		try_entries(sizing, wish, wish->lru_entries);
		return sizing->total_bytes <= sizing->budget_bytes ? wish->lru_entries : 0;
	}
	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;

		try_entries(sizing, wish, middle * LRU_ENTRIES_STEP);
		if (sizing->total_bytes <= sizing->budget_bytes)
			low = middle;
		else
			high = middle - 1;
	}
	try_entries(sizing, wish, low ? low * LRU_ENTRIES_STEP : SIZING_LRU_ENTRIES_MIN);
	return low * LRU_ENTRIES_STEP;
}

/* The largest hot tier beside which the LRU tier still has its share, then what is left for that.
 * Returns whether it fits. */
static bool tiers_find(struct sizing *sizing, const struct sizing_wish *wish)
{
	uint32_t entries = 0;

	for (uint32_t share = HOT_SHARE; share <= HOT_SHARE_LEAST; share *= 2) {
		hot_size(sizing, wish, share);
		entries = entries_find(sizing, wish);
		if (entries && (wish->lru_entries || entries >= lines_of(sizing) / LINES_PER_LRU))
			break;
	}
	return entries;
}

static bool cpu_in(const uint64_t *set, uint32_t cpu)
{
	return set[cpu / 64] >> (cpu % 64) & 1;
}

uint64_t sizing_maps_bytes(const struct sizing *sizing)
{
	return sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes + sizing->totals_bytes +
	       sizing->guard_bytes;
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
	(void)snprintf(ret_problem->text, sizeof(ret_problem->text),
		       "memory %.1f MiB is too small: LRU %.1f (%u + %u entries x 2 "
		       "epochs x %u B) + hot tier %.1f + roll-ups %.1f + totals %.1f + "
		       "protected %.1f + groups %.1f + ledger %.1f + processes %.1f + geo %.1f "
		       "= %.1f MiB at least for %u partitions",
		       (double)sizing->budget_bytes / MIB, (double)sizing->lru_bytes / MIB,
		       sizing_own_parts(sizing) * sizing->lru_entries, sizing->lru_shared,
		       SIZING_LRU_ENTRY_BYTES, (double)sizing->hot_bytes / MIB,
		       (double)sizing->roll_bytes / MIB, (double)sizing->totals_bytes / MIB,
		       (double)sizing->guard_bytes / MIB, (double)sizing->groups.bytes / MIB,
		       (double)sizing->ledger_bytes / MIB, (double)sizing->process_bytes / MIB,
		       geo_mib(&sizing->geo), (double)sizing->total_bytes / MIB, sizing->n_parts);
}

int sizing_plan(const struct sizing_wish *wish, struct sizing *ret_sizing,
		struct ipacct_problem *ret_problem)
{
	struct sizing sizing = {
		.n_cpus = wish->n_cpus,
		.n_guard_entries = wish->n_guard_entries,
		.budget_bytes = wish->budget_bytes,
		.n_rollups_max = 2 * IPACCT_DOMAINS_MAX + ROLLUPS_SMALL,
		.geo = wish->geo,
		.groups = wish->groups,
	};
	uint32_t n_own;

	group_sizing_room(&sizing.groups);
	/* who has a list may write `ipv6_len` into the next one: maps do not shrink for it then */
	if (sizing.groups.n_groups && !sizing.groups.n_masked)
		sizing.groups.n_masked = 1;
	if (sizing.budget_bytes >= ROLLUPS_ALL_FROM)
		sizing.n_rollups_max += IPACCT_ROLL4_LINES;
	n_own = own_cpus_set(&sizing, wish->cpus, sizing.n_cpus);
	/* few megabytes and many CPUs: some CPUs share, unless the operator chose them */
	while (!tiers_find(&sizing, wish) && n_own && !wish->cpus_fixed)
		n_own = own_cpus_set(&sizing, wish->cpus, n_own - 1);
	if (sizing.total_bytes > sizing.budget_bytes) {
		problem_arithmetic(&sizing, ret_problem);
		return -ENOSPC;
	}
	*ret_sizing = sizing;
	return 0;
}
