/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fold: one entry per key, whatever comes in whatever order. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/mix.h"
#include "table.h"
#include "twin_keys.h"

Test(table, adds_to_the_entry_of_the_key)
{
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_table table = {};

	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 10000; i++) {
			struct ipacct_key key = twin_key(i);

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
		keys[i] = twin_key(i % 1700 / (1 + i % 3));
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
	struct ipacct_key key = twin_key(7), other = key;
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
	struct ipacct_key key = twin_key(1);
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
	struct ipacct_key key = twin_key(1);
	struct ipacct_table table = {};

	cr_assert_eq(ipacct_table_find(&table, &key, 128), IPACCT_TABLE_NONE);
	ipacct_table_reset(&table);
	ipacct_table_finish(&table);
}

Test(table, prefixes_are_those_of_the_program)
{
	struct ipacct_key v4 = twin_key(0), v6 = { .addr_be = { htonl(0x20010db8), 1, 2, 3 } }, cut;

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

Test(table, keys_of_one_hash_are_different_keys)
{
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_key *keys = twin_keys_make();
	size_t n_pairs = 0;

	for (size_t i = 0; i + 1 < N_TWIN_KEYS; i++) {
		struct ipacct_table table = {};

		if (twin_compare(&keys[i], &keys[i + 1]))
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
	struct ipacct_counters one = { 1, 2, 3, 4 };
	struct ipacct_key *keys = twin_keys_make();
	size_t n_pairs = 0;

	for (uint32_t i = 0; i < N_TWIN_KEYS; i++) {
		struct ipacct_key prefix = twin_key(i);
		const struct ipacct_key *twin =
			twin_find(keys, (uint32_t)ipacct_key_hash(0, &prefix, 112));
		struct ipacct_table table = {};

		if (!twin)
			continue;
		n_pairs++;
		cr_assert_eq(ipacct_table_add(&table, twin, 128, &one), 0);
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
	struct ipacct_key key = twin_key(1);
	struct ipacct_table table = { .n_entries = 1u << 30, .n_allocated = 1u << 30 };

	cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), -ENOMEM);
}
