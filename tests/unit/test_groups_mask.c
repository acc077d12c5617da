/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6 addresses of groups with a length share a record: against trying every prefix, and in a cut. */
#include <errno.h>

#include "../kernel/calls.h"
#include "base/mix.h"
#include "cut_mask.h"
#include "group_mask.h"
#include "groups_common.h"

#define PREFIXES 60u
#define ROUNDS   60u
#define KEYS     400u

TestSuite(groups_mask, .init = setup, .fini = teardown);

struct line {
	struct ipacct_key key;
	unsigned int bits, mask;
	int domain; /* −1: every */
};

static uint64_t random_state = 20261121; /* any: the run is the same each time */

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(ipacct_mix64(++random_state) % n);
}

static void cut_bits(struct ipacct_key *key, unsigned int bits)
{
	uint8_t *a = (uint8_t *)key->addr_be;

	for (unsigned int bit = bits; bit < 128; bit++)
		a[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Few different octets, so that prefixes nest and addresses hit, within a /64 too. */
static struct ipacct_key random_key(void)
{
	struct ipacct_key key = { .domain = (uint16_t)random_below(3) };
	uint8_t *a = (uint8_t *)key.addr_be;

	for (unsigned int i = 0; i < 16; i++)
		a[i] = (uint8_t)(random_below(3) ? 0 : 0x80 >> random_below(8));
	a[0] = 0x20;
	return key;
}

static unsigned int lines_make(struct line *lines, char *text)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < PREFIXES; i++) {
		struct line *line = &lines[n], *same = lines;
		char address[INET6_ADDRSTRLEN];

		*line = (struct line){ .key = random_key(),
				       .bits = 8 + random_below(121),
				       .domain = (int)random_below(4) - 1 };
		line->key.domain = 0;
		line->mask = line->bits > 33 ? line->bits : 33;
		line->mask += random_below(129 - line->mask);
		if (!random_below(4))
			line->mask = 128;
		cut_bits(&line->key, line->bits);
		while (same < line && (same->bits != line->bits || same->domain != line->domain ||
				       memcmp(&same->key, &line->key, sizeof(line->key))))
			same++;
		if (same < line)
			continue;
		n++;
		inet_ntop(AF_INET6, line->key.addr_be, address, sizeof(address));
		text += sprintf(text, "%s/%u g%u ipv6_len=%u", address, line->bits, random_below(9),
				line->mask);
		if (line->domain >= 0)
			text += sprintf(text, " domain=%d", line->domain);
		text += sprintf(text, "\n");
	}
	return n;
}

static unsigned int bits_by_trying(const struct line *lines, unsigned int n,
				   const struct ipacct_key *key)
{
	const struct line *best = NULL;

	for (unsigned int i = 0; i < n; i++) {
		struct ipacct_key masked = *key;

		cut_bits(&masked, lines[i].bits);
		if (memcmp(masked.addr_be, lines[i].key.addr_be, 16) ||
		    (lines[i].domain >= 0 && lines[i].domain != key->domain))
			continue;
		if (!best || lines[i].bits > best->bits ||
		    (lines[i].bits == best->bits && lines[i].domain >= 0))
			best = &lines[i];
	}
	return best ? best->mask : 128;
}

static void expect_table(const struct ipacct_table *found, const struct ipacct_table *expected)
{
	cr_assert_eq(found->n_entries, expected->n_entries);
	for (uint32_t i = 0; i < expected->n_entries; i++) {
		const struct ipacct_table_entry *entry = &expected->entries[i];
		uint32_t at = ipacct_table_find(found, &entry->key, entry->prefix_len);

		cr_assert_neq(at, IPACCT_TABLE_NONE);
		cr_assert_arr_eq(&found->entries[at].counters, &entry->counters,
				 sizeof(entry->counters));
	}
}

static void list_open(const char *text, struct ipacct_group_list *list)
{
	int fd;

	list_set(text);
	fd = groups_file_open(bench.dir_fd, NULL);
	cr_assert_eq(ipacct_group_list_map(fd, list, NULL), 0);
	close(fd);
}

