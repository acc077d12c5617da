/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long until the next cut? Pure: no clock, no system call.
 *
 * The interval is wanted · 2^rung, never beyond the longest one. One rung a cut:
 *   up    two cuts in a row took more than their room, and the LRU tier has room for a cut twice as long;
 *   down  they would fit well below it one rung lower, or the LRU tier is getting full.
 * Nothing is ever lost by a longer interval: counters run on. But more addresses fall into one, and
 * what the LRU tier has no room for goes to its prefix. So a full tier wins over the CPU budget:
 * exactness is not for sale, and a daemon that stays over its budget says so. */
#ifndef IPACCT_DAEMON_PACE_H
#define IPACCT_DAEMON_PACE_H

#include <stdint.h>

#define PACE_RUNGS 8u /* 2^8: no interval is stretched further, whatever the longest one is */

struct pace {
	unsigned int rung;
	uint64_t cut_ns;    /* smoothed: CPU time of one cut, at this rung */
	uint64_t before_ns; /* the same, at the rung that it came up from; 0: came down */
	uint32_t n_here;    /* cuts at this rung */
	uint32_t n_over;    /* cuts in a row that took more than their room */
	uint16_t growth[PACE_RUNGS + 1]; /* cost of a cut at rung k in 1024ths of that at k − 1; 0:
					    not known */
};

struct pace_cut {
	uint64_t interval_ns; /* as configured: never shorter */
	uint64_t longest_ns;  /* below interval_ns: never stretched */
	uint64_t cut_ns;      /* CPU time that this cut took */
	uint64_t other_ppb;   /* share of all CPUs that program and other processes take */
	uint64_t budget_ppb;  /* of all CPUs, all together */
	uint32_t n_cpus;
	uint64_t
		lru_ppm; /* of what it takes in one epoch, in the fullest partition of the LRU tier */
	uint64_t lru_refused;
};

/* Take one cut into account; returns the interval until the next one. */
uint64_t pace_next(struct pace *pace, const struct pace_cut *cut);

/* The interval at the rung as it is, for other settings. */
uint64_t pace_interval_ns(const struct pace *pace, uint64_t interval_ns, uint64_t longest_ns);

#endif
