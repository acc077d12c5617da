/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside a struct http_server. */
#ifndef IPACCT_DAEMON_HTTP_INNER_H
#define IPACCT_DAEMON_HTTP_INNER_H

#include <pthread.h>

#include "http_api.h"
#include "http_pages.h"
#include "http_reaper.h"
#include "http_server.h"
#include "http_yield.h"

/* Answers that never change. X(member, status, text) */
#define FIXED_ANSWERS(X)                                                                        \
	X(root, MHD_HTTP_OK,                                                                    \
	  "ipacct " IPACCT_VERSION "\n\n/metrics   counters for Prometheus\n"                   \
	  "/healthz   are cuts being committed?\n"                                              \
	  "/api/v1/status, /api/v1/interfaces, /api/v1/top?n=20&sort=bytes&by=address\n")       \
	X(favicon, MHD_HTTP_NO_CONTENT, "")                                                     \
	X(not_found, MHD_HTTP_NOT_FOUND, "no such page, see /\n")                               \
	X(method, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n")                           \
	X(body, MHD_HTTP_CONTENT_TOO_LARGE, "a request here has no body\n")                     \
	X(format, MHD_HTTP_NOT_ACCEPTABLE,                                                      \
	  "there is text/plain;version=0.0.4 and application/openmetrics-text;version=1.0.0\n") \
	X(no_series, MHD_HTTP_NOT_FOUND,                                                        \
	  "no such series are kept: no geo file yet, or the setting is 0\n")                    \
	X(unknown, MHD_HTTP_UNAUTHORIZED, "a user and a password are needed\n")                 \
	X(later, MHD_HTTP_TOO_MANY_REQUESTS, "a wrong password came a moment ago\n")            \
	X(busy, MHD_HTTP_SERVICE_UNAVAILABLE, "no snapshot could be taken, try again\n")

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_auth *auth; /* the settings' */
	pthread_t thread;
	bool running;
	int stop_fd;
	struct metrics metrics;
	struct pages pages;
	struct api api;
	struct reaper reaper;
	struct http_yield yield;
#define MEMBER(name, status, text) struct MHD_Response *name;
	FIXED_ANSWERS(MEMBER)
#undef MEMBER
};

/* Answer a request that was not refused. */
enum MHD_Result http_serve(struct http_server *server, struct MHD_Connection *connection,
			   const char *path);

/* Refuse a request by its method and header alone. False: there is nothing to refuse. */
bool http_refuse(struct http_server *server, struct MHD_Connection *connection, const char *method,
		 enum MHD_Result *ret_result);

/* The answers that never change. */
int http_fixed_make(struct http_server *server);
void http_fixed_drop(struct http_server *server);

#endif
