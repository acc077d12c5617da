// SPDX-License-Identifier: GPL-2.0-or-later
/* One sending thread: draw a batch, write it, send it, account what the kernel took.
 *
 * No packet may be lost after the kernel took it, or the account is worth nothing. veth hands each
 * frame to the NAPI context of this very CPU through a ring of 256; older kernels (6.1) drop
 * without an error when it is full. So: batches well below the ring, and the CPU is offered to
 * others (ksoftirqd, which empties the ring under load) after each batch. */
#include "gen.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define SLEEP_NS 10000000ull /* the longest that a request to stop has to wait */

struct batch {
	int fd;
	uint64_t random; /* state */
	uint32_t n_max;
	struct gen_flood_range flood;
	uint8_t *frames; /* n_max times GEN_FRAME_MAX */
	struct gen_packet packets[GEN_BATCH_MAX];
	struct mmsghdr messages[GEN_BATCH_MAX];
	struct iovec vectors[GEN_BATCH_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int packet_socket(const struct gen_options *options)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = options->ifindex,
	};
	int bypass = !options->qdisc, error;
	/* Protocol 0: never receives. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* Straight to the driver: what a queueing discipline drops would be accounted. */
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int batch_init(struct batch *batch, const struct gen_sender *sender)
{
	const struct gen_options *options = sender->run->options;

	batch->n_max = options->batch;
	batch->random = options->seed + 0x51ed2701u * (sender->index + 1ull);
	batch->flood = gen_flood_range(options, sender->index);
	batch->frames = malloc((size_t)batch->n_max * GEN_FRAME_MAX);
	if (!batch->frames)
		return -ENOMEM;
	/* Payload, written once: nothing that looks like a header. */
	memset(batch->frames, 0xa5, (size_t)batch->n_max * GEN_FRAME_MAX);
	for (uint32_t i = 0; i < batch->n_max; i++) {
		batch->vectors[i].iov_base = batch->frames + (size_t)i * GEN_FRAME_MAX;
		batch->messages[i].msg_hdr.msg_iov = &batch->vectors[i];
		batch->messages[i].msg_hdr.msg_iovlen = 1;
	}
	batch->fd = packet_socket(options);
	return batch->fd < 0 ? batch->fd : 0;
}

static void draw_addresses(struct batch *batch, const struct gen_run *run,
			   struct gen_packet *packet)
{
	bool v4 = packet->kind->family == 4;
	const struct gen_draw *draw = v4 ? &run->draw4 : &run->draw6;
	uint32_t first = run->options->first_address;
	uint32_t from = v4 ? batch->flood.first4 : batch->flood.first6;
	uint32_t n = (v4 ? batch->flood.first6 : batch->flood.end) - from;
	uint64_t random = gen_random(&batch->random);

	packet->destination = first + gen_draw(draw, random);
	random = gen_random(&batch->random);
	packet->flood = n && (packet->random >> 40) % 100 < run->options->flood_percent;
	if (packet->flood)
		packet->source = from + (uint32_t)((random >> 32) * n >> 32);
	else
		packet->source = first + gen_draw(draw, random);
}

static void batch_draw(struct batch *batch, const struct gen_run *run, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gen_packet *packet = &batch->packets[i];
		uint64_t random = gen_random(&batch->random);

		*packet = (struct gen_packet){
			.kind = &gen_kinds[run->picks[random % GEN_PICKS]],
			.l2_bytes = run->size_picks[(random >> 16) % GEN_PICKS],
			.random = gen_random(&batch->random),
		};
		if (packet->kind->family)
			draw_addresses(batch, run, packet);
		gen_frame_write(packet, run->options->destination_mac, batch->vectors[i].iov_base);
		batch->vectors[i].iov_len = packet->l2_bytes;
	}
}

static struct gen_counters *counters_of(const struct gen_sender *sender, int family,
					uint32_t number)
{
	const struct gen_options *options = sender->run->options;
	uint32_t index = number - options->first_address;

	return &sender->addresses[family == 4 ? index : options->n_addresses4 + index];
}

