/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nanoseconds per packet by shape of the packet: the program as the daemon loads it, one frame over and
 * over, so that what differs is the parser. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../tests/traffic/gen.h"
#include "datapath.h"

static double frame_run(int prog_fd, const void *frame, uint32_t n_bytes, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = n_bytes,
		    .repeat = (int)repeat);
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);

	if (bpf_prog_test_run_opts(prog_fd, &opts))
		die("BPF_PROG_TEST_RUN", errno);
	return (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * 1e9 / repeat;
}

static void shape(struct stage *stage, const struct gen_kind *kind, uint8_t *frame)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct gen_packet packet = { .kind = kind, .source = 1, .destination = 2 };
	const struct bench *bench = stage->bench;
	static struct samples bare, samples;
	char name[FIGURE_NAME_BYTES];

	packet.l2_bytes = gen_kind_bytes_min(kind) > 64 ? gen_kind_bytes_min(kind) : 64;
	gen_frame_write(&packet, mac, frame);
	bare.n = samples.n = 0;
	for (int run = 0; run < bench->n_runs; run++) {
		samples_add(&bare, frame_run(stage_program(stage, "bench_bare"), frame,
					     packet.l2_bytes, bench->repeat));
		samples_add(&samples,
			    frame_run(stage->prog_fd, frame, packet.l2_bytes, bench->repeat));
	}
	figure(bench->json, name_of(name, "shape", kind->name), "ns/packet", &samples, "bare",
	       &bare);
}

void shapes_case(struct bench *bench)
{
	struct stage_options options = { .load = load_named("one", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	uint8_t *frame = calloc(1, GEN_FRAME_MAX);
	static struct stage stage;

	if (wanted(bench, "shape")) {
		if (!frame)
			die("memory", ENOMEM);
		stage_open(&stage, bench, &options);
		for (size_t i = 0; i < gen_n_kinds; i++)
			shape(&stage, &gen_kinds[i], frame);
		stage_close(&stage);
	}
	free(frame);
}
