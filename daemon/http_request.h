/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request asks for: its path, and the header fields that choose among answers. Pure functions
 * over text from outside; all of them take any octets. */
#ifndef IPACCT_DAEMON_HTTP_REQUEST_H
#define IPACCT_DAEMON_HTTP_REQUEST_H

#include <stdbool.h>

#include "metrics_text.h"

enum http_path {
	HTTP_NOT_FOUND = 0,
	HTTP_ROOT,
	HTTP_METRICS,
	HTTP_HEALTHZ,
	HTTP_FAVICON,
	HTTP_API_STATUS,
	HTTP_API_INTERFACES,
	HTTP_API_TOP,
};

enum http_path http_path_find(const char *path);

/* Which format the Accept field wants (RFC 9110 12.5.1); NULL: there is none. Names neither: the older
 * one, as every exporter does. -1: both are refused by name or by a wildcard with q=0. */
int http_accept_format(const char *accept);

/* Whether the Accept-Encoding field asks for gzip (RFC 9110 12.5.3); NULL: there is none. */
bool http_accepts_gzip(const char *accept_encoding);

#endif
