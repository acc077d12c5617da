// SPDX-License-Identifier: GPL-2.0-or-later
/* Traffic generator with an exact account, and the check of a dump against it. */
#include "gen.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

#define NS_PER_MS 1000000ull

static int fail(const char *what, int error)
{
	fprintf(stderr, "ipacct-gen: %s: %s\n", what, strerror(-error));
	return GEN_EXIT_ERROR;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/* Packets that the device dropped after it took them over. /proc/net follows the network namespace
 * of the process; /sys/class/net is that of whoever mounted it, and so wrong after nsenter.
 * Returns 0 or a negative errno. */
static int dropped_packets(const char *device, uint64_t *ret_packets)
{
	char line[512];
	int error = -ENODEV;
	FILE *file = fopen("/proc/net/dev", "re");

	if (!file)
		return -errno;
	while (error && fgets(line, sizeof(line), file)) {
		char *name = line + strspn(line, " "), *colon = strrchr(line, ':');
		uint64_t dropped;

		if (!colon)
			continue;
		*colon = '\0';
		/* 8 numbers of reception, then packets, bytes, errors, drops of transmission */
		if (!strcmp(name, device) &&
		    sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
			   &dropped) == 1) {
			*ret_packets = dropped;
			error = 0;
		}
	}
	fclose(file);
	return error;
}

/* Fill GEN_PICKS slots in proportion to n weights; slot → index. */
static void fill_picks(const uint16_t *weights, size_t n, uint8_t *picks)
{
	uint64_t sum = 0, before = 0;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	for (size_t i = 0; i < n; before += weights[i++]) {
		uint64_t from = before * GEN_PICKS / sum;
		uint64_t to = (before + weights[i]) * GEN_PICKS / sum;

		memset(picks + from, (int)i, to - from);
	}
}

static void prepare_picks(struct gen_run *run, const struct gen_options *options)
{
	uint8_t sizes[GEN_PICKS];
	uint16_t weights[GEN_SIZES_MAX];

	fill_picks(options->weights, gen_n_kinds, run->picks);
	for (size_t i = 0; i < options->n_sizes; i++)
		weights[i] = options->sizes[i].weight;
	fill_picks(weights, options->n_sizes, sizes);
	for (size_t i = 0; i < GEN_PICKS; i++)
		run->size_picks[i] = options->sizes[sizes[i]].l2_bytes;
}

static int prepare(struct gen_run *run, struct gen_sender *senders)
{
	const struct gen_options *options = run->options;
	size_t n_addresses = (size_t)options->n_addresses4 + options->n_addresses6;
	int error;

	prepare_picks(run, options);
	error = gen_draw_init(&run->draw4, options->n_addresses4, options->zipf);
	if (!error)
		error = gen_draw_init(&run->draw6, options->n_addresses6, options->zipf);
	if (error)
		return error;
	if (options->n_flood) {
		run->flood_packets = calloc(options->n_flood, sizeof(*run->flood_packets));
		run->flood_l3_bytes = calloc(options->n_flood, sizeof(*run->flood_l3_bytes));
		if (!run->flood_packets || !run->flood_l3_bytes)
			return -ENOMEM;
	}
	for (uint32_t t = 0; t < options->n_threads; t++) {
		uint64_t n = options->n_packets / options->n_threads;

		if (t < options->n_packets % options->n_threads)
			n++;
		if (!options->n_packets)
			n = UINT64_MAX;
		senders[t] = (struct gen_sender){ .run = run, .index = t, .n_packets_max = n };
		senders[t].addresses =
			calloc(n_addresses ? n_addresses : 1, sizeof(*senders[t].addresses));
		if (!senders[t].addresses)
			return -ENOMEM;
	}
	run->done_fd = eventfd(0, EFD_CLOEXEC);
	return run->done_fd < 0 ? -errno : 0;
}

static void finish(struct gen_run *run, struct gen_sender *senders)
{
	for (uint32_t t = 0; t < run->options->n_threads; t++)
		free(senders[t].addresses);
	free(run->flood_packets);
	free(run->flood_l3_bytes);
	gen_draw_finish(&run->draw4);
	gen_draw_finish(&run->draw6);
	if (run->done_fd >= 0)
		close(run->done_fd);
}

/* Until all threads have ended, a signal came, or the time is over. */
static void wait_for_end(struct gen_run *run, int signal_fd)
{
	const struct gen_options *options = run->options;
	uint64_t end_ns = now_ns() + options->duration_ns;
	struct pollfd fds[2] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = run->done_fd, .events = POLLIN },
	};
	uint32_t n_done = 0;

	while (n_done < options->n_threads) {
		uint64_t now = now_ns();
		int timeout_ms = -1;
		eventfd_t n;

		if (options->duration_ns && now >= end_ns)
			break;
		if (options->duration_ns)
			timeout_ms = (int)((end_ns - now) / NS_PER_MS % 3600000) + 1;
		if (poll(fds, 2, timeout_ms) > 0 && fds[0].revents)
			break;
		if (fds[1].revents && !eventfd_read(run->done_fd, &n))
			n_done += (uint32_t)n;
		fds[0].revents = fds[1].revents = 0;
	}
	atomic_store(&run->stop, true);
}

