/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacctctl status finds without the daemon, and how all of it is printed. */
#ifndef IPACCT_TOOLS_CTL_STATUS_H
#define IPACCT_TOOLS_CTL_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

struct ctl_settings;

struct observation {
	struct ipacct_reader *reader;
	struct ipacct_snapshot *snapshot; /* at the last cut; NULL when the ledger cannot be read */
	struct ipacct_snapshot *live;     /* NULL when the pinned maps cannot be read */
	struct ipacct_problem no_maps;    /* why */
	uint64_t uncut_packets;           /* seen since that cut */
	bool devices_known;
	size_t n_absent;   /* attached slots whose device is not in this network namespace */
	size_t n_counting; /* attached slots whose device has an XDP program, and has none */
	size_t n_silent;
	uint32_t xdp_prog_id[IPACCT_IFS_MAX]; /* by index in snapshot->interfaces, 0 = none */
};

/* status: the daemon's own words, NULL when it gave none. running: it is there, answering or not.
 * Return 0 or -ENOMEM. */
int status_print_json(const struct ctl_settings *settings, const json_t *status, bool running,
		      const struct observation *o);
void status_print_cost(const json_t *cost);
/* What the daemon says of groups and geo. */
int status_print_more(const struct ctl_settings *settings, const json_t *status);
int status_print_geo(const struct ctl_settings *settings, const json_t *geo);
int status_print_text(const struct ctl_settings *settings, const json_t *status, bool running,
		      const struct observation *o);

#endif