Test(groups_mask, is_what_trying_every_prefix_masks, .timeout = 60)
{
	static char text[PREFIXES * 100];
	static struct line lines[PREFIXES];
	struct ipacct_mask mask = {};
	uint64_t n_fewer = 0, n_in_64 = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct ipacct_table table = { .seed = round }, expected = { .seed = 7 };
		struct ipacct_group_list list;
		unsigned int n;

		n = lines_make(lines, text);
		list_open(text, &list);
		for (unsigned int i = 0; i < KEYS; i++) {
			struct ipacct_key key = random_below(5) ? random_key() : key4(A + i);
			struct ipacct_counters counters = { 1, i, 2, i };
			struct ipacct_key whole = key;
			unsigned int bits = 128;
			uint32_t at;

			cr_assert_eq(ipacct_table_add(&table, &key, 128, &counters), 0);
			if (!ipacct_key_is_ipv4(&key))
				bits = bits_by_trying(lines, n, &key);
			cut_bits(&key, bits);
			at = expected.n_entries;
			cr_assert_eq(ipacct_table_add(&expected, &key, (uint8_t)bits, &counters),
				     0);
			cr_assert_eq(ipacct_mask_key(&mask, &list, &whole), (int)bits);
			cr_assert_arr_eq(&whole, &key, sizeof(key));
			n_in_64 += bits > 64 && bits < 128 && expected.n_entries > at;
		}
		n_fewer += (uint32_t)ipacct_mask_apply(&mask, &list, &table);
		ipacct_table_reindex(&table);
		expect_table(&table, &expected);
		ipacct_table_finish(&table);
		ipacct_table_finish(&expected);
		ipacct_group_list_unmap(&list);
	}
	ipacct_mask_finish(&mask);
	cr_assert_gt(n_fewer, ROUNDS);
	cr_assert_gt(n_in_64, ROUNDS);
}

static struct ipacct_key privacy(uint32_t subnet, uint32_t host)
{
	uint64_t low = ipacct_mix64(host + 1);
	struct ipacct_key key = { .addr_be = { htonl(0x20010db8), htonl(0x00010000 | subnet),
					       (uint32_t)low, (uint32_t)(low >> 32) } };

	return key;
}

static void masked_cut(struct ipacct_mask *mask, const struct ipacct_group_list *list)
{
	cr_assert_geq(ipacct_mask_apply(mask, list, &bench.epoch.addresses), 0);
	cut_next();
}

Test(groups_mask, a_ledger_of_512_never_folds_a_customer_of_100000_addresses)
{
	struct ipacct_key shared = { .addr_be = { htonl(0x20010db8), htonl(0x00010200) } };
	struct ipacct_key deeper = privacy(0x02ff, 5);
	struct ipacct_group_list list;
	struct ipacct_mask mask = {};
	char text[256], address[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, deeper.addr_be, address, sizeof(address));
	(void)snprintf(text, sizeof(text), "2001:db8:1::/48 a ipv6_len=56\n%s b\n", address);
	list_open(text, &list);
	restart(NULL);
	for (uint32_t i = 0; i < 100000; i++) {
		packet(&bench, privacy(0x0200 | i % 200, i), key4(B), 60);
		if (i % 1000 == 7)
			packet(&bench, deeper, key4(B), 60);
		if (i % 10000 == 9999)
			masked_cut(&mask, &list);
	}
	cr_expect_eq(counters_of(&bench, &bench.publisher.addresses, shared, 56).tx_packets,
		     100000);
	cr_expect_eq(counters_of(&bench, &bench.publisher.addresses, deeper, 128).tx_packets, 100);
	cr_expect_eq(*bench.publisher.addresses.n_records, 3);
	cr_expect_eq(*bench.publisher.rollups.n_records, 0);
	cr_expect_eq(group_amount("a").tx_packets, 100000);
	cr_expect_eq(group_amount("b").tx_packets, 100, "the longer prefix inside the /56");
	ipacct_mask_finish(&mask);
	ipacct_group_list_unmap(&list);
}

Test(groups_mask, steady_state_looks_nothing_up)
{
	struct ipacct_group_list list;
	struct ipacct_mask mask = {};

	list_open("2001:db8:1::/48 a ipv6_len=56\n", &list);
	restart(NULL);
	for (uint32_t i = 0; i < 5000; i++) {
		packet(&bench, privacy(i % 10, i), key6(0x20010db9, 1), 60);
		if (i % 500 == 499)
			masked_cut(&mask, &list);
	}
	cr_expect_eq(mask.n_lookups, 11, "%llu: one for each /64",
		     (unsigned long long)mask.n_lookups);
	ipacct_mask_finish(&mask);
	ipacct_group_list_unmap(&list);
}

