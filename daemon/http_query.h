/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parameters of /api/v1/top. Pure functions over text from outside. */
#ifndef IPACCT_DAEMON_HTTP_QUERY_H
#define IPACCT_DAEMON_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"

#define TOP_ROWS_DEFAULT 20u
#define TOP_ROWS_MAX     1000u
#define QUERY_WHY_BYTES  160u

/* X(suffix, word): what rows are sorted by, the most first; bytes are l3 bytes, as ipacct-dump --sort */
#define TOP_SORTS(X)                \
	X(BYTES, "bytes")           \
	X(PACKETS, "packets")       \
	X(TX_BYTES, "tx_bytes")     \
	X(TX_PACKETS, "tx_packets") \
	X(RX_BYTES, "rx_bytes")     \
	X(RX_PACKETS, "rx_packets")

enum top_sort {
#define SORT(suffix, word) TOP_SORT_##suffix,
	TOP_SORTS(SORT)
#undef SORT
	TOP_SORTS_N
};

uint64_t top_value(enum top_sort sort, const struct ipacct_counters *counters);

struct top_query {
	uint32_t n;
	enum top_sort sort;
	enum ipacct_series_kind by; /* IPACCT_SERIES_ADDRESS: addresses themselves */
	unsigned int seen;          /* which parameters were given */
};

void top_query_init(struct top_query *ret_query);

/* One parameter. value: NULL when there is no "=". False: ret_why says what is wrong and what is legal,
 * printable; the query is then not to be used. */
bool top_query_set(struct top_query *query, const char *name, const char *value,
		   char ret_why[QUERY_WHY_BYTES]);

#endif
