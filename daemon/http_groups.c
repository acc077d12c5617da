/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1/top?by=group when there is a list of groups: every one of them, from its record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "groups_records.h"
#include "http_api.h"
#include "json_records.h"
#include "series_slots.h"
#include "table.h"

#define TRIES 3 /* as http_top.c */

struct row {
	uint64_t value; /* what it is sorted by */
	uint32_t record;
};

static int compare(const void *a, const void *b, void *context)
{
	const struct row *x = a, *y = b;
	const struct ipacct_ledger *ledger = context;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return strncmp(ledger->groups[x->record].name, ledger->groups[y->record].name,
		       IPACCT_SERIES_NAME_BYTES);
}

static const char *kind_of(const char *name)
{
	for (unsigned int i = 0; i < GROUP_COLLECTIVES; i++)
		if (!strcmp(name, group_collective_name(i)))
			return group_collective_name(i);
	return "group";
}

static void row_write(struct json_writer *json, const struct ipacct_ledger_series *record,
		      const struct ipacct_counters *counters)
{
	char name[IPACCT_SERIES_NAME_BYTES];

	memcpy(name, record->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	json_open(json, NULL, '{');
	json_text(json, "kind", kind_of(name));
	json_text(json, "group", name);
	json_counters(json, counters);
	json_time(json, "counted_since", record->created_ns);
	json_close(json, '}');
}

static int rows_write(struct json_writer *json, const struct ipacct_ledger *ledger, uint64_t cut,
		      const struct top_query *query)
{
	uint32_t n = ledger->header->n_groups; /* of this process */
	struct row *rows = calloc((size_t)n + 1, sizeof(*rows));
	struct ipacct_counters left_out = {};
	size_t n_rows = 0;

	if (!rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_counters amount = series_record_amount(&ledger->groups[i], cut);

		if (amount.tx_packets | amount.rx_packets)
			rows[n_rows++] = (struct row){ top_value(query->sort, &amount), i };
	}
	qsort_r(rows, n_rows, sizeof(*rows), compare, (void *)ledger);
	json_open(json, "groups", '[');
	for (size_t i = 0; i < n_rows; i++) {
		const struct ipacct_ledger_series *record = &ledger->groups[rows[i].record];
		struct ipacct_counters amount = series_record_amount(record, cut);

		if (i < query->n)
			row_write(json, record, &amount);
		else
			ipacct_counters_add(&left_out, &amount);
	}
	json_close(json, ']');
	json_open(json, "left_out", '{');
	json_u64(json, "groups", n_rows > query->n ? n_rows - query->n : 0);
	json_counters(json, &left_out);
	json_close(json, '}');
	free(rows);
	return 0;
}

int api_groups(struct api *api, const struct top_query *query)
{
	const struct ipacct_ledger *ledger = api->metrics->source.ledger;
	int ret = 0;

	for (int i = 0; i < TRIES && !ret; i++) {
		struct json_writer json = { .buffer = &api->out };
		uint64_t cut;

		ret = metrics_refresh(api->metrics);
		if (ret)
			return ret;
		cut = api->metrics->snapshot.cut;
		buffer_reset(&api->out);
		json_open(&json, NULL, '{');
		api_head(&json, &api->metrics->snapshot);
		ret = rows_write(&json, ledger, cut, query);
		json_close(&json, '}');
		/* versions of cut H are overwritten only after H + 1 was committed */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!ret && metrics_cut(api->metrics) == cut)
			return api->out.failed ? -ENOMEM : 0;
	}
	return ret ? ret : -EAGAIN;
}