Test(groups_mask, shared_record_is_protected_for_one_address_of_it)
{
	struct ipacct_guard_key one = { .prefixlen = 16 + 128 };
	struct guard_set set = { .keys = &one, .n = 1 };
	struct ipacct_key inside = privacy(0x02ab, 77), shared = inside, beside = inside;
	struct guard_index index = {};

	memcpy(one.address, inside.addr_be, sizeof(one.address));
	cr_assert_eq(guard_index_make(&index, &set), 0);
	cut_bits(&shared, 56);
	beside.addr_be[1] = htonl(0x00010300);
	cut_bits(&beside, 56);
	cr_expect(guard_index_meets(&index, &shared, 56));
	cr_expect(guard_index_meets(&index, &inside, 128));
	cr_expect_not(guard_index_meets(&index, &beside, 56));
	cr_expect_not(guard_index_meets(&index, &shared, 128));
	shared.domain = 1;
	cr_expect_not(guard_index_meets(&index, &shared, 56));
	guard_index_finish(&index);
}

Test(groups_mask, a_cut_before_any_list_and_one_whose_list_is_gone)
{
	struct ipacct_ledger_header header = { .mask = { { .from_cut = 5, .digest = 77 },
							 { .from_cut = UINT64_MAX } } };
	struct ipacct_table table = {};
	struct ipacct_counters one = { 1, 1, 1, 1 };
	struct ipacct_key key = privacy(1, 1);
	struct cut_mask mask;

	cut_mask_init(&mask, -EBADF, -EBADF);
	cr_assert_eq(ipacct_mask_of_cut(header.mask, 4), 0);
	cr_assert(cut_mask_known(&mask, &header, 4));
	cr_assert_eq(ipacct_mask_of_cut(header.mask, 5), 77);
	cr_assert_not(cut_mask_known(&mask, &header, 5));
	cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), 0);
	cr_assert_eq(cut_mask_apply(&mask, &header, 5, &table), 0);
	cr_assert_eq(table.n_entries, 1);
	cr_assert_eq(table.entries[0].prefix_len, 128, "it masks nothing");
	ipacct_table_finish(&table);
	cut_mask_finish(&mask);
}

/* More subnets than a set has lines, in two domains: what is forgotten is asked again. */
Test(groups_mask, more_subnets_than_the_cache_has_lines)
{
	struct ipacct_group_list list;
	struct ipacct_mask mask = {};
	uint64_t n_asked;

	list_open("2001:db8:1::/48 a ipv6_len=56 domain=1\n", &list);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 4 * IPACCT_MASK_LINES_MIN; i++) {
			struct ipacct_key key = privacy(i % 65536, 1);

			key.addr_be[0] ^= htonl(i / 65536);
			key.domain = (uint16_t)(i / 7 % 2);
			cr_assert_eq(ipacct_mask_key(&mask, &list, &key),
				     key.domain && i < 65536 ? 56 : 128);
		}
	n_asked = mask.n_lookups;
	cr_assert_gt(n_asked, 4 * IPACCT_MASK_LINES_MIN);
	for (uint16_t domain = 0; domain < 2; domain++) { /* one /64 of each */
		struct ipacct_key key = privacy(9, 1);

		key.domain = domain;
		cr_assert_eq(ipacct_mask_key(&mask, &list, &key), domain ? 56 : 128);
	}
	ipacct_mask_finish(&mask);
	ipacct_group_list_unmap(&list);
}

/* One packet from each of so many /64s. */
static void fill_64s(struct ipacct_table *table, uint32_t n)
{
	struct ipacct_counters one = { 1, 60, 0, 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_key key = privacy(0, i);

		key.addr_be[1] = htonl(i);
		cr_assert_eq(ipacct_table_add(table, &key, 128, &one), 0);
	}
}

/* /56s of them, each with so many packets that all are there once. */
static void expect_56s(struct ipacct_table *table, uint32_t n)
{
	uint64_t n_packets = 0;

	cr_assert_eq(table->n_entries, (n + 255) / 256);
	for (uint32_t i = 0; i < table->n_entries; i++) {
		cr_assert_eq(table->entries[i].prefix_len, 56);
		cr_assert_eq(table->entries[i].counters.tx_l3_bytes,
			     60 * table->entries[i].counters.tx_packets);
		n_packets += table->entries[i].counters.tx_packets;
	}
	cr_assert_eq(n_packets, n);
	ipacct_table_reindex(table);
	for (uint32_t i = 0; i < n; i += 256) {
		struct ipacct_key key = { .addr_be = { htonl(0x20010db8), htonl(i) } };
		uint32_t at = ipacct_table_find(table, &key, 56);

		cr_assert_neq(at, IPACCT_TABLE_NONE);
		cr_assert_eq(table->entries[at].counters.tx_packets, n - i < 256 ? n - i : 256);
	}
}

