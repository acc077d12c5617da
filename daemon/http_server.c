/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP endpoint: its thread, connections, deadlines. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "http_inner.h"
#include "maps.h"

#define INACTIVE_S 5 /* nothing at all for so long: libmicrohttpd ends it */
/* A tenth of the weight of the thread that cuts (sched(7)), and preempted by it when it wakes up: who
 * scrapes waits for a cut, and never the other way round. */
#define HTTP_NICE 10

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
	enum MHD_Result result;

	(void)version;
	(void)upload;
	if (!*request) {
		*request = server;
		reaper_answering(slot_of(connection), ipacct_monotonic_ms());
		server->metrics.http.n_waits += http_yield_wait(&server->yield);
		return http_refuse(server, connection, method, &result) ? result : MHD_YES;
	}
	if (*upload_bytes) {
		*upload_bytes = 0; /* of a body that was refused */
		return MHD_YES;
	}
	return http_serve(server, connection, path);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode how)
{
	(void)context;
	(void)request;
	(void)how;
	reaper_waiting(slot_of(connection), ipacct_monotonic_ms());
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
	*socket_context =
		reaper_add(&server->reaper, info->connect_fd, peer, ipacct_monotonic_ms());
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
	/* refused, it is as important as the rest; Linux takes a thread's id here (setpriority(2)) */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + HTTP_NICE);
	while (!wait[1].revents) {
		int timeout_ms = reaper_tick(&server->reaper, ipacct_monotonic_ms());
		MHD_UNSIGNED_LONG_LONG library_ms;

		if (MHD_get_timeout(server->daemon, &library_ms) == MHD_YES &&
		    (timeout_ms < 0 || library_ms < (unsigned int)timeout_ms))
			timeout_ms = (int)library_ms;
		if (poll(wait, 2, timeout_ms) < 0 && errno != EINTR)
			break;
		server->metrics.http.n_waits += http_yield_wait(&server->yield);
		facts_update(server);
		if (MHD_run(server->daemon) != MHD_YES)
			break;
	}
	return NULL;
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
	server->pages.metrics = server->api.metrics = &server->metrics;
	server->auth = settings->auth;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	ret = server->stop_fd < 0 ? -errno : http_fixed_make(server);
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

void http_server_yield(struct http_server *server, bool cutting)
{
	if (!server)
		return;
	if (cutting)
		http_yield_begin(&server->yield);
	else
		http_yield_end(&server->yield);
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
	http_fixed_drop(server);
	api_finish(&server->api);
	metrics_finish(&server->metrics);
	close_fd(&server->stop_fd);
	free(server);
}
