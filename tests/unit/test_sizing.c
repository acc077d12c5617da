/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory budget is kept, used, and refused with its arithmetic. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "geo_overrides.h"
#include "sizing.h"

static struct config config = { .ipv6_share_ppm = SIZING_IPV6_PPM };

static int compute(uint64_t memory_bytes, struct sizing *sizing, struct ipacct_problem *problem)
{
	config.memory_bytes = memory_bytes;
	return sizing_compute(&config, sizing, problem);
}

Test(sizing, sum_stays_below_every_budget_and_uses_most_of_it)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	for (uint64_t mib = 48; mib <= 4096; mib = mib * 5 / 4) {
		cr_assert_eq(compute(mib << 20, &sizing, &problem), 0, "%s", problem.text);
		cr_assert_leq(sizing.total_bytes, mib << 20);
		cr_assert_geq(sizing.total_bytes * 100, (mib << 20) * 70, "%lu MiB: only %lu used",
			      (unsigned long)mib, (unsigned long)(sizing.total_bytes >> 20));
	}
}

Test(sizing, shared_partition_keeps_its_reserve)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	cr_assert_eq(compute(64 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_assert_geq(sizing.lru_shared, 2 * 128 * sizing.n_cpus);
	cr_assert_geq(sizing.lru_entries, 1024);
}

Test(sizing, too_small_is_refused_with_the_sum)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	cr_assert_eq(compute(8 << 20, &sizing, &problem), -ENOSPC);
	cr_assert_not_null(strstr(problem.text, "memory 8.0 MiB is too small: LRU"));
	cr_assert_not_null(strstr(problem.text, "MiB at least for 1 partitions"));
}

