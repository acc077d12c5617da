/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct may cost: budgets by profile, and who is over one. Pure: no clock, no system call. */
#ifndef IPACCT_DAEMON_BUDGET_H
#define IPACCT_DAEMON_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum budget_profile {
	PROFILE_PRODUCTION = 0,
	PROFILE_STAGING,
	PROFILE_DEVELOPMENT,
	PROFILE_DEBUG,
	PROFILES_MAX
};

/* A row a profile; daemon/README.md has the sizes that the figures come from. */
struct profile {
	const char *name;
	uint32_t cpu_ppm;      /* of all CPUs: program, supervisor, collector, geo worker */
	uint64_t memory_bytes; /* at most; a sixteenth of RAM when that is less */
	uint32_t window_ms;    /* BPF statistics are on for this long … */
	uint32_t period_ms;    /* … each of these */
};

const struct profile *profile_of(unsigned int profile);

#define PPB_PER_PPM 1000u
#define PPB         1000000000u /* shares are in parts per billion of all CPUs */

/* Which share of n_cpus for elapsed_ns is used_ns? 0 when nothing elapsed; at most all of them: where
 * time is stolen from this machine, a sampled one can be longer than there was. */
uint64_t budget_share_ppb(uint64_t used_ns, uint64_t elapsed_ns, uint32_t n_cpus);

/* One resource, looked at once a window. */
struct budget_watch {
	bool over;
	uint32_t n_below;  /* windows in a row well below the budget */
	uint64_t since_ns; /* CLOCK_REALTIME of the last change; 0: none yet */
};

#define BUDGET_LEAVE_TENTHS  9u /* back inside: below nine tenths of the budget … */
#define BUDGET_LEAVE_WINDOWS 2u /* … for two windows, so that it does not flap */

/* Over from the first window above the budget. Returns whether the state has changed. */
bool budget_watch_add(struct budget_watch *watch, uint64_t used, uint64_t budget, uint64_t now_ns);

#endif
