/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The findings of ipacctctl verify, and how they are printed. */
#ifndef IPACCT_TOOLS_CTL_VERIFY_H
#define IPACCT_TOOLS_CTL_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

#include "ctl_equations.h"
#include "ctl_witness.h"

struct ctl_settings;

#define VERIFY_TX_NOT_OBSERVED \
	"tx not observed: XDP sees arrivals; this host's own sending needs the egress hook"

struct verification {
	const struct ipacct_snapshot *snapshot; /* at the last cut */
	struct equations equations;
	bool conserved; /* every equation holds */
	bool witness_heard;
	struct ipacct_problem no_maps; /* why not */
	/* by index in snapshot->interfaces */
	struct witness witness[IPACCT_IFS_MAX];
	uint64_t first_rx[IPACCT_IFS_MAX]; /* packets at the first try: shows whether it flows */
	uint32_t xdp_prog_id[IPACCT_IFS_MAX];
	bool closed; /* conserved, and no witness contradicts */
};

void verify_print_json(const struct ctl_settings *settings, const struct verification *v);
/* Returns 0 or -ENOMEM. */
int verify_print_text(const struct ctl_settings *settings, const struct verification *v);

#endif
