/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the memory budget to the sizes of maps and ledger, before anything is loaded. */
#ifndef IPACCT_DAEMON_SIZING_H
#define IPACCT_DAEMON_SIZING_H

#include <stdint.h>

#include "config.h"
#include "geo_sizing.h"
#include "ipacct/ipacct.h"
#include "sizes.h"

/* Returns 0, or -ENOSPC with the arithmetic in ret_problem when the budget is too small. */
int sizing_compute(const struct config *config, struct sizing *ret_sizing,
		   struct ipacct_problem *ret_problem);

/* The same sums for maps and a ledger that exist already. */
void sizing_from_maps(const struct ipacct_meta *meta, uint64_t budget_bytes, uint32_t n_rollups_max,
		      uint32_t n_addresses_max, struct sizing *ret_sizing);

/* Another number of protected prefixes: only the sums change. */
void sizing_guard_set(struct sizing *sizing, uint64_t n_entries);

/* The same for another list of groups; NULL: none.
 * other_bytes: of the list that lies beside it. */
void sizing_groups_set(struct sizing *sizing, const struct ipacct_groups_header *list,
		       uint64_t other_bytes);

/* Is there room for that list beside the one in force, which sizing has? The budget is the one that the
 * settings name. A list that takes no more than the one in force is always taken.
 * Returns 0, or -ENOSPC with the arithmetic. */
int sizing_groups_check(const struct config *config, const struct sizing *sizing,
			const struct ipacct_groups_header *list,
			struct ipacct_problem *ret_problem);

/* The budget that the settings name, or its default. */
uint64_t sizing_budget_bytes(const struct config *config);

/* Put geo and the budget as the settings want them in the place of what was there; the rest stays.
 * -ENOSPC with the arithmetic when geo has no room: then nothing has changed. */
int sizing_geo(const struct config *config, struct sizing *sizing,
	       struct ipacct_problem *ret_problem);

/* Print the arithmetic, one log line. */
void sizing_log(const struct sizing *sizing);

#endif
