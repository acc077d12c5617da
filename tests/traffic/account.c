// SPDX-License-Identifier: GPL-2.0-or-later
/* Write down what was sent: tab-separated lines, addresses in the order of their 16 bytes.
 *
 *	ADDRESS domain tx_packets tx_l3_bytes rx_packets rx_l3_bytes
 *	total seen_packets seen_l2_bytes accounted_packets accounted_l3_bytes
 *	ignored REASON packets l2_bytes */
#include "gen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
	uint8_t address[16];
	struct gen_counters counters;
};

struct gen_flood_range gen_flood_range(const struct gen_options *options, uint32_t thread)
{
	uint64_t n = options->n_flood;
	struct gen_flood_range range = {
		.first4 = (uint32_t)(n * thread / options->n_threads),
		.end = (uint32_t)(n * (thread + 1ull) / options->n_threads),
	};

	range.first6 = range.first4 + (range.end - range.first4) / 2;
	if (!options->n_addresses6)
		range.first6 = range.end;
	if (!options->n_addresses4)
		range.first6 = range.first4;
	return range;
}

static int compare_lines(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static struct gen_counters sum_of(const struct gen_run *run, const struct gen_sender *senders,
				  uint32_t index)
{
	struct gen_counters sum = { 0 };

	for (uint32_t t = 0; t < run->options->n_threads; t++) {
		const struct gen_counters *one = &senders[t].addresses[index];

		sum.tx_packets += one->tx_packets;
		sum.tx_l3_bytes += one->tx_l3_bytes;
		sum.rx_packets += one->rx_packets;
		sum.rx_l3_bytes += one->rx_l3_bytes;
	}
	return sum;
}

static size_t add_addresses(const struct gen_run *run, const struct gen_sender *senders,
			    struct line *lines)
{
	const struct gen_options *options = run->options;
	uint32_t n4 = options->n_addresses4, n = n4 + options->n_addresses6;
	size_t n_lines = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct line *line = &lines[n_lines];
		bool v4 = i < n4;

		line->counters = sum_of(run, senders, i);
		if (!line->counters.tx_packets && !line->counters.rx_packets)
			continue;
		gen_address(v4 ? 4 : 6, false, options->first_address + (v4 ? i : i - n4),
			    line->address);
		n_lines++;
	}
	return n_lines;
}

static size_t add_flood(const struct gen_run *run, struct line *lines)
{
	size_t n_lines = 0;

	for (uint32_t t = 0; t < run->options->n_threads; t++) {
		struct gen_flood_range range = gen_flood_range(run->options, t);

		for (uint32_t i = range.first4; i < range.end; i++) {
			if (!run->flood_packets[i])
				continue;
			gen_address(i < range.first6 ? 4 : 6, true, i, lines[n_lines].address);
			lines[n_lines++].counters = (struct gen_counters){
				.tx_packets = run->flood_packets[i],
				.tx_l3_bytes = run->flood_l3_bytes[i],
			};
		}
	}
	return n_lines;
}

static void write_lines(FILE *file, const struct line *lines, size_t n_lines, uint32_t domain)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < n_lines; i++) {
		const struct gen_counters *counters = &lines[i].counters;
		bool v4 =
			lines[i].address[0] == 0; /* ::ffff:0:0/96; the IPv6 ones start with 3fff */

		(void)inet_ntop(v4 ? AF_INET : AF_INET6, lines[i].address + (v4 ? 12 : 0), text,
				sizeof(text)); /* fails only for a short buffer */
		fprintf(file,
			"%s\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
			text, domain, counters->tx_packets, counters->tx_l3_bytes,
			counters->rx_packets, counters->rx_l3_bytes);
	}
}

static void write_totals(FILE *file, const struct gen_sender *senders, uint32_t n)
{
	uint64_t seen = 0, l2_bytes = 0, accounted = 0, l3_bytes = 0;

	for (uint32_t t = 0; t < n; t++) {
		seen += senders[t].seen_packets;
		l2_bytes += senders[t].seen_l2_bytes;
		accounted += senders[t].accounted_packets;
		l3_bytes += senders[t].accounted_l3_bytes;
	}
	fprintf(file, "total\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", seen, l2_bytes,
		accounted, l3_bytes);
	for (size_t k = 0; k < gen_n_kinds; k++) {
		uint64_t packets = 0, bytes = 0;

		for (uint32_t t = 0; t < n; t++) {
			packets += senders[t].ignored_packets[k];
			bytes += senders[t].ignored_l2_bytes[k];
		}
		if (packets) /* each ignored kind has a reason of its own */
			fprintf(file, "ignored\t%s\t%" PRIu64 "\t%" PRIu64 "\n",
				gen_kinds[k].reason, packets, bytes);
	}
}

int gen_account_write(const struct gen_run *run, const struct gen_sender *senders)
{
	const struct gen_options *options = run->options;
	size_t n_max = (size_t)options->n_addresses4 + options->n_addresses6 + options->n_flood;
	struct line *lines = calloc(n_max ? n_max : 1, sizeof(*lines));
	size_t n_lines;
	FILE *file;
	int error;

	if (!lines)
		return -ENOMEM;
	n_lines = add_addresses(run, senders, lines);
	n_lines += add_flood(run, lines + n_lines);
	qsort(lines, n_lines, sizeof(*lines), compare_lines);

	file = fopen(options->account_path, "we");
	if (!file) {
		error = -errno;
		free(lines);
		return error;
	}
	write_lines(file, lines, n_lines, options->domain);
	write_totals(file, senders, options->n_threads);
	free(lines);

	error = ferror(file) ? -EIO : 0;
	if (fclose(file) && !error)
		error = -errno;
	return error;
}
