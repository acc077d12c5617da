/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes in the maps: lists that fit and do not, and look-ups that are of one mind. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "guard.h"
#include "stage.h"

#define MEMORY   (48u << 20)
#define HOT_SETS 64u

static struct guard_set none;

/* Maps of the guard alone, with room for so many entries. */
static void trie_make(struct ipacct_maps *maps, uint32_t n_entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);

	if (geteuid())
		cr_skip_test("needs root");
	ipacct_maps_init(maps);
	maps->guard_fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "test_guard",
					sizeof(struct ipacct_guard_key), 4, n_entries, &opts);
	maps->guardmap_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_guardmap", 4,
					   sizeof(struct ipacct_guard_bits), 1, NULL);
	cr_assert_geq(maps->guard_fd, 0);
	cr_assert_geq(maps->guardmap_fd, 0);
}

static void trie_must_hold(int fd, const struct ipacct_guard_key *keys, size_t n)
{
	struct guard_set have;

	cr_assert_eq(guard_set_read(fd, &have), 0);
	cr_expect_eq(have.n, n, "%zu entries, expected %zu", have.n, n);
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		while (at < have.n && memcmp(&have.keys[at], &keys[i], sizeof(keys[i])))
			at++;
		cr_expect_lt(at, have.n, "key %zu is not there", i);
	}
	guard_set_finish(&have);
}

Test(guard_map, list_that_does_not_fit_leaves_the_old_one)
{
	struct ipacct_guard_key old[2] = { stage_prefix4(0xc0000200, 24),
					   stage_prefix6(1ull << 48, 80) };
	struct guard_set have, wanted = {};
	struct ipacct_problem problem = {};
	struct ipacct_guard_key fresh[5];
	struct ipacct_maps maps;

	trie_make(&maps, 4);
	for (uint32_t i = 0; i < 5; i++)
		fresh[i] = stage_prefix4(0x0a000000 + (i << 16), 16);
	have = (struct guard_set){ .keys = old, .n = 2 };
	wanted = (struct guard_set){ .keys = fresh, .n = 5 };
	cr_assert_eq(guard_add(&maps, &none, &have, &problem), 0, "%s", problem.text);
	trie_must_hold(maps.guard_fd, old, 2);
	cr_expect_eq(guard_add(&maps, &have, &wanted, &problem), -ENOSPC);
	cr_expect_str_eq(problem.text,
			 "cannot protect prefix 3 of 5 (No space left on device): the "
			 "list stays as it was");
	trie_must_hold(maps.guard_fd, old, 2);
	wanted.n = 2; /* exactly as many as fit beside the old ones */
	cr_expect_eq(guard_add(&maps, &have, &wanted, &problem), 0, "%s", problem.text);
	cr_expect_eq(guard_remove(&maps, &have, &wanted, &problem), 0, "%s", problem.text);
	trie_must_hold(maps.guard_fd, fresh, 2);
	ipacct_maps_finish(&maps);
}

/* A random address: IPv4 of 0.0.0.0/4, or of 16 IPv6 /32, so that prefixes meet. */
static struct ipacct_key random_key(uint64_t *state)
{
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0xffff),
					       htonl((uint32_t)stage_random(state) >> 4) },
				  .domain = stage_random(state) % 4 };

	if (stage_random(state) % 2)
		return key;
	for (int i = 1; i < 4; i++)
		key.addr_be[i] = (uint32_t)stage_random(state);
	key.addr_be[0] = htonl(0x20010000u | (stage_random(state) % 16 << 8));
	return key;
}

/* The prefix of so many bits that the address lies in. */
static struct ipacct_guard_key prefix_of(const struct ipacct_key *key, uint32_t length)
{
	struct ipacct_guard_key prefix = { .prefixlen = 16 + length,
					   .domain_be = htons(key->domain) };

	memcpy(prefix.address, key->addr_be, sizeof(prefix.address));
	for (uint32_t bit = length; bit < 128; bit++)
		prefix.address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return prefix;
}

static bool bit_is_set(const struct ipacct_guard_bits *bits, const struct ipacct_key *key)
{
	uint32_t bit = key->addr_be[0] ? IPACCT_GUARD_BIT6(ntohl(key->addr_be[0]))
				       : IPACCT_GUARD_BIT4(ntohl(key->addr_be[3]));

	return bits->word[bit / 64] >> (bit % 64) & 1;
}

