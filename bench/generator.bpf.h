/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two new addresses for every frame: BPF_PROG_TEST_RUN runs one frame over and over. The same code in
 * front of every program of a case, so its cost is in every figure and goes with the floor. */
#ifndef IPACCT_BENCH_GENERATOR_BPF_H
#define IPACCT_BENCH_GENERATOR_BPF_H

#include "shared.h"

/* Set before load; what is not used is removed by the verifier, in every contender alike. */
const volatile __u32 cfg_family = 4;
const volatile __u32 cfg_sources = 1;
const volatile __u32 cfg_destinations = 1;
const volatile __u32 cfg_pairs = 0;         /* draw from bench_pairs instead, a power of two */
const volatile __u32 cfg_flood_sources = 0; /* size of the spoofed range, 0 = no flood */
const volatile __u32 cfg_flood_share = 0;   /* of 2^32 packets; 0xffffffff = all */
const volatile __u32 cfg_guarded = 0;       /* the first so many sources are protected ones */
const volatile __u32 cfg_honest_count = 0;

/* key: 0. value per CPU: struct bench_state. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_state);
} bench_state SEC(".maps");

/* Pairs drawn in advance (source in the low half), read one after the other. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bench_pairs SEC(".maps");

/* xorshift64 (Marsaglia 2003) */
static __always_inline __u64 next_random(struct bench_state *state)
{
	__u64 x = state->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	state->random = x;
	return x;
}

/* A number below n from 32 random bits. */
static __always_inline __u32 below(__u32 n, __u32 random)
{
	return (__u64)random * n >> 32;
}

static __always_inline void address_write(void *frame, __u32 offset4, __u32 offset6, __u32 kind,
					  __u32 number)
{
	__u32 *to;

	if (cfg_family == 4) {
		to = frame + offset4;
		*to = __builtin_bswap32((kind << 24) + number);
		return;
	}
	to = frame + offset6;
	to[0] = __builtin_bswap32(BENCH_IPV6_WORD(kind, number));
	to[1] = __builtin_bswap32(kind << 16);
	to[2] = 0;
	to[3] = __builtin_bswap32(number);
}

/* Returns the kind of source. */
static __always_inline __u32 next_source(struct bench_state *state, __u32 random, __u32 *number)
{
	if (cfg_flood_share &&
	    (cfg_flood_share == 0xffffffff || (__u32)next_random(state) < cfg_flood_share)) {
		*number = 2 * below(cfg_flood_sources, random);
		return BENCH_KIND_FLOOD;
	}
	*number = below(cfg_sources, random);
	if (cfg_honest_count) {
		state->n_honest++;
		state->n_guarded += *number < cfg_guarded;
	}
	return cfg_guarded && *number < cfg_guarded ? BENCH_KIND_GUARDED : BENCH_KIND_SOURCE;
}

static __always_inline int next_frame(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 zero = 0, source, destination, kind = BENCH_KIND_SOURCE, at;
	struct bench_state *state = bpf_map_lookup_elem(&bench_state, &zero);
	__u64 random, *pair;

	if (!state || data + 54 > data_end) /* Ethernet and an IPv6 header */
		return -1;
	if (cfg_pairs) {
		at = (__u32)state->cursor++ & (cfg_pairs - 1);
		pair = bpf_map_lookup_elem(&bench_pairs, &at);
		if (!pair)
			return -1;
		source = (__u32)*pair;
		destination = *pair >> 32;
	} else {
		random = next_random(state);
		kind = next_source(state, (__u32)random, &source);
		destination = below(cfg_destinations, random >> 32);
	}
	address_write(data, 26, 22, kind, source);
	address_write(data, 30, 38, BENCH_KIND_DESTINATION, destination);
	return 0;
}

#endif
