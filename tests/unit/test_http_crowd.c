/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The endpoint itself, over TCP: who may stay, who waits, and requests that are none. */
#include "http_reaper.h"
#include "http_server_common.h"
#include "http_yield.h"

TestSuite(http_crowd, .init = http_server_setup, .fini = http_server_teardown);

/* While a cut goes on no answer begins, but neither is a good client kept out by a long one. */
Test(http_crowd, answers_wait_for_a_cut)
{
	int fd = http_connect(&address);
	uint64_t begun;

	http_ask(fd, HTTP_GET("/metrics", ""), &answer);
	begun = ipacct_monotonic_ms();
	http_server_yield(server, true);
	http_ask(fd, HTTP_GET("/metrics", ""), &answer);
	cr_expect_geq(ipacct_monotonic_ms(), begun + HTTP_YIELD_MS, "an answer beside the cut");
	cr_expect_eq(answer.status, 200);
	http_server_yield(server, false);
	close(fd);
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
		uint64_t begun = ipacct_monotonic_ms(), took;
		int fd = http_connect_from(&address, from);

		http_ask(fd, HTTP_GET("/metrics", ""), &answer);
		close(fd);
		cr_expect_eq(answer.status, 200, "from 127.0.0.%d: %d", from, answer.status);
		took = ipacct_monotonic_ms() - begun;
		quickest = took < quickest ? took : quickest;
	}
	cr_expect_lt(quickest, 250, "from 127.0.0.%d", from);
}

Test(http_crowd, silent_connections_of_one_peer_or_many_keep_nobody_out)
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
Test(http_crowd, readers_that_stop_do_not_hold_up_others)
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

Test(http_crowd, stopping_leaves_the_listening_socket_to_the_next)
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

Test(http_crowd, mutated_requests_do_no_harm)
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
	uint64_t random = 88172645463325252ULL, deadline = ipacct_monotonic_ms() + HTTP_LIMIT_MS;
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
		cr_assert_lt(ipacct_monotonic_ms(), deadline, "at request %d", i);
	}
	expect_quick(1);
}