/* Returns when all threads have ended: 0, or the negative errno that kept one from starting. */
static int run_threads(struct gen_run *run, struct gen_sender *senders, int signal_fd)
{
	pthread_t threads[GEN_THREADS_MAX];
	uint32_t n = 0;
	int error = 0;

	while (n < run->options->n_threads && !error) {
		error = pthread_create(&threads[n], NULL, gen_sender_run, &senders[n]);
		n += !error;
	}
	if (error)
		atomic_store(&run->stop, true);
	else
		wait_for_end(run, signal_fd);
	for (uint32_t t = 0; t < n; t++)
		pthread_join(threads[t], NULL);
	return -error;
}

/* A hook for departures has counted what is refused behind it, and counts it when it is sent again. */
static int report_departures(uint64_t n_lost)
{
	if (!n_lost)
		return GEN_EXIT_OK;
	fprintf(stderr,
		"ipacct-gen: %" PRIu64 " packets refused or dropped behind the hook: account "
		"invalid\n",
		n_lost);
	return GEN_EXIT_DROPPED;
}

static int report(const struct gen_run *run, const struct gen_sender *senders, uint64_t ns,
		  uint64_t n_dropped)
{
	uint64_t packets = 0, bytes = 0, refused = 0;

	for (uint32_t t = 0; t < run->options->n_threads; t++) {
		packets += senders[t].seen_packets;
		bytes += senders[t].seen_l2_bytes;
		refused += senders[t].n_refused;
	}
	fprintf(stderr,
		"ipacct-gen: %" PRIu64 " packets, %" PRIu64 " bytes in %.3f s: %.1f kpps; %" PRIu64
		" refused and sent again\n",
		packets, bytes, (double)ns / 1e9, (double)packets * 1e6 / (double)ns, refused);
	if (run->options->qdisc)
		return report_departures(n_dropped + refused);
	/* A driver may count as dropped what it also refuses; anything more it took and lost. */
	if (n_dropped <= refused)
		return GEN_EXIT_OK;
	fprintf(stderr,
		"ipacct-gen: %" PRIu64 " packets dropped by the veth ring: account invalid\n",
		n_dropped - refused);
	return GEN_EXIT_DROPPED;
}

/* Send, and say how it went. Returns an exit code. */
static int send_and_report(struct gen_run *run, struct gen_sender *senders, int signal_fd)
{
	const struct gen_options *options = run->options;
	uint64_t before, after, start_ns;
	int exit_code, error;

	error = dropped_packets(options->device, &before);
	if (error)
		return fail("/proc/net/dev", error);
	start_ns = now_ns();
	error = run_threads(run, senders, signal_fd);
	if (error)
		return fail("starting a thread", error);
	error = dropped_packets(options->device, &after);
	if (error)
		return fail("/proc/net/dev", error);
	exit_code = report(run, senders, now_ns() - start_ns, after - before);
	for (uint32_t t = 0; t < options->n_threads; t++)
		if (senders[t].error) {
			int sending = fail("sending", senders[t].error);

			exit_code = exit_code ? exit_code : sending;
		}
	return exit_code;
}

static int generate(const struct gen_options *options, int signal_fd)
{
	static struct gen_sender senders[GEN_THREADS_MAX];
	static struct gen_run run;
	int exit_code, error;

	run.options = options;
	run.done_fd = -1;
	error = prepare(&run, senders);
	if (error) {
		finish(&run, senders);
		return fail("preparing", error);
	}
	exit_code = send_and_report(&run, senders, signal_fd);
	/* Also after an error: what was sent until then was sent. */
	error = options->account_path ? gen_account_write(&run, senders) : 0;
	if (error)
		exit_code = fail(options->account_path, error);
	finish(&run, senders);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct gen_command command;
	sigset_t set;
	int signal_fd;

	switch (gen_options_parse(argc, argv, &command)) {
	case GEN_OPTIONS_EXIT:
		return GEN_EXIT_OK;
	case GEN_OPTIONS_USAGE:
		return GEN_EXIT_USAGE;
	case GEN_OPTIONS_ERROR:
		return GEN_EXIT_ERROR;
	case GEN_OPTIONS_RUN:
		break;
	}
	if (command.compare)
		return gen_compare(command.account_paths, command.n_accounts, command.dump_path,
				   command.rollup);

	/* Before any thread: they inherit it, so signals only arrive here. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    (signal_fd = signalfd(-1, &set, SFD_CLOEXEC)) < 0) {
		fprintf(stderr, "ipacct-gen: signals: %s\n", strerror(errno));
		return GEN_EXIT_ERROR;
	}
	return generate(&command.options, signal_fd);
}
