// SPDX-License-Identifier: GPL-2.0-or-later
/* The tc hooks' program: the packet table ends as it does for XDP, super-packets as their packets. */
#include "cases.h"
#include "harness.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <string.h>

#define FRAME_MAX 3400u /* net/bpf/test_run.c: what one page leaves for a socket buffer */
#define FRAME_MIN 15u   /* Ethernet, and at least one octet behind it */

static struct harness harness;
static struct frame frame;

/* The kernel makes no socket buffer of an ethertype without that header (net/bpf/test_run.c). */
static bool is_taken(size_t n_bytes)
{
	uint32_t type = frame.data[12] << 8 | frame.data[13];
	size_t least = type == 0x0800 ? 14 + 20 : type == 0x86dd ? 14 + 40 : FRAME_MIN;

	return n_bytes >= least && n_bytes <= FRAME_MAX;
}

static bool start(size_t number)
{
	struct machine_setup setup = harness_setups[number];

	setup.tc = true;
	if (harness_start(&harness, &setup))
		return true;
	harness_finish(&harness);
	return false;
}

Test(tc, every_row_that_fits_counts_what_the_table_says)
{
	for (size_t s = 0; s < HARNESS_SETUPS; s++) {
		if (!start(s))
			return;
		for (size_t i = 0; i < n_cases(); i++) {
			const struct packet_case *row = case_at(i);
			struct outcome outcome;

			cr_assert(frame_build(row->layers, &frame) == 0);
			cr_assert(case_outcome(row, harness.machine.setup.inner, &outcome) == 0);
			if (!is_taken(frame.n_bytes))
				continue;
			(void)harness_frame(&harness, row->name, "tc", frame.data, frame.n_bytes, 0,
					    &outcome);
			if (harness_is_due(i))
				harness_check(&harness, row->name, true);
		}
		harness_check(&harness, "all rows", true);
		harness_note("tc: setup %zu, %zu of %zu rows", s, harness.n_frames, n_cases());
		cr_expect(harness.n_frames > n_cases() * 9 / 10, "%zu rows", harness.n_frames);
		harness_finish(&harness);
	}
}

static void rows_cut(void)
{
	for (size_t i = 0; i < n_cases(); i++) {
		const struct packet_case *row = case_at(i);
		struct outcome outcome;

		cr_assert(frame_build(row->layers, &frame) == 0);
		for (size_t n = FRAME_MIN; n < frame.n_bytes && n < 200; n++) {
			if (!is_taken(n))
				continue;
			harness_reference(&harness, frame.data, n, &outcome);
			(void)harness_frame(&harness, row->name, "cut", frame.data, n, 0, &outcome);
		}
	}
}

Test(tc, every_row_cut_at_every_byte)
{
	for (size_t s = 2; s < HARNESS_SETUPS; s++) { /* outer addresses, then inner ones */
		if (!start(s))
			return;
		rows_cut();
		harness_check(&harness, "all rows", true);
		harness_finish(&harness);
	}
}

/* Headers of a super-packet, spelled out; its payload follows, all zero. */
struct bundle_case {
	const char *name;
	const char *headers; /* hexadecimal; spaces do not count */
	uint32_t payload_bytes, gso_size, gso_segs, wire_len;
	uint32_t before_bytes;          /* what lies before the outermost IP header */
	uint32_t packets, header_bytes; /* on the wire */
	/* what lies before the innermost IP header of a tunnel; 0: no tunnel, or INSIDE_OPAQUE */
	uint32_t inside_bytes;
	/* what lies before an IP header that nobody counts by, whose length the kernel wrote, too */
	uint32_t hidden_bytes;
};

#define INSIDE_OPAQUE 1u /* a tunnel, but nobody can read what is in it */

#define MACS     "020000000001020000000002"
#define WIRE4(p) "4500 0000 0000 0000 40" p "0000 c0000201 c6336402"
#define WIRE6(n) \
	"60000000 0500" n "40 20010db8000000000000000000000001 3fff0001000000000000000000000002"
#define WIRE_TCP32   "1b5b1b5b 00000001 00000001 80100200 00000000 010101010101010101010101"
#define WIRE_TCP20   "1b5b1b5b 00000001 00000001 50100200 00000000"
#define WIRE_UDP(to) "1b5b" to "0000 0000"

