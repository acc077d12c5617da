/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tc hooks' program costs beside XDP's, on the same maps and for the same packet. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "datapath.h"
#include "program_tc.h"

#define SUPER_BYTES   3000u /* what BPF_PROG_TEST_RUN makes of one page */
#define SUPER_SEGMENT 500u

/* IPv4 and TCP behind Ethernet, RFC 5737 addresses. */
static void frame_tcp(uint8_t *frame, uint32_t n_bytes)
{
	static const uint8_t headers[] = { 0x45, 0, 0,   0, 0, 0, 0,   0,  64,  6,
					   0,    0, 192, 0, 2, 1, 198, 51, 100, 2 };

	memset(frame, 0, n_bytes);
	frame[12] = 0x08; /* linux/if_ether.h ETH_P_IP */
	memcpy(frame + 14, headers, sizeof(headers));
	frame[16] = (uint8_t)((n_bytes - 14) >> 8);
	frame[17] = (uint8_t)(n_bytes - 14);
	frame[46] = 0x50; /* TCP header of 20 octets */
}

/* Nanoseconds a call; with gso_size the frame is a super-packet. */
static double test_run(struct bench *bench, int prog_fd, const uint8_t *frame, uint32_t n_bytes,
		       uint32_t gso_size)
{
	struct __sk_buff context = { .gso_size = gso_size, .wire_len = n_bytes };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = n_bytes,
		    .repeat = (int)bench->repeat);

	if (gso_size) {
		opts.ctx_in = &context;
		opts.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(prog_fd, &opts))
		die("BPF_PROG_TEST_RUN", errno);
	return opts.duration; /* the mean */
}

void egress_cases(struct bench *bench)
{
	struct stage_options options = { .load = load_named("1k", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	static struct samples xdp, tc, super;
	static uint8_t frame[SUPER_BYTES];
	static struct stage stage;
	int xdp_fd, tc_fd;

	if (!wanted(bench, "egress/program"))
		return;
	stage_open(&stage, bench, &options);
	pin_to(bench->cpus[0]);
	xdp_fd = program_load(&stage.maps, 0, 0, 0, 0);
	tc_fd = program_tc_load(&stage.maps, 0, 0, 0, 0);
	if (xdp_fd < 0 || tc_fd < 0)
		die("the programs", xdp_fd < 0 ? -xdp_fd : -tc_fd);
	for (int run = 0; run < 2 * bench->n_runs; run++) {
		frame_tcp(frame, 64);
		samples_add(&xdp, test_run(bench, xdp_fd, frame, 64, 0));
		samples_add(&tc, test_run(bench, tc_fd, frame, 64, 0));
		frame_tcp(frame, SUPER_BYTES);
		samples_add(&super, test_run(bench, tc_fd, frame, SUPER_BYTES, SUPER_SEGMENT));
	}
	figure(bench->json, "egress/program/xdp", "ns/packet", &xdp, NULL, NULL);
	figure(bench->json, "egress/program/tc", "ns/packet", &tc, "xdp", &xdp);
	figure(bench->json, "egress/program/tc_super_packet_of_6", "ns/packet", &super, "tc", &tc);
	close(xdp_fd);
	close(tc_fd);
	pin_to_any(bench);
	stage_close(&stage);
}
