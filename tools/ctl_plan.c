// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacctctl plan: what a load would take, before anything is installed. Asks nobody, reads nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "common_text.h"
#include "ctl.h"
#include "plan_model.h"

#define MEMORY_MIN     (8ULL << 20) /* as `memory:` of ipacctd */
#define MEMORY_MAX     (1ULL << 40)
#define MEMORY_DEFAULT (256ULL << 20) /* DESIGN: min(256 MiB, 1/16 of RAM) */
#define ADVISED_FIRST  (32ULL << 20)  /* budgets that are tried: this, twice, four times, … */
#define ADVISED_STEPS  13u            /* … to 128 GiB */
#define PPM_PERCENT    (SIZING_PPM / 100)
#define ROLLED_GOAL    0.001 /* one count in a thousand may be without its address */

struct plan {
	struct plan_load load;
	struct sizing sizing;
	struct plan_shares shares;
	struct plan_cost cost;
	bool hot;
	uint64_t advised_bytes; /* 0 = none of those tried */
};

/* Returns 0, or -ENOSPC with the arithmetic in problem. */
static int size_up(const struct ctl_settings *settings, uint64_t memory_bytes,
		   struct sizing *sizing, struct ipacct_problem *problem)
{
	struct sizing_wish wish = {
		.budget_bytes = memory_bytes,
		.hot = !settings->plan.no_hot,
		.ipv4_ppm = (100 - (uint32_t)settings->plan.ipv6) * PPM_PERCENT,
		.ipv6_ppm = (uint32_t)settings->plan.ipv6 * PPM_PERCENT,
		.n_cpus = (uint32_t)settings->plan.cpus,
	};

	for (uint32_t cpu = 0; cpu < wish.n_cpus; cpu++)
		wish.cpus[cpu / 64] |= 1ULL << (cpu % 64);
	return sizing_plan(&wish, sizing, problem);
}

/* Whether this budget keeps the addresses apart, in the maps and in the ledger. */
static bool suffices(const struct ctl_settings *settings, const struct plan *plan,
		     uint64_t memory_bytes)
{
	struct ipacct_problem problem;
	struct plan_shares shares;
	struct sizing sizing;

	return size_up(settings, memory_bytes, &sizing, &problem) == 0 &&
	       sizing.n_addresses_max >= plan->load.addresses &&
	       plan_play(&plan->load, &sizing, &shares) == 0 && shares.honest <= ROLLED_GOAL;
}

/* The smallest of the budgets tried: more memory never rolls up more. */
static uint64_t advise(const struct ctl_settings *settings, const struct plan *plan)
{
	unsigned int low = 0, high = ADVISED_STEPS;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (suffices(settings, plan, ADVISED_FIRST << middle))
			high = middle;
		else
			low = middle + 1;
	}
	return low < ADVISED_STEPS ? ADVISED_FIRST << low : 0;
}

static void print_json(const struct ctl_settings *settings, const struct plan *plan)
{
	struct json_writer json = { .file = stdout, .pretty = settings->pretty };
	const struct sizing *s = &plan->sizing;

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "ipacct.plan/1");
	json_open(&json, "memory", '{');
	json_u64(&json, "budget_bytes", s->budget_bytes);
	json_u64(&json, "total_bytes", s->total_bytes);
	json_u64(&json, "maps_bytes", sizing_maps_bytes(s));
	json_u64(&json, "lru_bytes", s->lru_bytes);
	json_u64(&json, "hot_bytes", s->hot_bytes);
	json_u64(&json, "rollup_bytes", s->roll_bytes);
	json_u64(&json, "totals_bytes", s->totals_bytes);
	json_u64(&json, "ledger_bytes", s->ledger_bytes);
	json_u64(&json, "process_bytes", s->process_bytes);
	json_close(&json, '}');
	json_open(&json, "sizes", '{');
	json_u64(&json, "partitions", sizing_own_parts(s));
	json_u64(&json, "hot_lines_ipv4", s->hot4_sets * IPACCT_HOT4_WAYS);
	json_u64(&json, "hot_lines_ipv6", s->hot6_sets * IPACCT_HOT6_WAYS);
	json_u64(&json, "lru_entries", s->lru_entries);
	json_u64(&json, "ledger_addresses", s->n_addresses_max);
	json_close(&json, '}');
	json_open(&json, "expected", '{');
	/* parts in a million, so that no reader needs fractions */
	json_u64(&json, "rolled_up_ppm", (uint64_t)(plan->shares.rolled * 1e6 + 0.5));
	json_u64(&json, "honest_rolled_up_ppm", (uint64_t)(plan->shares.honest * 1e6 + 0.5));
	json_u64(&json, "displaced_ppm", (uint64_t)(plan->shares.displaced * 1e6 + 0.5));
	json_u64(&json, "lru_refused_ppm", (uint64_t)(plan->shares.refused * 1e6 + 0.5));
	json_u64(&json, "lru_used_ppm", (uint64_t)(plan->shares.lru_used * 1e6 + 0.5));
	json_u64(&json, "packet_ps", (uint64_t)(plan->cost.packet_ns * 1e3 + 0.5));
	json_u64(&json, "packet_budget_ps", (uint64_t)(plan->cost.budget_ns * 1e3 + 0.5));
	json_u64(&json, "cpu_ppm", (uint64_t)(plan->cost.cpu_share * 1e6 + 0.5));
	json_u64(&json, "cut_cpu_ppm", (uint64_t)(plan->cost.cut_share * 1e6 + 0.5));
	json_text(&json, "measured_on", plan_measured_on());
	json_close(&json, '}');
	if (plan->advised_bytes)
		json_u64(&json, "advised_memory_bytes", plan->advised_bytes);
	else
		json_text(&json, "advised_memory_bytes", NULL);
	json_u64(&json, "advised_ipv6_share_ppm", (uint64_t)plan->load.ipv6_percent * PPM_PERCENT);
	json_close(&json, '}');
}