static const struct bundle_case bundles[] = {
	{ "TCP over IPv4, last one short", MACS "0800" WIRE4("06") WIRE_TCP32, 2500, 1000, 3, 0, 14,
	  3, 66 },
	{ "the guest does not say how many", MACS "0800" WIRE4("06") WIRE_TCP32, 2500, 1000, 0, 0,
	  14, 3, 66 },
	{ "no remainder", MACS "0800" WIRE4("06") WIRE_TCP20, 3000, 1000, 3, 0, 14, 3, 54 },
	{ "one octet more", MACS "0800" WIRE4("06") WIRE_TCP20, 3001, 1000, 4, 0, 14, 4, 54 },
	{ "one octet less", MACS "0800" WIRE4("06") WIRE_TCP20, 2999, 1000, 3, 0, 14, 3, 54 },
	{ "it fits into one", MACS "0800" WIRE4("06") WIRE_TCP20, 700, 1000, 1, 0, 14, 1, 54 },
	{ "segments of one octet", MACS "0800" WIRE4("06") WIRE_TCP20, 1200, 1, 1200, 0, 14, 1200,
	  54 },
	{ "TCP over IPv6", MACS "86dd" WIRE6("06") WIRE_TCP32, 2500, 1000, 3, 0, 14, 3, 86 },
	{ "IPv6 with destination options", MACS "86dd" WIRE6("3c") "0600000000000000" WIRE_TCP20,
	  2500, 1000, 3, 0, 14, 3, 82 },
	{ "UDP", MACS "0800" WIRE4("11") WIRE_UDP("1b5b"), 2500, 1200, 3, 0, 14, 3, 42 },
	{ "UDP over IPv6", MACS "86dd" WIRE6("11") WIRE_UDP("1b5b"), 2500, 1200, 3, 0, 14, 3, 62 },
	{ "two tags", MACS "88a8 0005 8100 0006 0800" WIRE4("06") WIRE_TCP20, 2500, 1000, 3, 0, 22,
	  3, 62 },
	{ "IPIP", MACS "0800" WIRE4("04") WIRE4("06") WIRE_TCP20, 2500, 1000, 3, 0, 14, 3, 74, 34 },
	{ "6in4", MACS "0800" WIRE4("29") WIRE6("06") WIRE_TCP20, 2500, 1000, 3, 0, 14, 3, 94, 34 },
	{ "GRE with key and sequence number",
	  MACS "0800" WIRE4("2f") "3000 0800 00000001 00000002" WIRE4("06") WIRE_TCP20, 2500, 1000,
	  3, 0, 14, 3, 86, 46 },
	{ "GRE with Ethernet in it",
	  MACS "0800" WIRE4("2f") "0000 6558" MACS "8100 0007 86dd" WIRE6("11") WIRE_UDP("1b5b"),
	  2500, 1000, 3, 0, 14, 3, 104, 56 },
	{ "VXLAN",
	  MACS "0800" WIRE4("11") WIRE_UDP("12b5") "08000000 00000100" MACS "0800" WIRE4("06")
		  WIRE_TCP32,
	  2500, 1000, 3, 0, 14, 3, 116, 64 },
	{ "GENEVE with options",
	  MACS "0800" WIRE4("11") WIRE_UDP("17c1") "02006558 00000100 0000000000000000" MACS
						   "86dd" WIRE6("06") WIRE_TCP20,
	  2500, 1000, 3, 0, 14, 3, 132, 72 },
	{ "VXLAN to a port of somebody's own",
	  MACS "0800" WIRE4("11") WIRE_UDP("3039") "08000000 00000100" MACS "0800" WIRE4("06")
		  WIRE_TCP32,
	  2500, 1000, 3, 0, 14, 3, 116, 0, 64 },
	{ "VXLAN with tags to a port of somebody's own",
	  MACS "0800" WIRE4("11") WIRE_UDP("3039") "08000000 00000100" MACS
						   "8100 0007 86dd" WIRE6("11") WIRE_UDP("1b5b"),
	  2500, 1000, 3, 0, 14, 3, 116, 0, 68 },
	{ "GENEVE to a port of somebody's own",
	  MACS "86dd" WIRE6("11") WIRE_UDP("3039") "02006558 00000100 0000000000000000" MACS
						   "86dd" WIRE6("06") WIRE_TCP20,
	  2500, 1000, 3, 0, 14, 3, 152, 0, 92 },
	{ "GENEVE with IP in it to a port of somebody's own",
	  MACS "0800" WIRE4("11") WIRE_UDP("3039") "00000800 00000100" WIRE4("06") WIRE_TCP20, 2500,
	  1000, 3, 0, 14, 3, 90, 0, 50 },
	{ "what begins like VXLAN, but whose packet ends before",
	  MACS "0800" WIRE4("11") WIRE_UDP("3039") "08000000 00000100" MACS
						   "0800 4500 0034 0000 0000 4006 0000 c0000201"
						   "c6336402" WIRE_TCP32,
	  2500, 1000, 3, 0, 14, 3, 42 },
	{ "another tunnel in UDP, whose headers the kernel knows",
	  MACS "0800" WIRE4("11") WIRE_UDP("3039") "ffffffffffffffff" WIRE4("06") WIRE_TCP20, 2500,
	  1000, 3, 2590 + 2 * 90, 14, 3, 90 },
	{ "a smaller estimate than UDP has headers",
	  MACS "0800" WIRE4("11") WIRE_UDP("3039") "ffffffffffffffff" WIRE4("06") WIRE_TCP20, 2500,
	  1000, 3, 2590 + 2 * 34, 14, 3, 42 },
	{ "SCTP, chunks of any size", MACS "0800" WIRE4("84") "1b5b1b5b0000000000000000", 2500,
	  0xffff, 4, 0, 14, 4, 46 },
	{ "ESP: as the kernel estimates", MACS "0800" WIRE4("32") "0000000100000001", 2500, 1000, 3,
	  2542 + 2 * 42, 14, 3, 42 },
	{ "GRE with what nobody can read", MACS "0800" WIRE4("2f") "0000 88be 00000001", 2500, 1000,
	  3, 2542 + 2 * 42, 14, 3, 42, INSIDE_OPAQUE },
	{ "ESP, no estimate: what lies before IP", MACS "0800" WIRE4("32") "0000000100000001", 2500,
	  1000, 0, 0, 14, 3, 14 },
};
#define N_BUNDLES (sizeof(bundles) / sizeof(*bundles))