Test(sizing, chosen_sizes_are_kept_and_refused_above_the_budget)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	config.hot = true;
	config.hot4_lines = 5000;
	config.hot6_lines = 256;
	config.lru_entries = 3000;
	config.ledger_addresses = 10000;
	cr_assert_eq(compute(128 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_expect_eq(sizing.hot4_sets * IPACCT_HOT4_WAYS, 8192, "up to a power of two");
	cr_expect_eq(sizing.hot6_sets * IPACCT_HOT6_WAYS, 256);
	cr_expect_eq(sizing.lru_entries, 3000);
	cr_expect_eq(sizing.n_addresses_max, 10000);
	config.lru_entries = 1 << 20;
	cr_assert_eq(compute(128 << 20, &sizing, &problem), -ENOSPC);
	cr_expect_not_null(strstr(problem.text, "memory 128.0 MiB is too small: LRU"));
	config.lru_entries = 0;
	config.hot4_lines = SIZING_HOT_SETS_MAX * IPACCT_HOT4_WAYS;
	config.hot6_lines = SIZING_HOT_SETS_MAX * IPACCT_HOT6_WAYS;
	config.receive_cpus_given = true;
	config.receive_cpus[0] = 1;
	cr_assert_eq(compute(64 << 20, &sizing, &problem), -ENOSPC);
	cr_expect_not_null(strstr(problem.text, "hot tier 258.0"), "%s", problem.text);
}

Test(sizing, hot_tier_takes_a_quarter_at_most_and_none_when_off)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	config.hot = true;
	cr_assert_eq(compute(256 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_expect_gt(sizing.hot_bytes, 0);
	/* and a sixteenth of that for the doors */
	cr_expect_leq(sizing.hot_bytes, (256 << 20) / 4 / 16 * 17);
	config.hot = false;
	cr_assert_eq(compute(256 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_expect_eq(sizing.hot_bytes, 0);
}

/* Of 1 GiB and two CPUs. */
Test(sizing, lines_are_in_the_ratio_of_the_families)
{
	static const struct {
		uint32_t ipv6_percent, hot4_lines, hot6_lines;
	} table[] = {
		{ 0, 2097152, 256 },     { 5, 1048576, 65536 },  { 20, 1048576, 262144 },
		{ 33, 1048576, 524288 }, { 50, 524288, 524288 }, { 80, 131072, 524288 },
		{ 99, 8192, 524288 },    { 100, 512, 1048576 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sizing_wish wish = { .budget_bytes = 1 << 30,
					    .hot = true,
					    .ipv4_ppm = (100 - table[i].ipv6_percent) * 10000,
					    .ipv6_ppm = table[i].ipv6_percent * 10000,
					    .n_cpus = 2,
					    .cpus = { 3 } };
		struct ipacct_problem problem = {};
		struct sizing sizing;

		cr_assert_eq(sizing_plan(&wish, &sizing, &problem), 0, "%s", problem.text);
		cr_expect_eq(sizing.hot4_sets * IPACCT_HOT4_WAYS, table[i].hot4_lines, "%u %%: %u",
			     table[i].ipv6_percent, sizing.hot4_sets * IPACCT_HOT4_WAYS);
		cr_expect_eq(sizing.hot6_sets * IPACCT_HOT6_WAYS, table[i].hot6_lines, "%u %%: %u",
			     table[i].ipv6_percent, sizing.hot6_sets * IPACCT_HOT6_WAYS);
		cr_expect_leq(sizing.total_bytes, wish.budget_bytes);
	}
}

/* The table in daemon/README.md, for two CPUs. */
Test(sizing, documented_budgets_give_the_documented_sizes)
{
	static const struct {
		uint32_t mib, hot4_lines, hot6_lines;
	} table[] = {
		{ 50, 16384, 8192 },     { 100, 65536, 32768 },   { 128, 65536, 32768 },
		{ 256, 262144, 131072 }, { 512, 524288, 262144 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sizing_wish wish = { .budget_bytes = (uint64_t)table[i].mib << 20,
					    .hot = true,
					    .n_cpus = 2,
					    .cpus = { 3 } };
		struct ipacct_problem problem = {};
		struct sizing sizing;

		cr_assert_eq(sizing_plan(&wish, &sizing, &problem), 0, "%s", problem.text);
		cr_expect_eq(sizing.n_parts, 3, "%u MiB", table[i].mib);
		cr_expect_eq(sizing.hot4_sets * IPACCT_HOT4_WAYS, table[i].hot4_lines, "%u MiB: %u",
			     table[i].mib, sizing.hot4_sets * IPACCT_HOT4_WAYS);
		cr_expect_eq(sizing.hot6_sets * IPACCT_HOT6_WAYS, table[i].hot6_lines, "%u MiB: %u",
			     table[i].mib, sizing.hot6_sets * IPACCT_HOT6_WAYS);
	}
}

Test(sizing, ledger_has_a_record_for_each_line_and_entry_of_a_cpu)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	config.hot = true;
	for (uint64_t mib = 64; mib <= 4096; mib *= 2) {
		cr_assert_eq(compute(mib << 20, &sizing, &problem), 0, "%s", problem.text);
		cr_expect_geq(sizing.n_addresses_max, sizing.hot4_sets * IPACCT_HOT4_WAYS +
							      sizing.hot6_sets * IPACCT_HOT6_WAYS +
							      sizing.lru_entries);
	}
}

Test(sizing, chosen_cpus_get_a_partition_each)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	config.receive_cpus_given = true;
	cr_assert_eq(compute(256 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_assert_eq(sizing.n_parts, 1, "none chosen: all share");
	config.receive_cpus[0] = 1;
	cr_assert_eq(compute(256 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_assert_eq(sizing.n_parts, 2);
}

/* ---- Geo ------------------------------------------------------------------------------------- */

static void want_database(uint64_t bytes)
{
	char path[] = "/tmp/ipacct-unit.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
	config.geo.n_databases = 1;
	(void)snprintf(config.geo.databases[0], sizeof(config.geo.databases[0]), "%s", path);
}

Test(sizing, geo_is_part_of_every_budget)
{
	struct ipacct_problem problem = {};
	struct sizing sizing, without;

	for (uint64_t mib = 64; mib <= 4096; mib *= 2) {
		config.geo.n_databases = 0;
		cr_assert_eq(compute(mib << 20, &without, &problem), 0, "%s", problem.text);
		cr_expect_eq(without.geo.file_bytes + without.geo.process_bytes, 0);
		want_database(10 << 20);
		cr_assert_eq(compute(mib << 20, &sizing, &problem), 0, "%s", problem.text);
		cr_expect_leq(sizing.total_bytes, mib << 20);
		cr_expect_leq(sizing.n_addresses_max, without.n_addresses_max);
		cr_expect_geq(sizing.geo.file_bytes, 64ull * sizing.n_addresses_max);
		cr_expect_geq(sizing.geo.process_bytes, 12ull << 20, "the copy and a quarter more");
		(void)unlink(config.geo.databases[0]); /* ours, in /tmp */
	}
}

Test(sizing, geo_that_does_not_fit_is_refused_and_changes_nothing)
{
	struct ipacct_problem problem = {};
	struct sizing sizing, before;

	cr_assert_eq(compute(64 << 20, &sizing, &problem), 0, "%s", problem.text);
	before = sizing;
	want_database(200 << 20);
	cr_expect_eq(sizing_geo(&config, &sizing, &problem), -ENOSPC);
	cr_expect_not_null(strstr(problem.text, "geo takes 2"));
	cr_expect_not_null(strstr(problem.text, "of 64.0: raise `memory`"));
	cr_expect_eq(memcmp(&sizing, &before, sizeof(sizing)), 0);
	cr_expect_eq(compute(64 << 20, &sizing, &problem), -ENOSPC);
	config.memory_bytes = 1024u << 20;
	cr_expect_eq(sizing_geo(&config, &before, &problem), 0, "%s", problem.text);
	cr_expect_eq(before.budget_bytes, 1024u << 20);
	cr_expect(before.geo.wanted);
	(void)unlink(config.geo.databases[0]); /* ours, in /tmp */
}

Test(sizing, database_that_grows_lives_on_the_room_kept_for_it)
{
	struct ipacct_problem problem = {};
	struct sizing sizing, before;

	want_database(20 << 20);
	cr_assert_eq(compute(128 << 20, &sizing, &problem), 0, "%s", problem.text);
	cr_assert_gt(sizing.total_bytes, 120u << 20, "the maps took the rest");
	for (unsigned int mib = 20; mib <= 25; mib++) {
		before = sizing;
		cr_assert_eq(truncate(config.geo.databases[0], (off_t)mib << 20), 0);
		cr_expect_eq(sizing_geo(&config, &sizing, &problem), 0, "%u: %s", mib,
			     problem.text);
		cr_expect_leq(sizing.total_bytes, sizing.budget_bytes);
		cr_expect(geo_sizing_suffices(&before.geo, &sizing.geo), "the worker may stay");
	}
	cr_assert_eq(truncate(config.geo.databases[0], 40 << 20), 0);
	cr_expect_eq(sizing_geo(&config, &sizing, &problem), -ENOSPC);
	(void)unlink(config.geo.databases[0]); /* ours, in /tmp */
}

Test(sizing, list_of_prefixes_takes_no_more_than_planned)
{
	struct ipacct_problem problem = {};
	struct geo_overrides overrides;
	struct geo_sizing sizing;
	char path[] = "/tmp/ipacct-unit.XXXXXX";
	static const char *const lines[] = {
		"%u.%u.%u.%u asn=1\n", "%u.%u.%u.%u name=x\n",
		"%u.%u.%u.%u/32 name=\"A customer of ours\" country=DE\n"
	};
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	(void)snprintf(config.geo.overrides, sizeof(config.geo.overrides), "%s", path);
	for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
		cr_assert_eq(ftruncate(fd, 0), 0);
		(void)lseek(fd, 0, SEEK_SET);
		for (unsigned int i = 0; i < 5000; i++)
			dprintf(fd, lines[k], 10 + i % 2, i >> 8 & 255, i & 255, i % 9);
		geo_sizing_look(&config.geo, &sizing);
		cr_assert_eq(
			geo_overrides_load(path, &overrides, problem.text, sizeof(problem.text)), 0,
			"%s", problem.text);
		cr_expect_leq(geo_overrides_bytes(&overrides), sizing.overrides_now_bytes);
		geo_overrides_finish(&overrides);
	}
	close(fd);
	(void)unlink(path); /* ours, in /tmp */
}

/* ---- Groups ---------------------------------------------------------------------------------- */

static struct ipacct_groups_header list_of(uint32_t n_groups, uint32_t n_prefixes,
					   uint32_t n_masked)
{
	return (struct ipacct_groups_header){ .n_groups = n_groups,
					      .n_prefixes = n_prefixes,
					      .n_masked = n_masked };
}

Test(sizing, groups_are_part_of_every_budget_with_room_for_another_list)
{
	struct ipacct_problem problem = {};
	struct sizing sizing;

	config.n_groups = 1000;
	config.n_group_prefixes = 50000;
	for (uint64_t mib = 64; mib <= 4096; mib *= 2) {
		uint64_t list = sizeof(struct ipacct_groups_header) + 1000 * 64 + 50000 * 32;
		uint64_t masks;

		config.n_group_masks = 0;
		cr_assert_eq(compute(mib << 20, &sizing, &problem), 0, "%s", problem.text);
		cr_expect_leq(sizing.total_bytes, mib << 20);
		cr_expect_eq(sizing.groups.list_bytes, list);
		cr_expect_geq(sizing.groups.other_bytes, list + list / 4);
		masks = sizing.groups.mask_bytes; /* the next list may have some */
		cr_expect_gt(masks, 0);
		config.n_group_masks = 1;
		cr_assert_eq(compute(mib << 20, &sizing, &problem), 0, "%s", problem.text);
		cr_expect_leq(sizing.total_bytes, mib << 20);
		cr_expect_eq(sizing.groups.mask_bytes, masks);
		/* a record of 56 octets and its index for each entry, and lines of the cache */
		masks = 72ull * (sizing_own_parts(&sizing) * (uint64_t)sizing.lru_entries +
				 sizing.lru_shared);
		cr_expect_geq(sizing.groups.mask_bytes, masks + 8192 * 16);
		cr_expect_leq(sizing.groups.mask_bytes, masks + (4 << 20));
		cr_expect_eq(sizing.groups.bytes,
			     sizing.groups.list_bytes + sizing.groups.other_bytes +
				     sizing.groups.record_bytes + sizing.groups.mask_bytes);
	}
}

Test(sizing, list_is_taken_at_the_budget_and_refused_beyond_it)
{
	struct ipacct_groups_header list = list_of(500, 400000, 0), more = list_of(500, 400001, 0);
	struct ipacct_problem problem = {};
	struct sizing sizing, with;

	config.n_groups = config.n_group_prefixes = config.n_group_masks = 0;
	cr_assert_eq(compute(64 << 20, &sizing, &problem), 0, "%s", problem.text);
	sizing_groups_set(&sizing, NULL, 0);
	cr_assert_eq(sizing_groups_check(&config, &sizing, &list, &problem), -ENOSPC);
	cr_expect_not_null(strstr(problem.text, "groups take "));
	with = sizing;
	sizing_groups_set(&with, &list, 0);
	config.memory_bytes = with.total_bytes;
	cr_expect_eq(sizing_groups_check(&config, &sizing, &list, &problem), 0);
	cr_expect_eq(sizing_groups_check(&config, &sizing, &more, &problem), -ENOSPC);
	config.memory_bytes = with.total_bytes - 1;
	cr_expect_eq(sizing_groups_check(&config, &sizing, &list, &problem), -ENOSPC);
	/* one in force lies beside the one that comes; what takes no more is always taken */
	config.memory_bytes = with.total_bytes;
	cr_expect_eq(sizing_groups_check(&config, &with, &list, &problem), 0);
	cr_expect_eq(sizing_groups_check(&config, &with, NULL, &problem), 0);
	cr_expect_eq(sizing_groups_check(&config, &with, &more, &problem), -ENOSPC);
	config.memory_bytes += with.groups.list_bytes + 32;
	cr_expect_eq(sizing_groups_check(&config, &with, &more, &problem), 0);
	config.memory_bytes--;
	cr_expect_eq(sizing_groups_check(&config, &with, &more, &problem), -ENOSPC);
}

/* So that whoever begins with groups after the maps were made need not make them again. */
Test(sizing, first_list_of_some_customers_finds_room)
{
	struct ipacct_groups_header list = list_of(400, 4000, 0);
	struct ipacct_problem problem = {};
	struct sizing sizing;

	config.n_groups = config.n_group_prefixes = config.n_group_masks = 0;
	for (uint64_t mib = 48; mib <= 4096; mib = mib * 5 / 4) {
		cr_assert_eq(compute(mib << 20, &sizing, &problem), 0, "%s", problem.text);
		sizing_groups_set(&sizing, NULL, 0);
		cr_expect_eq(sizing_groups_check(&config, &sizing, &list, &problem), 0, "%s",
			     problem.text);
	}
}
