/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The families of countries, ASes, prefix groups and addresses, from the series of the ledger. */
#include "base/mix.h"
#include "base/num.h"
#include "metrics.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

struct direction {
	const char *more;
	size_t offset; /* in struct ipacct_counters */
};

static const struct direction packets[] = {
	{ ",direction=\"tx\"", offsetof(struct ipacct_counters, tx_packets) },
	{ ",direction=\"rx\"", offsetof(struct ipacct_counters, rx_packets) },
};
static const struct direction l3_bytes[] = {
	{ ",direction=\"tx\"", offsetof(struct ipacct_counters, tx_l3_bytes) },
	{ ",direction=\"rx\"", offsetof(struct ipacct_counters, rx_l3_bytes) },
};
_Static_assert(sizeof(struct ipacct_counters) ==
		       sizeof(uint64_t) * (N_ELEMENTS(packets) + N_ELEMENTS(l3_bytes)),
	       "a counter has no family");

struct series_family {
	const char *label;
	struct metric packets, l3_bytes;
};

#define SENT_RECEIVED " sent (tx: as source) and received (rx: as destination)"
#define FAMILY(name, what)                                                                  \
	{                                                                                   \
		name,                                                                       \
			{ "ipacct_" name "_packets", "packets",                             \
			  "packets that " what SENT_RECEIVED, METRIC_COUNTER },             \
		{                                                                           \
			"ipacct_" name "_l3_bytes", "bytes",                                \
				"octets of IP header and payload that " what SENT_RECEIVED, \
				METRIC_COUNTER                                              \
		}                                                                           \
	}
static const struct series_family families[IPACCT_SERIES_KINDS] = {
	[IPACCT_SERIES_COUNTRY] = FAMILY("country", "addresses of a country"),
	[IPACCT_SERIES_ASN] = FAMILY("asn", "addresses of an autonomous system"),
	[IPACCT_SERIES_GROUP] = FAMILY("group", "addresses of a group of prefixes"),
	[IPACCT_SERIES_ADDRESS] = FAMILY("address", "one of the busiest addresses"),
};

/* The label of each series of the kind, one after the other in metrics->labels. */
static size_t labels_write(struct metrics *metrics, enum ipacct_series_kind kind)
{
	struct buffer *out = &metrics->labels;
	size_t n = 0;

	buffer_reset(out);
	for (size_t i = 0; i < metrics->snapshot.n_series; i++) {
		const struct metrics_series *series = &metrics->snapshot.series[i];

		if (series->kind != kind)
			continue;
		metrics->of_kind[n] = series;
		metrics->label_at[n++] = out->n;
		buffer_text(out, families[kind].label);
		buffer_text(out, "=\"");
		metric_label(out, series->name, strlen(series->name));
		buffer_char(out, '"');
	}
	metrics->label_at[n] = out->n;
	return n;
}

static void family_write(const struct metrics *metrics, size_t n, struct metric_writer *writer,
			 const struct metric *metric, const struct direction *directions)
{
	metric_begin(writer, metric);
	for (size_t i = 0; i < n; i++) {
		const struct metrics_series *series = metrics->of_kind[i];
		const char *label = metrics->labels.text + metrics->label_at[i];
		size_t label_n = metrics->label_at[i + 1] - metrics->label_at[i];

		for (size_t k = 0; k < N_ELEMENTS(packets); k++)
			metric_u64(writer, label, label_n, directions[k].more,
				   *(const __u64 *)((const char *)&series->counters +
						    directions[k].offset),
				   series->created_ns);
	}
}

_Static_assert(2 * SERIES_ASNS_MAX <= METRICS_ORG_SLOTS, "finding a name takes many steps");

/* The slot of this AS, or the empty one where it belongs. */
static uint32_t org_slot(const struct metrics *metrics, uint64_t asn)
{
	uint32_t at = (uint32_t)(ipacct_mix64(asn) % METRICS_ORG_SLOTS);

	while (metrics->org_at[at] && metrics->series.orgs[metrics->org_at[at] - 1].asn != asn)
		at = (at + 1) % METRICS_ORG_SLOTS;
	return at;
}

void metrics_orgs_index(struct metrics *metrics)
{
	memset(metrics->org_at, 0, sizeof(metrics->org_at));
	for (uint16_t i = 0; i < SERIES_ASNS_MAX; i++)
		if (metrics->series.orgs[i].asn && metrics->series.orgs[i].org[0])
			metrics->org_at[org_slot(metrics, metrics->series.orgs[i].asn)] = i + 1;
}

const char *metrics_org(const struct metrics *metrics, const char *name)
{
	uint64_t asn;
	uint16_t at;

	if (parse_u64(name, 1, UINT32_MAX, &asn))
		return NULL; /* a collective series */
	at = metrics->org_at[org_slot(metrics, asn)];
	return at ? metrics->series.orgs[at - 1].org : NULL;
}

/* A name may change with a database: as a label of the counters it would begin them anew. */
static void orgs_write(struct metrics *metrics, size_t n, struct metric_writer *writer)
{
	static const struct metric info = { "ipacct_asn", NULL,
					    "what an autonomous system is called", METRIC_INFO };
	struct buffer *more = &metrics->more;

	metric_begin(writer, &info);
	for (size_t i = 0; i < n; i++) {
		const char *org = metrics_org(metrics, metrics->of_kind[i]->name);

		if (!org)
			continue;
		buffer_reset(more);
		buffer_text(more, ",as_org=\"");
		metric_label(more, org, strlen(org));
		buffer_text(more, "\"");
		buffer_char(more, '\0');
		if (!more->failed)
			metric_u64(writer, metrics->labels.text + metrics->label_at[i],
				   metrics->label_at[i + 1] - metrics->label_at[i], more->text, 1,
				   0);
	}
}

void metrics_series(struct metrics *metrics, struct metric_writer *writer)
{
	for (unsigned int kind = 1; kind < IPACCT_SERIES_KINDS; kind++) {
		size_t n;

		if (!metrics->series.active[kind])
			continue; /* not kept: what the ledger has of it does not move */
		n = labels_write(metrics, kind);
		if (metrics->labels.failed)
			return;
		family_write(metrics, n, writer, &families[kind].packets, packets);
		family_write(metrics, n, writer, &families[kind].l3_bytes, l3_bytes);
		if (kind == IPACCT_SERIES_ASN)
			orgs_write(metrics, n, writer);
	}
}