Test(groups_mask, more_64s_than_the_largest_cache)
{
	const uint32_t n = IPACCT_MASK_LINES_MAX + 1;
	struct ipacct_group_list list;
	struct ipacct_table table = {};
	struct ipacct_mask mask = {};

	list_open("2001:db8::/32 a ipv6_len=56\n", &list);
	fill_64s(&table, n);
	cr_assert_eq(ipacct_mask_apply(&mask, &list, &table), (int)(n - (n + 255) / 256));
	cr_assert_eq(mask.n_lines, IPACCT_MASK_LINES_MAX);
	expect_56s(&table, n);
	ipacct_table_finish(&table);
	ipacct_mask_finish(&mask);
	ipacct_group_list_unmap(&list);
}

/* Whichever allocation fails is told, and the same cache and scratch are good for the next try. */
Test(groups_mask, whichever_allocation_fails)
{
	const uint32_t n = 256 * (IPACCT_TABLE_ENTRIES_MIN + 1); /* its table grows twice */
	struct ipacct_group_list list;
	struct ipacct_table table = {};
	bool failed = true;
	unsigned int at = 1;

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	list_open("2001:db8::/32 a ipv6_len=56\n", &list);
	for (; failed; at++) {
		struct ipacct_mask mask = {};
		int ret;

		ipacct_table_reset(&table);
		fill_64s(&table, n);
		calls_fail(CALLS_ALLOCATION, at, ENOMEM);
		ret = ipacct_mask_apply(&mask, &list, &table);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -ENOMEM : (int)(n - n / 256), "call %u: %d", at, ret);
		if (failed) {
			ipacct_table_reset(&table);
			fill_64s(&table, n);
			cr_assert_eq(ipacct_mask_apply(&mask, &list, &table), (int)(n - n / 256));
		}
		expect_56s(&table, n);
		ipacct_mask_finish(&mask);
	}
	cr_assert_eq(at - 1, 6, "%u: one of the cache, two of each size of the table", at - 1);
	ipacct_table_finish(&table);
	ipacct_group_list_unmap(&list);
}

Test(groups_mask, no_memory_for_one_key_leaves_it_whole)
{
	struct ipacct_key key = privacy(0x0200, 7), whole = key;
	struct ipacct_group_list list;
	struct ipacct_mask mask = {};

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	list_open("2001:db8:1::/48 a ipv6_len=56\n", &list);
	calls_fail(CALLS_ALLOCATION, 1, ENOMEM);
	cr_assert_eq(ipacct_mask_key(&mask, &list, &key), -ENOMEM);
	cr_assert(calls_end());
	cr_assert_arr_eq(&key, &whole, sizeof(key));
	cr_assert_eq(ipacct_mask_key(&mask, &list, &key), 56);
	cut_bits(&whole, 56);
	cr_assert_arr_eq(&key, &whole, sizeof(key));
	ipacct_mask_finish(&mask);
	ipacct_group_list_unmap(&list);
}

Test(groups_mask, list_of_others_leaves_each_its_record)
{
	struct ipacct_counters one = { 1, 60, 0, 0 };
	struct ipacct_group_list list;
	struct ipacct_table table = {}, before = {};
	struct ipacct_mask mask = {};

	list_open("3fff::/32 a ipv6_len=56\n", &list);
	fill_64s(&table, 100);
	fill_64s(&before, 100);
	for (uint32_t i = 0; i < 100; i++) {
		struct ipacct_key key = key4(A + i);

		cr_assert_eq(ipacct_table_add(&table, &key, 128, &one), 0);
		cr_assert_eq(ipacct_table_add(&before, &key, 128, &one), 0);
	}
	cr_assert_eq(ipacct_mask_apply(&mask, &list, &table), 0);
	ipacct_table_reindex(&table);
	expect_table(&table, &before);
	ipacct_table_finish(&table);
	ipacct_table_finish(&before);
	ipacct_mask_finish(&mask);
	ipacct_group_list_unmap(&list);
}
