/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sizes of maps and ledger, by what the settings want of this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "log.h"
#include "maps.h"
#include "sizing.h"

#define MIB                  (1024.0 * 1024.0)
#define BUDGET_DEFAULT_BYTES (256ULL << 20)
#define BUDGET_RAM_SHARE     16u /* DESIGN: min(256 MiB, 1/16 of RAM) */

_Static_assert(SIZING_CPUS_MAX == CONFIG_CPUS_MAX, "one set of CPUs");

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

static double geo_mib(const struct geo_sizing *geo)
{
	return (double)(geo->file_bytes + geo->process_bytes) / MIB;
}

int sizing_geo(const struct config *config, struct sizing *sizing,
	       struct ipacct_problem *ret_problem)
{
	struct sizing with = *sizing;

	with.budget_bytes = sizing_budget_bytes(config);
	geo_sizing_look(&config->geo, &with.geo);
	sizing_sum(&with);
	if (with.total_bytes > with.budget_bytes) { /* maps of before took what they found */
		geo_sizing_shrink(&with.geo, with.total_bytes - with.budget_bytes);
		sizing_sum(&with);
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
	struct sizing_wish wish = {
		.budget_bytes = sizing_budget_bytes(config),
		.hot = config->hot,
		.hot4_lines = config->hot4_lines,
		.hot6_lines = config->hot6_lines,
		.ipv4_ppm = (uint32_t)(SIZING_PPM - config->ipv6_share_ppm),
		.ipv6_ppm = (uint32_t)config->ipv6_share_ppm,
		.lru_entries = config->lru_entries,
		.ledger_addresses = config->ledger_addresses,
		.n_guard_entries = config->n_guard_entries,
		.groups = { .n_groups = config->n_groups,
			    .n_prefixes = config->n_group_prefixes,
			    .n_masked = config->n_group_masks },
		.cpus_fixed = config->receive_cpus_given,
	};
	int n_cpus = libbpf_num_possible_cpus();

	if (n_cpus < 0)
		return n_cpus;
	wish.n_cpus = (uint32_t)n_cpus;
	if (config->receive_cpus_given)
		memcpy(wish.cpus, config->receive_cpus, sizeof(wish.cpus));
	else
		cpus_read_online(wish.cpus);
	geo_sizing_look(&config->geo, &wish.geo);
	return sizing_plan(&wish, ret_sizing, ret_problem);
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

	sizing_sum(&sizing);
	*ret_sizing = sizing;
}

void sizing_guard_set(struct sizing *sizing, uint64_t n_entries)
{
	sizing->n_guard_entries = n_entries;
	sizing_sum(sizing);
}

void sizing_groups_set(struct sizing *sizing, const struct ipacct_groups_header *list,
		       uint64_t other_bytes)
{
	sizing->groups = (struct group_sizing){ .other_bytes = other_bytes };
	if (list) {
		sizing->groups.n_groups = list->n_groups;
		sizing->groups.n_prefixes = list->n_prefixes;
		sizing->groups.n_masked = list->n_masked;
	}
	sizing_sum(sizing);
}

int sizing_groups_check(const struct config *config, const struct sizing *sizing,
			const struct ipacct_groups_header *list, struct ipacct_problem *ret_problem)
{
	struct sizing with = *sizing;
	const struct group_sizing *groups = &with.groups;

	with.budget_bytes = sizing_budget_bytes(config);
	geo_sizing_look(&config->geo, &with.geo);
	sizing_groups_set(&with, list, sizing->groups.list_bytes);
	if (with.total_bytes > with.budget_bytes) {
		geo_sizing_shrink(&with.geo, with.total_bytes - with.budget_bytes);
		sizing_sum(&with);
	}
	if (with.total_bytes <= with.budget_bytes ||
	    group_sizing_own(groups) <= group_sizing_own(&sizing->groups))
		return 0;
	ipacct_problem_set(ret_problem,
			   "groups take %.1f MiB (list %.1f, the one in force beside it %.1f, "
			   "records %.1f, ipv6_len %.1f) and memory leaves %.1f of %.1f: raise "
			   "`memory` to %llu bytes",
			   (double)groups->bytes / MIB, (double)groups->list_bytes / MIB,
			   (double)groups->other_bytes / MIB, (double)groups->record_bytes / MIB,
			   (double)groups->mask_bytes / MIB,
			   (double)with.budget_bytes / MIB -
				   (double)(with.total_bytes - groups->bytes) / MIB,
			   (double)with.budget_bytes / MIB, (unsigned long long)with.total_bytes);
	return -ENOSPC;
}

void sizing_log(const struct sizing *sizing)
{
	log_info(
		"memory: LRU %.1f MiB (%u partitions of %u and one shared of %u entries, 2 epochs, "
		"%u B each) + hot tier %.1f (%u IPv4 and %u IPv6 lines each) + roll-ups %.1f + "
		"totals %.1f + protected %.1f (%llu prefixes) + groups %.1f + ledger %.1f (%u "
		"addresses, %u prefixes) + processes %.1f + geo %.1f = %.1f of %.1f MiB",
		(double)sizing->lru_bytes / MIB, sizing_own_parts(sizing), sizing->lru_entries,
		sizing->lru_shared, SIZING_LRU_ENTRY_BYTES, (double)sizing->hot_bytes / MIB,
		sizing->hot4_sets * IPACCT_HOT4_WAYS, sizing->hot6_sets * IPACCT_HOT6_WAYS,
		(double)sizing->roll_bytes / MIB, (double)sizing->totals_bytes / MIB,
		(double)sizing->guard_bytes / MIB, (unsigned long long)sizing->n_guard_entries,
		(double)sizing->groups.bytes / MIB, (double)sizing->ledger_bytes / MIB,
		sizing->n_addresses_max, sizing->n_rollups_max, (double)sizing->process_bytes / MIB,
		geo_mib(&sizing->geo), (double)sizing->total_bytes / MIB,
		(double)sizing->budget_bytes / MIB);
}
