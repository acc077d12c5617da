/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tiers do with a load that is only described: the rules of xdp/bpf once more, in a table of
 * numbers in place of addresses. */
#ifndef IPACCT_TOOLS_PLAN_MODEL_H
#define IPACCT_TOOLS_PLAN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "sizes.h"

struct plan_load {
	uint64_t pps;       /* all packets, of all CPUs */
	uint64_t flood_pps; /* of them from 10^7 forged IPv4 sources */
	uint64_t addresses; /* honest ones, each as likely as any other as source and destination */
	unsigned int ipv6_percent;
	uint32_t cpus; /* that receive, in equal shares */
	uint64_t interval_ns;
};

/* Of all counts (two a packet), in an epoch like those before it. */
struct plan_shares {
	double rolled;    /* on a prefix */
	double honest;    /* on a prefix, of the counts of honest addresses */
	double displaced; /* moved a line from the hot tier to the LRU tier */
	double refused;   /* inserts that the LRU tier had no room for */
	double lru_used;  /* of its budget */
};

/* Returns 0 or -ENOMEM. Takes below a second and 100 MiB whatever the load: a large one is played on a
 * scale of 1 : n, which leaves the shares as they are. */
int plan_play(const struct plan_load *load, const struct sizing *sizing,
	      struct plan_shares *ret_shares);

struct plan_cost {
	double packet_ns; /* the program, for a packet of this load */
	double budget_ns; /* there are so many for each, on each CPU */
	double cpu_share; /* of each CPU that receives */
	double cut_share; /* of one CPU: reading and publishing */
};

/* By the stored bench. hot: whether there is that tier. */
void plan_cost(const struct plan_load *load, bool hot, struct plan_cost *ret_cost);

/* The machine, kernel and day of those figures. */
const char *plan_measured_on(void);

#endif
