/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The endpoint itself, over TCP: answers, refusals, and what a scrape costs. */
#include <malloc.h>
#include <zlib.h>

#include "http_server_common.h"
#include "reader.h"
#include "sanitized.h"

#define COUNTS_ALLOCATIONS (!SANITIZED)

/* Every allocation of this process, libraries included, comes here. */
static uint64_t n_allocations;
#if COUNTS_ALLOCATIONS
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *old, size_t n);

void *malloc(size_t n)
{
	__atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED);
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t each)
{
	__atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED);
	return __libc_calloc(n, each);
}

void *realloc(void *old, size_t n)
{
	__atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED);
	return __libc_realloc(old, n);
}
#endif

TestSuite(http_server, .init = http_server_setup, .fini = http_server_teardown);

Test(http_server, metrics_in_both_formats)
{
	ask_once(HTTP_GET("/metrics", ""));
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(http_field(&answer, "Content-Type"),
			 "text/plain; version=0.0.4; charset=utf-8");
	cr_expect(
		body_has("\nipacct_interface_seen_packets_total{device=\"lan\",hook=\"xdp\"} 1\n"));
	cr_expect_not(body_has("# EOF"));
	ask_once(
		HTTP_GET("/metrics?x=1", "Accept: application/openmetrics-text;version=1.0.0\r\n"));
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(http_field(&answer, "Content-Type"),
			 "application/openmetrics-text; version=1.0.0; charset=utf-8");
	cr_expect(
		body_has("\nipacct_interface_seen_packets_total{device=\"lan\",hook=\"xdp\"} 1\n"));
	cr_expect(body_has("\n# EOF\n"));
	cr_expect_null(http_field(&answer, "Content-Encoding"));
}

Test(http_server, top_is_sorted_and_adds_up)
{
	epoch_begin(&bench);
	for (uint32_t i = 0; i < 8; i++)
		for (uint32_t k = 0; k <= i; k++)
			packet(&bench, key4(0xcb007100 + i), key4(0xc6336401), 1000);
	cut_next();
	ask_once(HTTP_GET("/api/v1/top?n=2&sort=tx_packets", ""));
	cr_expect_eq(answer.status, 200);
	cr_expect_str_eq(http_field(&answer, "Content-Type"), "application/json");
	/* 36 packets and the one of the beginning; the two busiest senders sent 8 and 7 */
	cr_expect(body_has("{\"schema\":\"ipacct.dump/1\",\"live\":false,\"cut\":2,"));
	cr_expect(body_has("\"addresses\":[{\"address\":\"203.0.113.7\",\"domain\":0,"
			   "\"tx_packets\":8,\"tx_l3_bytes\":8000,\"rx_packets\":0,"));
	cr_expect(body_has("},{\"address\":\"203.0.113.6\",\"domain\":0,\"tx_packets\":7,"));
	cr_expect(body_has("\"left_out\":{\"addresses\":8,\"rollups\":0,\"tx_packets\":22,"
			   "\"tx_l3_bytes\":21100,\"rx_packets\":37,\"rx_l3_bytes\":36100}"));
	ask_once(HTTP_GET("/api/v1/top?n=1&sort=rx_bytes", ""));
	cr_expect(body_has("\"addresses\":[{\"address\":\"198.51.100.1\","));
	cr_expect(body_has("\"left_out\":{\"addresses\":9,"));
}

/* A folded record is a free place: it stays in the file, and no reader may count it. */
Test(http_server, top_counts_no_folded_address)
{
	const struct ipacct_ledger *ledger = &bench.publisher.ledger;
	struct ipacct_snapshot *snapshot;
	struct ipacct_reader *reader;
	char wanted[64];

	for (uint32_t i = 0; i < 40; i++) {
		epoch_begin(&bench);
		for (uint32_t k = 0; k < 8; k++)
			packet(&bench, key4(0xcb007100 + i * 8 + k), key4(0xc6336401), 1000);
		cut_next();
	}
	cr_assert_eq(ipacct_reader_of_ledger(bench.ledger_fd, &reader, NULL), 0);
	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	cr_assert_lt(snapshot->n_addresses, ledger->header->n_addresses, "none was folded");
	snprintf(wanted, sizeof(wanted), "\"left_out\":{\"addresses\":%zu,\"rollups\":%zu,",
		 snapshot->n_addresses - 1, snapshot->n_rollups);
	ask_once(HTTP_GET("/api/v1/top?n=1", ""));
	cr_expect(body_has(wanted), "%s is not in %s", wanted, answer.body);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
}

