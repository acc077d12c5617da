/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts of /metrics that were made already. */
#include <errno.h>

#include "base/clock.h"
#include "http_pages.h"

#define GZIP_LEVEL  1         /* takes 10 to 20 times as long as rendering already */
#define GZIP_WINDOW (15 + 16) /* zlib.h deflateInit2: 32 KiB, gzip header */
#define GZIP_MEMORY 8         /* zlib.h: the default memLevel */

static void response_drop(struct page *page)
{
	if (page->response)
		MHD_destroy_response(page->response); /* calls page_free() after the last reader */
	page->response = NULL;
}

void pages_finish(struct pages *pages)
{
	for (size_t i = 0; i < HTTP_PAGES; i++) {
		response_drop(&pages->page[i]);
		buffer_finish(&pages->page[i].body);
	}
	if (pages->deflate_ready)
		(void)deflateEnd(&pages->deflate); /* what it says does not matter any more */
	pages->deflate_ready = false;
}

static void page_free(void *context)
{
	struct page *page = context;

	page->in_use = false;
}

static struct page *page_newest(struct pages *pages, enum metrics_format format, bool gzip)
{
	for (size_t i = 0; i < HTTP_PAGES; i++) {
		struct page *page = &pages->page[i];

		if (page->response && page->format == format && page->gzip == gzip)
			return page;
	}
	return NULL;
}

static struct page *page_unused(struct pages *pages)
{
	for (size_t i = 0; i < HTTP_PAGES; i++)
		if (!pages->page[i].in_use)
			return &pages->page[i];
	return NULL;
}

static int body_compress(struct pages *pages, const struct buffer *from, struct buffer *to)
{
	z_stream *stream = &pages->deflate;

	if (!pages->deflate_ready && deflateInit2(stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
						  GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	pages->deflate_ready = true;
	if (deflateReset(stream) != Z_OK)
		return -EINVAL;
	buffer_reset(to);
	if (!buffer_reserve(to, deflateBound(stream, from->n)))
		return -ENOMEM;
	stream->next_in = (Bytef *)from->text;
	stream->avail_in = (uInt)from->n;
	stream->next_out = (Bytef *)to->text;
	stream->avail_out = (uInt)to->n_allocated;
	if (deflate(stream, Z_FINISH) != Z_STREAM_END)
		return -EIO; /* cannot be: there is room for the bound */
	to->n = to->n_allocated - stream->avail_out;
	return 0;
}

static const char *content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

static int response_make(struct page *page)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		page->body.n, page->body.text, page_free, page);

	if (!response)
		return -ENOMEM;
	page->in_use = true;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				    content_type(page->format)) != MHD_YES ||
	    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding") !=
		    MHD_YES ||
	    (page->gzip && MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING,
						   "gzip") != MHD_YES)) {
		MHD_destroy_response(response);
		return -ENOMEM;
	}
	page->response = response;
	return 0;
}

static struct page *page_make(struct pages *pages, enum metrics_format format, bool gzip);

static struct page *page_of(struct pages *pages, enum metrics_format format, bool gzip)
{
	struct page *newest = page_newest(pages, format, gzip), *made = NULL;

	if (!newest || metrics_outdated(pages->metrics, &newest->version))
		made = page_make(pages, format, gzip);
	return made ? made : newest;
}

/* The body of the page: rendered, or compressed from the one that is. */
static int body_make(struct pages *pages, struct page *page)
{
	struct metrics *metrics = pages->metrics;
	uint64_t begun_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	struct page *plain = NULL;
	int ret;

	if (page->gzip) {
		page->in_use = true; /* not to be taken for the plain one */
		plain = page_of(pages, page->format, false);
		page->in_use = false;
		ret = plain ? body_compress(pages, &plain->body, &page->body) : -EAGAIN;
	} else {
		ret = metrics_render(metrics, page->format, &page->body);
	}
	if (ret)
		return ret;
	page->version = plain ? plain->version : metrics->version;
	duration_add(&metrics->http.render, ipacct_clock_ns(CLOCK_MONOTONIC) - begun_ns);
	return 0;
}

static struct page *page_make(struct pages *pages, enum metrics_format format, bool gzip)
{
	struct page *page = page_unused(pages), *old;

	if (!page)
		return NULL;
	page->format = format;
	page->gzip = gzip;
	if (body_make(pages, page))
		return NULL;
	old = page_newest(pages, format, gzip);
	if (response_make(page))
		return NULL;
	if (old)
		response_drop(old);
	return page;
}

struct MHD_Response *pages_get(struct pages *pages, enum metrics_format format, bool gzip)
{
	struct page *page = page_of(pages, format, gzip);

	return page ? page->response : NULL;
}
