/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ipacctctl plan` says of loads between those of the bench (tools/plan_cost.c: a straight line
 * over the logarithm of the number of addresses), against the same loads measured. */
#include <math.h>
#include <string.h>

#include "datapath.h"

struct between {
	const char *name;
	uint32_t addresses;
	const char *lower, *upper; /* measured beside it, in turn */
};

static double addresses_of(const struct load *load)
{
	return (double)load->sources + load->destinations;
}

static void planned(struct bench *bench, const struct between *row, int family)
{
	const struct load loads[] = { load_named(row->lower, family),
				      { .name = row->name,
					.family = family,
					.sources = row->addresses / 2,
					.destinations = row->addresses / 2 },
				      load_named(row->upper, family) };
	double at = log2(row->addresses / addresses_of(&loads[0])) /
		    log2(addresses_of(&loads[2]) / addresses_of(&loads[0]));
	static struct samples said, measured;
	static struct stage stages[3];
	char name[FIGURE_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "planned/v%d/%s", family, row->name);
	if (!wanted(bench, name))
		return;
	memset(&said, 0, sizeof(said));
	memset(&measured, 0, sizeof(measured));
	for (int i = 0; i < 3; i++) {
		/* the one in between has the room that the larger one has */
		struct stage_options options = { .load = loads[i],
						 .memory_bytes = load_memory(&loads[i ? 2 : 0]),
						 .hot = true };

		stage_open(&stages[i], bench, &options);
		(void)stage_cut_run(&stages[i]);
	}
	for (int run = 0; run < bench->n_runs; run++) {
		double ns[3];

		for (int i = 0; i < 3; i++)
			ns[i] = stage_cut_run(&stages[i]);
		samples_add(&said, ns[0] + at * (ns[2] - ns[0]));
		samples_add(&measured, ns[1]);
	}
	for (int i = 0; i < 3; i++) {
		(void)stage_verify(&stages[i], name);
		stage_close(&stages[i]);
	}
	figure(bench->json, name, "ns/packet", &said, "measured", &measured);
}

void planned_cases(struct bench *bench)
{
	static const struct between rows[] = {
		{ "4k", 4096, "1k", "16k" },       { "32k", 32768, "16k", "64k" },
		{ "128k", 131072, "64k", "256k" }, { "362k", 362038, "256k", "512k" },
		{ "724k", 724076, "512k", "1m" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !bench->quick; i++)
		for (int family = 4; family <= 6; family += 2)
			planned(bench, &rows[i], family);
}
