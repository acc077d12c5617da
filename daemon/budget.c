/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct may cost. */
#include "budget.h"

#define MIB (1ULL << 20)

static const struct profile profiles[PROFILES_MAX] = {
	[PROFILE_PRODUCTION] = { "production", 20000, 256 * MIB, 20, 10000 },
	[PROFILE_STAGING] = { "staging", 30000, 256 * MIB, 20, 5000 },
	[PROFILE_DEVELOPMENT] = { "development", 50000, 128 * MIB, 50, 2000 },
	[PROFILE_DEBUG] = { "debug", 100000, 512 * MIB, 100, 1000 },
};

const struct profile *profile_of(unsigned int profile)
{
	return &profiles[profile < PROFILES_MAX ? profile : PROFILE_PRODUCTION];
}

uint64_t budget_share_ppb(uint64_t used_ns, uint64_t elapsed_ns, uint32_t n_cpus)
{
	double all_ns = (double)elapsed_ns * n_cpus;
	double share = all_ns > 0 ? (double)used_ns * PPB / all_ns : 0;

	return share < PPB ? (uint64_t)share : PPB;
}

bool budget_watch_add(struct budget_watch *watch, uint64_t used, uint64_t budget, uint64_t now_ns)
{
	bool over = watch->over;

	if (used > budget) {
		watch->n_below = 0;
		over = true;
	} else if (used < budget / 10 * BUDGET_LEAVE_TENTHS) {
		if (++watch->n_below >= BUDGET_LEAVE_WINDOWS)
			over = false;
	} else {
		watch->n_below = 0;
	}
	if (over == watch->over)
		return false;
	watch->over = over;
	watch->n_below = 0;
	watch->since_ns = now_ns;
	return true;
}
