// SPDX-License-Identifier: GPL-2.0-or-later
/* Random and mutated frames: the program in the kernel, its parser compiled natively, and the
 * second implementation must agree on each. Seeded: a failure names the frame and comes again. */
#include "cases.h"
#include "harness.h"
#include "native.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED          0x697061636374ull /* "ipacct" */
#define KERNEL_FRAMES 200000u
#define NATIVE_FRAMES 2000000u
#define ROLLUP_FRAMES 60000u
#define BYTES_MIN     14u
#define BYTES_MAX     2000u
#define SWEPT_BYTES   64u

static struct harness harness;
static struct frame built, frame;
static size_t n_inside; /* frames that were a tunnel with something to read in it */

/* IPACCT_TEST_SEED: other frames than always, tests/promises.py. */
static uint64_t first_seed(uint64_t number)
{
	const char *text = getenv("IPACCT_TEST_SEED");

	return SEED + number + (text ? strtoull(text, NULL, 10) << 32 : 0);
}

/* splitmix64 (S. Vigna, public domain algorithm) */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* A number below n. */
static size_t below(uint64_t *state, size_t n)
{
	return (size_t)(random_next(state) % n);
}

static void fill_random(uint64_t *state, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		frame.data[i] = (uint8_t)random_next(state);
}

static void take_shape(uint64_t *state)
{
	const struct packet_case *row = case_at(below(state, n_cases()));

	cr_assert(frame_build(row->layers, &built) == 0);
	frame.n_bytes = built.n_bytes < BYTES_MAX ? built.n_bytes : BYTES_MAX;
	memcpy(frame.data, built.data, frame.n_bytes);
}

/* Overwrite with interesting or random bytes, mostly in the headers. */
static void mutate_bytes(uint64_t *state)
{
	static const uint8_t interesting[] = { 0x00, 0x01, 0x05, 0x06, 0x08, 0x11, 0x2b, 0x2c, 0x33,
					       0x3a, 0x3b, 0x3c, 0x40, 0x45, 0x4f, 0x60, 0x64, 0x7f,
					       0x80, 0x81, 0x86, 0x87, 0x88, 0xa8, 0xdd, 0xff };
	size_t n = 1 + below(state, 6);
	size_t reach = frame.n_bytes < 96 ? frame.n_bytes : 96;

	while (n--) {
		size_t at = below(state, below(state, 8) ? reach : frame.n_bytes);
		uint64_t choice = random_next(state);

		if (choice & 1)
			frame.data[at] = interesting[(choice >> 8) % sizeof(interesting)];
		else if (choice & 2)
			frame.data[at] ^= (uint8_t)(1u << (choice >> 8) % 8);
		else
			frame.data[at] = (uint8_t)(choice >> 8);
	}
}

/* Put a piece of another shape somewhere: tags into IP headers, headers into headers. */
static void mutate_splice(uint64_t *state)
{
	const struct packet_case *row = case_at(below(state, n_cases()));
	size_t from, to, n;

	cr_assert(frame_build(row->layers, &built) == 0);
	from = below(state, built.n_bytes < 128 ? built.n_bytes : 128);
	to = below(state, frame.n_bytes < 128 ? frame.n_bytes : 128);
	n = 1 + below(state, 64);
	if (n > built.n_bytes - from)
		n = built.n_bytes - from;
	memcpy(frame.data + to, built.data + from, n);
	if (to + n > frame.n_bytes)
		frame.n_bytes = to + n;
}

/* Repeat a piece where it ends: the fifth tag, the ninth label, the ninth extension header. */
static void mutate_repeat(uint64_t *state)
{
	size_t at = BYTES_MIN - 2 + 2 * below(state, 24), n = 4 + 4 * below(state, 2);
	size_t times = 1 + below(state, 9);

	if (at + n > frame.n_bytes)
		return;
	while (times-- && frame.n_bytes + n <= BYTES_MAX) {
		memmove(frame.data + at + n, frame.data + at, frame.n_bytes - at);
		frame.n_bytes += n;
	}
}

static void mutate_length(uint64_t *state)
{
	size_t n_bytes = BYTES_MIN + below(state, below(state, 4) ? 128 : BYTES_MAX - BYTES_MIN);

	if (n_bytes > frame.n_bytes)
		fill_random(state, frame.n_bytes, n_bytes);
	frame.n_bytes = n_bytes;
}

