// SPDX-License-Identifier: GPL-2.0-or-later
/* The packet table as capture files: make_corpus [--seeds] DIR
 *
 * Written byte by byte from pcap-savefile(5) and draft-ietf-opsawg-pcapng, in both byte orders and
 * clocks, so that reading them is libpcap's work and nobody else's. Row i comes i % 7 + 1 times: faults
 * of several rows do not cancel out. README.md says what each file is for. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

#define SECONDS    1700000000u /* 2023-11-14T22:13:20Z */
#define REPEATS    7u
#define NO_LIMIT   262144u /* libpcap's MAXIMUM_SNAPLEN for Ethernet */
#define CUT_BYTES  64u
#define FCS_BYTES  4u
#define FCS_MARK   0x24000000u /* pcap-savefile(5): f bit, FCS length of 2 words of 16 bits */
#define ETHERNET   1u          /* LINKTYPE_ETHERNET */
#define FLOOD      150000u     /* packets of flood.pcap, each from a source of its own */
#define SHORT_MAX  20u
#define NG_SECTION 0x0a0d0d0au
#define NG_MAGIC   0x1a2b3c4du
#define NG_IDB     1u
#define NG_SPB     3u
#define NG_NRB     4u
#define NG_EPB     6u

struct out {
	FILE *file;
	bool big; /* big-endian */
	bool nanoseconds;
	bool next_generation;
	uint32_t snaplen;
	uint32_t fcs_bytes;
	uint32_t n_packets;
};

