/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of groups in the ledger, by name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "groups_records.h"

const char *group_collective_name(enum group_collective collective)
{
	static const char *const names[] = { [GROUP_UNKNOWN] = "unknown",
					     [GROUP_ROLLED_UP] = "rolled_up",
					     [GROUP_EARLIER] = "earlier",
					     [GROUP_OTHER] = "other" };

	return names[collective];
}

static int compare_names(const char *a, const char *b)
{
	return strncmp(a, b, IPACCT_SERIES_NAME_BYTES - 1); /* a damaged one may have no end */
}

static int compare(const void *a, const void *b, void *context)
{
	const struct ipacct_ledger_series *groups = context;

	return compare_names(groups[*(const uint32_t *)a].name, groups[*(const uint32_t *)b].name);
}

int group_records_init(struct ipacct_ledger *ledger, struct group_records *ret_records)
{
	uint32_t n = ledger->header->n_groups;
	uint32_t *by_name = calloc((size_t)n + 1, sizeof(*by_name));

	if (!by_name)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		by_name[i] = i;
	qsort_r(by_name, n, sizeof(*by_name), compare, ledger->groups);
	*ret_records = (struct group_records){ ledger, by_name, n };
	return 0;
}

void group_records_finish(struct group_records *records)
{
	free(records->by_name);
	memset(records, 0, sizeof(*records));
}

uint32_t group_records_find(const struct group_records *records, const char *name)
{
	uint32_t from = 0, to = records->n_sorted;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		uint32_t record = records->by_name[middle];
		int order = compare_names(records->ledger->groups[record].name, name);

		if (!order)
			return record;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return GROUP_RECORD_NONE;
}

uint32_t group_records_claim(struct group_records *records, const char *name, uint64_t created_ns)
{
	struct ipacct_ledger_header *header = records->ledger->header;
	uint32_t at = header->n_groups;
	struct ipacct_ledger_series *record = &records->ledger->groups[at];

	if (at >= records->ledger->n_groups_max)
		return GROUP_RECORD_NONE;
	memset(record, 0, sizeof(*record));
	memcpy(record->name, name, strnlen(name, sizeof(record->name) - 1));
	record->created_ns = created_ns;
	record->kind = IPACCT_SERIES_GROUP;
	__atomic_store_n(&header->n_groups, at + 1, __ATOMIC_RELEASE);
	return at;
}
