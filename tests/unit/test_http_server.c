/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The endpoint itself, over TCP: answers, refusals, who may stay, and what a scrape costs. */
#include <malloc.h>
#include <zlib.h>

#include "base/clock.h"
#include "http_common.h"
#include "http_reaper.h"
#include "http_server.h"
#include "ledger_common.h"
#include "reader.h"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_ALLOCATIONS 0 /* the sanitizer has its own malloc */
#else
#define COUNTS_ALLOCATIONS 1
#endif

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

static struct bench bench;
static struct stats_shared shared;
static struct cost_shared cost;
static struct http_server *server;
static struct sockaddr_in address;
static int listen_fd;
static struct http_answer answer;
static uint64_t cut;

/* One more cut, as the collector commits it. */
static void cut_next(void)
{
	struct stats stats = { .effective_interval_ns = 1000000000,
			       .interval_ns = 1000000000,
			       .last_commit_ns = ipacct_clock_ns(CLOCK_BOOTTIME) };

	apply(&bench, ++cut);
	stats_publish(&shared, &stats);
}

static void setup(void)
{
	struct http_settings settings;
	struct ipacct_problem problem = { "" };

	bench_init(&bench, 64);
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	strcpy(bench.epoch.interfaces[0].ifname, "lan");
	cut_next();
	listen_fd = http_listen(&address);
	settings = (struct http_settings){ .listen_fd = listen_fd };
	cr_assert_eq(http_server_start(&settings,
				       &(struct metrics_source){ .ledger = &bench.publisher.ledger,
								 .stats = &shared,
								 .cost = &cost },
				       &server, &problem),
		     0, "%s", problem.text);
}

static void teardown(void)
{
	http_server_stop(server);
	close(listen_fd);
	bench_finish(&bench);
}

TestSuite(http_server, .init = setup, .fini = teardown);

static void ask_once(const char *request)
{
	int fd = http_connect(&address);

	http_ask(fd, request, &answer);
	close(fd);
}

static bool body_has(const char *text)
{
	answer.body[answer.body_n] = '\0';
	return strstr(answer.body, text);
}

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
			       .last_commit_ns = now - 3600000000000u };

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

/* What is left of a connection: 0 open, 1 ended. */
static bool is_ended(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&wait, 1, 0) == 1 && recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

/* The quickest of three: whoever else uses this machine may take the CPU away for longer. */
static void expect_quick(int from)
{
	uint64_t quickest = UINT64_MAX;

	for (int i = 0; i < 3 && quickest >= 250; i++) {
		uint64_t begun = http_now_ms(), took;
		int fd = http_connect_from(&address, from);

		http_ask(fd, HTTP_GET("/metrics", ""), &answer);
		close(fd);
		cr_expect_eq(answer.status, 200, "from 127.0.0.%d: %d", from, answer.status);
		took = http_now_ms() - begun;
		quickest = took < quickest ? took : quickest;
	}
	cr_expect_lt(quickest, 250, "from 127.0.0.%d", from);
}

Test(http_server, silent_connections_of_one_peer_or_many_keep_nobody_out)
{
	enum {
		N = 500
	};
	static int fds[N];
	int n_ended = 0;

	for (int i = 0; i < N; i++) {
		fds[i] = http_connect_from(&address, 1 + i % 50);
		http_send(fds[i], "GET /metr", 9);
	}
	expect_quick(1); /* one of the attackers' own addresses */
	expect_quick(200);
	for (int i = 0; i < N; i++)
		n_ended += is_ended(fds[i]);
	cr_expect_geq(n_ended, N - (int)REAPER_SLOTS);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	expect_quick(1);
}

/* Clients that ask and do not read: their pages stay, and others still get a whole one. */
Test(http_server, readers_that_stop_do_not_hold_up_others)
{
	enum {
		N = 12
	};
	int fds[N], small = 1024;

	for (int i = 0; i < N; i++) {
		fds[i] = http_connect_from(&address, 10 + i);
		(void)setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		for (int k = 0; k < 50; k++)
			http_send(fds[i], HTTP_GET("/metrics", ""),
				  strlen(HTTP_GET("/metrics", "")));
		cut_next();
		expect_quick(1);
		cr_expect(body_has("# HELP process_start_time_seconds"));
	}
	for (int i = 0; i < N; i++)
		close(fds[i]);
}

Test(http_server, stopping_leaves_the_listening_socket_to_the_next)
{
	struct ipacct_problem problem = { "" };
	struct http_settings settings = { .listen_fd = listen_fd };
	int early;

	http_server_stop(server);
	early = http_connect(&address); /* waits in the backlog */
	cr_assert_eq(http_server_start(&settings,
				       &(struct metrics_source){ .ledger = &bench.publisher.ledger,
								 .stats = &shared },
				       &server, &problem),
		     0);
	http_ask(early, HTTP_GET("/metrics", ""), &answer);
	cr_expect_eq(answer.status, 200);
	close(early);
}

/* Requests that were right once, with octets changed, moved, repeated and cut off. */
static size_t mutate(char *request, size_t n, size_t room, uint64_t *random)
{
	for (unsigned int i = 0; i < 1 + *random % 6; i++) {
		size_t at, length;

		*random ^= *random << 13; /* Marsaglia's xorshift64 */
		*random ^= *random >> 7;
		*random ^= *random << 17;
		at = (*random >> 8) % n;
		length = (*random >> 24) % (n - at) + 1;
		switch (*random % 5) {
		case 0:
			request[at] = (char)(*random >> 40);
			break;
		case 1:
			memset(request + at, (int)(*random >> 40), length % 40);
			break;
		case 2:
			if (n + length < room) {
				memmove(request + at + length, request + at, n - at);
				n += length;
			}
			break;
		case 3:
			memmove(request + at, request + at + length, n - at - length);
			n = n > length + 1 ? n - length : n;
			break;
		default:
			request[at] = "\r\n\0 :%?&=;,\"\\"[(*random >> 40) % 13];
		}
	}
	return n;
}

Test(http_server, mutated_requests_do_no_harm)
{
	static const char *const seeds[] = {
		HTTP_GET("/metrics", "Accept: application/openmetrics-text;q=0.5,*/*;q=0.1\r\n"
				     "Accept-Encoding: gzip\r\n"),
		HTTP_GET("/api/v1/top?n=5&sort=rx_packets&by=address", "Connection: close\r\n"),
		HTTP_GET("/api/v1/status", "Authorization: Basic eDp5\r\n"),
		"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		("GET /healthz HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "5\r\nhello\r\n0\r\n\r\n"),
	};
	uint64_t random = 88172645463325252ULL, deadline = http_now_ms() + HTTP_LIMIT_MS;
	char request[4096];

	for (int i = 0; i < 5000; i++) {
		size_t n = strlen(seeds[i % 5]);
		int fd = http_connect(&address);
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		memcpy(request, seeds[i % 5], n);
		n = mutate(request, n, sizeof(request), &random);
		http_send(fd, request, n);
		/* an answer comes at once, or none does: then half a request is left behind */
		if (poll(&wait, 1, 1) == 1)
			(void)recv(fd, request, sizeof(request), 0);
		close(fd);
		if (i % 500 == 0) {
			cut_next();
			expect_quick(1);
		}
		cr_assert_lt(http_now_ms(), deadline, "at request %d", i);
	}
	expect_quick(1);
}
