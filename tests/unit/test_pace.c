/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long until the next cut: daemon/pace.c against models of what a cut costs. */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>

#include "budget.h"
#include "pace.h"

#define S_NS  1000000000ULL
#define MS_NS 1000000ULL
#define PPM   1000000u
#define TICKS 10u /* "converges within 10 ticks" */

/* A load: a cut after t costs fixed + a part that grows with t up to a limit (all addresses seen). */
struct load {
	double fixed_ns;
	double per_s_ns;  /* of new addresses in each second … */
	double most_ns;   /* … no more than these in all; 0: no limit */
	double lru_per_s; /* parts per million of the fullest partition */
	double noise;     /* ± this part of it */
};

static struct pace_cut settings(void)
{
	return (struct pace_cut){ .interval_ns = S_NS,
				  .longest_ns = 16 * S_NS,
				  .budget_ppb = PPB / 100, /* 1 % of 2 CPUs: 20 ms in a second */
				  .n_cpus = 2 };
}

static uint64_t cost_of(const struct load *load, uint64_t interval_ns, unsigned int tick)
{
	double more = load->per_s_ns * (double)interval_ns / (double)S_NS;
	/* the same numbers in each run */
	double noise = load->noise * (tick * 2654435761u % 1001 / 500.0 - 1.0);

	if (load->most_ns > 0 && more > load->most_ns)
		more = load->most_ns;
	return (uint64_t)((load->fixed_ns + more) * (1.0 + noise));
}

/* Run n cuts; returns the interval after them, *ret_changes how often it changed. */
static uint64_t run(struct pace *pace, struct pace_cut cut, const struct load *load, unsigned int n,
		    unsigned int *ret_changes)
{
	uint64_t interval_ns = pace_interval_ns(pace, cut.interval_ns, cut.longest_ns);

	*ret_changes = 0;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t next_ns;

		cut.cut_ns = cost_of(load, interval_ns, i);
		cut.lru_ppm = (uint64_t)(load->lru_per_s * (double)interval_ns / (double)S_NS);
		cut.lru_refused = cut.lru_ppm > PPM;
		next_ns = pace_next(pace, &cut);
		cr_assert_geq(next_ns, cut.interval_ns);
		cr_assert_leq(next_ns,
			      cut.longest_ns > cut.interval_ns ? cut.longest_ns : cut.interval_ns);
		*ret_changes += next_ns != interval_ns;
		interval_ns = next_ns;
	}
	return interval_ns;
}

Test(pace, inside_its_room_nothing_is_stretched)
{
	struct load load = { .fixed_ns = 15 * MS_NS, .noise = 0.2 };
	struct pace pace = {};
	unsigned int n_changes;

	cr_expect_eq(run(&pace, settings(), &load, 1000, &n_changes), S_NS);
	cr_expect_eq(n_changes, 0);
}

Test(pace, converges_within_ten_cuts_and_then_holds)
{
	static const struct {
		struct load load;
		uint64_t interval_ns;
	} rows[] = {
		{ { .fixed_ns = 25 * MS_NS }, 2 * S_NS },
		{ { .fixed_ns = 70 * MS_NS }, 4 * S_NS },
		{ { .fixed_ns = 150 * MS_NS }, 8 * S_NS },
		{ { .fixed_ns = 310 * MS_NS }, 16 * S_NS },
		{ { .fixed_ns = 5e9 }, 16 * S_NS }, /* cannot be had: the longest */
		{ { .fixed_ns = 30 * MS_NS, .per_s_ns = 8 * MS_NS }, 4 * S_NS },
		{ { .fixed_ns = 5 * MS_NS, .per_s_ns = 30 * MS_NS, .most_ns = 60 * MS_NS },
		  4 * S_NS },
		{ { .per_s_ns = 40 * MS_NS }, 16 * S_NS }, /* every address is a new one */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pace pace = {};
		unsigned int n_changes;

		cr_expect_eq(run(&pace, settings(), &rows[i].load, TICKS, &n_changes),
			     rows[i].interval_ns, "row %zu: not there after ten cuts", i);
		cr_expect_eq(run(&pace, settings(), &rows[i].load, 1000, &n_changes),
			     rows[i].interval_ns, "row %zu: not there later", i);
		cr_expect_eq(n_changes, 0, "row %zu: moved %u times", i, n_changes);
	}
}

Test(pace, a_heavier_load_never_makes_it_shorter)
{
	uint64_t before_ns = 0;

	for (unsigned int ms = 1; ms < 1000; ms++) {
		struct load load = { .fixed_ns = (double)(ms * MS_NS) };
		struct pace pace = {};
		unsigned int n_changes;
		uint64_t interval_ns = run(&pace, settings(), &load, TICKS, &n_changes);

		cr_assert_geq(interval_ns, before_ns, "%u ms", ms);
		before_ns = interval_ns;
	}
	cr_expect_eq(before_ns, 16 * S_NS);
}

Test(pace, comes_back_when_the_load_is_gone)
{
	struct load heavy = { .fixed_ns = 310 * MS_NS }, light = { .fixed_ns = 5 * MS_NS };
	struct pace pace = {};
	unsigned int n_changes;

	cr_assert_eq(run(&pace, settings(), &heavy, TICKS, &n_changes), 16 * S_NS);
	cr_expect_eq(run(&pace, settings(), &light, TICKS, &n_changes), S_NS);
	cr_expect_eq(n_changes, 4, "one rung a cut");
}

/* Half of the room is taken, all by new addresses: at a longer interval a cut costs in proportion,
 * and only what was learnt on the way up tells that it would fit again. */
