/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the ledger to the text of /metrics. Belongs to the HTTP thread alone. */
#ifndef IPACCT_DAEMON_METRICS_H
#define IPACCT_DAEMON_METRICS_H

#include "cost_facts.h"
#include "metrics_snapshot.h"
#include "metrics_text.h"
#include "series.h"
#include "stats.h"

/* Where the numbers come from; all of it outlives the thread. */
struct metrics_source {
	const struct ipacct_ledger *ledger;
	const struct stats_shared *stats;
	const struct series *series;    /* NULL: none are kept */
	bool groups;                    /* the ledger keeps the totals of a list of groups */
	const struct cost_shared *cost; /* NULL: nobody measures */
	uint64_t process_started_ns;    /* CLOCK_REALTIME */
};

/* What the HTTP thread knows of itself. */
struct metrics_http {
	struct duration_histogram render; /* making one text or compressing it */
	uint64_t n_ok, n_refused;         /* answers below and from 400 */
	uint64_t n_connections;           /* open now */
	uint64_t n_expired, n_evicted;    /* connections ended by a deadline, by a newer one */
	uint64_t n_waits;                 /* for a cut */
};

/* Twice as many as there may be names: finding one is a step or two. */
#define METRICS_ORG_SLOTS 1024u

/* What a text was made of. Facts change without a cut: a window of the costs ends, an interval is
 * set. */
struct metrics_version {
	uint64_t cut;
	uint32_t stats, cost;
};

struct metrics {
	struct metrics_source source;
	struct metrics_version version; /* of what follows */
	struct metrics_snapshot snapshot;
	struct stats stats;
	struct cost_facts cost, cost_read; /* cost.n_windows 0: nothing is known yet */
	struct series_facts series, series_read;
	uint16_t org_at[METRICS_ORG_SLOTS]; /* by AS number: index in series.orgs + 1, 0: none */
	struct buffer labels;               /* of what one part of the text repeats */
	struct buffer more;                 /* the rest of one sample's labels */
	const struct metrics_series *of_kind[IPACCT_SERIES_MAX];
	size_t label_at[IPACCT_SERIES_MAX + 1]; /* in labels */
	struct metrics_http http;
};

void metrics_finish(struct metrics *metrics);

/* The last committed cut, cheap. */
uint64_t metrics_cut(const struct metrics *metrics);

/* Is there anything newer than that? Cheap. */
bool metrics_outdated(const struct metrics *metrics, const struct metrics_version *version);

/* Take the last committed cut, unless it is there, what the collector says of itself and the
 * supervisor of the costs. 0 or -EAGAIN. */
int metrics_refresh(struct metrics *metrics);

/* Write the whole text into *out, which is emptied first. After the first times it allocates nothing.
 * Returns 0, -EAGAIN (no whole snapshot could be had) or -ENOMEM. */
int metrics_render(struct metrics *metrics, enum metrics_format format, struct buffer *out);

/* What the AS with this name (its number) is called; NULL: not known. */
const char *metrics_org(const struct metrics *metrics, const char *name);

/* metrics->series has changed. */
void metrics_orgs_index(struct metrics *metrics);

uint64_t metrics_resident_bytes(void);

/* The parts of it. */
void metrics_interfaces(struct metrics *metrics, struct metric_writer *writer);
void metrics_series(struct metrics *metrics, struct metric_writer *writer);
void metrics_cost(struct metrics *metrics, struct metric_writer *writer);
void metrics_self(struct metrics *metrics, struct metric_writer *writer);

#endif
