/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parameters of /api/v1/top. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "http_query.h"

static struct top_query query;
static char why[QUERY_WHY_BYTES];

static void setup(void)
{
	top_query_init(&query);
}

TestSuite(http_query, .init = setup);

Test(http_query, defaults_and_every_word)
{
	static const char *const sorts[] = { "bytes",      "packets",  "tx_bytes",
					     "tx_packets", "rx_bytes", "rx_packets" };
	static const char *const kinds[] = { "country", "asn", "group", "address" };

	cr_expect_eq(query.n, 20);
	cr_expect_eq(query.sort, TOP_SORT_BYTES);
	cr_expect_eq(query.by, IPACCT_SERIES_ADDRESS);
	for (unsigned int i = 0; i < 6; i++) {
		top_query_init(&query);
		cr_expect(top_query_set(&query, "sort", sorts[i], why));
		cr_expect_eq(query.sort, i);
	}
	for (unsigned int i = 0; i < 4; i++) {
		top_query_init(&query);
		cr_expect(top_query_set(&query, "by", kinds[i], why));
		cr_expect_eq(query.by, i + 1);
	}
	cr_expect(top_query_set(&query, "n", "1", why));
	cr_expect_eq(query.n, 1);
	top_query_init(&query);
	cr_expect(top_query_set(&query, "n", "1000", why));
	cr_expect_eq(query.n, TOP_ROWS_MAX);
}

Test(http_query, sorts_are_by_what_they_say)
{
	struct ipacct_counters c = {
		.tx_packets = 1, .tx_l3_bytes = 20, .rx_packets = 300, .rx_l3_bytes = 4000
	};

	cr_expect_eq(top_value(TOP_SORT_BYTES, &c), 4020);
	cr_expect_eq(top_value(TOP_SORT_PACKETS, &c), 301);
	cr_expect_eq(top_value(TOP_SORT_TX_BYTES, &c), 20);
	cr_expect_eq(top_value(TOP_SORT_TX_PACKETS, &c), 1);
	cr_expect_eq(top_value(TOP_SORT_RX_BYTES, &c), 4000);
	cr_expect_eq(top_value(TOP_SORT_RX_PACKETS, &c), 300);
}

static void expect_refused(const char *name, const char *value, const char *text)
{
	top_query_init(&query);
	cr_expect_not(top_query_set(&query, name, value, why), "%s=%s", name, value);
	cr_expect_str_eq(why, text);
}

Test(http_query, what_is_refused_names_what_is_legal)
{
	static const char n_legal[] = "legal: a whole number from 1 to 1000\n";
	char text[QUERY_WHY_BYTES];
	static const char *const bad[] = { "0",  "1001", "-1", "x",
					   "1x", "1.0",  "",   "99999999999999999999" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "n: %s; %s", bad[i], n_legal);
		expect_refused("n", bad[i], text);
	}
	expect_refused("n", NULL, "n: ; legal: a whole number from 1 to 1000\n");
	expect_refused("sort", "last_seen",
		       "sort: last_seen; legal: bytes, packets, tx_bytes, tx_packets, rx_bytes, "
		       "rx_packets\n");
	expect_refused("by", "none", "by: none; legal: address, country, asn, group\n");
	expect_refused("by", "", "by: ; legal: address, country, asn, group\n");
	expect_refused("N", "1", "no parameter N; legal: n, sort, by\n");
	expect_refused("", "1", "no parameter ; legal: n, sort, by\n");
	top_query_init(&query);
	cr_expect(top_query_set(&query, "n", "1", why));
	cr_expect_not(top_query_set(&query, "n", "1", why));
	cr_expect_str_eq(why, "twice n; legal: each once\n");
}

Test(http_query, stranger_s_text_is_cut_and_made_harmless)
{
	char long_text[500];

	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	expect_refused(
		long_text, "",
		"no parameter aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; legal: n, sort, by\n");
	expect_refused("<script>\"'&\x1b[0m\xc3\xa9 \\", "",
		       "no parameter ?script?????[0m????; legal: n, sort, by\n");
}