Test(http_server, each_request_gets_its_status)
{
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		{ HTTP_GET("/", ""), 200 },
		{ HTTP_GET("/healthz", ""), 200 },
		{ HTTP_GET("/favicon.ico", ""), 204 },
		{ "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
		{ HTTP_GET("/nothing", ""), 404 },
		{ HTTP_GET("/api/v1/status", ""), 200 },
		{ HTTP_GET("/api/v1/interfaces", ""), 200 },
		{ HTTP_GET("/api/v1/top", ""), 200 },
		{ HTTP_GET("/api/v1/top?", ""), 200 },
		{ HTTP_GET("/api/v1/top?n=5&sort=rx_packets&by=address", ""), 200 },
		{ HTTP_GET("/api/v1/top?by=country", ""), 404 }, /* none are kept here */
		{ HTTP_GET("/api/v1/top?n=0", ""), 400 },
		{ HTTP_GET("/api/v1/top?n=1&n=1", ""), 400 },
		{ HTTP_GET("/api/v1/top?n", ""), 400 },
		{ HTTP_GET("/api/v1/top?n=1%00", ""), 400 },
		{ HTTP_GET("/api/v1/top?sort=bytes%20", ""), 400 },
		{ HTTP_GET("/api/v1/top?x=1", ""), 400 },
		{ HTTP_GET("/api/v1/top/", ""), 404 },
		{ HTTP_GET("/api/v1", ""), 404 },
		{ HTTP_GET("/metrics/..", ""), 404 },
		{ HTTP_GET("/metrics%00", ""), 404 },
		{ HTTP_GET("/%6detrics", ""), 200 },
		{ HTTP_GET("/%zz", ""), 404 },
		{ HTTP_GET("/metrics", "Accept: text/plain;q=0\r\n"), 406 },
		{ "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 405 },
		{ "DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "get /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ HTTP_GET("/metrics", "Content-Length: 1\r\n") "x", 413 },
		{ HTTP_GET("/metrics", "Content-Length: 1073741824\r\n"), 413 },
		{ HTTP_GET("/metrics", "Transfer-Encoding: chunked\r\n") "1\r\nx\r\n0\r\n\r\n",
		  413 },
		{ HTTP_GET("/metrics", "Content-Length: 0\r\n"), 200 },
		{ HTTP_GET("/metrics", "Content-Length: x\r\n"), 400 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask_once(cases[i].request);
		cr_expect_eq(answer.status, cases[i].status, "%s: %d", cases[i].request,
			     answer.status);
	}
	ask_once("PUT /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	cr_expect_str_eq(http_field(&answer, "Allow"), "GET, HEAD");
	cr_expect_str_eq(http_field(&answer, "Connection"), "close");
}

Test(http_server, header_of_16_kilobytes_is_refused)
{
	static char request[HTTP_MEMORY_BYTES + 64];
	size_t n = (size_t)sprintf(request, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");

	memset(request + n, 'a', HTTP_MEMORY_BYTES - n);
	strcpy(request + HTTP_MEMORY_BYTES, "\r\n\r\n");
	ask_once(request);
	cr_expect(answer.status == 431 || answer.status == 0, "%d", answer.status);
	ask_once(HTTP_GET("/metrics", ""));
	cr_expect_eq(answer.status, 200);
}

Test(http_server, connection_is_kept_and_pipelined_requests_are_answered)
{
	int fd = http_connect(&address);

	for (int i = 0; i < 3; i++) {
		http_ask(fd, HTTP_GET("/metrics", ""), &answer);
		cr_expect_eq(answer.status, 200);
	}
	http_send(fd, HTTP_GET("/nothing", "") HTTP_GET("/nothing", ""),
		  2 * strlen(HTTP_GET("/nothing", "")));
	http_read(fd, false, &answer);
	cr_expect_eq(answer.status, 404);
	close(fd);
}

Test(http_server, health_turns_when_cuts_stop)
{
	struct stats stats = { .effective_interval_ns = 1000000000 };

	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 200);
	cr_expect(body_has("{\"healthy\":true,\"cut\":1,"));
	stats.last_commit_ns = ipacct_clock_ns(CLOCK_BOOTTIME) - 2900000000u;
	stats_publish(&shared, &stats);
	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 200);
	stats.last_commit_ns = ipacct_clock_ns(CLOCK_BOOTTIME) - 3000000000u;
	stats_publish(&shared, &stats);
	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 503);
	cr_expect(body_has("{\"healthy\":false,\"cut\":1,"));
}

/* A longer interval is one from the moment it is set, a shorter one makes nobody late. */
Test(http_server, health_goes_by_the_interval_that_was_set)
{
	uint64_t now = ipacct_clock_ns(CLOCK_BOOTTIME);
	struct stats stats = { .effective_interval_ns = 1000000000,
			       .last_commit_ns = now - 10000000000u };

	stats_publish(&shared, &stats);
	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 503);
	stats.effective_interval_ns = 3600000000000u;
	stats_publish(&shared, &stats);
	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 200);
	stats.effective_interval_ns = 1000000000;
	stats.interval_since_ns = now;
	stats_publish(&shared, &stats);
	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 200);
	stats.interval_since_ns = now - 3000000000u;
	stats_publish(&shared, &stats);
	ask_once(HTTP_GET("/healthz", ""));
	cr_expect_eq(answer.status, 503);
}

