/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two text formats of Prometheus: families, samples, labels. */
#ifndef IPACCT_DAEMON_METRICS_TEXT_H
#define IPACCT_DAEMON_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "stats.h"

enum metrics_format {
	METRICS_TEXT = 0,    /* text/plain; version=0.0.4 */
	METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
	METRICS_FORMATS
};

enum metric_type {
	METRIC_COUNTER = 0, /* samples end in _total */
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
	METRIC_INFO, /* samples end in _info, value 1 */
};

struct metric {
	const char *name; /* without _total or _info */
	const char *unit; /* its last word; NULL: none */
	const char *help;
	enum metric_type type;
};

#define METRIC_HEAD_BYTES 96u /* "name_created{" */

/* One family being written. */
struct metric_writer {
	struct buffer *out;
	enum metrics_format format;
	const struct metric *metric;
	char head[METRIC_HEAD_BYTES]; /* "name_total" */
	size_t head_n;
	char created[METRIC_HEAD_BYTES]; /* "name_created" */
	size_t created_n;
};

/* HELP, TYPE and UNIT; the family's samples follow, each once for a set of labels. */
void metric_begin(struct metric_writer *writer, const struct metric *metric);

/* labels: `device="eth0"`, escaped, without braces; "" for none. more: the rest of them, `,a="b"`.
 * created_ns: of a counter, CLOCK_REALTIME; 0: not known. */
void metric_u64(struct metric_writer *writer, const char *labels, size_t labels_n, const char *more,
		uint64_t value, uint64_t created_ns);

/* The same for a time or a length of time. */
void metric_seconds(struct metric_writer *writer, const char *labels, size_t labels_n,
		    const char *more, uint64_t value_ns, uint64_t created_ns);

/* The lines of one histogram; buckets in order, cumulative.
 * le: of each bucket, as a float is written in this format; the last one is "+Inf". */
struct metric_histogram {
	const char *const *le;
	const uint64_t *cumulative;
	size_t n;
	uint64_t sum;
	bool sum_is_ns; /* else a count of octets */
};
void metric_histogram(struct metric_writer *writer, const char *labels, size_t labels_n,
		      const struct metric_histogram *histogram, uint64_t created_ns);
void metric_durations(struct metric_writer *writer, const struct duration_histogram *durations,
		      uint64_t created_ns);

/* The end of the whole text. */
void metrics_end(struct buffer *out, enum metrics_format format);

/* A label value: backslash, quote and newline escaped; what is no UTF-8 and what is a control
 * character is shown as \xNN. text: text_n octets, any. */
void metric_label(struct buffer *out, const char *text, size_t text_n);

#endif
