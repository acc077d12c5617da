/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1/top: the busiest addresses, or series, and what is left out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http_api.h"
#include "json_records.h"
#include "series_names.h"
#include "table.h"

#define TOP_TRIES 3 /* a walk takes a part of the interval: cuts that come faster are not usual */

/* A heap whose root is the least of those kept: most addresses are compared with it and no more. */
static void sift_down(struct top_row *rows, uint32_t n, uint32_t at)
{
	for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
		struct top_row row = rows[at];

		if (child + 1 < n && rows[child + 1].value < rows[child].value)
			child++;
		if (row.value <= rows[child].value)
			return;
		rows[at] = rows[child];
		rows[child] = row;
	}
}

static void sift_up(struct top_row *rows, uint32_t at)
{
	for (uint32_t parent; at && rows[parent = (at - 1) / 2].value > rows[at].value;
	     at = parent) {
		struct top_row row = rows[at];

		rows[at] = rows[parent];
		rows[parent] = row;
	}
}

static void row_offer(struct top_row *rows, uint32_t *n, const struct ipacct_entry *entry,
		      uint64_t value)
{
	if (!value)
		return;
	if (*n < TOP_ROWS_MAX) {
		rows[*n] = (struct top_row){ *entry, value };
		sift_up(rows, (*n)++);
	} else if (value > rows[0].value) {
		rows[0] = (struct top_row){ *entry, value };
		sift_down(rows, *n, 0);
	}
}

/* The most first; equal ones by address, so that the order is the same every time. */
static int compare(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return memcmp(&x->entry.key, &y->entry.key, sizeof(x->entry.key));
}

static bool entry_read(const struct ipacct_ledger_record *record, uint64_t cut,
		       struct ipacct_entry *ret_entry)
{
	int newest = IPACCT_VERSION_READ(record->version, cut);

	if (newest < 0 || !record->version[newest].last_seen_ns)
		return false; /* claimed and not committed yet, or folded */
	*ret_entry = (struct ipacct_entry){
		.key = record->key,
		.prefix_len = record->prefix_len,
		.counters = record->version[newest].counters,
		.first_seen_ns = record->first_seen_ns,
		.last_seen_ns = record->version[newest].last_seen_ns,
	};
	return true;
}

static uint32_t claimed(const __u32 *n, uint32_t max)
{
	uint32_t now = __atomic_load_n(n, __ATOMIC_ACQUIRE);

	return now < max ? now : max;
}

static void lists_fill(const struct ipacct_ledger *ledger, uint64_t cut, struct top_lists *lists)
{
	uint32_t n = claimed(&ledger->header->n_addresses, ledger->n_addresses_max);
	uint32_t n_rollups = claimed(&ledger->header->n_rollups, ledger->n_rollups_max);
	struct ipacct_entry entry;

	memset(lists->n, 0, sizeof(lists->n));
	memset(&lists->total, 0, sizeof(lists->total));
	lists->n_addresses = lists->n_rollups = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!entry_read(&ledger->addresses[i], cut, &entry))
			continue;
		lists->n_addresses++;
		ipacct_counters_add(&lists->total, &entry.counters);
		for (unsigned int sort = 0; sort < TOP_SORTS_N; sort++)
			row_offer(lists->rows[sort], &lists->n[sort], &entry,
				  top_value(sort, &entry.counters));
	}
	for (uint32_t i = 0; i < n_rollups; i++) {
		if (!entry_read(&ledger->rollups[i], cut, &entry))
			continue;
		lists->n_rollups++;
		ipacct_counters_add(&lists->total, &entry.counters);
	}
	for (unsigned int sort = 0; sort < TOP_SORTS_N; sort++)
		qsort(lists->rows[sort], lists->n[sort], sizeof(lists->rows[sort][0]), compare);
}

/* As metrics_snapshot_read(): without a lock, again when a cut was committed meanwhile. */
static int lists_read(const struct ipacct_ledger *ledger, struct top_lists *lists)
{
	const uint64_t *committed = (const uint64_t *)&ledger->header->cut;

	for (int i = 0; i < TOP_TRIES; i++) {
		uint64_t cut = __atomic_load_n(committed, __ATOMIC_ACQUIRE);

		lists->cut = 0;
		lists_fill(ledger, cut, lists);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(committed, __ATOMIC_RELAXED) == cut) {
			lists->cut = cut;
			return 0;
		}
	}
	return -EAGAIN;
}