static void account(struct gen_sender *sender, const struct gen_packet *packet)
{
	const struct gen_kind *kind = packet->kind;
	struct gen_counters *counters;

	sender->seen_packets++;
	sender->seen_l2_bytes += packet->l2_bytes;
	if (!kind->family) {
		sender->ignored_packets[kind - gen_kinds]++;
		sender->ignored_l2_bytes[kind - gen_kinds] += packet->l2_bytes;
		return;
	}
	sender->accounted_packets++;
	sender->accounted_l3_bytes += packet->l3_bytes;
	if (packet->flood) {
		sender->run->flood_packets[packet->source]++;
		sender->run->flood_l3_bytes[packet->source] += packet->l3_bytes;
	} else {
		counters = counters_of(sender, kind->family, packet->source);
		counters->tx_packets++;
		counters->tx_l3_bytes += packet->l3_bytes;
	}
	counters = counters_of(sender, kind->family, packet->destination);
	counters->rx_packets++;
	counters->rx_l3_bytes += packet->l3_bytes;
}

/* Send n packets, each until the kernel takes it. Returns 0 or the error that repeating does not
 * help. What was sent before a stop or an error is accounted, the rest is not. */
static int batch_send(struct batch *batch, struct gen_sender *sender, uint32_t n)
{
	uint32_t n_sent = 0;

	while (n_sent < n) {
		int ret = sendmmsg(batch->fd, batch->messages + n_sent, n - n_sent, 0);

		if (ret < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -errno;
		for (int i = 0; i < ret; i++)
			account(sender, &batch->packets[n_sent + (uint32_t)i]);
		n_sent += ret > 0 ? (uint32_t)ret : 0;
		if (n_sent == n)
			break;
		/* A short count hides the error of the packet after it. Let the ring drain. */
		sender->n_refused++;
		if (batch->n_max > 8)
			batch->n_max /= 2;
		if (atomic_load_explicit(&sender->run->stop, memory_order_relaxed))
			break;
		(void)sched_yield(); /* cannot fail on Linux */
	}
	return 0;
}

/* Wait until packet number n_sent is due. */
static void pace(const struct gen_sender *sender, uint64_t start_ns, uint64_t n_sent)
{
	const struct gen_options *options = sender->run->options;
	__uint128_t due = (__uint128_t)n_sent * options->n_threads * NS_PER_S / options->rate;
	uint64_t due_ns = start_ns + (uint64_t)due;

	while (!atomic_load_explicit(&sender->run->stop, memory_order_relaxed)) {
		uint64_t now = now_ns();

		if (now >= due_ns)
			return;

		uint64_t left_ns = due_ns - now < SLEEP_NS ? due_ns - now : SLEEP_NS;
		struct timespec pause = { .tv_nsec = (long)left_ns };

		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL); /* the loop looks again */
	}
}

/* At most 500 batches a second and thread where that keeps the pace smooth. */
static uint32_t batch_size(const struct batch *batch, const struct gen_options *options)
{
	uint64_t n = batch->n_max;

	if (options->rate && options->rate / options->n_threads / 500 < n)
		n = options->rate / options->n_threads / 500 + 1;
	return n < batch->n_max ? (uint32_t)n : batch->n_max;
}

static int send_all(struct batch *batch, struct gen_sender *sender)
{
	const struct gen_options *options = sender->run->options;
	uint64_t start_ns = now_ns();
	int error = 0;

	while (!error && !atomic_load_explicit(&sender->run->stop, memory_order_relaxed)) {
		uint64_t n = batch_size(batch, options);

		if (n > sender->n_packets_max - sender->seen_packets)
			n = sender->n_packets_max - sender->seen_packets;
		if (!n)
			break;
		batch_draw(batch, sender->run, (uint32_t)n);
		error = batch_send(batch, sender, (uint32_t)n);
		if (options->rate)
			pace(sender, start_ns, sender->seen_packets);
		else
			(void)sched_yield(); /* cannot fail on Linux */
	}
	return error;
}

static int pin(const struct gen_sender *sender)
{
	const struct gen_options *options = sender->run->options;
	cpu_set_t set;

	if (!options->pinned)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(options->cpus[sender->index], &set);
	return -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

void *gen_sender_run(void *arg)
{
	struct gen_sender *sender = arg;
	struct batch batch = { .fd = -1 };
	int error = pin(sender);

	if (!error)
		error = batch_init(&batch, sender);
	if (!error)
		error = send_all(&batch, sender);
	sender->error = error;
	if (batch.fd >= 0)
		close(batch.fd);
	free(batch.frames);
	(void)eventfd_write(sender->run->done_fd, 1); /* fails only above 2^64 − 2 threads */
	return NULL;
}
