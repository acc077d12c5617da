/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long until the next cut? */
#include <stdbool.h>

#include "budget.h"
#include "pace.h"

#define ROOM_LEAST_SHARE  4u  /* of the budget: cuts may take it even if others take everything */
#define COME_BACK_PERCENT 70u /* of the room; with a rung's factor of 2 no noise flaps it */
#define LRU_FULL_PPM      500000u /* from there on the hot tier rolls lines of one packet up */
#define INTERVAL_NEVER    1e18    /* ns; beyond every setting, and it fits 64 bits */
#define GROWTH_ONE        1024u
#define CLIMB_CUTS        2u /* in a row beyond their room: one slow cut is none */

uint64_t pace_interval_ns(const struct pace *pace, uint64_t interval_ns, uint64_t longest_ns)
{
	uint64_t ns = interval_ns << pace->rung; /* an hour in ns takes 42 bits */

	if (ns > longest_ns)
		ns = longest_ns;
	return ns > interval_ns ? ns : interval_ns;
}

static unsigned int rung_last(const struct pace_cut *cut)
{
	unsigned int rung = 0;

	while (rung < PACE_RUNGS && cut->interval_ns << rung < cut->longest_ns)
		rung++;
	return rung;
}

/* Interval in which a cut of cut_ns takes all its room. */
static uint64_t interval_of(const struct pace_cut *cut, uint64_t cut_ns)
{
	uint64_t least = cut->budget_ppb / ROOM_LEAST_SHARE;
	uint64_t room = cut->budget_ppb > cut->other_ppb ? cut->budget_ppb - cut->other_ppb : 0;
	double all;

	room = room > least ? room : least;
	all = (double)room * (cut->n_cpus ? cut->n_cpus : 1);
	all = all > 0 ? (double)cut_ns * PPB / all : INTERVAL_NEVER;
	return (uint64_t)(all < INTERVAL_NEVER ? all : INTERVAL_NEVER);
}

static bool lru_is_full(const struct pace_cut *cut, unsigned int times)
{
	return cut->lru_refused || cut->lru_ppm * times >= LRU_FULL_PPM;
}

/* What one rung up cost more, known once a cut was made there: 1 when time alone decides (tables
 * as full as before), 2 when every address is a new one. */
static void growth_learn(struct pace *pace)
{
	uint64_t growth = pace->before_ns ? pace->cut_ns * GROWTH_ONE / pace->before_ns : 0;

	if (!pace->before_ns)
		return;
	growth = growth < GROWTH_ONE ? GROWTH_ONE : growth;
	growth = growth > 2 * GROWTH_ONE ? 2 * GROWTH_ONE : growth;
	pace->growth[pace->rung] = (uint16_t)growth;
	pace->before_ns = 0;
}

static uint64_t cut_ns_below(const struct pace *pace)
{
	uint16_t growth = pace->growth[pace->rung];

	return growth ? pace->cut_ns * GROWTH_ONE / growth : pace->cut_ns;
}

static void climb(struct pace *pace)
{
	pace->n_over = 0;
	pace->before_ns = pace->cut_ns ? pace->cut_ns : 1;
	pace->rung++;
	pace->n_here = 0;
}

static void descend(struct pace *pace)
{
	pace->cut_ns = cut_ns_below(pace);
	pace->before_ns = 0;
	pace->rung--;
	pace->n_here = 0;
}

uint64_t pace_next(struct pace *pace, const struct pace_cut *cut)
{
	unsigned int last = rung_last(cut);
	struct pace lower = *pace;
	bool over;

	pace->rung = pace->rung < last ? pace->rung : last; /* other settings */
	pace->cut_ns =
		pace->n_here++ ? pace->cut_ns - pace->cut_ns / 2 + cut->cut_ns / 2 : cut->cut_ns;
	growth_learn(pace);
	over = interval_of(cut, pace->cut_ns) >
	       pace_interval_ns(pace, cut->interval_ns, cut->longest_ns);
	pace->n_over = over ? pace->n_over + 1 : 0;
	lower.rung = pace->rung ? pace->rung - 1 : 0;
	if (pace->rung && lru_is_full(cut, 1))
		descend(pace);
	else if (pace->rung < last && pace->n_over >= CLIMB_CUTS && !lru_is_full(cut, 2))
		climb(pace);
	else if (pace->rung && interval_of(cut, cut_ns_below(pace)) <
				       pace_interval_ns(&lower, cut->interval_ns, cut->longest_ns) /
					       100 * COME_BACK_PERCENT)
		descend(pace);
	return pace_interval_ns(pace, cut->interval_ns, cut->longest_ns);
}