static size_t bytes_of(const char *hex, uint8_t *to)
{
	size_t n = 0;

	for (; *hex; hex++) {
		int digit = *hex >= 'a' ? *hex - 'a' + 10 : *hex - '0';

		if (*hex == ' ')
			continue;
		to[n / 2] = (uint8_t)(n % 2 ? to[n / 2] | digit : digit << 4);
		n++;
	}
	return n / 2;
}

static void length_write(uint8_t *ip, size_t l3_bytes)
{
	bool ipv6 = ip[0] >> 4 == 6;
	uint8_t *length = ip + (ipv6 ? 4 : 2);

	l3_bytes -= ipv6 ? 40 : 0;
	length[0] = (uint8_t)(l3_bytes >> 8);
	length[1] = (uint8_t)l3_bytes;
}

/* The IP packets, outermost and innermost, say their length, as the kernel writes it. */
static size_t bundle_build(const struct bundle_case *row, uint8_t *data)
{
	size_t n_headers = bytes_of(row->headers, data), n = n_headers + row->payload_bytes;

	memset(data + n_headers, 0, row->payload_bytes);
	length_write(data + row->before_bytes, n - row->before_bytes);
	if (row->inside_bytes > INSIDE_OPAQUE)
		length_write(data + row->inside_bytes, n - row->inside_bytes);
	if (row->hidden_bytes)
		length_write(data + row->hidden_bytes, n - row->hidden_bytes);
	return n;
}

static uint32_t bin_of(uint32_t l2_bytes)
{
	static const uint32_t limits[] = { 64, 65, 128, 256, 512, 1024, 1519 }; /* with FCS */
	uint32_t bin = 0;

	while (bin < sizeof(limits) / sizeof(*limits) && l2_bytes + 4 >= limits[bin])
		bin++;
	return bin;
}

/* What lies before the IP header whose addresses count. */
static uint32_t before_of(const struct bundle_case *row)
{
	return harness.machine.setup.inner && row->inside_bytes > INSIDE_OPAQUE ? row->inside_bytes
										: row->before_bytes;
}

/* Segment by segment, as they would be on the wire. */
static struct ipacct_totals wire_of(const struct bundle_case *row, size_t n_bytes,
				    uint64_t *l3_bytes)
{
	size_t n_headers = row->header_bytes, left = n_bytes - n_headers;
	struct ipacct_totals totals = { 0 };
	uint32_t size = row->gso_size == 0xffff ? row->payload_bytes / row->packets : row->gso_size;

	*l3_bytes = 0;
	for (uint32_t i = 0; i < row->packets; i++) {
		size_t here = i + 1 == row->packets ? left : size;

		totals.seen.packets++;
		totals.seen.l2_bytes += n_headers + here;
		totals.size_histogram[bin_of((uint32_t)(n_headers + here))]++;
		*l3_bytes += n_headers - before_of(row) + here;
		left -= here;
	}
	if (harness.machine.setup.inner && row->inside_bytes > INSIDE_OPAQUE)
		totals.inner_packets = row->packets;
	if (harness.machine.setup.inner && row->inside_bytes == INSIDE_OPAQUE)
		totals.tunnel_outer_packets = row->packets;
	return totals;
}

