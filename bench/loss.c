/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cuts as fast as they go while every CPU sends as fast as it can: nothing may be missing. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include <bpf/bpf.h>

#include "datapath.h"

struct flow {
	struct stage *stage;
	pthread_t thread;
	int cpu;
	int prog_fd;
	uint64_t n_sent;
	int error;
};

static atomic_bool stop;

static void *flow_run(void *context)
{
	uint8_t frame[BENCH_FRAME_BYTES];
	struct flow *flow = context;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)flow->stage->bench->repeat);

	pin_to(flow->cpu);
	frame_init(flow->stage->load.family, frame);
	while (!atomic_load(&stop) && !flow->error) {
		if (bpf_prog_test_run_opts(flow->prog_fd, &opts))
			flow->error = 1;
		flow->n_sent += flow->stage->bench->repeat;
	}
	return NULL;
}

static void loss(struct bench *bench, const char *load_name, bool hot, int n_cuts)
{
	struct stage_options options = { .load = load_named(load_name, 4),
					 .memory_bytes = 48 << 20,
					 .hot = hot };
	char label[FIGURE_NAME_BYTES], name[FIGURE_NAME_BYTES];
	static struct stage stage;
	struct flow flows[2] = {};
	struct held held;
	double begun;

	name_of(label, name_of(name, "loss", load_name), hot ? "hot" : "lru");
	if (!wanted(bench, label))
		return;
	stage_open(&stage, bench, &options);
	atomic_store(&stop, false);
	begun = clock_s(CLOCK_MONOTONIC);
	for (int i = 0; i < bench->n_cpus; i++) {
		flows[i] = (struct flow){ .stage = &stage,
					  .cpu = bench->cpus[i],
					  .prog_fd = stage_program(&stage, "bench_ipacct") };
		if (pthread_create(&flows[i].thread, NULL, flow_run, &flows[i]))
			die("pthread_create", 0);
	}
	/* the cutter first, or the senders leave it a third of a CPU and the cuts are few */
	(void)setpriority(PRIO_PROCESS, 0, -20);
	for (int i = 0; i < n_cuts; i++)
		stage_cut(&stage);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	atomic_store(&stop, true);
	for (int i = 0; i < bench->n_cpus; i++) {
		(void)pthread_join(flows[i].thread, NULL); /* ours, not joined yet */
		if (flows[i].error)
			die("BPF_PROG_TEST_RUN", 0);
		stage.n_sent += flows[i].n_sent;
	}
	held = stage_verify(&stage, label);
	figure_value(bench->json, name_of(name, label, "cuts"), "cuts", n_cuts);
	figure_value(bench->json, name_of(name, label, "seconds"), "s",
		     clock_s(CLOCK_MONOTONIC) - begun);
	figure_value(bench->json, name_of(name, label, "sent"), "M packets",
		     (double)stage.n_sent / 1e6);
	figure_value(bench->json, name_of(name, label, "lost"), "packets and octets",
		     (double)held.missing);
	stage_close(&stage);
}

void loss_case(struct bench *bench)
{
	int n_cuts = bench->quick ? 100 : 1000;

	loss(bench, "mix", true, n_cuts);
	if (!bench->quick)
		loss(bench, "mix", false, n_cuts / 5);
}
