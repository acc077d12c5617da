/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1: the ledger as JSON, with the records of ipacct-dump. Belongs to the HTTP thread. */
#ifndef IPACCT_DAEMON_HTTP_API_H
#define IPACCT_DAEMON_HTTP_API_H

#include "base/json.h"
#include "http_query.h"
#include "metrics.h"

/* The busiest addresses of the last cut, by every sort: one walk through the ledger a cut, whatever is
 * asked for. */
struct top_row {
	struct ipacct_entry entry;
	uint64_t value; /* what it is sorted by */
};

struct top_lists {
	uint64_t cut; /* 0: nothing yet */
	uint32_t n_addresses, n_rollups;
	struct ipacct_counters total; /* of all addresses and roll-ups */
	uint32_t n[TOP_SORTS_N];
	struct top_row rows[TOP_SORTS_N][TOP_ROWS_MAX]; /* sorted, the most first */
};

struct api {
	struct metrics *metrics;
	struct top_lists *lists; /* made when they are first asked for */
	struct buffer out;
};

/* Zeroed storage with `metrics` set is valid. */
void api_finish(struct api *api);

/* Each writes api->out. Return 0, -EAGAIN (no whole snapshot could be had), -ENOENT (top: no series of
 * that kind are kept) or -ENOMEM. */
int api_status(struct api *api);
int api_interfaces(struct api *api);
int api_top(struct api *api, const struct top_query *query);
/* The same for groups of a list of prefixes. */
int api_groups(struct api *api, const struct top_query *query);

/* What every answer but status begins with. */
void api_head(struct json_writer *json, const struct metrics_snapshot *snapshot);

#endif