static void addresses_write(struct json_writer *json, const struct top_lists *lists,
			    const struct top_query *query)
{
	const struct top_row *rows = lists->rows[query->sort];
	uint32_t n = lists->n[query->sort] < query->n ? lists->n[query->sort] : query->n;
	struct ipacct_counters shown = {}, rest = lists->total;

	json_open(json, "addresses", '[');
	for (uint32_t i = 0; i < n; i++) {
		json_open(json, NULL, '{');
		json_address(json, &rows[i].entry);
		json_close(json, '}');
		ipacct_counters_add(&shown, &rows[i].entry.counters);
	}
	json_close(json, ']');
	ipacct_counters_take(&rest, &shown);
	json_open(json, "left_out", '{');
	json_u64(json, "addresses", lists->n_addresses - n);
	json_u64(json, "rollups", lists->n_rollups);
	json_counters(json, &rest);
	json_close(json, '}');
}

/* What ipacct-dump calls the kind of a group. */
static const char *kind_of(enum ipacct_series_kind by, const char *name)
{
	unsigned int collective = series_collective_find(name);

	if (collective == COLLECTIVES)
		return by == IPACCT_SERIES_COUNTRY ? "country"
		       : by == IPACCT_SERIES_ASN   ? "asn"
						   : "name";
	return collective >= COLLECTIVE_CLASS ? "class" : name;
}

static int compare_series(const void *a, const void *b, void *context)
{
	const struct metrics_series *x = *(const struct metrics_series *const *)a;
	const struct metrics_series *y = *(const struct metrics_series *const *)b;
	const struct top_query *query = context;
	uint64_t one = top_value(query->sort, &x->counters);
	uint64_t other = top_value(query->sort, &y->counters);

	if (one != other)
		return one < other ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void groups_write(struct json_writer *json, struct metrics *metrics,
			 const struct top_query *query)
{
	struct ipacct_counters left_out = {};
	size_t n = 0;

	for (size_t i = 0; i < metrics->snapshot.n_series; i++)
		if (metrics->snapshot.series[i].kind == query->by)
			metrics->of_kind[n++] = &metrics->snapshot.series[i];
	qsort_r(metrics->of_kind, n, sizeof(metrics->of_kind[0]), compare_series, (void *)query);
	json_open(json, "groups", '[');
	for (size_t i = 0; i < n; i++) {
		const struct metrics_series *series = metrics->of_kind[i];

		if (i >= query->n) {
			ipacct_counters_add(&left_out, &series->counters);
			continue;
		}
		json_open(json, NULL, '{');
		json_text(json, "kind", kind_of(query->by, series->name));
		json_text(json, "group", series->name);
		if (query->by == IPACCT_SERIES_ASN)
			json_text(json, "name", metrics_org(metrics, series->name));
		json_counters(json, &series->counters);
		json_time(json, "counted_since", series->created_ns);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_open(json, "left_out", '{');
	json_u64(json, "groups", n > query->n ? n - query->n : 0);
	json_counters(json, &left_out);
	json_close(json, '}');
}

/* Lists and snapshot of one and the same cut. */
static int lists_refresh(struct api *api)
{
	struct metrics *metrics = api->metrics;
	int ret = 0;

	if (!api->lists)
		api->lists = calloc(1, sizeof(*api->lists));
	if (!api->lists)
		return -ENOMEM;
	for (int i = 0; i < TOP_TRIES && !ret; i++) {
		if (api->lists->cut == metrics->snapshot.cut)
			return 0;
		ret = lists_read(metrics->source.ledger, api->lists);
		if (!ret)
			ret = metrics_refresh(metrics);
	}
	return ret ? ret : api->lists->cut == metrics->snapshot.cut ? 0 : -EAGAIN;
}

int api_top(struct api *api, const struct top_query *query)
{
	struct json_writer json = { .buffer = &api->out };
	struct metrics *metrics = api->metrics;
	int ret;

	if (query->by == IPACCT_SERIES_GROUP && metrics->source.groups)
		return api_groups(api, query);
	ret = metrics_refresh(metrics);
	if (!ret && query->by == IPACCT_SERIES_ADDRESS)
		ret = lists_refresh(api);
	else if (!ret && !metrics->series.active[query->by])
		ret = -ENOENT;
	if (ret)
		return ret;
	buffer_reset(&api->out);
	json_open(&json, NULL, '{');
	api_head(&json, &metrics->snapshot);
	if (query->by == IPACCT_SERIES_ADDRESS)
		addresses_write(&json, api->lists, query);
	else
		groups_write(&json, metrics, query);
	json_close(&json, '}');
	return api->out.failed ? -ENOMEM : 0;
}
