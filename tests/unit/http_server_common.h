/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An endpoint over a small ledger, and what is asked of it. */
#ifndef IPACCT_TESTS_HTTP_SERVER_COMMON_H
#define IPACCT_TESTS_HTTP_SERVER_COMMON_H

#include "base/clock.h"
#include "http_common.h"
#include "http_server.h"
#include "ledger_common.h"

static struct bench bench;
static struct stats_shared shared;
static struct cost_shared cost;
static struct http_server *server;
static struct sockaddr_in address;
static int listen_fd;
static struct http_answer answer;
static uint64_t cut;

/* One more cut, as the collector commits it. */
static inline void cut_next(void)
{
	struct stats stats = { .effective_interval_ns = 1000000000,
			       .interval_ns = 1000000000,
			       .last_commit_ns = ipacct_clock_ns(CLOCK_BOOTTIME) };

	apply(&bench, ++cut);
	stats_publish(&shared, &stats);
}

static inline void http_server_setup(void)
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

static inline void http_server_teardown(void)
{
	http_server_stop(server);
	close(listen_fd);
	bench_finish(&bench);
}

static inline void ask_once(const char *request)
{
	int fd = http_connect(&address);

	http_ask(fd, request, &answer);
	close(fd);
}

static inline bool body_has(const char *text)
{
	answer.body[answer.body_n] = '\0';
	return strstr(answer.body, text);
}

#endif
