// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacctctl groups: the list of groups and the totals of each, from ledger and list alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "common_table.h"
#include "common_text.h"
#include "ctl.h"

#define SCHEMA "ipacct.groups/1"

enum {
	COLUMN_NAME,
	COLUMN_PREFIXES,
	COLUMN_TX_PACKETS,
	COLUMN_TX,
	COLUMN_RX_PACKETS,
	COLUMN_RX
};
#define COLUMNS 6u

/* By name; what is no group comes last. */
static int compare(const void *a, const void *b)
{
	const struct ipacct_group *x = a, *y = b;

	if (x->collective != y->collective)
		return x->collective ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void cleanup_groups(struct ipacct_groups **groups)
{
	ipacct_groups_close(*groups);
}

/* Collective ones only with something in them. Returns how many are left. */
static size_t keep_shown(struct ipacct_group *groups, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!groups[i].collective || groups[i].counters.tx_packets ||
		    groups[i].counters.rx_packets)
			groups[kept++] = groups[i];
	return kept;
}

static void fill(const void *context, size_t index, struct table_row *row)
{
	const struct ipacct_group *group = (const struct ipacct_group *)context + index;
	const struct ipacct_counters *counters = &group->counters;
	char text[TEXT_NUMBER_BYTES];

	snprintf(row->cell[COLUMN_NAME], TABLE_CELL_BYTES, group->collective ? "(%s)" : "%s",
		 group->name);
	if (group->collective)
		for (char *c = row->cell[COLUMN_NAME]; (c = strchr(c, '_'));)
			*c = ' ';
	else
		snprintf(row->cell[COLUMN_PREFIXES], TABLE_CELL_BYTES, "%u", group->n_prefixes);
	snprintf(row->cell[COLUMN_TX_PACKETS], TABLE_CELL_BYTES, "%llu",
		 (unsigned long long)counters->tx_packets);
	snprintf(row->cell[COLUMN_TX], TABLE_CELL_BYTES, "%s",
		 text_octets(counters->tx_l3_bytes, TEXT_IEC, text));
	snprintf(row->cell[COLUMN_RX_PACKETS], TABLE_CELL_BYTES, "%llu",
		 (unsigned long long)counters->rx_packets);
	snprintf(row->cell[COLUMN_RX], TABLE_CELL_BYTES, "%s",
		 text_octets(counters->rx_l3_bytes, TEXT_IEC, text));
}

static int print_table(const struct ctl_settings *settings, const struct ipacct_snapshot *snapshot)
{
	struct table table = { .n_columns = COLUMNS,
			       .columns = { { .header = "GROUP" },
					    { .header = "PREFIXES", .right = true },
					    { .header = "TX PACKETS", .right = true },
					    { .header = "TX", .right = true },
					    { .header = "RX PACKETS", .right = true },
					    { .header = "RX", .right = true } },
			       .color = text_color_wanted(settings->color),
			       .fill = fill,
			       .context = snapshot->groups,
			       .n_rows = snapshot->n_groups };

	return table_print(&table);
}

static void print_json(const struct ctl_settings *settings, const struct ipacct_snapshot *snapshot,
		       const struct ipacct_groups_header *list)
{
	struct json_writer json = { .file = stdout, .pretty = settings->pretty };
	char digest[17];

	snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)list->digest);
	json_open(&json, NULL, '{');
	json_text(&json, "schema", SCHEMA);
	json_u64(&json, "cut", snapshot->cut);
	json_time(&json, "cut_time", snapshot->cut_time_ns);
	json_u64(&json, "prefixes", list->n_prefixes);
	json_text(&json, "digest", digest);
	json_time(&json, "changed", list->source_ns);
	json_open(&json, "groups", '[');
	for (size_t i = 0; i < snapshot->n_groups && !tool_output_failed(); i++) {
		const struct ipacct_group *group = &snapshot->groups[i];

		json_open(&json, NULL, '{');
		json_text(&json, "kind", group->collective ? group->name : "group");
		json_text(&json, "group", group->name);
		json_bool(&json, "listed", group->number != IPACCT_INDEX_NONE);
		json_u64(&json, "prefixes", group->n_prefixes);
		json_u64(&json, "tx_packets", group->counters.tx_packets);
		json_u64(&json, "tx_l3_bytes", group->counters.tx_l3_bytes);
		json_u64(&json, "rx_packets", group->counters.rx_packets);
		json_u64(&json, "rx_l3_bytes", group->counters.rx_l3_bytes);
		json_time(&json, "counted_since", group->created_ns);
		json_time(&json, "last_seen", group->last_seen_ns);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
}

int ctl_groups(const struct ctl_settings *settings)
{
	struct ipacct_snapshot *snapshot __cleanup(cleanup_snapshot) = NULL;
	struct ipacct_reader *reader __cleanup(cleanup_reader) = NULL;
	struct ipacct_groups *list __cleanup(cleanup_groups) = NULL;
	struct ipacct_problem problem = { "" };
	int r = ipacct_groups_open(settings->paths.runtime_dir, &list, &problem);

	if (r < 0 && problem.text[0] && r != -EPROTO) {
		tool_complain("%s", problem.text);
		return TOOL_ERROR;
	}
	if (r == 0)
		r = ipacct_reader_open(settings->paths.runtime_dir, settings->paths.bpffs_dir,
				       &reader, &problem);
	if (r == 0)
		r = ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_GROUPS, &snapshot, &problem);
	if (r < 0)
		return tool_explain(r, &problem, &settings->paths);
	snapshot->n_groups = keep_shown(snapshot->groups, snapshot->n_groups);
	qsort(snapshot->groups, snapshot->n_groups, sizeof(*snapshot->groups), compare);
	if (settings->json)
		print_json(settings, snapshot, ipacct_groups_header(list));
	else if (print_table(settings, snapshot) < 0)
		return TOOL_ERROR;
	return TOOL_OK;
}