Test(pace, comes_back_from_a_surge_also_where_cost_grows_with_the_interval)
{
	struct load surge = { .per_s_ns = 40 * MS_NS }, rest = { .per_s_ns = 10 * MS_NS };
	struct pace pace = {};
	unsigned int n_changes;

	cr_assert_eq(run(&pace, settings(), &surge, TICKS, &n_changes), 16 * S_NS);
	cr_expect_eq(run(&pace, settings(), &rest, TICKS, &n_changes), S_NS);
	cr_expect_eq(run(&pace, settings(), &rest, 1000, &n_changes), S_NS);
	cr_expect_eq(n_changes, 0);
}

Test(pace, noise_of_a_fifth_does_not_make_it_swing)
{
	for (unsigned int ms = 5; ms < 400; ms += 5) {
		struct load load = { .fixed_ns = (double)(ms * MS_NS), .noise = 0.2 };
		struct pace pace = {};
		unsigned int n_changes;

		run(&pace, settings(), &load, 50, &n_changes);
		run(&pace, settings(), &load, 1000, &n_changes);
		cr_expect_leq(n_changes, 1, "%u ms: changed %u times in 1000 cuts", ms, n_changes);
	}
}

Test(pace, one_slow_cut_is_nothing)
{
	struct pace_cut cut = settings();
	struct pace pace = {};

	for (unsigned int i = 0; i < 20; i++) {
		cut.cut_ns = i == 10 ? 25 * MS_NS : 5 * MS_NS;
		cr_expect_eq(pace_next(&pace, &cut), S_NS);
	}
}

Test(pace, what_others_take_leaves_less_room_but_never_none)
{
	struct load load = { .fixed_ns = 8 * MS_NS };
	struct pace_cut cut = settings();
	struct pace pace = {};
	unsigned int n_changes;

	cut.other_ppb = cut.budget_ppb / 2; /* 10 of 20 ms */
	cr_expect_eq(run(&pace, cut, &load, TICKS, &n_changes), S_NS);
	cut.other_ppb = 100 * cut.budget_ppb; /* a quarter is left: 5 ms */
	cr_expect_eq(run(&pace, cut, &load, TICKS, &n_changes), 2 * S_NS);
}

/* A longer epoch would send addresses to their prefix: being exact wins over being cheap. */
Test(pace, a_full_lru_tier_is_never_made_fuller)
{
	struct load load = { .fixed_ns = 310 * MS_NS, .lru_per_s = 400000 };
	struct pace_cut cut = settings();
	struct pace pace = {};
	unsigned int n_changes;

	cr_expect_eq(run(&pace, cut, &load, 1000, &n_changes), S_NS);
	cr_expect_eq(n_changes, 0);
	load.lru_per_s = 100000; /* up to 4 s it is less than half full */
	cr_expect_eq(run(&pace, cut, &load, TICKS, &n_changes), 4 * S_NS);
	load.lru_per_s = 200000; /* 4 s are too long now: eight tenths */
	cr_expect_eq(run(&pace, cut, &load, TICKS, &n_changes), 2 * S_NS);
	cr_expect_eq(run(&pace, cut, &load, 1000, &n_changes), 2 * S_NS);
	cr_expect_eq(n_changes, 0);
}

/* The hot tier rolls up lines of one packet where its partition is half full: no interval that was
 * stretched may get there, whatever the other partitions hold. */
Test(pace, no_stretched_interval_fills_half_of_a_partition)
{
	for (unsigned int ppm = 1000; ppm <= PPM; ppm += 1000) {
		struct load load = { .fixed_ns = 310 * MS_NS, .lru_per_s = ppm };
		struct pace pace = {};
		unsigned int n_changes;
		uint64_t interval_ns;

		run(&pace, settings(), &load, TICKS, &n_changes);
		interval_ns = run(&pace, settings(), &load, 100, &n_changes);
		cr_expect_eq(n_changes, 0, "%u ppm: moved %u times", ppm, n_changes);
		if (interval_ns > S_NS)
			cr_expect_lt(ppm * (interval_ns / S_NS), PPM / 2, "%u ppm", ppm);
	}
}

Test(pace, other_settings_hold_at_once)
{
	struct load load = { .fixed_ns = 310 * MS_NS };
	struct pace_cut cut = settings();
	struct pace pace = {};
	unsigned int n_changes;

	cr_assert_eq(run(&pace, cut, &load, TICKS, &n_changes), 16 * S_NS);
	cr_expect_eq(pace_interval_ns(&pace, S_NS, 4 * S_NS), 4 * S_NS);
	cr_expect_eq(pace_interval_ns(&pace, 5 * S_NS, 4 * S_NS), 5 * S_NS, "never shorter");
	cr_expect_eq(pace_interval_ns(&pace, 3600 * S_NS, 3600 * S_NS), 3600 * S_NS);
	cut.longest_ns = 0; /* never stretch */
	cr_expect_eq(run(&pace, cut, &load, TICKS, &n_changes), S_NS);
}

Test(pace, extremes_do_not_wrap)
{
	struct pace_cut cut = { .interval_ns = 100 * MS_NS,
				.longest_ns = 3600 * S_NS,
				.cut_ns = UINT64_MAX,
				.other_ppb = UINT64_MAX };
	struct pace pace = {};

	for (unsigned int i = 0; i < 100; i++)
		cr_expect_leq(pace_next(&pace, &cut), cut.interval_ns << PACE_RUNGS);
	cut.cut_ns = 0;
	cut.budget_ppb = PPB;
	cut.n_cpus = 4096;
	for (unsigned int i = 0; i < 100; i++)
		(void)pace_next(&pace, &cut);
	cr_expect_eq(pace_next(&pace, &cut), cut.interval_ns);
}
