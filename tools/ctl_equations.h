/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sums of a snapshot that must be equal, as rows to print. */
#ifndef IPACCT_TOOLS_CTL_EQUATIONS_H
#define IPACCT_TOOLS_CTL_EQUATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

#define EQUATIONS_PER_SLOT 6u
#define EQUATIONS_OVERALL  10u
#define EQUATIONS_MAX      (EQUATIONS_PER_SLOT * IPACCT_IFS_MAX + EQUATIONS_OVERALL)

struct equation {
	const struct ipacct_interface *interface; /* NULL = over all */
	const char *text;
	const char *unit; /* "packets", "l2_bytes" or "l3_bytes" */
	uint64_t left;
	uint64_t right;
};

struct equations {
	size_t n;
	struct equation equation[EQUATIONS_MAX];
};

/* All equations of a snapshot at one cut; they borrow it. Cannot fail. */
void equations_collect(const struct ipacct_snapshot *snapshot, struct equations *ret_equations);

bool equations_hold(const struct equations *equations);

#endif