/* What the machine holds of one super-packet's slot and addresses. */
struct bundle_state {
	struct ipacct_totals totals;
	struct ipacct_counters source, destination; /* zero while there is none */
};

static struct bundle_state state_of(const uint8_t address[2][16])
{
	struct bundle_state state = { 0 };

	cr_assert(machine_totals(&harness.machine, &state.totals) == 0);
	(void)machine_record(&harness.machine, address[0], &state.source);
	(void)machine_record(&harness.machine, address[1], &state.destination);
	return state;
}

/* What came in between; all of it are 64-bit counters. */
static void state_subtract(struct bundle_state *after, const struct bundle_state *before)
{
	uint64_t *to = (uint64_t *)after;
	const uint64_t *from = (const uint64_t *)before;

	for (size_t i = 0; i < sizeof(*after) / sizeof(*to); i++)
		to[i] -= from[i];
}

static void addresses_of(const uint8_t *ip, uint8_t ret_address[2][16])
{
	bool ipv6 = ip[0] >> 4 == 6;

	memset(ret_address, 0, 2 * 16);
	for (int i = 0; i < 2; i++) {
		memset(ret_address[i] + 10, 0xff, 2);
		memcpy(ret_address[i] + (ipv6 ? 0 : 12), ip + (ipv6 ? 8 + 16 * i : 12 + 4 * i),
		       ipv6 ? 16 : 4);
	}
}

static void bundle_check(const struct bundle_case *row)
{
	static uint8_t data[FRAME_MAX + 200];
	size_t n = bundle_build(row, data);
	struct bundle_state before, got;
	struct ipacct_totals want;
	uint8_t address[2][16];
	uint64_t l3_bytes;

	want = wire_of(row, n, &l3_bytes);
	addresses_of(data + before_of(row), address);
	before = state_of(address);
	cr_assert(machine_run_bundle(&harness.machine, data, n, row->gso_size, row->gso_segs,
				     row->wire_len ? row->wire_len : (uint32_t)n) == XDP_PASS,
		  "%s", row->name);
	got = state_of(address);
	state_subtract(&got, &before);
	cr_expect(got.totals.seen.packets == want.seen.packets, "%s: %llu packets", row->name,
		  (unsigned long long)got.totals.seen.packets);
	cr_expect(got.totals.seen.l2_bytes == want.seen.l2_bytes, "%s: %llu octets, expected %llu",
		  row->name, (unsigned long long)got.totals.seen.l2_bytes,
		  (unsigned long long)want.seen.l2_bytes);
	cr_expect(!memcmp(got.totals.size_histogram, want.size_histogram,
			  sizeof(want.size_histogram)),
		  "%s: sizes", row->name);
	cr_expect(!memcmp(&got.totals.accounted, &got.totals.seen, sizeof(got.totals.seen)),
		  "%s: accounted", row->name);
	cr_expect(got.totals.ipv4.l3_bytes + got.totals.ipv6.l3_bytes == l3_bytes,
		  "%s: %llu l3 octets, expected %llu", row->name,
		  (unsigned long long)(got.totals.ipv4.l3_bytes + got.totals.ipv6.l3_bytes),
		  (unsigned long long)l3_bytes);
	cr_expect(got.totals.bundles == 1 && got.totals.bundled_packets == row->packets &&
			  got.totals.bundled_added_l2_bytes == want.seen.l2_bytes - n,
		  "%s: super-packets", row->name);
	cr_expect(got.totals.inner_packets == want.inner_packets &&
			  got.totals.tunnel_outer_packets == want.tunnel_outer_packets,
		  "%s: tunnels", row->name);
	cr_expect(got.source.tx_packets == row->packets && got.source.tx_l3_bytes == l3_bytes &&
			  !got.source.rx_packets && got.destination.rx_packets == row->packets &&
			  got.destination.rx_l3_bytes == l3_bytes && !got.destination.tx_packets,
		  "%s: records", row->name);
}

Test(tc, super_packets_are_counted_as_what_goes_on_the_wire)
{
	for (size_t s = 0; s < HARNESS_SETUPS; s++) {
		if (!start(s))
			return;
		for (size_t i = 0; i < N_BUNDLES; i++)
			bundle_check(&bundles[i]);
		harness_finish(&harness);
	}
}
