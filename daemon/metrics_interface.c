/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The families of the interfaces, expanded from counters.h. */
#include <stdio.h>

#include "ipacct/counters.h"
#include "metrics.h"

#define TOTAL_AT(field)   offsetof(struct ipacct_totals, field)
#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* One sample of a family for each interface. */
struct column {
	const char *more; /* its own label */
	size_t offset;    /* of the number in struct ipacct_totals */
};

struct interface_family {
	struct metric metric;
	const struct column *columns;
	size_t n_columns;
};

#define PLAIN(field, name, unit, help) { "", TOTAL_AT(field) },
static const struct column plain[] = { IPACCT_TOTALS_COUNTERS(PLAIN) };
#undef PLAIN

#define PACKETS(id, name, help) \
	{ ",reason=\"" name "\"", TOTAL_AT(ignored[IPACCT_IGNORED_##id].packets) },
#define L2_BYTES(id, name, help) \
	{ ",reason=\"" name "\"", TOTAL_AT(ignored[IPACCT_IGNORED_##id].l2_bytes) },
static const struct column ignored_packets[] = { IPACCT_REASONS(PACKETS) };
static const struct column ignored_l2_bytes[] = { IPACCT_REASONS(L2_BYTES) };
#undef PACKETS
#undef L2_BYTES

#define PACKETS(field, name)  { ",family=\"" name "\"", TOTAL_AT(field.packets) },
#define L3_BYTES(field, name) { ",family=\"" name "\"", TOTAL_AT(field.l3_bytes) },
static const struct column family_packets[] = { IPACCT_FAMILIES(PACKETS) };
static const struct column family_l3_bytes[] = { IPACCT_FAMILIES(L3_BYTES) };
#undef PACKETS
#undef L3_BYTES

#define PACKETS(id, name) \
	{ ",protocol=\"" name "\"", TOTAL_AT(protocol[IPACCT_PROTOCOL_##id].packets) },
#define L3_BYTES(id, name) \
	{ ",protocol=\"" name "\"", TOTAL_AT(protocol[IPACCT_PROTOCOL_##id].l3_bytes) },
static const struct column protocol_packets[] = { IPACCT_PROTOCOL_CLASSES(PACKETS) };
static const struct column protocol_l3_bytes[] = { IPACCT_PROTOCOL_CLASSES(L3_BYTES) };
#undef PACKETS
#undef L3_BYTES

#define PACKETS(field, name) { ",fragment=\"" name "\"", TOTAL_AT(field) },
static const struct column fragment_packets[] = { IPACCT_FRAGMENTS(PACKETS) };
#undef PACKETS

#define FAMILY(name, unit, help, columns)                                          \
	{                                                                          \
		{ "ipacct_interface_" name, unit, help, METRIC_COUNTER }, columns, \
			N_ELEMENTS(columns)                                        \
	}
static const struct interface_family families[] = {
	FAMILY("ignored_packets", "packets",
	       "packets that were seen and not accounted, by the reason", ignored_packets),
	FAMILY("ignored_l2_bytes", "bytes",
	       "octets of frames that were seen and not accounted, without FCS", ignored_l2_bytes),
	FAMILY("family_packets", "packets", "accounted packets by IP version", family_packets),
	FAMILY("family_l3_bytes", "bytes",
	       "octets of IP header and payload of accounted packets, by IP version",
	       family_l3_bytes),
	FAMILY("protocol_packets", "packets", "accounted packets by protocol", protocol_packets),
	FAMILY("protocol_l3_bytes", "bytes",
	       "octets of IP header and payload of accounted packets, by protocol",
	       protocol_l3_bytes),
	FAMILY("fragment_packets", "packets",
	       "accounted packets that are the first or another fragment of one", fragment_packets),
};

/* Labels of the interfaces, one after the other in metrics->labels. */
struct labels {
	size_t at[IPACCT_IFS_MAX + 1];
};

static void labels_write(struct metrics *metrics, struct labels *labels)
{
	struct buffer *out = &metrics->labels;

	buffer_reset(out);
	for (size_t i = 0; i < metrics->snapshot.n_interfaces; i++) {
		const struct ipacct_interface *interface =
			&metrics->snapshot.interfaces[i].interface;
		const char *hook = ipacct_hook_name(interface->hook);

		labels->at[i] = out->n;
		buffer_text(out, "device=\"");
		metric_label(out, interface->ifname, strlen(interface->ifname));
		buffer_text(out, "\",hook=\"");
		buffer_text(out, hook ? hook : "unknown");
		buffer_char(out, '"');
		labels->at[i + 1] = out->n;
	}
}

static uint64_t number_at(const struct ipacct_totals *totals, size_t offset)
{
	return *(const __u64 *)((const char *)totals + offset);
}

static void family_write(const struct metrics *metrics, const struct labels *labels,
			 struct metric_writer *writer, const struct metric *metric,
			 const struct column *columns, size_t n_columns)
{
	const struct metrics_snapshot *snapshot = &metrics->snapshot;

	metric_begin(writer, metric);
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		for (size_t k = 0; k < n_columns; k++)
			metric_u64(writer, metrics->labels.text + labels->at[i],
				   labels->at[i + 1] - labels->at[i], columns[k].more,
				   number_at(&snapshot->interfaces[i].totals, columns[k].offset),
				   snapshot->created_ns);
}

/* Sizes are whole octets, so "at most 63" is what RFC 2819 calls "0-63". */
#define SIZE_BELOW(limit, name) limit,
static const uint32_t size_limits[] = { IPACCT_SIZES(SIZE_BELOW) };
#undef SIZE_BELOW

struct size_texts {
	char text[IPACCT_SIZE_BINS][U64_DIGITS_MAX + sizeof(".0")];
	const char *le[IPACCT_SIZE_BINS];
};

static void size_texts_write(struct size_texts *texts, enum metrics_format format)
{
	for (unsigned int i = 0; i < IPACCT_SIZE_BINS - 1; i++) {
		/* OpenMetrics 1.0, "Canonical Numbers": le is a float */
		(void)snprintf(texts->text[i], sizeof(texts->text[i]), "%u%s", size_limits[i] - 1,
			       format == METRICS_OPENMETRICS ? ".0" : "");
		texts->le[i] = texts->text[i];
	}
	texts->le[IPACCT_SIZE_BINS - 1] = "+Inf";
}

static const struct metric packet_sizes = {
	"ipacct_interface_packet_size_bytes", "bytes",
	"octets of the frames that arrived, FCS included: the sum is seen_l2_bytes + 4 a packet",
	METRIC_HISTOGRAM
};

static void sizes_write(const struct metrics *metrics, const struct labels *labels,
			struct metric_writer *writer)
{
	const struct metrics_snapshot *snapshot = &metrics->snapshot;
	struct size_texts texts;

	metric_begin(writer, &packet_sizes);
	size_texts_write(&texts, writer->format);
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_totals *totals = &snapshot->interfaces[i].totals;
		uint64_t cumulative[IPACCT_SIZE_BINS], sum = 0;

		for (unsigned int bin = 0; bin < IPACCT_SIZE_BINS; bin++)
			cumulative[bin] = sum += totals->size_histogram[bin];
		metric_histogram(writer, metrics->labels.text + labels->at[i],
				 labels->at[i + 1] - labels->at[i],
				 &(struct metric_histogram){ .le = texts.le,
							     .cumulative = cumulative,
							     .n = IPACCT_SIZE_BINS,
							     .sum = totals->seen.l2_bytes +
								    IPACCT_FCS_BYTES *
									    totals->seen.packets },
				 snapshot->created_ns);
	}
}

static const char *name_or_unknown(const char *name)
{
	return name ? name : "unknown";
}

static void attach_write(const struct metrics *metrics, const struct labels *labels,
			 struct metric_writer *writer)
{
	static const struct metric info = { "ipacct_attach", NULL,
					    "how the program is attached to a device",
					    METRIC_INFO };
	static const struct metric state = { "ipacct_interface_attached", NULL,
					     "1 while the program counts on the device, 0 while it "
					     "should and does not",
					     METRIC_GAUGE };
	static const struct metric attaches = { "ipacct_interface_attaches", NULL,
						"how often the program was attached",
						METRIC_COUNTER };
	const struct metrics_snapshot *snapshot = &metrics->snapshot;
	const char *text = metrics->labels.text;
	char more[64];

	metric_begin(writer, &info);
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_interface *at = &snapshot->interfaces[i].interface;

		(void)snprintf(more, sizeof(more), ",mode=\"%s\",attach=\"%s\"",
			       name_or_unknown(ipacct_mode_name(at->mode)),
			       name_or_unknown(ipacct_attach_name(at->attach))); /* fits */
		metric_u64(writer, text + labels->at[i], labels->at[i + 1] - labels->at[i], more, 1,
			   0);
	}
	metric_begin(writer, &state);
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		uint32_t now = snapshot->interfaces[i].interface.state;

		if (now != IPACCT_IF_DETACHED) /* by the operator, whom no alert should call */
			metric_u64(writer, text + labels->at[i], labels->at[i + 1] - labels->at[i],
				   "", now == IPACCT_IF_ATTACHED, 0);
	}
	metric_begin(writer, &attaches);
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		metric_u64(writer, text + labels->at[i], labels->at[i + 1] - labels->at[i], "",
			   snapshot->interfaces[i].interface.n_attached, snapshot->created_ns);
}

void metrics_interfaces(struct metrics *metrics, struct metric_writer *writer)
{
#define METRIC(field, name, unit, help) { "ipacct_interface_" name, unit, help, METRIC_COUNTER },
	static const struct metric plain_metrics[] = { IPACCT_TOTALS_COUNTERS(METRIC) };
#undef METRIC
	struct labels labels;

	labels_write(metrics, &labels);
	if (metrics->labels.failed)
		return;
	for (size_t i = 0; i < N_ELEMENTS(plain_metrics); i++)
		family_write(metrics, &labels, writer, &plain_metrics[i], &plain[i], 1);
	for (size_t i = 0; i < N_ELEMENTS(families); i++)
		family_write(metrics, &labels, writer, &families[i].metric, families[i].columns,
			     families[i].n_columns);
	sizes_write(metrics, &labels, writer);
	attach_write(metrics, &labels, writer);
}
