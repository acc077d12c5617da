/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parameters of /api/v1/top. */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "http_query.h"

#define QUOTE_MAX 40 /* characters of a stranger's text that an answer repeats */

static const char *const sorts[] = {
#define WORD(suffix, word) word,
	TOP_SORTS(WORD)
#undef WORD
};

static const char *const kinds[] = {
	[IPACCT_SERIES_COUNTRY] = "country",
	[IPACCT_SERIES_ASN] = "asn",
	[IPACCT_SERIES_GROUP] = "group",
	[IPACCT_SERIES_ADDRESS] = "address",
};

uint64_t top_value(enum top_sort sort, const struct ipacct_counters *c)
{
	switch (sort) {
	case TOP_SORT_PACKETS:
		return c->tx_packets + c->rx_packets;
	case TOP_SORT_TX_BYTES:
		return c->tx_l3_bytes;
	case TOP_SORT_TX_PACKETS:
		return c->tx_packets;
	case TOP_SORT_RX_BYTES:
		return c->rx_l3_bytes;
	case TOP_SORT_RX_PACKETS:
		return c->rx_packets;
	default:
		return c->tx_l3_bytes + c->rx_l3_bytes;
	}
}

void top_query_init(struct top_query *ret_query)
{
	*ret_query = (struct top_query){ .n = TOP_ROWS_DEFAULT, .by = IPACCT_SERIES_ADDRESS };
}

/* Nothing that a terminal or a browser could obey. */
static void quote(const char *text, char ret_quote[QUOTE_MAX + 1])
{
	size_t n = strnlen(text, QUOTE_MAX);

	for (size_t i = 0; i < n; i++)
		ret_quote[i] = text[i] > ' ' && text[i] < 0x7f && !strchr("<>&'\"\\", text[i])
				       ? text[i]
				       : '?';
	ret_quote[n] = '\0';
}

static bool refuse(const char *what, const char *text, const char *legal,
		   char ret_why[QUERY_WHY_BYTES])
{
	char quoted[QUOTE_MAX + 1];

	quote(text, quoted);
	(void)snprintf(ret_why, QUERY_WHY_BYTES, "%s %s; legal: %s\n", what, quoted, legal);
	return false;
}

/* The word's place among n of them (NULL: no word), or n. */
static size_t word_find(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && (!words[i] || strcmp(words[i], word)))
		i++;
	return i;
}

bool top_query_set(struct top_query *query, const char *name, const char *value,
		   char ret_why[QUERY_WHY_BYTES])
{
	static const char *const names[] = { "n", "sort", "by" };
	size_t at = word_find(names, 3, name), found;
	uint64_t n;

	value = value ? value : "";
	if (at == 3)
		return refuse("no parameter", name, "n, sort, by", ret_why);
	if (query->seen & 1u << at)
		return refuse("twice", name, "each once", ret_why);
	query->seen |= 1u << at;
	switch (at) {
	case 0:
		if (parse_u64(value, 1, TOP_ROWS_MAX, &n))
			return refuse("n:", value, "a whole number from 1 to 1000", ret_why);
		query->n = (uint32_t)n;
		return true;
	case 1:
		found = word_find(sorts, TOP_SORTS_N, value);
		if (found == TOP_SORTS_N)
			return refuse("sort:", value,
				      "bytes, packets, tx_bytes, tx_packets, rx_bytes, rx_packets",
				      ret_why);
		query->sort = (enum top_sort)found;
		return true;
	default:
		found = word_find(kinds, IPACCT_SERIES_KINDS, value);
		if (found == IPACCT_SERIES_KINDS)
			return refuse("by:", value, "address, country, asn, group", ret_why);
		query->by = (enum ipacct_series_kind)found;
		return true;
	}
}
