/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the ledger to the text of /metrics. */
#include <errno.h>

#include "metrics.h"

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

int metrics_refresh(struct metrics *metrics)
{
	int ret = 0;

	if (metrics->snapshot.cut != metrics_cut(metrics) || !metrics->snapshot.cut)
		ret = metrics_snapshot_read(metrics->source.ledger, &metrics->snapshot);
	if (ret)
		return ret;
	/* failing that, what was read last time is shown */
	(void)stats_read(metrics->source.stats, &metrics->stats);
	if (metrics->source.cost && cost_facts_read(metrics->source.cost, &metrics->cost_read))
		metrics->cost = metrics->cost_read;
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
