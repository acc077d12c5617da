/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two text formats of Prometheus. */
#include <assert.h>
#include <stdio.h>

#include "base/text.h"
#include "metrics_text.h"

#define NS_PER_MS 1000000u

static size_t head_write(char head[METRIC_HEAD_BYTES], const char *name, const char *suffix)
{
	int n = snprintf(head, METRIC_HEAD_BYTES, "%s%s", name, suffix);

	assert(n > 0 && (size_t)n < METRIC_HEAD_BYTES); /* names are ours */
	return (size_t)n;
}

static const char *type_name(const struct metric_writer *writer)
{
	switch (writer->metric->type) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_HISTOGRAM:
		return "histogram";
	case METRIC_INFO: /* the older format has no such type */
		return writer->format == METRICS_OPENMETRICS ? "info" : "gauge";
	default:
		return "gauge";
	}
}

static void meta_line(struct metric_writer *writer, const char *what, const char *name,
		      const char *text)
{
	buffer_text(writer->out, what);
	buffer_text(writer->out, name);
	buffer_char(writer->out, ' ');
	buffer_text(writer->out, text);
	buffer_char(writer->out, '\n');
}

void metric_begin(struct metric_writer *writer, const struct metric *metric)
{
	bool openmetrics = writer->format == METRICS_OPENMETRICS;
	const char *suffix = metric->type == METRIC_COUNTER ? "_total"
			     : metric->type == METRIC_INFO  ? "_info"
							    : "";
	const char *name;

	writer->metric = metric;
	writer->head_n = head_write(writer->head, metric->name, suffix);
	writer->created_n = head_write(writer->created, metric->name, "_created");
	/* OpenMetrics names the family, the older format its samples */
	name = openmetrics ? metric->name : writer->head;
	meta_line(writer, "# HELP ", name, metric->help);
	meta_line(writer, "# TYPE ", name, type_name(writer));
	if (openmetrics && metric->unit)
		meta_line(writer, "# UNIT ", name, metric->unit);
}

/* `head{labels more} `, and room for a number and the end of the line. */
static bool sample_begin(struct buffer *out, const char *head, size_t head_n, const char *labels,
			 size_t labels_n, const char *more)
{
	size_t more_n = strlen(more);
	char *at;

	if (!buffer_reserve(out, head_n + labels_n + more_n + 3 + 2 * U64_DIGITS_MAX))
		return false;
	at = out->text + out->n;
	memcpy(at, head, head_n);
	at += head_n;
	if (labels_n + more_n) {
		*at++ = '{';
		memcpy(at, labels, labels_n);
		at += labels_n;
		if (!labels_n && *more == ',') {
			more++;
			more_n--;
		}
		memcpy(at, more, more_n);
		at += more_n;
		*at++ = '}';
	}
	*at++ = ' ';
	out->n = (size_t)(at - out->text);
	return true;
}

static void sample_created(struct metric_writer *writer, const char *labels, size_t labels_n,
			   const char *more, uint64_t created_ns)
{
	if (writer->format != METRICS_OPENMETRICS || writer->metric->type == METRIC_GAUGE ||
	    writer->metric->type == METRIC_INFO || !created_ns)
		return;
	if (!sample_begin(writer->out, writer->created, writer->created_n, labels, labels_n, more))
		return;
	/* whole milliseconds: more would say more than the clock of the cut */
	buffer_seconds(writer->out, created_ns / NS_PER_MS * NS_PER_MS);
	buffer_char(writer->out, '\n');
}

void metric_u64(struct metric_writer *writer, const char *labels, size_t labels_n, const char *more,
		uint64_t value, uint64_t created_ns)
{
	struct buffer *out = writer->out;

	if (!sample_begin(out, writer->head, writer->head_n, labels, labels_n, more))
		return;
	out->n = (size_t)(u64_write(out->text + out->n, value) - out->text);
	out->text[out->n++] = '\n';
	sample_created(writer, labels, labels_n, more, created_ns);
}

void metric_seconds(struct metric_writer *writer, const char *labels, size_t labels_n,
		    const char *more, uint64_t value_ns, uint64_t created_ns)
{
	if (!sample_begin(writer->out, writer->head, writer->head_n, labels, labels_n, more))
		return;
	buffer_seconds(writer->out, value_ns);
	buffer_char(writer->out, '\n');
	sample_created(writer, labels, labels_n, more, created_ns);
}

void metric_histogram(struct metric_writer *writer, const char *labels, size_t labels_n,
		      const struct metric_histogram *histogram, uint64_t created_ns)
{
	struct buffer *out = writer->out;
	char head[METRIC_HEAD_BYTES];
	size_t head_n = head_write(head, writer->metric->name, "_bucket");
	char more[32];

	for (size_t i = 0; i < histogram->n; i++) {
		(void)snprintf(more, sizeof(more), ",le=\"%s\"", histogram->le[i]); /* fits */
		if (!sample_begin(out, head, head_n, labels, labels_n, more))
			return;
		buffer_u64(out, histogram->cumulative[i]);
		buffer_char(out, '\n');
	}
	head_n = head_write(head, writer->metric->name, "_sum");
	if (!sample_begin(out, head, head_n, labels, labels_n, ""))
		return;
	if (histogram->sum_is_ns)
		buffer_seconds(out, histogram->sum);
	else
		buffer_u64(out, histogram->sum);
	buffer_char(out, '\n');
	head_n = head_write(head, writer->metric->name, "_count");
	if (!sample_begin(out, head, head_n, labels, labels_n, ""))
		return;
	buffer_u64(out, histogram->cumulative[histogram->n - 1]);
	buffer_char(out, '\n');
	sample_created(writer, labels, labels_n, "", created_ns);
}

void metric_durations(struct metric_writer *writer, const struct duration_histogram *durations,
		      uint64_t created_ns)
{
#define TEXT(ns, text) text,
	static const char *const le[] = { DURATION_BUCKETS(TEXT) };
#undef TEXT
	uint64_t cumulative[N_DURATION_BUCKETS], sum = 0;

	for (unsigned int i = 0; i < N_DURATION_BUCKETS; i++)
		cumulative[i] = sum += durations->bucket[i];
	metric_histogram(writer, "", 0,
			 &(struct metric_histogram){ .le = le,
						     .cumulative = cumulative,
						     .n = N_DURATION_BUCKETS,
						     .sum = durations->sum_ns,
						     .sum_is_ns = true },
			 created_ns);
}

void metrics_end(struct buffer *out, enum metrics_format format)
{
	if (format == METRICS_OPENMETRICS)
		buffer_text(out, "# EOF\n");
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void metric_label(struct buffer *out, const char *text, size_t text_n)
{
	static const char hex[] = "0123456789abcdef";
	char character[5] = "";

	for (size_t i = 0; i < text_n;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = 1;

		if (is_plain(c)) {
			buffer_char(out, (char)c);
		} else if (c == '"' || c == '\\') {
			buffer_char(out, '\\');
			buffer_char(out, (char)c);
		} else if (c == '\n') {
			buffer_text(out, "\\n");
		} else {
			/* a copy with its own end: the text may stop inside a character */
			memset(character, 0, sizeof(character));
			memcpy(character, text + i, text_n - i < 4 ? text_n - i : 4);
			n = text_utf8_bytes(character);
			if (n >= 2) {
				buffer_bytes(out, character, n);
			} else {
				buffer_text(out, "\\\\x");
				buffer_char(out, hex[c >> 4]);
				buffer_char(out, hex[c & 15]);
				n = 1;
			}
		}
		i += n;
	}
}
