/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames through a program, on one or two CPUs at once. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <bpf/bpf.h>

#include "stage.h"

struct sender {
	pthread_t thread;
	pthread_barrier_t *barrier;
	int prog_fd;
	int cpu;
	int family;
	uint32_t repeat;
	double cpu_s;
	int error;
};

/* Ethernet II and an IP header without options around UDP, total length BENCH_L3_BYTES. */
void frame_init(int family, uint8_t frame[BENCH_FRAME_BYTES])
{
	static const uint8_t ipv4[] = {
		[12] = 0x08, 0x00, 0x45, 0, 0, BENCH_L3_BYTES, [22] = 64, 17
	};
	static const uint8_t ipv6[] = {
		[12] = 0x86, 0xdd, 0x60, [19] = BENCH_L3_BYTES - 40, 17, 64
	};

	memset(frame, 0, BENCH_FRAME_BYTES);
	if (family == 4)
		memcpy(frame, ipv4, sizeof(ipv4));
	else
		memcpy(frame, ipv6, sizeof(ipv6));
}

static void *sender_run(void *context)
{
	uint8_t frame[BENCH_FRAME_BYTES];
	struct sender *sender = context;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)sender->repeat);
	double begun;

	pin_to(sender->cpu);
	frame_init(sender->family, frame);
	(void)pthread_barrier_wait(sender->barrier); /* both at once, or it is no two-CPU figure */
	begun = clock_s(CLOCK_THREAD_CPUTIME_ID);
	if (bpf_prog_test_run_opts(sender->prog_fd, &opts))
		sender->error = errno;
	sender->cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID) - begun;
	return NULL;
}

double frames_run(const struct stage *stage, int prog_fd, int n_cpus, uint32_t repeat)
{
	struct sender senders[2] = {};
	pthread_barrier_t barrier;
	double cpu_s = 0;

	(void)pthread_barrier_init(&barrier, NULL, (unsigned int)n_cpus); /* cannot fail on Linux */
	for (int i = 0; i < n_cpus; i++) {
		senders[i] = (struct sender){ .barrier = &barrier,
					      .prog_fd = prog_fd,
					      .cpu = stage->bench->cpus[i],
					      .family = stage->load.family,
					      .repeat = repeat };
		if (pthread_create(&senders[i].thread, NULL, sender_run, &senders[i]))
			die("pthread_create", EAGAIN);
	}
	for (int i = 0; i < n_cpus; i++) {
		(void)pthread_join(senders[i].thread, NULL); /* ours, not joined yet */
		if (senders[i].error)
			die("BPF_PROG_TEST_RUN", senders[i].error);
		cpu_s += senders[i].cpu_s;
	}
	(void)pthread_barrier_destroy(&barrier);
	return cpu_s * 1e9 / n_cpus / repeat;
}
