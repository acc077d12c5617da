/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Special-purpose address space: RFC 6890, kept by IANA in iana-ipv4-special-registry and
 * iana-ipv6-special-registry. A block is special where IANA's "Globally Reachable" is False; blocks
 * inside it that are reachable are rows of their own. Where it says N/A (6to4, Teredo, ORCHID)
 * packets may cross the Internet, so a database is asked. */
#include <stdbool.h>
#include <string.h>

#include "geo_class.h"

#define V4(a, b, c, d)                                               \
	{                                                            \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d \
	} /* RFC 4291 2.5.5.2 */
#define PAIR(x) (x) >> 8, (x)&0xff
#define V6(a, b, c, d, e, f, g, h)                                                     \
	{                                                                              \
		PAIR(a), PAIR(b), PAIR(c), PAIR(d), PAIR(e), PAIR(f), PAIR(g), PAIR(h) \
	}

/* Longest first: the first that holds an address decides. */
static const struct geo_block blocks[] = {
	{ V6(0, 0, 0, 0, 0, 0, 0, 0), 128, IPACCT_GEO_RESERVED, "RFC 4291 2.5.2, unspecified" },
	{ V6(0, 0, 0, 0, 0, 0, 0, 0x1), 128, IPACCT_GEO_LOOPBACK, "RFC 4291 2.5.3" },
	{ V6(0x2001, 0x1, 0, 0, 0, 0, 0, 0x1), 128, IPACCT_GEO_GLOBAL,
	  "RFC 7723, Port Control Protocol anycast" },
	{ V6(0x2001, 0x1, 0, 0, 0, 0, 0, 0x2), 128, IPACCT_GEO_GLOBAL, "RFC 8155, TURN anycast" },
	{ V6(0x2001, 0x1, 0, 0, 0, 0, 0, 0x3), 128, IPACCT_GEO_GLOBAL, "RFC 9665, DNS-SD anycast" },
	{ V4(192, 0, 0, 9), 32 + 96, IPACCT_GEO_GLOBAL, "RFC 7723, Port Control Protocol anycast" },
	{ V4(192, 0, 0, 10), 32 + 96, IPACCT_GEO_GLOBAL, "RFC 8155, TURN anycast" },
	{ V4(255, 255, 255, 255), 32 + 96, IPACCT_GEO_BROADCAST, "RFC 919 7, limited broadcast" },
	{ V4(192, 0, 0, 0), 24 + 96, IPACCT_GEO_RESERVED,
	  "RFC 6890 2.1, IETF protocol assignments" },
	{ V4(192, 0, 2, 0), 24 + 96, IPACCT_GEO_DOCUMENTATION, "RFC 5737" },
	{ V4(198, 51, 100, 0), 24 + 96, IPACCT_GEO_DOCUMENTATION, "RFC 5737" },
	{ V4(203, 0, 113, 0), 24 + 96, IPACCT_GEO_DOCUMENTATION, "RFC 5737" },
	{ V4(192, 168, 0, 0), 16 + 96, IPACCT_GEO_PRIVATE, "RFC 1918" },
	{ V4(169, 254, 0, 0), 16 + 96, IPACCT_GEO_LINK_LOCAL, "RFC 3927" },
	{ V4(198, 18, 0, 0), 15 + 96, IPACCT_GEO_RESERVED, "RFC 2544, benchmarking" },
	{ V4(172, 16, 0, 0), 12 + 96, IPACCT_GEO_PRIVATE, "RFC 1918" },
	{ V4(100, 64, 0, 0), 10 + 96, IPACCT_GEO_SHARED, "RFC 6598" },
	{ V4(0, 0, 0, 0), 8 + 96, IPACCT_GEO_RESERVED, "RFC 791 3.2, this network" },
	{ V4(10, 0, 0, 0), 8 + 96, IPACCT_GEO_PRIVATE, "RFC 1918" },
	{ V4(127, 0, 0, 0), 8 + 96, IPACCT_GEO_LOOPBACK, "RFC 1122 3.2.1.3" },
	{ V4(224, 0, 0, 0), 4 + 96, IPACCT_GEO_MULTICAST, "RFC 5771" },
	{ V4(240, 0, 0, 0), 4 + 96, IPACCT_GEO_RESERVED, "RFC 1112 4" },
	{ V6(0x100, 0, 0, 0, 0, 0, 0, 0), 64, IPACCT_GEO_RESERVED, "RFC 6666, discard-only" },
	{ V6(0x100, 0, 0, 0x1, 0, 0, 0, 0), 64, IPACCT_GEO_RESERVED, "RFC 9780, dummy prefix" },
	{ V6(0x64, 0xff9b, 0x1, 0, 0, 0, 0, 0), 48, IPACCT_GEO_RESERVED,
	  "RFC 8215, local translation" },
	{ V6(0x2001, 0x2, 0, 0, 0, 0, 0, 0), 48, IPACCT_GEO_RESERVED, "RFC 5180, benchmarking" },
	{ V6(0x2001, 0x4, 0x112, 0, 0, 0, 0, 0), 48, IPACCT_GEO_GLOBAL, "RFC 7535, AS112" },
	{ V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, IPACCT_GEO_GLOBAL, "RFC 4380, Teredo: N/A" },
	{ V6(0x2001, 0x3, 0, 0, 0, 0, 0, 0), 32, IPACCT_GEO_GLOBAL, "RFC 7450, AMT" },
	{ V6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, IPACCT_GEO_DOCUMENTATION, "RFC 3849" },
	{ V6(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, IPACCT_GEO_GLOBAL, "RFC 4843, ORCHID: N/A" },
	{ V6(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, IPACCT_GEO_GLOBAL, "RFC 7343, ORCHIDv2" },
	{ V6(0x2001, 0x30, 0, 0, 0, 0, 0, 0), 28, IPACCT_GEO_GLOBAL,
	  "RFC 9374, drone remote identification" },
	{ V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, IPACCT_GEO_RESERVED,
	  "RFC 2928, IETF protocol assignments" },
	{ V6(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, IPACCT_GEO_DOCUMENTATION, "RFC 9637" },
	{ V6(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, IPACCT_GEO_RESERVED,
	  "RFC 9602, SRv6 segment identifiers" },
	{ V6(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, IPACCT_GEO_LINK_LOCAL, "RFC 4291 2.5.6" },
	{ V6(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, IPACCT_GEO_MULTICAST, "RFC 4291 2.7" },
	{ V6(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, IPACCT_GEO_PRIVATE, "RFC 4193" },
};

#define N_BLOCKS (sizeof(blocks) / sizeof(blocks[0]))

const struct geo_block *geo_block_at(size_t i)
{
	return i < N_BLOCKS ? &blocks[i] : NULL;
}

static bool in_block(const uint8_t *address, const struct geo_block *block)
{
	uint8_t whole = block->prefix_len / 8, rest = block->prefix_len % 8;

	if (memcmp(address, block->address, whole))
		return false;
	return !rest || !((address[whole] ^ block->address[whole]) >> (8 - rest));
}

uint8_t geo_class(const struct ipacct_key *key)
{
	for (size_t i = 0; i < N_BLOCKS; i++)
		if (in_block((const uint8_t *)key->addr_be, &blocks[i]))
			return blocks[i].address_class;
	return IPACCT_GEO_GLOBAL;
}
