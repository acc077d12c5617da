/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP endpoint: connections, deadlines, and which answer a request gets. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "http_pages.h"
#include "http_reaper.h"
#include "http_request.h"
#include "http_server.h"
#include "maps.h"

#define NS_PER_MS         1000000u
#define NS_PER_S          1000000000u
#define INACTIVE_S        5        /* nothing at all for so long: libmicrohttpd ends it */
#define STALE_INTERVALS   3        /* cuts that may be missing before /healthz says so … */
#define STALE_LEAST_NS    NS_PER_S /* … but a busy machine may be late by so much */
#define HEALTH_TEXT_BYTES 160u

/* Answers that never change. X(member, status, text) */
#define FIXED_ANSWERS(X)                                                                        \
	X(root, MHD_HTTP_OK,                                                                    \
	  "ipacct " IPACCT_VERSION "\n\n/metrics   counters for Prometheus\n"                   \
	  "/healthz   are cuts being committed?\n")                                             \
	X(favicon, MHD_HTTP_NO_CONTENT, "")                                                     \
	X(not_found, MHD_HTTP_NOT_FOUND, "there is /metrics and /healthz\n")                    \
	X(method, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n")                           \
	X(body, MHD_HTTP_CONTENT_TOO_LARGE, "a request here has no body\n")                     \
	X(format, MHD_HTTP_NOT_ACCEPTABLE,                                                      \
	  "there is text/plain;version=0.0.4 and application/openmetrics-text;version=1.0.0\n") \
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
	struct reaper reaper;
#define MEMBER(name, status, text) struct MHD_Response *name;
	FIXED_ANSWERS(MEMBER)
#undef MEMBER
};

static uint64_t now_ms(void)
{
	return ipacct_clock_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

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

static enum MHD_Result serve_health(struct http_server *server, struct MHD_Connection *connection)
{
	struct stats *stats = &server->metrics.stats;
	uint64_t now = ipacct_clock_ns(CLOCK_BOOTTIME), age, limit;
	char text[HEALTH_TEXT_BYTES];
	bool good;
	int n;

	(void)stats_read(server->metrics.source.stats, stats); /* else what was read before */
	age = now > stats->last_commit_ns ? now - stats->last_commit_ns : 0;
	limit = STALE_INTERVALS * stats->effective_interval_ns;
	good = age < (limit > STALE_LEAST_NS ? limit : STALE_LEAST_NS);
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

/* What is refused by its header alone, whatever it asks for. NULL: nothing. */
static struct MHD_Response *refusal(struct http_server *server, struct MHD_Connection *connection,
				    const char *method, unsigned int *ret_status)
{
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD)) {
		*ret_status = MHD_HTTP_METHOD_NOT_ALLOWED;
		return server->method;
	}
	if (has_body(connection)) {
		*ret_status = MHD_HTTP_CONTENT_TOO_LARGE;
		return server->body;
	}
	return NULL;
}

/* What is refused because of who asks. NULL: nothing. */
static struct MHD_Response *stranger(struct http_server *server, struct MHD_Connection *connection,
				     unsigned int *ret_status)
{
	if (!server->auth)
		return NULL;
	switch (auth_check(server->auth, field(connection, MHD_HTTP_HEADER_AUTHORIZATION),
			   now_ms())) {
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

static enum MHD_Result serve(struct http_server *server, struct MHD_Connection *connection,
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
	case HTTP_ROOT:
		return send_answer(server, connection, MHD_HTTP_OK, server->root);
	case HTTP_FAVICON:
		return send_answer(server, connection, MHD_HTTP_NO_CONTENT, server->favicon);
	default:
		return send_answer(server, connection, MHD_HTTP_NOT_FOUND, server->not_found);
	}
}

static struct reaper_slot *slot_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Called once when the header is there, and again when the body, which we refuse, would be. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *upload, size_t *upload_bytes, void **request)
{
	struct http_server *server = context;
	struct MHD_Response *refused;
	unsigned int status;

	(void)version;
	(void)upload;
	if (!*request) {
		*request = server;
		reaper_answering(slot_of(connection), now_ms());
		refused = refusal(server, connection, method, &status);
		return refused ? send_answer(server, connection, status, refused) : MHD_YES;
	}
	if (*upload_bytes) {
		*upload_bytes = 0; /* of a body that was refused */
		return MHD_YES;
	}
	return serve(server, connection, path);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode how)
{
	(void)context;
	(void)request;
	(void)how;
	reaper_waiting(slot_of(connection), now_ms());
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = context;
	const union MHD_ConnectionInfo *info;
	const struct sockaddr *peer;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		reaper_remove(&server->reaper, *socket_context);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	peer = info ? info->client_addr : NULL;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = reaper_add(&server->reaper, info->connect_fd, peer, now_ms());
}

