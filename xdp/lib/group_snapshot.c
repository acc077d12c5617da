/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The totals of groups in a snapshot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "maps.h"
#include "reader.h"

/* Names of records that are no group's; the daemon writes them, and refuses them in a list. */
static const char *const collectives[] = { "unknown", "rolled_up", "earlier", "other" };
enum {
	UNKNOWN = 0,
	ROLLED_UP,
	EARLIER,
	OTHER,
	COLLECTIVES
};

struct join {
	struct ipacct_group *groups; /* the snapshot's */
	size_t n;
	size_t *by_name; /* their numbers, sorted */
	size_t *of_list; /* which one each group of the list is */
	size_t collective[COLLECTIVES];
};

static int compare(const void *a, const void *b, void *context)
{
	const struct ipacct_group *groups = context;

	return strcmp(groups[*(const size_t *)a].name, groups[*(const size_t *)b].name);
}

static size_t find(const struct join *join, size_t n_sorted, const char *name)
{
	size_t from = 0, to = n_sorted;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(join->groups[join->by_name[middle]].name, name);

		if (!order)
			return join->by_name[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return join->n;
}

static size_t find_or_add(struct join *join, size_t n_sorted, const char *name)
{
	size_t at = find(join, n_sorted, name);

	if (at < join->n)
		return at;
	(void)snprintf(join->groups[join->n].name, IPACCT_SERIES_NAME_BYTES, "%s", name); /* fits */
	join->groups[join->n].record = join->groups[join->n].number = IPACCT_INDEX_NONE;
	return join->n++;
}

static size_t records_copy(const struct ipacct_ledger *ledger, uint32_t n, uint64_t cut,
			   struct ipacct_group *groups)
{
	size_t n_copied = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct ipacct_ledger_series *record = &ledger->groups[i];
		int newest = IPACCT_VERSION_READ(record->version, cut);
		struct ipacct_group *group = &groups[n_copied];

		if (__atomic_load_n(&record->kind, __ATOMIC_ACQUIRE) != IPACCT_SERIES_GROUP)
			continue;
		memcpy(group->name, record->name, sizeof(group->name));
		group->name[sizeof(group->name) - 1] = '\0';
		(void)text_make_safe(group->name);
		group->record = i;
		group->number = IPACCT_INDEX_NONE;
		group->created_ns = record->created_ns;
		if (newest >= 0) {
			group->counters = record->version[newest].counters;
			group->last_seen_ns = record->version[newest].last_seen_ns;
		}
		n_copied++;
	}
	return n_copied;
}

static int join_make(const struct ipacct_group_list *list, struct join *join)
{
	size_t n_sorted = join->n;

	join->by_name = calloc(n_sorted + 1, sizeof(*join->by_name));
	join->of_list = calloc((size_t)list->n_groups + 1, sizeof(*join->of_list));
	if (!join->by_name || !join->of_list)
		return -ENOMEM;
	for (size_t i = 0; i < n_sorted; i++)
		join->by_name[i] = i;
	qsort_r(join->by_name, n_sorted, sizeof(*join->by_name), compare, join->groups);
	for (unsigned int i = 0; i < COLLECTIVES; i++) {
		join->collective[i] = find_or_add(join, n_sorted, collectives[i]);
		join->groups[join->collective[i]].collective = true;
	}
	for (uint32_t i = 0; i < list->n_groups; i++) {
		char name[IPACCT_SERIES_NAME_BYTES];

		ipacct_group_list_name(list, i, name);
		join->of_list[i] = find_or_add(join, n_sorted, text_make_safe(name));
		join->groups[join->of_list[i]].number = i;
		join->groups[join->of_list[i]].n_prefixes = list->names[i].n_prefixes;
	}
	return 0;
}

static void group_add(struct ipacct_group *group, const struct ipacct_counters *counters,
		      uint64_t time_ns)
{
	ipacct_counters_add(&group->counters, counters);
	group->last_seen_ns = time_ns;
	if (!group->created_ns)
		group->created_ns = time_ns;
}

static void live_add(const struct ipacct_group_list *list, const struct ipacct_epoch *live,
		     struct join *join, uint64_t time_ns)
{
	const struct ipacct_table *addresses = &live->addresses, *rollups = &live->rollups;

	for (uint32_t i = 0; i < addresses->n_entries; i++) {
		uint32_t group = ipacct_group_list_find_prefix(list, &addresses->entries[i].key,
							       addresses->entries[i].prefix_len);
		size_t at = group == IPACCT_GROUP_NONE ? join->collective[UNKNOWN]
						       : join->of_list[group];

		group_add(&join->groups[at], &addresses->entries[i].counters, time_ns);
	}
	for (uint32_t i = 0; i < rollups->n_entries; i++)
		group_add(&join->groups[join->collective[ROLLED_UP]], &rollups->entries[i].counters,
			  time_ns);
}

int ipacct_groups_copy(struct ipacct_reader *reader, struct ipacct_snapshot *snapshot,
		       struct ipacct_problem *ret_problem)
{
	const struct ipacct_ledger *ledger = &reader->ledger;
	uint32_t n = ipacct_ledger_used(&ledger->header->n_groups, ledger->n_groups_max);
	int ret = reader->groups.path[0] ? ipacct_groups_reload(&reader->groups, ret_problem)
					 : -ENOENT /* a ledger without a directory */;

	if (ret)
		return ret;
	/* with room for the list's, which are joined to them later */
	snapshot->groups = calloc((size_t)n + reader->groups.list.n_groups + COLLECTIVES,
				  sizeof(*snapshot->groups));
	if (!snapshot->groups)
		return -ENOMEM;
	snapshot->n_groups = records_copy(ledger, n, snapshot->cut, snapshot->groups);
	return 0;
}

int ipacct_groups_join(const struct ipacct_reader *reader, const struct ipacct_epoch *live,
		       struct ipacct_snapshot *snapshot)
{
	const struct ipacct_group_list *list = &reader->groups.list;
	struct join join = { .groups = snapshot->groups, .n = snapshot->n_groups };
	int ret = join_make(list, &join);

	if (!ret && live)
		live_add(list, live, &join, snapshot->read_time_ns);
	snapshot->n_groups = join.n;
	free(join.by_name);
	free(join.of_list);
	return ret;
}
