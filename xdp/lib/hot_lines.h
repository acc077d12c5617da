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

#ifdef __OPTIMIZE__
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else /* no constant would reach them, and so each branch is there once: tests/coverage.sh */
#define ALWAYS_INLINE inline
#endif

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

#define HOT_DOOR_WORDS_MAX 131072u /* 1 MiB, which stays in a second-level cache */

/* Words of the door of one partition and epoch (hot_place.h): 32 bits for each line of IPv4, or less. */
static inline uint32_t hot_door_words(uint32_t hot4_sets, uint32_t hot6_sets)
{
	uint32_t sets = hot4_sets > hot6_sets ? hot4_sets : hot6_sets;

	return 4 * sets < HOT_DOOR_WORDS_MAX ? 4 * sets : HOT_DOOR_WORDS_MAX;
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

static ALWAYS_INLINE uint16_t hot_line_flags(const void *line, bool ipv6)
{
	const struct ipacct_hot4_line *line4 = line;
	const struct ipacct_hot6_line *line6 = line;

	return ipv6 ? line6->flags : line4->flags;
}

/* Whether what the line counts is its key's for good, which is what a live reading may show: not while
 * the line changes hands, and not a single packet that may still be rolled up. */
static ALWAYS_INLINE bool hot_line_shown(const void *line, bool ipv6)
{
	const struct ipacct_hot4_line *line4 = line;
	const struct ipacct_hot6_line *line6 = line;
	uint64_t n = ipv6 ? (uint64_t)line6->tx_packets + line6->rx_packets
			  : (uint64_t)line4->tx_packets + line4->rx_packets;
	uint16_t flags = hot_line_flags(line, ipv6);

	return flags && n && (n > 1 || flags & IPACCT_HOT_STAYS);
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

/* Of a line that was copied twice while it counts. Octets of one copy come in no order (the kernel may copy
 * by `rep movsb`), so the counts of the second one are taken, and only with the key of the first one: they
 * came after it. What a line without a key in common held is in the LRU tier or on its prefix by then. */
static ALWAYS_INLINE bool hot_line_believed(const void *first, const void *second, bool ipv6)
{
	return hot_line_keys_equal(first, second, ipv6) && hot_line_shown(first, ipv6) &&
	       hot_line_shown(second, ipv6);
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
