/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP endpoint: which answer a request gets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http_inner.h"
#include "http_request.h"

#define NS_PER_S          1000000000u
#define STALE_INTERVALS   3        /* cuts that may be missing before /healthz says so … */
#define STALE_LEAST_NS    NS_PER_S /* … but a busy machine may be late by so much */
#define HEALTH_TEXT_BYTES 160u

static enum MHD_Result send_answer(struct http_server *server, struct MHD_Connection *connection,
				   unsigned int status, struct MHD_Response *response)
{
	if (status < MHD_HTTP_BAD_REQUEST)
		server->metrics.http.n_ok++;
	else
		server->metrics.http.n_refused++;
	return MHD_queue_response(connection, status, response);
}

/* An answer made for one request. */
static enum MHD_Result send_text(struct http_server *server, struct MHD_Connection *connection,
				 unsigned int status, const char *type, const char *text, size_t n)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(n, (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ret;

	if (!response)
		return MHD_NO;
	ret = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (ret == MHD_YES)
		ret = send_answer(server, connection, status, response);
	MHD_destroy_response(response);
	return ret;
}

static const char *field(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool peer_is_local(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *peer = info ? info->client_addr : NULL;

	if (peer && peer->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24 ==
		       IN_LOOPBACKNET;
	if (peer && peer->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)peer)->sin6_addr);
	return true; /* a socket of the file system */
}

static enum MHD_Result serve_metrics(struct http_server *server, struct MHD_Connection *connection)
{
	int format = http_accept_format(field(connection, MHD_HTTP_HEADER_ACCEPT));
	struct MHD_Response *response;
	bool gzip;

	if (format < 0)
		return send_answer(server, connection, MHD_HTTP_NOT_ACCEPTABLE, server->format);
	/* nothing is saved by compressing what never leaves the machine */
	gzip = http_accepts_gzip(field(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING)) &&
	       !peer_is_local(connection);
	response = pages_get(&server->pages, (enum metrics_format)format, gzip);
	if (!response)
		return send_answer(server, connection, MHD_HTTP_SERVICE_UNAVAILABLE, server->busy);
	return send_answer(server, connection, MHD_HTTP_OK, response);
}

/* One parameter of /api/v1/top after the other, until one is refused. */
struct query_walk {
	struct top_query query;
	bool refused;
	char why[QUERY_WHY_BYTES];
};

static enum MHD_Result on_parameter(void *context, enum MHD_ValueKind kind, const char *name,
				    const char *value)
{
	struct query_walk *walk = context;

	(void)kind;
	walk->refused = !top_query_set(&walk->query, name, value, walk->why);
	return walk->refused ? MHD_NO : MHD_YES;
}

/* ret: what made the answer. */
static enum MHD_Result send_api(struct http_server *server, struct MHD_Connection *connection,
				int ret)
{
	if (ret == -ENOENT)
		return send_answer(server, connection, MHD_HTTP_NOT_FOUND, server->no_series);
	if (ret)
		return send_answer(server, connection, MHD_HTTP_SERVICE_UNAVAILABLE, server->busy);
	return send_text(server, connection, MHD_HTTP_OK, "application/json", server->api.out.text,
			 server->api.out.n);
}

static enum MHD_Result serve_top(struct http_server *server, struct MHD_Connection *connection)
{
	struct query_walk walk = { .refused = false };

	top_query_init(&walk.query);
	(void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_parameter, &walk);
	if (walk.refused)
		return send_text(server, connection, MHD_HTTP_BAD_REQUEST,
				 "text/plain; charset=utf-8", walk.why, strlen(walk.why));
	return send_api(server, connection, api_top(&server->api, &walk.query));
}

static uint64_t elapsed_ns(uint64_t since, uint64_t now)
{
	return now > since ? now - since : 0;
}

static enum MHD_Result serve_health(struct http_server *server, struct MHD_Connection *connection)
{
	struct stats *stats = &server->metrics.stats;
	uint64_t now = ipacct_clock_ns(CLOCK_BOOTTIME), age, waited, limit;
	char text[HEALTH_TEXT_BYTES];
	bool good;
	int n;

	(void)stats_read(server->metrics.source.stats, stats); /* else what was read before */
	age = elapsed_ns(stats->last_commit_ns, now);
	waited = elapsed_ns(stats->interval_since_ns, now); /* a shorter interval begins anew */
	limit = STALE_INTERVALS * stats->effective_interval_ns;
	good = (age < waited ? age : waited) < (limit > STALE_LEAST_NS ? limit : STALE_LEAST_NS);
	n = snprintf(text, sizeof(text),
		     "{\"healthy\":%s,\"cut\":%llu,\"cut_age_ns\":%llu,\"interval_ns\":%llu}\n",
		     good ? "true" : "false", (unsigned long long)metrics_cut(&server->metrics),
		     (unsigned long long)age, (unsigned long long)stats->effective_interval_ns);
	return send_text(server, connection, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			 "application/json", text, (size_t)n);
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = field(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return field(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
	       (length && strspn(length, "0") != strlen(length));
}

bool http_refuse(struct http_server *server, struct MHD_Connection *connection, const char *method,
		 enum MHD_Result *ret_result)
{
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		*ret_result = send_answer(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
					  server->method);
	else if (has_body(connection))
		*ret_result =
			send_answer(server, connection, MHD_HTTP_CONTENT_TOO_LARGE, server->body);
	else
		return false;
	return true;
}

/* What is refused because of who asks. NULL: nothing. */
static struct MHD_Response *stranger(struct http_server *server, struct MHD_Connection *connection,
				     unsigned int *ret_status)
{
	if (!server->auth)
		return NULL;
	switch (auth_check(server->auth, field(connection, MHD_HTTP_HEADER_AUTHORIZATION),
			   ipacct_monotonic_ms())) {
	case AUTH_GOOD:
		return NULL;
	case AUTH_LATER:
		*ret_status = MHD_HTTP_TOO_MANY_REQUESTS;
		return server->later;
	default:
		*ret_status = MHD_HTTP_UNAUTHORIZED;
		return server->unknown;
	}
}

enum MHD_Result http_serve(struct http_server *server, struct MHD_Connection *connection,
			   const char *path)
{
	struct MHD_Response *refused;
	unsigned int status;

	/* who watches over the machine need not know its traffic */
	if (http_path_find(path) == HTTP_HEALTHZ)
		return serve_health(server, connection);
	refused = stranger(server, connection, &status);
	if (refused)
		return send_answer(server, connection, status, refused);
	switch (http_path_find(path)) {
	case HTTP_METRICS:
		return serve_metrics(server, connection);
	case HTTP_API_STATUS:
		return send_api(server, connection, api_status(&server->api));
	case HTTP_API_INTERFACES:
		return send_api(server, connection, api_interfaces(&server->api));
	case HTTP_API_TOP:
		return serve_top(server, connection);
	case HTTP_ROOT:
		return send_answer(server, connection, MHD_HTTP_OK, server->root);
	case HTTP_FAVICON:
		return send_answer(server, connection, MHD_HTTP_NO_CONTENT, server->favicon);
	default:
		return send_answer(server, connection, MHD_HTTP_NOT_FOUND, server->not_found);
	}
}

int http_fixed_make(struct http_server *server)
{
#define MAKE(name, status, text)                                                                 \
	server->name = MHD_create_response_from_buffer(sizeof(text) - 1, (void *)(text),         \
						       MHD_RESPMEM_PERSISTENT);                  \
	if (!server->name || MHD_add_response_header(server->name, MHD_HTTP_HEADER_CONTENT_TYPE, \
						     "text/plain; charset=utf-8") != MHD_YES)    \
		return -ENOMEM;
	FIXED_ANSWERS(MAKE)
#undef MAKE
	/* a body that follows the header would be taken for the next request */
	if (MHD_add_response_header(server->method, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") !=
		    MHD_YES ||
	    MHD_add_response_header(server->method, MHD_HTTP_HEADER_CONNECTION, "close") !=
		    MHD_YES ||
	    MHD_add_response_header(server->body, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES ||
	    MHD_add_response_header(server->later, MHD_HTTP_HEADER_RETRY_AFTER, "1") != MHD_YES ||
	    MHD_add_response_header(server->unknown, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
				    "Basic realm=\"ipacct\", charset=\"UTF-8\"") != MHD_YES)
		return -ENOMEM;
	return 0;
}

void http_fixed_drop(struct http_server *server)
{
#define DROP(name, status, text) \
	if (server->name)        \
		MHD_destroy_response(server->name);
	FIXED_ANSWERS(DROP)
#undef DROP
}