static void die(const char *what)
{
	(void)fprintf(stderr, "make_corpus: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(struct out *out, const void *octets, size_t n_bytes)
{
	if (fwrite(octets, 1, n_bytes, out->file) != n_bytes)
		die("write");
}

static void put_number(struct out *out, uint32_t value, unsigned int n_bytes)
{
	uint8_t octets[4];

	for (unsigned int i = 0; i < n_bytes; i++)
		octets[out->big ? n_bytes - 1 - i : i] = (uint8_t)(value >> (8 * i));
	put(out, octets, n_bytes);
}

static void put16(struct out *out, uint32_t value)
{
	put_number(out, value, 2);
}

static void put32(struct out *out, uint32_t value)
{
	put_number(out, value, 4);
}

static void put_padding(struct out *out, uint32_t n_bytes)
{
	static const uint8_t zeros[4];

	put(out, zeros, (4 - n_bytes % 4) % 4);
}

static void begin_pcap(struct out *out)
{
	put32(out, out->nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
	put16(out, 2);
	put16(out, 4);
	put32(out, 0);
	put32(out, 0);
	put32(out, out->snaplen);
	put32(out, ETHERNET | (out->fcs_bytes ? FCS_MARK : 0));
}

static void put_interface(struct out *out)
{
	uint32_t options = out->nanoseconds ? 8 + 4 : 0, bytes = 20 + options;

	put32(out, NG_IDB);
	put32(out, bytes);
	put16(out, ETHERNET);
	put16(out, 0);
	put32(out, out->snaplen);
	if (options) {
		put16(out, 9); /* if_tsresol: 10^-9 s */
		put16(out, 1);
		put(out, "\x09\0\0\0", 4);
		put32(out, 0); /* opt_endofopt */
	}
	put32(out, bytes);
}

/* Two interfaces, and blocks that are no packets. */
static void begin_pcapng(struct out *out)
{
	put32(out, NG_SECTION);
	put32(out, 28);
	put32(out, NG_MAGIC);
	put16(out, 1);
	put16(out, 0);
	put32(out, 0xffffffff); /* section length unknown */
	put32(out, 0xffffffff);
	put32(out, 28);
	put_interface(out);
	put_interface(out);
	put32(out, NG_NRB); /* name resolution: nrb_record_end only */
	put32(out, 16);
	put32(out, 0);
	put32(out, 16);
	put32(out, 0x40000bad); /* a local block of somebody else */
	put32(out, 20);
	put(out, "whatever", 8);
	put32(out, 20);
}

static void put_time_and_lengths(struct out *out, uint32_t captured, uint32_t wire)
{
	uint64_t ns = SECONDS * 1000000000ULL + out->n_packets * 1000000ULL + out->n_packets;

	if (out->next_generation) {
		uint64_t units = out->nanoseconds ? ns : ns / 1000;

		put32(out, out->n_packets % 2); /* interface */
		put32(out, (uint32_t)(units >> 32));
		put32(out, (uint32_t)units);
	} else {
		put32(out, (uint32_t)(ns / 1000000000));
		put32(out, (uint32_t)(ns % 1000000000 / (out->nanoseconds ? 1 : 1000)));
	}
	put32(out, captured);
	put32(out, wire);
}

static void put_packet(struct out *out, const uint8_t *frame, uint32_t n_bytes)
{
	uint32_t wire = n_bytes + out->fcs_bytes;
	uint32_t captured = wire < out->snaplen ? wire : out->snaplen;
	uint32_t block = 32 + (captured + 3) / 4 * 4;

	if (out->next_generation) {
		put32(out, NG_EPB);
		put32(out, block);
	}
	put_time_and_lengths(out, captured, wire);
	put(out, frame, captured < n_bytes ? captured : n_bytes);
	if (captured > n_bytes)
		put(out, "\xde\xad\xbe\xef", captured - n_bytes);
	if (out->next_generation) {
		put_padding(out, captured);
		put32(out, block);
	}
	out->n_packets++;
}

static void begin(struct out *out, const char *dir, const char *name)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		die("the path is too long");
	out->file = fopen(path, "we");
	if (!out->file)
		die(path);
	if (out->next_generation)
		begin_pcapng(out);
	else
		begin_pcap(out);
}

static void end(struct out *out)
{
	if (fclose(out->file))
		die("close");
}

static void put_table(struct out *out, bool repeated)
{
	static struct frame frame;

	for (size_t i = 0; i < n_cases(); i++) {
		if (frame_build(case_at(i)->layers, &frame))
			die(case_at(i)->name);
		for (size_t n = 0; n <= (repeated ? i % REPEATS : 0); n++)
			put_packet(out, frame.data, (uint32_t)frame.n_bytes);
	}
}

static void write_tables(const char *dir)
{
	static const struct {
		const char *name;
		struct out out;
	} files[] = {
		{ "corpus.pcap", { .snaplen = NO_LIMIT } },
		{ "ns.pcap", { .snaplen = NO_LIMIT, .nanoseconds = true } },
		{ "big-endian.pcap", { .snaplen = NO_LIMIT, .big = true } },
		{ "big-endian-ns.pcap", { .snaplen = NO_LIMIT, .big = true, .nanoseconds = true } },
		{ "corpus.pcapng", { .snaplen = NO_LIMIT, .next_generation = true } },
		{ "big-endian-ns.pcapng",
		  { .snaplen = NO_LIMIT,
		    .next_generation = true,
		    .big = true,
		    .nanoseconds = true } },
		{ "cut.pcap", { .snaplen = CUT_BYTES } },
		{ "cut.pcapng", { .snaplen = CUT_BYTES, .next_generation = true } },
		{ "fcs.pcap", { .snaplen = NO_LIMIT, .fcs_bytes = FCS_BYTES } },
		{ "fcs-cut.pcap", { .snaplen = CUT_BYTES, .fcs_bytes = FCS_BYTES } },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct out out = files[i].out;

		begin(&out, dir, files[i].name);
		put_table(&out, true);
		end(&out);
	}
}

static const struct layer plain[FRAME_LAYERS_MAX] = { ETH(0x0800), IP4(46, 17), UDP_HEADER,
						      FILL(18) };

/* Lengths around the shortest frame that a program can be given. */
static void write_short(const char *dir)
{
	struct out out = { .snaplen = NO_LIMIT };
	static struct frame frame;

	if (frame_build(plain, &frame))
		die("short");
	begin(&out, dir, "short.pcap");
	for (uint32_t n = 0; n <= SHORT_MAX; n++)
		put_packet(&out, frame.data, n);
	end(&out);
}

/* More addresses than any tier holds: sources by a full-period counter times an odd number. */
static void write_flood(const char *dir)
{
	struct out out = { .snaplen = NO_LIMIT };
	static struct frame frame;

	if (frame_build(plain, &frame))
		die("flood");
	begin(&out, dir, "flood.pcap");
	for (uint32_t i = 0; i < FLOOD; i++) {
		uint32_t source = i * 2654435761u; /* Knuth 6.4: 2^32 / golden ratio, odd */

		for (unsigned int octet = 0; octet < 4; octet++)
			frame.data[26 + octet] = (uint8_t)(source >> (24 - 8 * octet));
		frame.data[33] = (uint8_t)i; /* some destinations come back all the time */
		put_packet(&out, frame.data, (uint32_t)frame.n_bytes);
	}
	end(&out);
}

/* Each row once, small: what a fuzzer begins with. */
static void write_seeds(const char *dir)
{
	struct out out = { .snaplen = 128 };

	begin(&out, dir, "seed.pcap");
	put_table(&out, false);
	end(&out);
	out = (struct out){ .snaplen = 128, .next_generation = true };
	begin(&out, dir, "seed.pcapng");
	put_table(&out, false);
	end(&out);
}

int main(int argc, char **argv)
{
	bool seeds = argc == 3 && strcmp(argv[1], "--seeds") == 0;

	if (argc != 2 && !seeds) {
		(void)fprintf(stderr, "usage: make_corpus [--seeds] DIR\n");
		return 2;
	}
	write_seeds(argv[argc - 1]);
	if (seeds)
		return 0;
	write_tables(argv[1]);
	write_short(argv[1]);
	write_flood(argv[1]);
	printf("%zu\n", n_cases());
	return 0;
}
