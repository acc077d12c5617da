/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP endpoint: a thread of the collector that reads the ledger as any reader does and shares no
 * lock with the thread that cuts. */
#ifndef IPACCT_DAEMON_HTTP_SERVER_H
#define IPACCT_DAEMON_HTTP_SERVER_H

#include "http_auth.h"
#include "ipacct/ipacct.h"
#include "metrics.h"

#define HTTP_MEMORY_BYTES 16384u /* of one connection: header of the request and of the answer */

struct http_settings {
	int listen_fd;          /* listening already; −1: no endpoint */
	const char *cert, *key; /* PEM; NULL: no TLS */
	struct http_auth *auth; /* NULL: everybody may ask */
};

struct http_server;

/* source: copied; what it points at must outlive the server.
 * Returns 0 or a negative errno with words in ret_problem. */
int http_server_start(const struct http_settings *settings, const struct metrics_source *source,
		      struct http_server **ret_server, struct ipacct_problem *ret_problem);

/* Whether certificate and key belong together and can be used: 0 or -EINVAL with words. */
int http_tls_check(const char *cert, const char *key, struct ipacct_problem *ret_problem);

/* From the thread that cuts: a cut begins, or has ended. Answers wait meanwhile (http_yield.h), this
 * never does. Accepts NULL. */
void http_server_yield(struct http_server *server, bool cutting);

/* Ends the thread and every connection; the listening socket stays open. Accepts NULL. */
void http_server_stop(struct http_server *server);

#endif
