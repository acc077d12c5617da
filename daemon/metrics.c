/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the ledger to the text of /metrics. */
#include <errno.h>

#include "metrics.h"
#include "shared_words.h"

void metrics_finish(struct metrics *metrics)
{
	buffer_finish(&metrics->labels);
	buffer_finish(&metrics->more);
}

uint64_t metrics_cut(const struct metrics *metrics)
{
	return __atomic_load_n((const uint64_t *)&metrics->source.ledger->header->cut,
			       __ATOMIC_ACQUIRE);
}

static struct metrics_version version_now(const struct metrics *metrics)
{
	const struct metrics_source *source = &metrics->source;

	return (struct metrics_version){
		.cut = metrics_cut(metrics),
		.stats = shared_version(&source->stats->sequence),
		.cost = source->cost ? shared_version(&source->cost->facts_sequence) : 0,
	};
}

bool metrics_outdated(const struct metrics *metrics, const struct metrics_version *version)
{
	struct metrics_version now = version_now(metrics);

	return now.cut != version->cut || now.stats != version->stats || now.cost != version->cost;
}

int metrics_refresh(struct metrics *metrics)
{
	struct metrics_version now = version_now(metrics); /* before reading: or it may be older */
	int ret = 0;

	if (metrics->snapshot.cut != metrics_cut(metrics) || !metrics->snapshot.cut)
		ret = metrics_snapshot_read(metrics->source.ledger, &metrics->snapshot);
	if (ret)
		return ret;
	/* failing these, what was read last time is shown, and the next one tries again */
	metrics->version.cut = metrics->snapshot.cut;
	if (stats_read(metrics->source.stats, &metrics->stats))
		metrics->version.stats = now.stats;
	if (metrics->source.cost && cost_facts_read(metrics->source.cost, &metrics->cost_read)) {
		metrics->cost = metrics->cost_read;
		metrics->version.cost = now.cost;
	}
	if (metrics->source.series &&
	    series_facts_read(metrics->source.series, &metrics->series_read)) {
		metrics->series = metrics->series_read;
		metrics_orgs_index(metrics);
	}
	return 0;
}

int metrics_render(struct metrics *metrics, enum metrics_format format, struct buffer *out)
{
	struct metric_writer writer = { .out = out, .format = format };
	int ret = metrics_refresh(metrics);

	buffer_reset(out);
	if (ret)
		return ret;
	metrics_interfaces(metrics, &writer);
	metrics_series(metrics, &writer);
	metrics_cost(metrics, &writer);
	metrics_self(metrics, &writer);
	metrics_end(out, format);
	return out->failed || metrics->labels.failed ? -ENOMEM : 0;
}