static void next_frame(uint64_t *state)
{
	size_t n_mutations;

	if (below(state, 16) == 0) {
		frame.n_bytes = BYTES_MIN + below(state, BYTES_MAX - BYTES_MIN + 1);
		fill_random(state, 0, frame.n_bytes);
		return;
	}
	take_shape(state);
	n_mutations = 1 + below(state, 3);
	while (n_mutations--) {
		static void (*const mutate[])(uint64_t *) = { mutate_bytes, mutate_bytes,
							      mutate_splice, mutate_repeat,
							      mutate_length };

		mutate[below(state, sizeof(mutate) / sizeof(mutate[0]))](state);
	}
}

/* Both implementations natively, of the outer and of the inner addresses. The frame is copied to where not one byte follows it, for the
 * address sanitizer. */
static bool agree(struct outcome *ret_outcome)
{
	struct outcome native[2], reference[2];
	uint8_t *exact = malloc(frame.n_bytes);

	cr_assert(exact != NULL);
	memcpy(exact, frame.data, frame.n_bytes);
	native_account(exact, frame.n_bytes, &native[0]);
	native_account_inner(exact, frame.n_bytes, &native[1]);
	reference_account(exact, frame.n_bytes, &reference[0]);
	reference_account_inner(exact, frame.n_bytes, &reference[1]);
	free(exact);
	*ret_outcome = reference[harness.machine.setup.inner];
	n_inside += reference[1].tunnel == OUTCOME_INNER;
	return !memcmp(native, reference, sizeof(native));
}

/* No driver hands one over and BPF_PROG_TEST_RUN takes none: only here. */
Test(oracle, frames_below_an_ethernet_header_are_truncated)
{
	static const uint8_t octets[BYTES_MIN];
	struct outcome native, reference;

	for (size_t n = 0; n < BYTES_MIN; n++) {
		native_account(octets, n, &native);
		reference_account(octets, n, &reference);
		cr_assert_eq(native.ignored, IPACCT_IGNORED_TRUNCATED_L2, "%zu octets", n);
		cr_assert_not(native_account_plain(octets, n, 0, 0x0800, &native));
		cr_assert_not(native_account_plain(octets, n, 0, 0x86dd, &native));
		cr_assert_eq(reference.ignored, IPACCT_IGNORED_TRUNCATED_L2, "%zu octets", n);
	}
}

Test(oracle, native_parser_and_reference_agree, .timeout = 300)
{
	size_t n_frames = NATIVE_FRAMES / harness_slow(), n_accounted = 0, n_disagree = 0;
	uint64_t state = first_seed(0);

	for (size_t i = 0; i < n_frames && n_disagree < HARNESS_FAILURES_MAX; i++) {
		struct outcome outcome;
		bool same;

		next_frame(&state);
		same = agree(&outcome);
		n_disagree += !same;
		n_accounted += outcome.ignored == OUTCOME_ACCOUNTED;
		cr_expect(same, "frame %zu of %zu bytes", i, frame.n_bytes);
	}
	harness_note("%zu frames, %zu of them accounted, %zu inner", n_frames, n_accounted,
		     n_inside);
	cr_expect(n_inside > n_frames / 50, "%zu inner", n_inside);
	/* Mutations that only ever break the frame would prove little. */
	cr_expect(n_accounted > n_frames / 5, "%zu accounted", n_accounted);
}

/* An interface of layer 3 hands over the same packet without its Ethernet header. */
static void bare_agrees(const uint8_t *octets, size_t n_bytes)
{
	const uint8_t *inside = octets + BYTES_MIN;
	uint32_t type = (uint32_t)octets[12] << 8 | octets[13];
	struct outcome whole, bare;

	native_account(octets, n_bytes, &whole);
	native_account_bare(inside, n_bytes - BYTES_MIN, type, &bare);
	cr_assert(!memcmp(&whole, &bare, sizeof(whole)), "type %#x", type);
}

