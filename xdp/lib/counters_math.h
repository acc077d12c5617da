/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sums and differences of what a key counted. Inlined: every key of a cut or a refresh goes through them. */
#ifndef IPACCT_LIB_COUNTERS_MATH_H
#define IPACCT_LIB_COUNTERS_MATH_H

#include <stdbool.h>
#include <stdint.h>

#include "ipacct/abi.h"

/* newer − older, 0 at least. */
static inline uint64_t ipacct_minus(uint64_t newer, uint64_t older)
{
	return newer > older ? newer - older : 0;
}

static inline void ipacct_counters_add(struct ipacct_counters *sum,
				       const struct ipacct_counters *more)
{
	sum->tx_packets += more->tx_packets;
	sum->tx_l3_bytes += more->tx_l3_bytes;
	sum->rx_packets += more->rx_packets;
	sum->rx_l3_bytes += more->rx_l3_bytes;
}

/* Take off what is part of the sum. */
static inline void ipacct_counters_take(struct ipacct_counters *sum,
					const struct ipacct_counters *part)
{
	sum->tx_packets -= part->tx_packets;
	sum->tx_l3_bytes -= part->tx_l3_bytes;
	sum->rx_packets -= part->rx_packets;
	sum->rx_l3_bytes -= part->rx_l3_bytes;
}

/* newer − older, each counter 0 at least: counters never fall, so nothing prints 2^64. */
static inline struct ipacct_counters ipacct_counters_minus(const struct ipacct_counters *newer,
							   const struct ipacct_counters *older)
{
	return (struct ipacct_counters){
		.tx_packets = ipacct_minus(newer->tx_packets, older->tx_packets),
		.tx_l3_bytes = ipacct_minus(newer->tx_l3_bytes, older->tx_l3_bytes),
		.rx_packets = ipacct_minus(newer->rx_packets, older->rx_packets),
		.rx_l3_bytes = ipacct_minus(newer->rx_l3_bytes, older->rx_l3_bytes),
	};
}

/* Whether each counter of `sum` is as large as that of `part`. */
static inline bool ipacct_counters_hold(const struct ipacct_counters *sum,
					const struct ipacct_counters *part)
{
	return sum->tx_packets >= part->tx_packets && sum->tx_l3_bytes >= part->tx_l3_bytes &&
	       sum->rx_packets >= part->rx_packets && sum->rx_l3_bytes >= part->rx_l3_bytes;
}

static inline bool ipacct_counters_moved(const struct ipacct_counters *counters)
{
	return counters->tx_packets | counters->rx_packets;
}

#endif
