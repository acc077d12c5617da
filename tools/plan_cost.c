// SPDX-License-Identifier: GPL-2.0-or-later
/* What a load costs, by the figures of the stored bench (bench/baseline.jsonl). */
#include "plan_model.h"

#include <math.h>

#include "plan_figures.h"

#define N_POINTS      7u     /* loads of the bench that differ in the number of addresses … */
#define LOAD_FLOOD    7u     /* … and the flood, behind them */
#define CUT_ADDRESSES 65536u /* of cut/64k */

static const double point_addresses[N_POINTS] = { 2, 1024, 16384, 65536, 262144, 524288, 1048576 };

/* Between two loads of the bench: a straight line over the logarithm of the number of addresses. */
static double between(const double ns[N_POINTS + 1], double addresses)
{
	for (unsigned int i = 1; i < N_POINTS; i++) {
		double at = log2(addresses / point_addresses[i - 1]) /
			    log2(point_addresses[i] / point_addresses[i - 1]);

		if (addresses <= point_addresses[i])
			return ns[i - 1] + (at < 0 ? 0 : at) * (ns[i] - ns[i - 1]);
	}
	return ns[N_POINTS - 1];
}

void plan_cost(const struct plan_load *load, bool hot, struct plan_cost *ret_cost)
{
	const double(*ns)[N_POINTS + 1] = hot ? plan_ns_hot : plan_ns_lru;
	double addresses = (double)load->addresses, ipv6 = load->ipv6_percent / 100.0;
	double flood = (double)load->flood_pps / (double)load->pps;
	double honest = (1 - ipv6) * between(ns[0], addresses) + ipv6 * between(ns[1], addresses);
	double cut = hot ? PLAN_CUT_PERCENT_HOT : PLAN_CUT_PERCENT_LRU;

	ret_cost->packet_ns = flood * ns[0][LOAD_FLOOD] + (1 - flood) * honest;
	ret_cost->budget_ns = 1e9 * load->cpus / (double)load->pps;
	ret_cost->cpu_share = ret_cost->packet_ns / ret_cost->budget_ns;
	ret_cost->cut_share =
		cut / 100 * addresses / CUT_ADDRESSES * 1e9 / (double)load->interval_ns;
}

const char *plan_measured_on(void)
{
	return PLAN_MEASURED_ON;
}
