/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fold: one entry per key, whatever comes in whatever order. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/mix.h"
#include "table.h"

static struct ipacct_key key_of(uint32_t i)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(i * 2654435761u) } };
}

Test(table, adds_to_the_entry_of_the_key)
{
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_table table = {};

	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 10000; i++) {
			struct ipacct_key key = key_of(i);

			cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), 0);
		}
	cr_assert_eq(table.n_entries, 10000);
	for (uint32_t i = 0; i < table.n_entries; i++) {
		cr_assert_eq(table.entries[i].counters.tx_packets, 3);
		cr_assert_eq(table.entries[i].counters.rx_l3_bytes, 12);
	}
	ipacct_table_finish(&table);
}

/* Many keys twice in one run, so that entries are met that are still on their way. */
Test(table, run_of_addresses_adds_up_like_single_ones)
{
	static struct ipacct_counters counters[5000];
	static struct ipacct_key keys[5000];
	struct ipacct_table run = {}, single = {};
	size_t n = 0;

	for (uint32_t i = 0; i < 5000; i++) {
		keys[i] = key_of(i % 1700 / (1 + i % 3));
		counters[i] = (struct ipacct_counters){ 1, i, 2, i * 3 };
		cr_assert_eq(ipacct_table_add(&single, &keys[i], 128, &counters[i]), 0);
	}
	for (size_t length = 0; n < 5000; length = (length * 2 + 1) % 777) {
		length = length < 5000 - n ? length : 5000 - n;
		cr_assert_eq(ipacct_table_add_addresses(&run, keys + n, counters + n, length), 0);
		n += length;
	}
	cr_assert_eq(run.n_entries, single.n_entries);
	cr_assert_eq(memcmp(run.entries, single.entries, run.n_entries * sizeof(*run.entries)), 0);
	ipacct_table_finish(&run);
	ipacct_table_finish(&single);
}

Test(table, domain_and_prefix_length_are_part_of_the_key)
{
	struct ipacct_counters one = { .tx_packets = 1 };
	struct ipacct_key key = key_of(7), other = key;
	struct ipacct_table table = {};

	other.domain = 9;
	cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), 0);
	cr_assert_eq(ipacct_table_add(&table, &other, 128, &one), 0);
	cr_assert_eq(ipacct_table_add(&table, &key, 112, &one), 0);
	cr_assert_eq(table.n_entries, 3);
	ipacct_table_finish(&table);
}

Test(table, reset_forgets_and_keeps_the_memory)
{
	struct ipacct_counters one = { .tx_packets = 1 };
	struct ipacct_key key = key_of(1);
	struct ipacct_table table = {};

	cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), 0);
	struct ipacct_table_entry *entries = table.entries;

	ipacct_table_reset(&table);
	cr_assert_eq(ipacct_table_find(&table, &key, 128), IPACCT_TABLE_NONE);
	cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), 0);
	cr_assert_eq(table.entries, entries);
	cr_assert_eq(table.entries[0].counters.tx_packets, 1);
	ipacct_table_finish(&table);
}

Test(table, empty_one_finds_nothing)
{
	struct ipacct_key key = key_of(1);
	struct ipacct_table table = {};

	cr_assert_eq(ipacct_table_find(&table, &key, 128), IPACCT_TABLE_NONE);
	ipacct_table_reset(&table);
	ipacct_table_finish(&table);
}

Test(table, prefixes_are_those_of_the_program)
{
	struct ipacct_key v4 = key_of(0), v6 = { .addr_be = { htonl(0x20010db8), 1, 2, 3 } }, cut;

	v4.addr_be[3] = htonl(0xc0000281); /* 192.0.2.129 */
	cr_assert_eq(ipacct_key_prefix(&v4, 0, &cut), 112);
	cr_assert_eq(cut.addr_be[3], htonl(0xc0000000));
	cr_assert_eq(ipacct_key_prefix(&v4, 1, &cut), 96);
	cr_assert_eq(cut.addr_be[3], 0);
	v4.domain = 5; /* /16 lines are for domain 0 only */
	cr_assert_eq(ipacct_key_prefix(&v4, 0, &cut), 96);
	cr_assert_eq(cut.domain, 5);
	cr_assert_eq(ipacct_key_prefix(&v6, 0, &cut), 32);
	cr_assert_eq(cut.addr_be[0], htonl(0x20010db8));
	cr_assert_eq(cut.addr_be[3], 0);
	cr_assert_eq(ipacct_key_prefix(&v6, 1, &cut), 0);
	cr_assert_eq(cut.addr_be[0], 0);
}

static uint32_t hash_of(const void *key)
{
	return (uint32_t)ipacct_key_hash(0, key, 128);
}

static int compare_hashes(const void *a, const void *b)
{
	uint32_t x = hash_of(a), y = hash_of(b);

	return x < y ? -1 : x > y;
}

/* Of 200,000 keys some have the same 32 bits of their hash (a birthday: about five pairs). */
Test(table, keys_of_one_hash_are_different_keys)
{
	const size_t n = 200000;
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_key *keys = malloc(n * sizeof(*keys));
	size_t n_pairs = 0;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = key_of(i);
	qsort(keys, n, sizeof(*keys), compare_hashes);
	for (size_t i = 0; i + 1 < n; i++) {
		struct ipacct_table table = {};

		if (compare_hashes(&keys[i], &keys[i + 1]))
			continue;
		n_pairs++;
		cr_assert_eq(ipacct_table_add(&table, &keys[i], 128, &one), 0);
		cr_assert_eq(ipacct_table_add(&table, &keys[i + 1], 128, &one), 0);
		cr_assert_eq(table.n_entries, 2);
		ipacct_table_finish(&table);
	}
	cr_assert_geq(n_pairs, 1);
	free(keys);
}

/* The same for two lengths of prefix. */
Test(table, prefix_lengths_of_one_hash_are_different_keys)
{
	const size_t n = 200000;
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_key *keys = malloc(n * sizeof(*keys));
	size_t n_pairs = 0;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = key_of(i);
	qsort(keys, n, sizeof(*keys), compare_hashes);
	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_key prefix = key_of(i);
		uint32_t hash = (uint32_t)ipacct_key_hash(0, &prefix, 112);
		struct ipacct_table table = {};
		size_t low = 0, high = n;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (hash_of(&keys[middle]) < hash)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == n || hash_of(&keys[low]) != hash)
			continue;
		n_pairs++;
		cr_assert_eq(ipacct_table_add(&table, &keys[low], 128, &one), 0);
		cr_assert_eq(ipacct_table_add(&table, &prefix, 112, &one), 0);
		cr_assert_eq(table.n_entries, 2);
		ipacct_table_finish(&table);
	}
	cr_assert_geq(n_pairs, 1);
	free(keys);
}

Test(table, does_not_grow_beyond_what_numbers_name)
{
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_key key = key_of(1);
	struct ipacct_table table = { .n_entries = 1u << 30, .n_allocated = 1u << 30 };

	cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), -ENOMEM);
}
