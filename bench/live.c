/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole frames through a driver: veth in native mode. The sender is pinned, so the frames are received
 * in soft interrupts of that very CPU, and what both take together is measured. */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "datapath.h"
#include "veth.h"

enum receiver {
	DROP,
	HOT,
	LRU_PERCPU,
	RECEIVERS
};

static const char *const names[RECEIVERS] = { "drop", "hot", "lru_percpu_hash" };
static const char *const programs[RECEIVERS] = { "bench_bare", "bench_live_ipacct",
						 "bench_live_lru" };

struct road {
	struct stage stage;
	struct veth veth;
	int cpu;
	int ksoftirqd;
	bool apart; /* the kernel does not count soft interrupts as time of whom they interrupt */
	int packet_fd;
};

/* Live frames: pages that the kernel recycles. The program at the near end writes the addresses and
 * returns XDP_TX, which for such a frame means: out of the device it arrived on. */
static void frames_send(struct road *road, uint32_t n)
{
	struct xdp_md context = { .data_end = BENCH_FRAME_BYTES,
				  .ingress_ifindex = (uint32_t)road->veth.near };
	uint8_t frame[BENCH_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)n,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	frame_init(road->stage.load.family, frame);
	if (bpf_prog_test_run_opts(stage_program(&road->stage, "bench_live_source"), &opts))
		die("live frames", errno);
}

#define BATCH 32u /* an eighth of veth's ring (drivers/net/veth.c) */

/* The frame number n of a packet socket: both addresses go round, at different paces. */
static void packet_write(uint8_t *frame, uint32_t n, const struct load *load)
{
	struct ipacct_key source = stage_key(4, BENCH_KIND_SOURCE, n % load->sources);
	struct ipacct_key destination =
		stage_key(4, BENCH_KIND_DESTINATION, n * 7u % load->destinations);

	memcpy(frame + 26, &source.addr_be[3], 4);
	memcpy(frame + 30, &destination.addr_be[3], 4);
}

/* Frames from a packet socket: an skb each, as from any process. */
static void packets_send(struct road *road, uint32_t n)
{
	static uint8_t frames[BATCH][BENCH_FRAME_BYTES];
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];

	for (uint32_t i = 0; i < BATCH; i++) {
		frame_init(4, frames[i]);
		vectors[i] = (struct iovec){ frames[i], BENCH_FRAME_BYTES };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (uint32_t sent = 0; sent < n;) {
		uint32_t wanted = n - sent < BATCH ? n - sent : BATCH;
		int taken;

		for (uint32_t i = 0; i < wanted; i++)
			packet_write(frames[i], sent + i, &road->stage.load);
		taken = sendmmsg(road->packet_fd, messages, wanted, 0);
		if (taken < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("sendmmsg", errno);
		sent += taken > 0 ? (uint32_t)taken : 0;
		(void)sched_yield(); /* lets ksoftirqd empty the ring where it has to */
	}
}

/* Straight to the driver, and nothing is received. */
static int packet_open(int ifindex)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("packet socket", errno);
	return fd;
}

/* Wait until all has arrived, or nothing more comes. */
static uint64_t received_settle(const struct road *road, uint64_t wanted)
{
	double deadline = clock_s(CLOCK_MONOTONIC) + 1;
	uint64_t n = veth_received(road->veth.far);

	while (n < wanted && clock_s(CLOCK_MONOTONIC) < deadline) {
		(void)sched_yield(); /* cannot fail on Linux */
		n = veth_received(road->veth.far);
	}
	return n;
}

/* What this thread and the soft interrupts of its CPU have used. */
static double used_s(const struct road *road)
{
	return clock_s(CLOCK_THREAD_CPUTIME_ID) + (double)task_cpu_ns(road->ksoftirqd) / 1e9 +
	       (road->apart ? softirq_s(road->cpu) : 0);
}

struct cost {
	double ns; /* per received frame */
	uint64_t n_received;
};

static struct cost cost_of(struct road *road, void (*send)(struct road *, uint32_t), uint32_t n)
{
	uint64_t before = veth_received(road->veth.far);
	struct cost cost;
	double begun, used;

	n *= road->apart ? 8 : 1; /* ticks are coarse */
	begun = used_s(road);
	send(road, n);
	used = used_s(road) - begun;
	cost.n_received = received_settle(road, before + n) - before;
	if (!cost.n_received)
		die("no frame arrived", EIO);
	cost.ns = used * 1e9 / (double)cost.n_received;
	return cost;
}

/* With a receiver that takes a microsecond: is that the sender's time? */
static bool softirq_is_apart(struct road *road)
{
	struct cost cost;

	road->apart = false;
	veth_attach(road->veth.far, stage_program(&road->stage, "bench_live_slow"));
	cost = cost_of(road, frames_send, 100000);
	return cost.ns < 600;
}

static void road_measure(struct road *road, const char *label,
			 void (*send)(struct road *, uint32_t), uint32_t n)
{
	static struct samples samples[RECEIVERS];
	struct bench *bench = road->stage.bench;
	uint64_t n_missing = 0, n_sent = 0;
	char name[FIGURE_NAME_BYTES];

	memset(samples, 0, sizeof(samples));
	for (int run = -1; run < 2 * bench->n_runs; run++)
		for (int i = 0; i < RECEIVERS; i++) {
			struct cost cost;

			veth_attach(road->veth.far, stage_program(&road->stage, programs[i]));
			cost = cost_of(road, send, n);
			n_sent += n * (road->apart ? 8u : 1u);
			n_missing += n * (road->apart ? 8u : 1u) - cost.n_received;
			if (i == HOT) {
				road->stage.n_sent += cost.n_received;
				stage_cut(&road->stage);
			}
			if (run >= 0) /* the first one warms */
				samples_add(&samples[i], cost.ns);
		}
	for (int i = 0; i < RECEIVERS; i++)
		figure(bench->json, name_of(name, label, names[i]), "ns/packet", &samples[i],
		       i ? "drop" : NULL, i ? &samples[DROP] : NULL);
	figure_value(bench->json, name_of(name, label, "missed_by_veth"), "% of frames",
		     100.0 * (double)n_missing / (double)n_sent);
	(void)stage_verify(&road->stage, label);
}

void live_case(struct bench *bench)
{
	struct stage_options options = { .load = load_named("1k", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true,
					 .plain = true };
	static struct road road;
	char name[32];

	if (!wanted(bench, "live/v4/1k"))
		return;
	stage_open(&road.stage, bench, &options);
	road.cpu = bench->cpus[0];
	pin_to(road.cpu);
	(void)snprintf(name, sizeof(name), "ksoftirqd/%d", road.cpu);
	road.ksoftirqd = task_find(name);
	if (!road.ksoftirqd)
		die(name, ESRCH);
	veth_make(&road.veth, stage_program(&road.stage, programs[DROP]));
	road.packet_fd = packet_open(road.veth.near);
	road.apart = softirq_is_apart(&road);
	road_measure(&road, "live/v4/1k/page", frames_send, bench->repeat);
	road_measure(&road, "live/v4/1k/socket", packets_send, bench->repeat / 4);
	close(road.packet_fd);
	veth_remove(&road.veth);
	stage_close(&road.stage);
	pin_to_any(bench);
}
