/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles, shares and the over-budget state: daemon/budget.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "budget.h"

Test(budget, every_profile_has_a_row_and_what_is_none_is_production)
{
	for (unsigned int i = 0; i < PROFILES_MAX; i++) {
		const struct profile *profile = profile_of(i);

		cr_assert_not_null(profile->name);
		cr_expect(profile->cpu_ppm > 0 && profile->cpu_ppm <= 1000000);
		cr_expect_geq(profile->memory_bytes, 64ULL << 20);
		/* measured: statistics take 70 ns a packet while they are on */
		cr_expect_leq(profile->window_ms * 10, profile->period_ms, "%s: more than a tenth",
			      profile->name);
	}
	cr_expect_eq(profile_of(PROFILES_MAX), profile_of(PROFILE_PRODUCTION));
	cr_expect_str_eq(profile_of(PROFILE_DEBUG)->name, "debug");
}

Test(budget, share_is_of_all_cpus_and_neither_wraps_nor_divides_by_zero)
{
	cr_expect_eq(budget_share_ppb(20000000, 1000000000, 2), 10000000); /* 1 % of two CPUs */
	cr_expect_eq(budget_share_ppb(1000000000, 1000000000, 1), PPB);
	cr_expect_eq(budget_share_ppb(3000000000, 1000000000, 2), PPB, "more than there is");
	cr_expect_eq(budget_share_ppb(5, 0, 2), 0);
	cr_expect_eq(budget_share_ppb(5, 5, 0), 0);
	/* a century of CPU time of 4096 CPUs: 2^63 · 10^9 does not fit */
	cr_expect_float_eq((double)budget_share_ppb(1ULL << 61, 1ULL << 61, 1), (double)PPB, 2);
}

Test(budget, over_from_the_first_window_above)
{
	struct budget_watch watch = {};

	cr_expect_not(budget_watch_add(&watch, 100, 100, 7), "all of it is not over");
	cr_expect_not(watch.over);
	cr_expect(budget_watch_add(&watch, 101, 100, 8));
	cr_expect(watch.over);
	cr_expect_eq(watch.since_ns, 8);
	cr_expect_not(budget_watch_add(&watch, 500, 100, 9), "it is over already");
	cr_expect_eq(watch.since_ns, 8);
}

Test(budget, back_only_after_two_windows_well_below)
{
	struct budget_watch watch = {};

	budget_watch_add(&watch, 2000, 1000, 1);
	cr_expect_not(budget_watch_add(&watch, 899, 1000, 2));
	cr_expect(watch.over, "one window is not enough");
	cr_expect_not(budget_watch_add(&watch, 950, 1000, 3), "between nine tenths and all");
	cr_expect_not(budget_watch_add(&watch, 899, 1000, 4), "counted from the start again");
	cr_expect(budget_watch_add(&watch, 899, 1000, 5));
	cr_expect_not(watch.over);
	cr_expect_eq(watch.since_ns, 5);
}

Test(budget, a_load_at_the_limit_does_not_flap)
{
	struct budget_watch watch = {};
	unsigned int n_changes = 0;

	for (uint64_t i = 0; i < 1000; i++)
		n_changes += budget_watch_add(&watch, i % 2 ? 1001 : 950, 1000, i);
	cr_expect_eq(n_changes, 1);
}