/* What clients do wrong is their business: it must not fill the log. */
static void on_log(void *context, const char *format, va_list args)
{
	(void)context;
	(void)format;
	(void)args;
}

static void facts_update(struct http_server *server)
{
	struct metrics_http *http = &server->metrics.http;

	http->n_connections = server->reaper.n_live;
	http->n_expired = server->reaper.n_expired;
	http->n_evicted = server->reaper.n_evicted;
}

static void *run(void *context)
{
	struct http_server *server = context;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd wait[] = { { .fd = info->epoll_fd, .events = POLLIN },
				 { .fd = server->stop_fd, .events = POLLIN } };

	(void)pthread_setname_np(pthread_self(), "ipacct-http"); /* only how `ps` shows it */
	while (!wait[1].revents) {
		int timeout_ms = reaper_tick(&server->reaper, now_ms());
		MHD_UNSIGNED_LONG_LONG library_ms;

		if (MHD_get_timeout(server->daemon, &library_ms) == MHD_YES &&
		    (timeout_ms < 0 || library_ms < (unsigned int)timeout_ms))
			timeout_ms = (int)library_ms;
		if (poll(wait, 2, timeout_ms) < 0 && errno != EINTR)
			break;
		facts_update(server);
		if (MHD_run(server->daemon) != MHD_YES)
			break;
	}
	return NULL;
}

static int fixed_make(struct http_server *server)
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

static void fixed_drop(struct http_server *server)
{
#define DROP(name, status, text) \
	if (server->name)        \
		MHD_destroy_response(server->name);
	FIXED_ANSWERS(DROP)
#undef DROP
}

/* Decode %xx. A NUL would end a text before its end: it becomes what no name of ours holds. */
static size_t on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
	size_t n = MHD_http_unescape(text);

	(void)context;
	(void)connection;
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '\x01';
	return n;
}

/* The library's words about a certificate, as its logger gives them. */
static void on_tls_log(void *context, const char *format, va_list args)
{
	struct ipacct_problem *problem = context;

	(void)vsnprintf(problem->text, sizeof(problem->text), format, args); /* cut to fit */
	problem->text[strcspn(problem->text, "\n")] = '\0';
}

static enum MHD_Result on_nothing(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *upload, size_t *upload_bytes, void **request)
{
	(void)context, (void)connection, (void)path, (void)method, (void)version, (void)upload;
	(void)upload_bytes, (void)request;
	return MHD_NO;
}

int http_tls_check(const char *cert, const char *key, struct ipacct_problem *ret_problem)
{
	struct ipacct_problem why = { "" };
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_TLS | MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
		NULL, on_nothing, NULL, MHD_OPTION_EXTERNAL_LOGGER, on_tls_log, &why,
		MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);

	if (!daemon) {
		ipacct_problem_set(ret_problem, "listen_tls_cert, listen_tls_key: %.180s",
				   why.text[0] ? why.text : "not usable");
		return -EINVAL;
	}
	MHD_stop_daemon(daemon);
	return 0;
}

static int daemon_start(struct http_server *server, const struct http_settings *settings)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)settings->cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)settings->key },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (!settings->cert)
		tls[0].option = MHD_OPTION_END;
	/* No thread of the library's own: ours waits, so that the deadlines need no lock. */
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (settings->cert ? MHD_USE_TLS : 0), 0, NULL,
		NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, settings->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		REAPER_SLOTS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)INACTIVE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_BYTES,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	return server->daemon ? 0 : -EIO;
}

int http_server_start(const struct http_settings *settings, const struct metrics_source *source,
		      struct http_server **ret_server, struct ipacct_problem *ret_problem)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server)
		return -ENOMEM;
	server->metrics.source = *source;
	server->pages.metrics = &server->metrics;
	server->auth = settings->auth;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	ret = server->stop_fd < 0 ? -errno : fixed_make(server);
	if (!ret)
		ret = daemon_start(server, settings);
	if (!ret)
		ret = -pthread_create(&server->thread, NULL, run, server);
	server->running = !ret;
	if (ret) {
		ipacct_problem_set(ret_problem, "cannot start the HTTP endpoint: %s",
				   strerror(-ret));
		http_server_stop(server);
		return ret;
	}
	*ret_server = server;
	return 0;
}

void http_server_stop(struct http_server *server)
{
	uint64_t one = 1;

	if (!server)
		return;
	if (server->running && write(server->stop_fd, &one, sizeof(one)) == sizeof(one))
		(void)pthread_join(server->thread, NULL); /* fails only for a thread that is not */
	if (server->daemon) {
		/* MHD_stop_daemon() would shut the socket down for whoever else has it, too */
		(void)MHD_quiesce_daemon(server->daemon);
		MHD_stop_daemon(server->daemon);
	}
	pages_finish(&server->pages);
	fixed_drop(server);
	metrics_finish(&server->metrics);
	close_fd(&server->stop_fd);
	free(server);
}
