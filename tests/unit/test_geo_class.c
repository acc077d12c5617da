/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Special-purpose address space: first and last address of each block, and the neighbours. */
#include <arpa/inet.h>
#include <string.h>

#include <criterion/criterion.h>

#include "geo_class.h"

static struct ipacct_key key_of(const char *text)
{
	struct ipacct_key key = {};
	uint8_t *address = (uint8_t *)key.addr_be;

	if (strchr(text, ':')) {
		cr_assert_eq(inet_pton(AF_INET6, text, address), 1, "%s", text);
		return key;
	}
	memset(address + 10, 0xff, 2);
	cr_assert_eq(inet_pton(AF_INET, text, address + 12), 1, "%s", text);
	return key;
}

/* Written from the IANA registries, not from the table: each block's ends and what is just outside. */
static const struct {
	const char *address;
	uint8_t address_class;
} cases[] = {
	{ "0.0.0.0", IPACCT_GEO_RESERVED },
	{ "0.255.255.255", IPACCT_GEO_RESERVED },
	{ "1.0.0.0", IPACCT_GEO_GLOBAL },
	{ "9.255.255.255", IPACCT_GEO_GLOBAL },
	{ "10.0.0.0", IPACCT_GEO_PRIVATE },
	{ "10.255.255.255", IPACCT_GEO_PRIVATE },
	{ "11.0.0.0", IPACCT_GEO_GLOBAL },
	{ "100.63.255.255", IPACCT_GEO_GLOBAL },
	{ "100.64.0.0", IPACCT_GEO_SHARED },
	{ "100.127.255.255", IPACCT_GEO_SHARED },
	{ "100.128.0.0", IPACCT_GEO_GLOBAL },
	{ "126.255.255.255", IPACCT_GEO_GLOBAL },
	{ "127.0.0.1", IPACCT_GEO_LOOPBACK },
	{ "127.255.255.255", IPACCT_GEO_LOOPBACK },
	{ "128.0.0.0", IPACCT_GEO_GLOBAL },
	{ "169.253.255.255", IPACCT_GEO_GLOBAL },
	{ "169.254.0.0", IPACCT_GEO_LINK_LOCAL },
	{ "169.254.255.255", IPACCT_GEO_LINK_LOCAL },
	{ "169.255.0.0", IPACCT_GEO_GLOBAL },
	{ "172.15.255.255", IPACCT_GEO_GLOBAL },
	{ "172.16.0.0", IPACCT_GEO_PRIVATE },
	{ "172.31.255.255", IPACCT_GEO_PRIVATE },
	{ "172.32.0.0", IPACCT_GEO_GLOBAL },
	{ "191.255.255.255", IPACCT_GEO_GLOBAL },
	{ "192.0.0.0", IPACCT_GEO_RESERVED },
	{ "192.0.0.8", IPACCT_GEO_RESERVED },
	{ "192.0.0.9", IPACCT_GEO_GLOBAL },
	{ "192.0.0.10", IPACCT_GEO_GLOBAL },
	{ "192.0.0.11", IPACCT_GEO_RESERVED },
	{ "192.0.0.170", IPACCT_GEO_RESERVED },
	{ "192.0.0.255", IPACCT_GEO_RESERVED },
	{ "192.0.1.0", IPACCT_GEO_GLOBAL },
	{ "192.0.1.255", IPACCT_GEO_GLOBAL },
	{ "192.0.2.0", IPACCT_GEO_DOCUMENTATION },
	{ "192.0.2.255", IPACCT_GEO_DOCUMENTATION },
	{ "192.0.3.0", IPACCT_GEO_GLOBAL },
	{ "192.31.196.1", IPACCT_GEO_GLOBAL }, /* AS112-v4, reachable */
	{ "192.52.193.1", IPACCT_GEO_GLOBAL }, /* AMT, reachable */
	{ "192.88.99.1", IPACCT_GEO_GLOBAL },  /* 6to4 relay anycast, N/A */
	{ "192.167.255.255", IPACCT_GEO_GLOBAL },
	{ "192.168.0.0", IPACCT_GEO_PRIVATE },
	{ "192.168.255.255", IPACCT_GEO_PRIVATE },
	{ "192.169.0.0", IPACCT_GEO_GLOBAL },
	{ "192.175.48.1", IPACCT_GEO_GLOBAL }, /* AS112 direct delegation, reachable */
	{ "198.17.255.255", IPACCT_GEO_GLOBAL },
	{ "198.18.0.0", IPACCT_GEO_RESERVED },
	{ "198.19.255.255", IPACCT_GEO_RESERVED },
	{ "198.20.0.0", IPACCT_GEO_GLOBAL },
	{ "198.51.99.255", IPACCT_GEO_GLOBAL },
	{ "198.51.100.0", IPACCT_GEO_DOCUMENTATION },
	{ "198.51.100.255", IPACCT_GEO_DOCUMENTATION },
	{ "198.51.101.0", IPACCT_GEO_GLOBAL },
	{ "203.0.112.255", IPACCT_GEO_GLOBAL },
	{ "203.0.113.0", IPACCT_GEO_DOCUMENTATION },
	{ "203.0.113.255", IPACCT_GEO_DOCUMENTATION },
	{ "203.0.114.0", IPACCT_GEO_GLOBAL },
	{ "223.255.255.255", IPACCT_GEO_GLOBAL },
	{ "224.0.0.0", IPACCT_GEO_MULTICAST },
	{ "239.255.255.255", IPACCT_GEO_MULTICAST },
	{ "240.0.0.0", IPACCT_GEO_RESERVED },
	{ "255.255.255.254", IPACCT_GEO_RESERVED },
	{ "255.255.255.255", IPACCT_GEO_BROADCAST },

	{ "::", IPACCT_GEO_RESERVED },
	{ "::1", IPACCT_GEO_LOOPBACK },
	{ "::2", IPACCT_GEO_GLOBAL },
	{ "64:ff9b::1", IPACCT_GEO_GLOBAL },
	{ "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_GLOBAL },
	{ "64:ff9b:1::", IPACCT_GEO_RESERVED },
	{ "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_RESERVED },
	{ "64:ff9b:2::", IPACCT_GEO_GLOBAL },
	{ "100::", IPACCT_GEO_RESERVED },
	{ "100::ffff:ffff:ffff:ffff", IPACCT_GEO_RESERVED },
	{ "100:0:0:1::", IPACCT_GEO_RESERVED },
	{ "100:0:0:1:ffff:ffff:ffff:ffff", IPACCT_GEO_RESERVED },
	{ "100:0:0:2::", IPACCT_GEO_GLOBAL },
	{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_GLOBAL },
	{ "2001::", IPACCT_GEO_GLOBAL }, /* Teredo, N/A */
	{ "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_GLOBAL },
	{ "2001:1::", IPACCT_GEO_RESERVED },
	{ "2001:1::1", IPACCT_GEO_GLOBAL },
	{ "2001:1::2", IPACCT_GEO_GLOBAL },
	{ "2001:1::3", IPACCT_GEO_GLOBAL },
	{ "2001:1::4", IPACCT_GEO_RESERVED },
	{ "2001:2::", IPACCT_GEO_RESERVED },
	{ "2001:2:0:ffff::", IPACCT_GEO_RESERVED },
	{ "2001:3::", IPACCT_GEO_GLOBAL },
	{ "2001:3:ffff::", IPACCT_GEO_GLOBAL },
	{ "2001:4:111:ffff::", IPACCT_GEO_RESERVED },
	{ "2001:4:112::", IPACCT_GEO_GLOBAL },
	{ "2001:4:113::", IPACCT_GEO_RESERVED },
	{ "2001:f:ffff::", IPACCT_GEO_RESERVED },
	{ "2001:10::", IPACCT_GEO_GLOBAL },
	{ "2001:20::", IPACCT_GEO_GLOBAL },
	{ "2001:3f:ffff::", IPACCT_GEO_GLOBAL },
	{ "2001:40::", IPACCT_GEO_RESERVED },
	{ "2001:1ff:ffff::", IPACCT_GEO_RESERVED },
	{ "2001:200::", IPACCT_GEO_GLOBAL },
	{ "2001:db7:ffff::", IPACCT_GEO_GLOBAL },
	{ "2001:db8::", IPACCT_GEO_DOCUMENTATION },
	{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_DOCUMENTATION },
	{ "2001:db9::", IPACCT_GEO_GLOBAL },
	{ "2002:c000:204::1", IPACCT_GEO_GLOBAL }, /* 6to4, N/A */
	{ "2620:4f:8000::1", IPACCT_GEO_GLOBAL },  /* AS112 direct delegation, reachable */
	{ "3ffe:ffff::", IPACCT_GEO_GLOBAL },
	{ "3fff::", IPACCT_GEO_DOCUMENTATION },
	{ "3fff:fff:ffff::", IPACCT_GEO_DOCUMENTATION },
	{ "3fff:1000::", IPACCT_GEO_GLOBAL },
	{ "5eff:ffff::", IPACCT_GEO_GLOBAL },
	{ "5f00::", IPACCT_GEO_RESERVED },
	{ "5f00:ffff::", IPACCT_GEO_RESERVED },
	{ "5f01::", IPACCT_GEO_GLOBAL },
	{ "fbff:ffff::", IPACCT_GEO_GLOBAL },
	{ "fc00::", IPACCT_GEO_PRIVATE },
	{ "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_PRIVATE },
	{ "fe00::", IPACCT_GEO_GLOBAL },
	{ "fe7f:ffff::", IPACCT_GEO_GLOBAL },
	{ "fe80::", IPACCT_GEO_LINK_LOCAL },
	{ "febf:ffff::", IPACCT_GEO_LINK_LOCAL },
	{ "fec0::", IPACCT_GEO_GLOBAL }, /* deprecated by RFC 3879, not in the registry */
	{ "feff:ffff::", IPACCT_GEO_GLOBAL },
	{ "ff00::", IPACCT_GEO_MULTICAST },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", IPACCT_GEO_MULTICAST },
};

Test(geo_class, ends_of_every_block_and_their_neighbours)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipacct_key key = key_of(cases[i].address);

		cr_expect_eq(geo_class(&key), cases[i].address_class, "%s: %u, expected %u",
			     cases[i].address, geo_class(&key), cases[i].address_class);
	}
}

Test(geo_class, domain_does_not_matter)
{
	struct ipacct_key key = key_of("10.1.2.3");

	key.domain = 7;
	cr_expect_eq(geo_class(&key), IPACCT_GEO_PRIVATE);
}

Test(geo_class, rows_are_longest_first_clean_and_have_a_source)
{
	const struct geo_block *block, *before = NULL;

	for (size_t i = 0; (block = geo_block_at(i)); i++, before = block) {
		cr_expect(!before || before->prefix_len >= block->prefix_len, "row %zu", i);
		cr_expect_lt(block->address_class, IPACCT_GEO_CLASSES);
		cr_expect_not_null(strstr(block->source, "RFC "), "row %zu", i);
		for (size_t bit = block->prefix_len; bit < 128; bit++)
			cr_expect_not(block->address[bit / 8] >> (7 - bit % 8) & 1,
				      "row %zu has a bit beyond its length", i);
	}
}
