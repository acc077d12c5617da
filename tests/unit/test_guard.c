/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From prefixes to entries of the trie, and the collector's own look-up. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "guard_index.h"

static struct config_prefix prefix_of(const char *address, uint32_t length, int domain)
{
	struct config_prefix prefix = { .key.prefixlen = 16 + length, .every_domain = domain < 0 };

	cr_assert_eq(inet_pton(AF_INET6, address, prefix.key.address), 1);
	if (domain >= 0)
		prefix.key.domain_be = htons((uint16_t)domain);
	return prefix;
}

static struct ipacct_key key_of(const char *address, uint16_t domain)
{
	struct ipacct_key key = { .domain = domain };

	cr_assert_eq(inet_pton(AF_INET6, address, key.addr_be), 1);
	return key;
}

static void make(struct config_prefix *prefixes, size_t n, const uint16_t *domains,
		 size_t n_domains, struct guard_set *ret_set)
{
	struct ipacct_problem problem = {};

	cr_assert_eq(guard_set_make(prefixes, n, domains, n_domains, ret_set, &problem), 0, "%s",
		     problem.text);
}

Test(guard, prefix_counts_once_in_each_domain_or_in_its_own)
{
	static const uint16_t domains[] = { 0, 7 };
	struct config_prefix prefixes[] = {
		prefix_of("::ffff:192.0.2.0", 120, -1), prefix_of("2001:db8::", 32, 7),
		prefix_of("2001:db8::", 32, 9), /* a domain that no interface has yet */
		prefix_of("::ffff:192.0.2.0", 120, -1), prefix_of("::ffff:192.0.2.0", 120, 7),
	};
	struct guard_set set;

	make(prefixes, 5, domains, 2, &set);
	cr_expect_eq(set.n_prefixes, 4, "%zu", set.n_prefixes);
	cr_expect_eq(set.n, 4, "%zu", set.n);
	guard_set_finish(&set);
	make(prefixes, 4, domains, 0, &set);
	cr_expect_eq(set.n, 3, "%zu without any domain", set.n);
	guard_set_finish(&set);
	make(prefixes, 0, domains, 2, &set);
	cr_expect_eq(set.n, 0);
	guard_set_finish(&set);
}

Test(guard, entries_have_a_limit_and_the_message_its_arithmetic)
{
	static const uint16_t domains[] = { 1, 2 };
	struct config_prefix *prefixes = calloc(IPACCT_GUARD_MAX, sizeof(*prefixes));
	struct ipacct_problem problem = {};
	struct guard_set set = {};
	size_t n = IPACCT_GUARD_MAX / 2;

	cr_assert_not_null(prefixes);
	for (size_t i = 0; i <= n; i++) {
		uint32_t address = htonl(0x0a000000 + (uint32_t)i);

		prefixes[i] = prefix_of("::ffff:0.0.0.0", 128, -1);
		memcpy(prefixes[i].key.address + 12, &address, 4);
	}
	cr_expect_eq(guard_set_make(prefixes, n, domains, 2, &set, &problem), 0);
	cr_expect_eq(set.n, IPACCT_GUARD_MAX);
	guard_set_finish(&set);
	cr_expect_eq(guard_set_make(prefixes, n + 1, domains, 2, &set, &problem), -E2BIG);
	cr_expect_str_eq(problem.text,
			 "32769 protected prefixes in 2 domains make 65538 entries, more "
			 "than 65536: name the domain of those that need only one");
	free(prefixes);
}

struct look {
	const char *address;
	uint16_t domain;
	bool held;
};

static const struct look looks[] = {
	{ "::ffff:192.0.2.0", 0, true },
	{ "::ffff:192.0.2.255", 0, true },
	{ "::ffff:192.0.3.0", 0, false },
	{ "::ffff:192.0.1.255", 0, false },
	{ "::ffff:192.0.2.0", 7, false },
	{ "2001:db8::", 7, true },
	{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 7, true },
	{ "2001:db9::", 7, false },
	{ "2001:db7:ffff::", 7, false },
	{ "2001:db8::", 0, false },
	{ "2001:db8::1", 6, false },
	{ "2001:db8::1", 8, false },
	{ "2001:db8:5::1", 7, true }, /* nested, twice */
	{ "2001:db8:6::1", 7, true },
	{ "::1", 65535, true },
	{ "::2", 65535, false },
	{ "ffff::", 65535, true },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, true },
	{ "::", 0, false },
	{ "fffe:ffff::", 65535, false },
};

Test(guard, index_holds_what_lies_in_a_prefix_of_the_domain)
{
	struct config_prefix prefixes[] = {
		prefix_of("2001:db8:5::", 48, 7),   prefix_of("2001:db8::", 32, 7),
		prefix_of("2001:db8:5::1", 128, 7), prefix_of("::ffff:192.0.2.0", 120, 0),
		prefix_of("::1", 128, 65535),       prefix_of("ffff::", 16, 65535),
	};
	struct guard_index index = {};
	struct guard_set set;

	make(prefixes, 6, NULL, 0, &set);
	cr_assert_eq(guard_index_make(&index, &set), 0);
	cr_expect_eq(index.n, 4, "%zu ranges", index.n);
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct ipacct_key key = key_of(looks[i].address, looks[i].domain);

		cr_expect_eq(guard_index_holds(&index, &key), looks[i].held, "%s in domain %u",
			     looks[i].address, looks[i].domain);
	}
	guard_set_finish(&set);
	guard_index_finish(&index);
}

Test(guard, empty_index_holds_nothing_and_a_prefix_of_no_bits_everything)
{
	struct config_prefix all = prefix_of("::", 0, 3);
	struct ipacct_key key = key_of("2001:db8::1", 3), other = key_of("2001:db8::1", 2);
	struct guard_index index = {};
	struct guard_set set;

	cr_expect_not(guard_index_holds(&index, &key));
	make(&all, 1, NULL, 0, &set);
	cr_assert_eq(guard_index_make(&index, &set), 0);
	cr_expect(guard_index_holds(&index, &key));
	cr_expect_not(guard_index_holds(&index, &other));
	guard_set_finish(&set);
	make(&all, 0, NULL, 0, &set);
	cr_assert_eq(guard_index_make(&index, &set), 0);
	cr_expect_not(guard_index_holds(&index, &key));
	guard_set_finish(&set);
	guard_index_finish(&index);
}