/* The interval may be an hour: what was measured meanwhile is told now. */
Test(http_server, costs_are_told_without_a_cut)
{
	struct cost_facts facts = { .cpu_budget_ppb = 20000000,
				    .memory_budget_bytes = 1 << 20,
				    .n_windows = 1,
				    .run_ps = 59500 };

	cost_facts_write(&cost, &facts);
	ask_once(HTTP_GET("/metrics", ""));
	cr_expect(body_has("\nipacct_over_budget{resource=\"memory\"} 0\n"));
	ask_once(HTTP_GET("/api/v1/status", ""));
	cr_expect(body_has("\"over_budget\":false,\"cost\":{\"profile\":\"production\","
			   "\"windows\":1,"));
	cr_expect(body_has("\"ns_per_packet\":59.500,"));
	facts.n_windows = 2;
	facts.memory_over = 1;
	facts.memory_since_ns = 1767270896789000000u;
	cost_facts_write(&cost, &facts);
	ask_once(HTTP_GET("/metrics", ""));
	cr_expect(body_has("\nipacct_over_budget{resource=\"memory\"} 1\n"));
	cr_expect(body_has("\nipacct_cuts_total 1\n"), "a cut came between");
	ask_once(HTTP_GET("/api/v1/status", ""));
	cr_expect(body_has("\"over_budget\":true,\"cost\":{\"profile\":\"production\","
			   "\"windows\":2,"));
	cr_expect(body_has("\"over_budget\":true,\"since_ns\":1767270896789000000,"));
}

/* A page is made once a cut: between two cuts the text is the same octet by octet. */
Test(http_server, one_render_for_each_cut_and_format)
{
	static char first[sizeof(answer.text)];
	int fd = http_connect(&address);
	size_t n;

	http_ask(fd, HTTP_GET("/metrics", ""), &answer);
	n = answer.body_n;
	memcpy(first, answer.body, n);
	for (int i = 0; i < 10; i++) {
		http_ask(fd, HTTP_GET("/metrics", ""), &answer);
		cr_expect_eq(answer.body_n, n);
		cr_expect_arr_eq(answer.body, first, n);
	}
	cut_next();
	http_ask(fd, HTTP_GET("/metrics", ""), &answer);
	cr_expect(body_has("\nipacct_cuts_total 2\n"));
	/* the first page was rendered once, and the number was read before that of the second */
	cr_expect(body_has("\nipacct_http_render_duration_seconds_count 1\n"));
	close(fd);
}

Test(http_server, scrape_allocates_nothing_after_warm_up)
{
	const char *request = HTTP_GET("/metrics", "");
	int fd = http_connect(&address);
	struct metrics metrics = { .source = { .ledger = &bench.publisher.ledger,
					       .stats = &shared } };
	struct buffer out = { 0 };
	uint64_t before;

	if (!COUNTS_ALLOCATIONS)
		cr_skip_test("the sanitizer counts itself");
	cr_assert_gt(n_allocations, 0, "the count does not work");
	for (int i = 0; i < 3; i++) {
		cut_next();
		http_ask(fd, request, &answer);
	}
	/* one cut scraped often: nothing at all, in our code or the library's */
	before = __atomic_load_n(&n_allocations, __ATOMIC_RELAXED);
	for (int i = 0; i < 1000; i++)
		http_ask(fd, request, &answer);
	cr_expect_eq(__atomic_load_n(&n_allocations, __ATOMIC_RELAXED), before);
	cr_expect_eq(answer.status, 200);
	close(fd);
	/* rendering cut after cut */
	for (int i = 0; i < 1000; i++) {
		cut_next();
		cr_assert_eq(
			metrics_render(&metrics, i & 1 ? METRICS_TEXT : METRICS_OPENMETRICS, &out),
			0);
		if (i == 1)
			before = __atomic_load_n(&n_allocations, __ATOMIC_RELAXED);
	}
	cr_expect_eq(__atomic_load_n(&n_allocations, __ATOMIC_RELAXED), before);
	buffer_finish(&out);
	metrics_finish(&metrics);
}