/* The program's look-up, the bits before it and the collector's must be of one mind. */
Test(guard_map, trie_bits_and_index_agree_about_random_prefixes)
{
	uint64_t state = 20261201, n_held = 0, n_spared = 0;
	struct ipacct_guard_key *keys = calloc(2000, sizeof(*keys));
	struct guard_index index = {};
	struct ipacct_problem problem = {};
	struct guard_set set = { .keys = keys };
	struct ipacct_guard_bits bits;
	struct ipacct_maps maps;
	uint32_t zero = 0;

	trie_make(&maps, 4000);
	for (; set.n < 2000; set.n++) {
		struct ipacct_key key = random_key(&state);
		uint32_t length =
			20 + (uint32_t)(stage_random(&state) % 12); /* short ones hold all */

		keys[set.n] = prefix_of(&key, key.addr_be[0] ? 2 * length : 96 + length);
	}
	cr_assert_eq(guard_add(&maps, &none, &set, &problem), 0, "%s", problem.text);
	cr_assert_eq(guard_index_read(&index, maps.guard_fd), 0);
	cr_assert_eq(bpf_map_lookup_elem(maps.guardmap_fd, &zero, &bits), 0);
	for (int i = 0; i < 200000; i++) {
		/* every other one lies in or near a prefix */
		struct ipacct_key key = random_key(&state);
		struct ipacct_guard_key wanted;
		uint32_t value;
		bool held;

		if (i % 2) {
			memcpy(key.addr_be, keys[i % 2000].address, sizeof(key.addr_be));
			key.addr_be[3] ^= htonl((uint32_t)stage_random(&state) >> 20);
			key.domain = ntohs(keys[i % 2000].domain_be);
		}
		wanted = prefix_of(&key, 128);
		held = !bpf_map_lookup_elem(maps.guard_fd, &wanted, &value);
		cr_assert_eq(guard_index_holds(&index, &key), held, "%08x in domain %u",
			     ntohl(key.addr_be[3]), key.domain);
		cr_assert(!held || bit_is_set(&bits, &key), "%08x %08x", ntohl(key.addr_be[0]),
			  ntohl(key.addr_be[3]));
		n_held += held;
		n_spared += !bit_is_set(&bits, &key);
	}
	cr_expect_gt(n_held, 10000);
	cr_expect_lt(n_held, 190000);
	cr_expect_gt(n_spared, 10000, "%lu of 200000 spared the trie", (unsigned long)n_spared);
	guard_index_finish(&index);
	free(keys);
	ipacct_maps_finish(&maps);
}

static uint16_t flags_of(const struct stage *stage, bool ipv6, uint64_t low)
{
	uint32_t epoch = stage->maps.ctl->epoch & 1;
	uint64_t low_be = __builtin_bswap64(low);

	for (uint32_t i = 0; i < HOT_SETS * IPACCT_HOT4_WAYS && !ipv6; i++) {
		const struct ipacct_hot4_line *line =
			&stage->maps.hot4[epoch * HOT_SETS + i / IPACCT_HOT4_WAYS]
				 .line[i % IPACCT_HOT4_WAYS];

		if (line->flags && line->addr_be == htonl((uint32_t)low))
			return line->flags;
	}
	for (uint32_t i = 0; i < HOT_SETS * IPACCT_HOT6_WAYS && ipv6; i++) {
		const struct ipacct_hot6_line *line =
			&stage->maps.hot6[epoch * HOT_SETS + i / IPACCT_HOT6_WAYS]
				 .line[i % IPACCT_HOT6_WAYS];

		if (line->flags && !memcmp(&line->addr_be[2], &low_be, sizeof(low_be)))
			return line->flags;
	}
	return 0;
}

/* Inside and, by the last bit that counts, outside. */
Test(guard_map, program_knows_prefixes_of_every_length, .timeout = 240)
{
	const uint64_t own4 = 0xc6336421, own6 = 0x1234567890abcdefull;
	struct stage stage = {};

	stage_open_setup(
		&stage,
		&(struct stage_setup){ .memory_bytes = MEMORY, .hot = true, .hot_sets = HOT_SETS });
	stage_pin_to(0);
	for (uint32_t length = 0; length <= 32; length++) {
		uint64_t kept = length ? ~0ull << (32 - length) : 0;
		struct ipacct_guard_key prefix = stage_prefix4((uint32_t)(own4 & kept), length);
		uint64_t beside = own4 ^ 1ull << (32 - length);

		stage_protect(&stage, &prefix, 1);
		stage_send(&stage, (uint32_t)own4, (uint32_t)beside);
		cr_expect(flags_of(&stage, false, own4) & IPACCT_HOT_PROTECTED, "/%u", length);
		if (length)
			cr_expect_not(flags_of(&stage, false, beside) & IPACCT_HOT_PROTECTED, "/%u",
				      length);
	}
	for (uint32_t length = 3; length <= 128; length++) {
		struct ipacct_guard_key prefix = stage_prefix6(own6, 128);
		uint64_t beside = length > 64 ? own6 ^ 1ull << (128 - length) : own6 + 1;

		prefix.prefixlen = 16 + length;
		for (uint32_t bit = length; bit < 128; bit++)
			prefix.address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
		stage_protect(&stage, &prefix, 1);
		stage_send6(&stage, own6, beside);
		cr_expect(flags_of(&stage, true, own6) & IPACCT_HOT_PROTECTED, "/%u", length);
		cr_expect_eq(!(flags_of(&stage, true, beside) & IPACCT_HOT_PROTECTED), length > 64,
			     "/%u", length);
	}
	stage_close(&stage);
}
