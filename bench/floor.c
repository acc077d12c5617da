/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole program against a program that only drops; and two CPUs against one. */
#include <string.h>

#include "datapath.h"

/* bare: the call and `return XDP_DROP`. drop: the same behind the generator, which is the floor of the
 * goal. The last figure takes the generator off both sides: the program against the bare call. */
static void floor_of(struct bench *bench, int family)
{
	struct samples bare = {}, drop = {}, hot = {}, without = {};
	struct stage_options options = { .load = load_named("1k", family),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	static struct stage stage;
	char label[FIGURE_NAME_BYTES], name[FIGURE_NAME_BYTES];

	(void)snprintf(label, sizeof(label), "floor/v%d/1k", family);
	if (!wanted(bench, label))
		return;
	stage_open(&stage, bench, &options);
	(void)stage_run(&stage, 1, bench->repeat);
	for (int run = 0; run < 2 * bench->n_runs; run++) {
		double bare_ns =
			frames_run(&stage, stage_program(&stage, "bench_bare"), 1, bench->repeat);
		double drop_ns =
			frames_run(&stage, stage_program(&stage, "bench_drop"), 1, bench->repeat);
		double hot_ns = stage_run(&stage, 1, bench->repeat);

		stage_cut(&stage);
		samples_add(&bare, bare_ns);
		samples_add(&drop, drop_ns);
		samples_add(&hot, hot_ns);
		samples_add(&without, hot_ns - (drop_ns - bare_ns));
	}
	(void)stage_verify(&stage, label);
	figure(bench->json, name_of(name, label, "bare"), "ns/packet", &bare, NULL, NULL);
	figure(bench->json, name_of(name, label, "drop"), "ns/packet", &drop, "bare", &bare);
	figure(bench->json, name_of(name, label, "hot"), "ns/packet", &hot, "drop", &drop);
	figure(bench->json, name_of(name, label, "hot_without_generator"), "ns/packet", &without,
	       "bare", &bare);
	stage_close(&stage);
}

void floor_case(struct bench *bench)
{
	floor_of(bench, 4);
	floor_of(bench, 6);
}

/* Packets per second of CPU time, in millions, and on n CPUs together: the sum over them. */
static double rate(double ns_per_packet, int n_cpus)
{
	return n_cpus * 1e3 / ns_per_packet;
}

static const struct {
	const char *name, *program;
	bool hot, ours;
} runners[] = {
	{ "drop", "bench_drop", true, false }, /* what the machine itself does */
	{ "hot", "bench_ipacct", true, true },
	{ "lru", "bench_ipacct", false, true },
	{ "lru_percpu_hash", "bench_lru_percpu", false, false },
};
#define RUNNERS (sizeof(runners) / sizeof(runners[0]))

static double runner_run(struct stage *stages, size_t runner, int n_cpus)
{
	struct stage *stage = &stages[!runners[runner].hot];
	const struct bench *bench = stage->bench;
	double ns;

	if (runners[runner].ours) {
		ns = stage_run(stage, n_cpus, bench->repeat);
		stage_cut(stage);
	} else {
		ns = frames_run(stage, stage_program(stage, runners[runner].program), n_cpus,
				bench->repeat);
	}
	return rate(ns, n_cpus);
}

static void scaling(struct bench *bench, const char *load_name)
{
	static struct samples one[RUNNERS], two[RUNNERS];
	static struct stage stages[2];
	struct stage_options options = { .load = load_named(load_name, 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	char label[FIGURE_NAME_BYTES], name[FIGURE_NAME_BYTES], part[FIGURE_NAME_BYTES];

	if (!wanted(bench, name_of(label, "scaling/v4", load_name)))
		return;
	stage_open(&stages[0], bench, &options);
	options.hot = false;
	options.plain = true;
	stage_open(&stages[1], bench, &options);
	memset(one, 0, sizeof(one));
	memset(two, 0, sizeof(two));
	for (size_t i = 0; i < RUNNERS; i++)
		(void)runner_run(stages, i, 2); /* warm: every key is there */
	for (int run = 0; run < bench->n_runs; run++)
		for (size_t i = 0; i < RUNNERS; i++) {
			samples_add(&one[i], runner_run(stages, i, 1));
			samples_add(&two[i], runner_run(stages, i, 2));
		}
	for (size_t i = 0; i < RUNNERS; i++) {
		name_of(name, name_of(part, label, runners[i].name), "1cpu");
		figure(bench->json, name, "M packets/CPU s", &one[i], NULL, NULL);
		name_of(name, name_of(part, label, runners[i].name), "2cpu");
		figure(bench->json, name, "M packets/CPU s", &two[i], "1cpu", &one[i]);
	}
	(void)stage_verify(&stages[0], label);
	(void)stage_verify(&stages[1], label);
	stage_close(&stages[0]);
	stage_close(&stages[1]);
}

void scaling_cases(struct bench *bench)
{
	if (bench->n_cpus < 2) {
		printf("# scaling: skipped, one CPU\n");
		return;
	}
	scaling(bench, "1k");
	if (bench->quick)
		return;
	scaling(bench, "64k");
	scaling(bench, "flood");
}
