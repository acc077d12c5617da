/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts of /metrics that were made already: one render for each cut (or newer
 * facts), format and encoding. */
#ifndef IPACCT_DAEMON_HTTP_PAGES_H
#define IPACCT_DAEMON_HTTP_PAGES_H

#include <microhttpd.h>
#include <zlib.h>

#include "metrics.h"

/* One for each format and encoding, and two that slow clients may still be reading. */
#define HTTP_PAGES (2 * METRICS_FORMATS + 2)

struct page {
	struct buffer body;
	struct MHD_Response *response; /* ours; connections hold it longer; NULL: not the newest */
	bool in_use;                   /* some response still points at the body */
	enum metrics_format format;
	bool gzip;
	struct metrics_version version;
};

struct pages {
	struct metrics *metrics;
	struct page page[HTTP_PAGES];
	z_stream deflate;
	bool deflate_ready;
};

/* Zeroed storage with `metrics` set is valid. */
void pages_finish(struct pages *pages);

/* The answer of the newest facts, made when it is not there yet; stays ours. When every place is held by
 * slow clients it is the last one that was made. NULL: none can be had. */
struct MHD_Response *pages_get(struct pages *pages, enum metrics_format format, bool gzip);

#endif