/* The short way says what the parser says, or leaves it to that; with an Ethernet header and without. */
static bool plain_agrees(const uint8_t *octets, size_t n_bytes, uint32_t wanted)
{
	uint32_t type = (uint32_t)octets[12] << 8 | octets[13];
	const uint8_t *inside = octets + BYTES_MIN;
	size_t n_bare = n_bytes - BYTES_MIN;
	struct outcome whole, plain, bare;
	bool taken = native_account_plain(octets, n_bytes, 0, wanted, &plain);

	cr_assert_eq(native_account_plain(inside, n_bare, type, wanted, &bare), taken);
	cr_assert(!memcmp(&plain, &bare, sizeof(plain)), "type %#x", type);
	if (type == wanted)
		cr_assert_eq(native_maybe_tunnel(inside, n_bare, type, wanted),
			     native_maybe_tunnel(octets, n_bytes, 0, wanted));
	native_account(octets, n_bytes, &whole);
	if (taken)
		cr_assert(!memcmp(&plain, &whole, sizeof(plain)), "type %#x", type);
	return taken;
}

Test(oracle, without_an_ethernet_header_and_by_the_short_way_it_is_the_same, .timeout = 120)
{
	size_t n_frames = NATIVE_FRAMES / 10 / harness_slow(), n_plain[2] = {};
	uint64_t state = first_seed(3);

	for (size_t i = 0; i < n_frames; i++) {
		uint8_t *exact;

		next_frame(&state);
		exact = malloc(frame.n_bytes);
		cr_assert(exact != NULL);
		memcpy(exact, frame.data, frame.n_bytes);
		if (exact[12] | exact[13]) /* as a type 0 says that there is a header */
			bare_agrees(exact, frame.n_bytes);
		if (exact[12] | exact[13])
			for (int v6 = 0; v6 < 2; v6++)
				n_plain[v6] +=
					plain_agrees(exact, frame.n_bytes, v6 ? 0x86dd : 0x0800);
		free(exact);
	}
	cr_expect(n_plain[0] > n_frames / 20 && n_plain[1] > n_frames / 50, "%zu and %zu plain",
		  n_plain[0], n_plain[1]);
}

static bool start(const struct machine_setup *wanted, uint32_t lru_entries)
{
	struct machine_setup setup = *wanted;

	setup.lru_entries = lru_entries;
	setup.lru_budget = lru_entries - 128;
	return harness_start(&harness, &setup);
}

/* Every third frame with a short linear part, where the kernel can. */
static size_t draw_split(uint64_t *state)
{
	if (!harness.machine.splits || below(state, 3))
		return 0;
	return BYTES_MIN + below(state, frame.n_bytes - BYTES_MIN + 1);
}

static void kernel_agrees(const struct machine_setup *setup, size_t n_frames)
{
	uint64_t state = first_seed(1);

	n_frames /= harness_slow();
	if (start(setup, 1u << 18)) {
		for (size_t i = 0; i < n_frames; i++) {
			struct outcome outcome;

			next_frame(&state);
			cr_assert(agree(&outcome), "frame %zu of %zu bytes: native", i,
				  frame.n_bytes);
			(void)harness_frame(&harness, "random", "mutated", frame.data,
					    frame.n_bytes, draw_split(&state), &outcome);
		}
		harness_check(&harness, "after all", true);
		cr_expect(harness.n_failures == 0 && harness.n_frames == n_frames);
		harness_note("%zu frames, %zu addresses, %zu mismatches", harness.n_frames,
			     harness.expected.n_addresses, harness.n_failures);
	}
	harness_finish(&harness);
}

Test(oracle, kernel_native_and_reference_agree, .timeout = 600)
{
	kernel_agrees(&harness_setups[0], KERNEL_FRAMES);
}

/* The plain way in front of the parser, and every line displaced over and over. */
Test(oracle, they_agree_over_a_small_hot_tier, .timeout = 600)
{
	kernel_agrees(&harness_setups[2], KERNEL_FRAMES / 4);
}

/* The same with what is inside of tunnels. */
Test(oracle, they_agree_about_inner_addresses, .timeout = 600)
{
	kernel_agrees(&harness_setups[3], KERNEL_FRAMES / 2);
}

