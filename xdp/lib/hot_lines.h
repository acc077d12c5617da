/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of the hot tier of either family, as they lie in the map or in a copy of it: who walks them does so
 * with a constant `ipv6`. */
#ifndef IPACCT_LIB_HOT_LINES_H
#define IPACCT_LIB_HOT_LINES_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ipacct/abi.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Of one partition and epoch. */
static inline uint32_t hot_sets(const struct ipacct_meta *meta, bool ipv6)
{
	return ipv6 ? meta->hot6_sets : meta->hot4_sets;
}

static inline uint32_t hot_ways(bool ipv6)
{
	return ipv6 ? IPACCT_HOT6_WAYS : IPACCT_HOT4_WAYS;
}

static inline uint32_t hot_lines(const struct ipacct_meta *meta, bool ipv6)
{
	return hot_sets(meta, ipv6) * hot_ways(ipv6);
}

static ALWAYS_INLINE size_t hot_line_bytes(bool ipv6)
{
	return ipv6 ? sizeof(struct ipacct_hot6_line) : sizeof(struct ipacct_hot4_line);
}

static ALWAYS_INLINE bool hot_line_counts(const void *line, bool ipv6)
{
	const struct ipacct_hot4_line *line4 = line;
	const struct ipacct_hot6_line *line6 = line;

	return ipv6 ? line6->tx_packets | line6->rx_packets : line4->tx_packets | line4->rx_packets;
}

static ALWAYS_INLINE bool hot_line_keys_equal(const void *a, const void *b, bool ipv6)
{
	const struct ipacct_hot4_line *a4 = a, *b4 = b;
	const struct ipacct_hot6_line *a6 = a, *b6 = b;

	if (ipv6)
		return !memcmp(a6->addr_be, b6->addr_be, sizeof(a6->addr_be)) &&
		       a6->domain == b6->domain;
	return a4->addr_be == b4->addr_be && a4->domain == b4->domain;
}

static ALWAYS_INLINE struct ipacct_counters hot_line_counters(const void *line, bool ipv6)
{
	const struct ipacct_hot4_line *line4 = line;
	const struct ipacct_hot6_line *line6 = line;

	if (ipv6)
		return (struct ipacct_counters){ .tx_packets = line6->tx_packets,
						 .tx_l3_bytes = line6->tx_l3_bytes,
						 .rx_packets = line6->rx_packets,
						 .rx_l3_bytes = line6->rx_l3_bytes };
	return (struct ipacct_counters){ .tx_packets = line4->tx_packets,
					 .tx_l3_bytes = line4->tx_l3_bytes,
					 .rx_packets = line4->rx_packets,
					 .rx_l3_bytes = line4->rx_l3_bytes };
}

static ALWAYS_INLINE struct ipacct_key hot_line_key(const void *line, bool ipv6)
{
	const struct ipacct_hot4_line *line4 = line;
	const struct ipacct_hot6_line *line6 = line;
	struct ipacct_key key = { .domain = ipv6 ? line6->domain : line4->domain };

	if (ipv6) {
		memcpy(key.addr_be, line6->addr_be, sizeof(key.addr_be));
	} else {
		key.addr_be[2] = htonl(0x0000ffff); /* RFC 4291 2.5.5.2 */
		key.addr_be[3] = line4->addr_be;
	}
	return key;
}

#endif