static void print_memory(const struct sizing *s, unsigned int ipv6_percent)
{
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES];

	printf("memory: %s of %s", text_octets(s->total_bytes, TEXT_IEC, a),
	       text_octets(s->budget_bytes, TEXT_IEC, b));
	printf(": LRU %s, hot tier %s, roll-ups %s", text_octets(s->lru_bytes, TEXT_IEC, a),
	       text_octets(s->hot_bytes, TEXT_IEC, b), text_octets(s->roll_bytes, TEXT_IEC, c));
	printf(", totals %s, ledger %s, processes %s\n", text_octets(s->totals_bytes, TEXT_IEC, a),
	       text_octets(s->ledger_bytes, TEXT_IEC, b),
	       text_octets(s->process_bytes, TEXT_IEC, c));
	printf("sizes with `ipv6_share: %u%%`: %u partitions, each %u IPv4 and %u IPv6 hot lines "
	       "and %u LRU entries; ledger of %u addresses\n",
	       ipv6_percent, sizing_own_parts(s), s->hot4_sets * IPACCT_HOT4_WAYS,
	       s->hot6_sets * IPACCT_HOT6_WAYS, s->lru_entries, s->n_addresses_max);
}

static void print_text(const struct plan *plan)
{
	char memory[NUM_TEXT_BYTES];

	print_memory(&plan->sizing, plan->load.ipv6_percent);
	printf("exact by address: %.2f %% of all counts; %.2f %% on prefixes; %.2f %% displaced a "
	       "line, %.0f %% of the LRU tier used\n",
	       100 * (1 - plan->shares.rolled), 100 * plan->shares.rolled,
	       100 * plan->shares.displaced, 100 * plan->shares.lru_used);
	if (plan->load.flood_pps)
		printf("  of honest addresses: %.2f %%; name your own in `protect:` and it is 100 "
		       "%%\n",
		       100 * (1 - plan->shares.honest));
	printf("cost: %.0f ns a packet of %.0f, %.1f %% of each CPU; cuts %.2f %% of one CPU\n",
	       plan->cost.packet_ns, plan->cost.budget_ns, 100 * plan->cost.cpu_share,
	       100 * plan->cost.cut_share);
	printf("  (program alone, measured on %s)\n", plan_measured_on());
	if (plan->sizing.n_addresses_max < plan->load.addresses)
		printf("the ledger holds %u of %" PRIu64 " addresses: idle ones will be folded\n",
		       plan->sizing.n_addresses_max, plan->load.addresses);
	if (!plan->advised_bytes) {
		puts("advice: no `memory:` up to 128 GiB keeps these addresses apart");
		return;
	}
	format_size_bytes(plan->advised_bytes, memory);
	printf("advice: `memory: %s` and `ipv6_share: %u%%` keep 99.9 %% of honest counts on their "
	       "address, and every address in the ledger\n",
	       memory, plan->load.ipv6_percent);
}

/* Returns whether the settings make sense; complains else. */
static bool take_load(const struct ctl_settings *settings, struct plan_load *load,
		      uint64_t *ret_memory)
{
	*ret_memory = MEMORY_DEFAULT;
	if (!settings->plan.pps || !settings->plan.addresses || !settings->plan.cpus) {
		tool_complain("plan needs --pps, --addresses and --cpus");
		return false;
	}
	if (settings->plan.flood > settings->plan.pps) {
		tool_complain("--flood is a part of --pps: %" PRIu64 " is more than %" PRIu64,
			      settings->plan.flood, settings->plan.pps);
		return false;
	}
	if (settings->plan.memory &&
	    parse_size_bytes(settings->plan.memory, MEMORY_MIN, MEMORY_MAX, ret_memory) < 0) {
		tool_complain("--memory '%s': 8M to 1T", settings->plan.memory);
		return false;
	}
	*load = (struct plan_load){
		.pps = settings->plan.pps,
		.flood_pps = settings->plan.flood,
		.addresses = settings->plan.addresses,
		.ipv6_percent = (unsigned int)settings->plan.ipv6,
		.cpus = (uint32_t)settings->plan.cpus,
		.interval_ns = NS_PER_S, /* the default of ipacctd */
	};
	return true;
}

int ctl_plan(const struct ctl_settings *settings)
{
	struct ipacct_problem problem = { "" };
	struct plan plan = { .hot = !settings->plan.no_hot };
	uint64_t memory;
	int r;

	if (!take_load(settings, &plan.load, &memory))
		return TOOL_USAGE;
	r = size_up(settings, memory, &plan.sizing, &problem);
	if (r == 0)
		r = plan_play(&plan.load, &plan.sizing, &plan.shares);
	if (r < 0) {
		tool_complain("%s", problem.text[0] ? problem.text : strerror(-r));
		return TOOL_ERROR;
	}
	plan_cost(&plan.load, plan.hot, &plan.cost);
	plan.advised_bytes = advise(settings, &plan);
	if (settings->json)
		print_json(settings, &plan);
	else
		print_text(&plan);
	return TOOL_OK;
}
