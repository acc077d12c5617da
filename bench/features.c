/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each optional part costs: parts of the totals, protected prefixes, domains. */
#include <string.h>

#include "datapath.h"

/* The size histogram and the protocol split have no switch: measured on the baselines' copy of the
 * totals, whole and without one of them (plain.bpf.h), which is the same code on the same record. */
static void totals_parts(struct bench *bench)
{
	static const char *const programs[] = { "bench_totals", "bench_no_histogram",
						"bench_no_protocol" };
	static const char *const names[] = { "totals", "without_histogram", "without_protocols" };
	struct stage_options options = { .load = load_named("1k", 4),
					 .memory_bytes = MEMORY_DEFAULT };
	static struct samples samples[3], saved[3];
	static struct stage stage;
	char name[FIGURE_NAME_BYTES];

	if (!wanted(bench, "features/totals"))
		return;
	memset(samples, 0, sizeof(samples));
	memset(saved, 0, sizeof(saved));
	stage_open(&stage, bench, &options);
	for (int run = 0; run < 2 * bench->n_runs; run++)
		for (int i = 0; i < 3; i++) {
			double ns = frames_run(&stage, stage_program(&stage, programs[i]), 1,
					       bench->repeat);

			samples_add(&samples[i], ns);
			samples_add(&saved[i], samples[0].value[run] - ns);
		}
	for (int i = 0; i < 3; i++)
		figure(bench->json, name_of(name, "features/totals", names[i]), "ns/packet",
		       &samples[i], i ? "totals" : NULL, i ? &samples[0] : NULL);
	figure(bench->json, "features/histogram", "ns/packet", &saved[1], NULL, NULL);
	figure(bench->json, "features/protocols", "ns/packet", &saved[2], NULL, NULL);
	stage_close(&stage);
}

/* n ways to load the program under one load, the first being the baseline. */
static void ways(struct bench *bench, const char *case_name, const char *const *names,
		 const struct stage_options *options, int n)
{
	static struct stage stages[4];
	static struct samples samples[4];
	char name[FIGURE_NAME_BYTES];

	memset(samples, 0, sizeof(samples));
	for (int i = 0; i < n; i++) {
		stage_open(&stages[i], bench, &options[i]);
		(void)stage_cut_run(&stages[i]);
	}
	for (int run = 0; run < bench->n_runs; run++)
		for (int i = 0; i < n; i++)
			samples_add(&samples[i], stage_cut_run(&stages[i]));
	for (int i = 0; i < n; i++) {
		(void)stage_verify(&stages[i], case_name);
		figure(bench->json, name_of(name, case_name, names[i]), "ns/packet", &samples[i],
		       i ? names[0] : NULL, i ? &samples[0] : NULL);
		stage_close(&stages[i]);
	}
}

/* Asked on the miss path only, so the load is one where every other update misses. near: whole
 * addresses between those of the flood, so that each look-up walks down to a leaf; else in a part of the
 * address space of their own. */
static void guards(struct bench *bench, const char *case_name, bool near)
{
	static const char *const names[] = { "none", "10", "1k", "64k" };
	static const uint32_t n[] = { 0, 10, 1000, 65536 };
	struct stage_options options[4];

	if (!wanted(bench, case_name))
		return;
	for (int i = 0; i < 4; i++)
		options[i] = (struct stage_options){ .load = load_named("flood", 4),
						     .memory_bytes = MEMORY_DEFAULT,
						     .hot = true,
						     .n_guards = n[i],
						     .guards_near = near };
	ways(bench, case_name, names, options, 4);
}

/* A hot tier that holds half of the addresses, all, and twice as many. */
static void sets_double(struct sizing *sizing)
{
	sizing->hot4_sets *= 2;
	sizing->hot6_sets *= 2;
}

static void sets_fourfold(struct sizing *sizing)
{
	sizing->hot4_sets *= 4;
	sizing->hot6_sets *= 4;
}

static void hot_sizes(struct bench *bench, const char *case_name, const char *load_name, int family)
{
	static const char *const names[] = { "as_sized", "doubled", "fourfold" };
	static void (*const sizes[])(struct sizing *) = { NULL, sets_double, sets_fourfold };
	struct stage_options options[3];

	if (!wanted(bench, case_name))
		return;
	for (int i = 0; i < 3; i++) {
		options[i] = (struct stage_options){ .load = load_named(load_name, family),
						     .hot = true,
						     .size = sizes[i] };
		options[i].memory_bytes = load_memory(&options[i].load);
	}
	ways(bench, case_name, names, options, 3);
}

static void domains(struct bench *bench, const char *case_name, const char *load_name)
{
	static const char *const names[] = { "domain_0", "domain_7" };
	struct stage_options options[2];

	if (!wanted(bench, case_name))
		return;
	for (int i = 0; i < 2; i++)
		options[i] = (struct stage_options){ .load = load_named(load_name, 4),
						     .memory_bytes = MEMORY_DEFAULT,
						     .hot = true,
						     .domain = i ? 7 : 0 };
	ways(bench, case_name, names, options, 2);
}

/* What packets without a tunnel or a tag pay for being looked at. */
static void looks(struct bench *bench, const char *case_name, const char *load_name, int family)
{
	static const char *const names[] = { "neither", "inner", "vlan_domains", "both" };
	static const uint16_t flags[] = { 0, IPACCT_IFFLAG_INNER, IPACCT_IFFLAG_VLANS,
					  IPACCT_IFFLAG_INNER | IPACCT_IFFLAG_VLANS };
	struct stage_options options[4];

	if (!wanted(bench, case_name))
		return;
	for (int i = 0; i < 4; i++)
		options[i] = (struct stage_options){ .load = load_named(load_name, family),
						     .memory_bytes = MEMORY_DEFAULT,
						     .hot = true,
						     .flags = flags[i] };
	ways(bench, case_name, names, options, 4);
}

void features_cases(struct bench *bench)
{
	totals_parts(bench);
	guards(bench, "features/protected_near/flood", true);
	guards(bench, "features/protected_apart/flood", false);
	domains(bench, "features/domain/1k", "1k");
	looks(bench, "features/looks/v4/1k", "1k", 4);
	looks(bench, "features/looks/v6/1k", "1k", 6);
	if (bench->quick)
		return;
	domains(bench, "features/domain/flood", "flood");
	hot_sizes(bench, "features/hot_size/v4/1m", "1m", 4);
	hot_sizes(bench, "features/hot_size/v6/64k", "64k", 6);
}
