// SPDX-License-Identifier: GPL-2.0-or-later
/* Groups of the list of prefixes: their totals from the ledger, and whose an address is. */
#include "dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int dump_groups_open(const struct dump_settings *settings, struct ipacct_groups **ret_groups)
{
	struct ipacct_problem problem = { "" };
	int r = ipacct_groups_open(settings->paths.runtime_dir, ret_groups, &problem);

	if (r == 0)
		return TOOL_OK;
	tool_complain("%s", problem.text[0] ? problem.text : strerror(-r));
	return r == -EPROTO ? TOOL_ABI : TOOL_ERROR;
}

static bool named(const struct dump_settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->groups.n; i++)
		if (strcmp(settings->groups.labels[i].name, name) == 0)
			return true;
	return false;
}

bool dump_group_of(const struct dump_settings *settings, const struct ipacct_entry *e,
		   char ret_name[IPACCT_SERIES_NAME_BYTES])
{
	return settings->group_list && !ipacct_key_is_rollup(&e->key, e->prefix_len) &&
	       ipacct_groups_find_prefix(settings->group_list, &e->key, e->prefix_len, ret_name) >=
		       0;
}

bool dump_group_wanted(const struct dump_settings *settings, const struct ipacct_entry *e)
{
	char name[IPACCT_SERIES_NAME_BYTES];

	if (!settings->groups.n || settings->by.axis == DUMP_AXIS_GROUP)
		return true;
	if (ipacct_key_is_rollup(&e->key, e->prefix_len) || !settings->group_list)
		return false;
	return named(settings, dump_group_of(settings, e, name) ? name : "unknown");
}

static enum dump_label_kind kind_of(const struct ipacct_group *group)
{
	static const struct {
		const char *name;
		enum dump_label_kind kind;
	} kinds[] = { { "unknown", DUMP_LABEL_UNKNOWN },
		      { "rolled_up", DUMP_LABEL_ROLLED_UP },
		      { "earlier", DUMP_LABEL_EARLIER },
		      { "other", DUMP_LABEL_OTHER } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (group->collective && strcmp(group->name, kinds[i].name) == 0)
			return kinds[i].kind;
	return DUMP_LABEL_VALUE;
}

/* A customer is shown with nothing, too; what is no customer only with something. */
static bool shown(const struct dump_settings *settings, const struct ipacct_group *group)
{
	bool moved = group->counters.tx_packets || group->counters.rx_packets;

	if (settings->groups.n)
		return named(settings, group->name);
	return moved || group->number != IPACCT_INDEX_NONE;
}

/* How many addresses of the snapshot each group has now; numbers of the list, unknown behind them. */
static size_t *addresses_count(const struct dump_settings *settings, const struct dump_view *view)
{
	uint32_t n = ipacct_groups_header(settings->group_list)->n_groups;
	size_t *counts = calloc((size_t)n + 1, sizeof(*counts));
	char name[IPACCT_SERIES_NAME_BYTES];

	for (size_t i = 0; counts && i < view->n_addresses; i++) {
		const struct ipacct_entry *e = view->addresses[i];
		int number = ipacct_groups_find_prefix(settings->group_list, &e->key, e->prefix_len,
						       name);

		counts[number < 0 || (uint32_t)number >= n ? n : (uint32_t)number]++;
	}
	return counts;
}

int dump_groups_listed(const struct dump_settings *settings, const struct dump_view *view,
		       struct dump_group **ret_groups, size_t *ret_n)
{
	const struct ipacct_snapshot *snapshot = view->snapshot;
	size_t *counts = addresses_count(settings, view);
	struct dump_group *groups = calloc(snapshot->n_groups + 1, sizeof(*groups));
	uint32_t n_list = ipacct_groups_header(settings->group_list)->n_groups;
	size_t n = 0;

	if (!counts || !groups) {
		free(counts);
		free(groups);
		return -ENOMEM;
	}
	for (size_t i = 0; i < snapshot->n_groups; i++) {
		const struct ipacct_group *from = &snapshot->groups[i];
		struct dump_group *to = &groups[n];

		if (!shown(settings, from))
			continue;
		to->label.kind = kind_of(from);
		to->label.name = to->label.kind == DUMP_LABEL_VALUE ? from->name : "";
		to->sum.counters = from->counters;
		to->sum.last_seen_ns = from->last_seen_ns;
		if (from->number < n_list)
			to->n_addresses = counts[from->number];
		else if (to->label.kind == DUMP_LABEL_UNKNOWN)
			to->n_addresses = counts[n_list];
		else if (to->label.kind == DUMP_LABEL_ROLLED_UP)
			to->n_rollups = snapshot->n_rollups;
		n++;
	}
	free(counts);
	*ret_groups = groups;
	*ret_n = n;
	return 0;
}
