/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan promises follows the sizes, and its costs are those of the stored bench. */
#include <math.h>

#include <criterion/criterion.h>

#include "plan_model.h"

#define NEAR(a, b) (fabs((a) - (b)) < 1e-6)

static struct plan_shares play(const struct plan_load *load, uint64_t memory_mib, bool hot)
{
	struct sizing_wish wish = { .budget_bytes = memory_mib << 20,
				    .hot = hot,
				    .ipv4_ppm = (100 - load->ipv6_percent) * 10000,
				    .ipv6_ppm = load->ipv6_percent * 10000,
				    .n_cpus = load->cpus };
	struct ipacct_problem problem;
	struct plan_shares shares;
	struct sizing sizing;

	wish.cpus[0] = (1ULL << load->cpus) - 1;
	cr_assert_eq(sizing_plan(&wish, &sizing, &problem), 0, "%s", problem.text);
	cr_assert_eq(plan_play(load, &sizing, &shares), 0);
	return shares;
}

static struct plan_load uniform(uint64_t addresses)
{
	return (struct plan_load){
		.pps = 200000, .addresses = addresses, .cpus = 2, .interval_ns = 1000000000
	};
}

Test(plan, addresses_that_fit_are_all_exact)
{
	for (unsigned int ipv6 = 0; ipv6 <= 100; ipv6 += 50) {
		struct plan_load load = uniform(2000);
		struct plan_shares shares;

		load.ipv6_percent = ipv6;
		shares = play(&load, 64, true);
		cr_expect_eq(shares.rolled, 0, "%u %% IPv6", ipv6);
		cr_expect_eq(shares.displaced, 0, "%u %% IPv6", ipv6);
	}
}

Test(plan, more_memory_never_rolls_up_more_and_more_addresses_never_less)
{
	double before_memory = 1, before_addresses = 0;

	for (uint64_t mib = 48; mib <= 768; mib *= 2) {
		struct plan_load load = uniform(300000);
		struct plan_shares shares = play(&load, mib, true);

		cr_expect_leq(shares.rolled, before_memory, "%lu MiB", (unsigned long)mib);
		cr_expect(shares.rolled >= 0 && shares.rolled <= 1);
		before_memory = shares.rolled;
	}
	cr_expect_eq(before_memory, 0);
	for (uint64_t addresses = 10000; addresses <= 1000000; addresses *= 10) {
		struct plan_load load = uniform(addresses);
		struct plan_shares shares = play(&load, 48, true);

		cr_expect_geq(shares.rolled, before_addresses);
		before_addresses = shares.rolled;
	}
	cr_expect_gt(before_addresses, 0.5);
}

Test(plan, the_same_load_on_a_larger_scale_has_the_same_shares)
{
	struct plan_load small = uniform(100000), large = small;
	struct sizing sizing = {
		.n_cpus = 2, .n_parts = 3, .hot4_sets = 2048, .lru_entries = 10128
	};
	struct plan_shares a, b;

	small.pps = 400000; /* 200,000 a CPU: played as it is */
	cr_assert_eq(plan_play(&small, &sizing, &a), 0);
	large.pps = small.pps * 20; /* 4,000,000 a CPU: played 1 : 8 */
	large.addresses = small.addresses * 20;
	sizing.hot4_sets *= 20;
	sizing.lru_entries = 10000 * 20 + 128;
	cr_assert_eq(plan_play(&large, &sizing, &b), 0);
	cr_expect_gt(a.rolled, 0.1);
	cr_expect_lt(fabs(a.rolled - b.rolled), 0.01, "%f %f", a.rolled, b.rolled);
	cr_expect_lt(fabs(a.displaced - b.displaced), 0.01, "%f %f", a.displaced, b.displaced);
}

Test(plan, honest_addresses_fare_better_in_a_flood_than_forged_ones)
{
	struct plan_load load = uniform(5000);
	struct plan_shares shares;

	load.pps = 1000000;
	load.flood_pps = 900000;
	shares = play(&load, 48, true);
	cr_expect_gt(shares.rolled, 0.2);
	cr_expect_lt(shares.honest, shares.rolled / 2);
	shares = play(&load, 48, false);
	cr_expect_gt(shares.rolled, 0.2, "without the hot tier too");
}

/* bench/baseline.jsonl: datapath/v4/1cpu/{1k,64k}/hot differ by a factor; a machine that is measured
 * anew changes both, so what is held is the shape. */
Test(plan, cost_grows_with_addresses_and_is_a_share_of_the_budget)
{
	struct plan_load load = uniform(1024);
	struct plan_cost few, many, lru;

	plan_cost(&load, true, &few);
	load.addresses = 65536;
	plan_cost(&load, true, &many);
	plan_cost(&load, false, &lru);
	cr_expect_gt(many.packet_ns, few.packet_ns);
	cr_expect_gt(lru.packet_ns, many.packet_ns);
	cr_expect(NEAR(few.budget_ns, 10000), "2 CPUs, 200,000 packets a second");
	cr_expect(NEAR(many.cpu_share, many.packet_ns / 10000));
	load.addresses = 1;
	plan_cost(&load, true, &few);
	cr_expect(few.packet_ns > 0 && isfinite(few.packet_ns));
	cr_expect_neq(plan_measured_on()[0], '\0');
}