/* Every value of each of the first bytes of shapes that reach all parts of the parser. */
Test(oracle, every_value_of_every_header_byte, .timeout = 600)
{
	static const char *const names[] = { "v4_tcp_data",
					     "v4_ihl_15",
					     "v6_tcp_data",
					     "ad_q_ipv4",
					     "four_tags_ipv6",
					     "pppoe_ipv4",
					     "mpls_3_ipv6",
					     "v6_recommended_order",
					     "v6_first_fragment_dest",
					     "llc_snap_ipv4" };
	size_t n_found = 0, step = harness_slow() | 1; /* odd: all values in some position */

	if (!start(&harness_setups[2], 1u << 17)) {
		harness_finish(&harness);
		return;
	}
	for (size_t i = 0; i < n_cases(); i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			if (strcmp(names[k], case_at(i)->name))
				continue;
			n_found++;
			cr_assert(frame_build(case_at(i)->layers, &frame) == 0);
			for (size_t at = 0; at < SWEPT_BYTES * 256; at += step) {
				uint8_t kept = frame.data[at / 256];
				struct outcome outcome;

				frame.data[at / 256] = (uint8_t)at;
				cr_assert(agree(&outcome), "%s: byte %zu", names[k], at / 256);
				(void)harness_frame(&harness, names[k], "byte swept", frame.data,
						    frame.n_bytes, 0, &outcome);
				frame.data[at / 256] = kept;
			}
		}
	harness_check(&harness, "after all", true);
	cr_expect(n_found == sizeof(names) / sizeof(names[0]));
	harness_note("%zu frames", harness.n_frames);
	harness_finish(&harness);
}

/* Source and destination anywhere, a few in each prefix. */
static void scatter_addresses(uint64_t *state)
{
	bool v6 = random_next(state) & 1;
	uint8_t *ip = frame.data + BYTES_MIN;

	cr_assert(
		frame_build(
			v6 ? (struct layer[]){ ETH(0x86dd), IP6(8, 17), UDP_HEADER, { LAYER_END } }
			   : (struct layer[]){ ETH(0x0800),
					       IP4(28, 17),
					       UDP_HEADER,
					       { LAYER_END } },
			&frame) == 0);
	if (v6) {
		for (int i = 0; i < 32; i += 16) {
			memset(ip + 8 + i, 0, 16);
			ip[8 + i] = 0x3f; /* RFC 9637 */
			ip[9 + i] = 0xff;
			ip[10 + i] = (uint8_t)below(state, 16);
			ip[11 + i] = (uint8_t)random_next(state);
			ip[23 + i] = (uint8_t)random_next(state);
		}
		return;
	}
	ip[12] = 198; /* RFC 2544 and what follows: more /16 than the documentation has */
	ip[13] = (uint8_t)random_next(state);
	ip[15] = (uint8_t)random_next(state);
	ip[16] = 203;
	ip[17] = (uint8_t)random_next(state);
	ip[19] = (uint8_t)random_next(state);
}

/* Run a frame that may find no room for a record: only the verdict and the sums can be held. */
static bool run_crowded(uint64_t *state)
{
	struct outcome outcome;

	scatter_addresses(state);
	return agree(&outcome) &&
	       machine_run(&harness.machine, frame.data, frame.n_bytes, 0) == 2 /* XDP_PASS */ &&
	       !expected_add(&harness.expected, &outcome, frame.n_bytes);
}

static void more_addresses_than_records(const struct machine_setup *wanted)
{
	struct machine_setup setup = *wanted;
	size_t n_frames = harness_slow() > 1 ? ROLLUP_FRAMES / 4 : ROLLUP_FRAMES;
	struct ipacct_totals totals;
	uint64_t state = first_seed(2);

	setup.lru_entries = 2048;
	setup.lru_budget = 1024;
	if (harness_start(&harness, &setup)) {
		for (size_t i = 0; i < n_frames; i++)
			cr_assert(run_crowded(&state), "frame %zu", i);
		cr_expect(harness.expected.n_addresses > 10 * setup.lru_budget, "%zu addresses",
			  harness.expected.n_addresses);
		cr_expect(machine_totals(&harness.machine, &totals) == 0);
		cr_expect(!memcmp(&totals, &harness.expected.totals, sizeof(totals)));
		harness_check(&harness, "crowded", false);
	}
	harness_finish(&harness);
}

Test(oracle, more_addresses_than_records_are_rolled_up)
{
	more_addresses_than_records(&harness_setups[0]);
}

Test(oracle, more_addresses_than_records_in_the_shared_partition)
{
	more_addresses_than_records(&harness_setups[1]);
}
