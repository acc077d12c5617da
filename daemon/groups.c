/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The durable totals of groups.
 *
 * The counts of every address of a cut go to the record of its group, or to "unknown"; what went to a
 * prefix goes to "rolled_up". Which group an address is of is looked up once for its ledger record and
 * noted beside the index: a note holds as long as the record has its key and the collector its list (a
 * new list is a new collector). */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"
#include "groups.h"
#include "group_list.h"
#include "ledger_version.h"
#include "series_slots.h"

#define AHEAD 16u /* notes fetched before their turn, as publish.c */

/* One for each group of the list, then one for each collective record. */
struct total {
	uint32_t record; /* of the ledger; GROUP_RECORD_NONE: counts as "other" */
	bool touched;
	struct ipacct_counters delta; /* of this cut */
};

struct groups {
	struct ipacct_ledger *ledger;
	struct record_index *addresses;
	struct ipacct_group_list list;
	struct total *totals;
	uint32_t *touched; /* totals that this cut moves */
	uint32_t n_touched;
	uint32_t *notes; /* total of each address record, RECORD_NONE: not looked up */
	bool begun;      /* a cut was added: what was counted before is accounted for */
	struct groups_facts facts;
};

static uint32_t collective(const struct groups *groups, enum group_collective which)
{
	return groups->list.n_groups + which;
}

/* What nobody has committed: who applies that cut again may have another list. */
static void uncommitted_take_back(struct ipacct_ledger *ledger)
{
	uint64_t cut = ledger->header->cut;

	for (uint32_t i = 0; i < ledger->header->n_groups; i++)
		for (int k = 0; k < 2; k++)
			if (ledger->groups[i].version[k].cut > cut)
				ledger->groups[i].version[k].cut = 0;
}

/* When the counts of a record that is claimed now begin: at the last cut. */
static uint64_t created_ns(const struct ipacct_ledger_header *header)
{
	int newest =
		ipacct_version_pick(header->version[0].cut, header->version[1].cut, header->cut);

	return newest < 0 ? header->created_ns : header->version[newest].cut_time_ns;
}

static void record_take(struct groups *groups, struct group_records *records, uint32_t total,
			const char *name)
{
	uint32_t record = group_records_find(records, name);

	if (record == GROUP_RECORD_NONE)
		record = group_records_claim(records, name, created_ns(groups->ledger->header));
	groups->totals[total].record = record;
	groups->facts.n_without_record += record == GROUP_RECORD_NONE;
}

/* The collective ones first: there is always room for them (ledger_file_groups()). */
static int records_take(struct groups *groups)
{
	struct group_records records;
	int ret = group_records_init(groups->ledger, &records);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < GROUP_COLLECTIVES; i++)
		record_take(groups, &records, collective(groups, i), group_collective_name(i));
	for (uint32_t i = 0; i < groups->list.n_groups; i++) {
		char name[IPACCT_SERIES_NAME_BYTES];

		ipacct_group_list_name(&groups->list, i, name);
		record_take(groups, &records, i, name);
	}
	group_records_finish(&records);
	return groups->totals[collective(groups, GROUP_OTHER)].record == GROUP_RECORD_NONE ? -ENOSPC
											   : 0;
}

int groups_init(struct ipacct_ledger *ledger, struct record_index *addresses, int list_fd,
		struct groups **ret_groups, struct ipacct_problem *ret_problem)
{
	struct groups *groups = calloc(1, sizeof(*groups));
	size_t n;
	int ret;

	if (!groups)
		return -ENOMEM;
	groups->ledger = ledger;
	groups->addresses = addresses;
	uncommitted_take_back(ledger);
	ret = ipacct_group_list_map(list_fd, &groups->list, ret_problem);
	n = (size_t)groups->list.n_groups + GROUP_COLLECTIVES;
	if (!ret) {
		groups->totals = calloc(n, sizeof(*groups->totals));
		groups->touched = calloc(n, sizeof(*groups->touched));
		groups->notes = calloc((size_t)ledger->n_addresses_max + 1, sizeof(*groups->notes));
		ret = groups->totals && groups->touched && groups->notes ? records_take(groups)
									 : -ENOMEM;
	}
	if (ret) {
		groups_finish(groups);
		return ret;
	}
	groups->facts.n_groups = groups->list.n_groups;
	groups->facts.n_prefixes = groups->list.n_prefixes;
	memset(groups->notes, 0xff, ledger->n_addresses_max * sizeof(*groups->notes));
	addresses->notes = groups->notes;
	*ret_groups = groups;
	return 0;
}

void groups_finish(struct groups *groups)
{
	if (!groups)
		return;
	if (groups->addresses->notes == groups->notes)
		groups->addresses->notes = NULL;
	ipacct_group_list_unmap(&groups->list);
	free(groups->totals);
	free(groups->touched);
	free(groups->notes);
	free(groups);
}

/* ---- One cut ---------------------------------------------------------------------------------- */

static void total_add(struct groups *groups, uint32_t at, const struct ipacct_counters *counters)
{
	struct total *total = &groups->totals[at];

	if (!total->touched) {
		total->touched = true;
		memset(&total->delta, 0, sizeof(total->delta));
		groups->touched[groups->n_touched++] = at;
	}
	ipacct_counters_add(&total->delta, counters);
}

static uint32_t total_of(struct groups *groups, uint32_t record,
			 const struct ipacct_table_entry *entry)
{
	uint32_t *note = &groups->notes[record];

	if (*note == RECORD_NONE) {
		uint32_t group = ipacct_group_list_find_prefix(&groups->list, &entry->key,
							       entry->prefix_len);

		*note = group == IPACCT_GROUP_NONE ? collective(groups, GROUP_UNKNOWN) : group;
		groups->facts.n_lookups++;
	}
	return *note;
}

static void addresses_add(struct groups *groups, const struct ipacct_table *table,
			  const uint32_t *records)
{
	uint32_t rolled_up = collective(groups, GROUP_ROLLED_UP);

	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];

		if (i + AHEAD < table->n_entries && records[i + AHEAD] != RECORD_NONE)
			__builtin_prefetch(&groups->notes[records[i + AHEAD]]);
		total_add(groups,
			  records[i] == RECORD_NONE ? rolled_up
						    : total_of(groups, records[i], entry),
			  &entry->counters);
	}
}

/* What the ledger counted while there were no groups. */
static void earlier_add(struct groups *groups)
{
	const struct ipacct_ledger *ledger = groups->ledger;
	uint64_t cut = ledger->header->cut;
	struct ipacct_counters all = {}, kept = {}, gap;

	records_sum(ledger->rollups, ledger->header->n_rollups, cut, &all);
	records_sum(ledger->addresses, ledger->header->n_addresses, cut, &all);
	for (uint32_t i = 0; i < ledger->header->n_groups; i++) {
		struct ipacct_counters amount = series_record_amount(&ledger->groups[i], cut);

		ipacct_counters_add(&kept, &amount);
	}
	gap = ipacct_counters_minus(&all, &kept);
	if (ipacct_counters_moved(&gap))
		total_add(groups, collective(groups, GROUP_EARLIER), &gap);
}

/* Totals without a record count in that of "other", whose own total is there then. */
static void others_gather(struct groups *groups)
{
	uint32_t n = groups->n_touched;

	for (uint32_t i = 0; i < n; i++) {
		const struct total *total = &groups->totals[groups->touched[i]];

		if (total->record == GROUP_RECORD_NONE)
			total_add(groups, collective(groups, GROUP_OTHER), &total->delta);
	}
}

void groups_apply(struct groups *groups, const struct ipacct_epoch *epoch,
		  const uint32_t *address_records, const struct ipacct_ledger_cut *facts)
{
	for (uint32_t i = 0; i < groups->n_touched; i++)
		groups->totals[groups->touched[i]].touched = false;
	groups->n_touched = 0;
	addresses_add(groups, &epoch->addresses, address_records);
	for (uint32_t i = 0; i < epoch->rollups.n_entries; i++)
		total_add(groups, collective(groups, GROUP_ROLLED_UP),
			  &epoch->rollups.entries[i].counters);
	if (!groups->begun)
		earlier_add(groups);
	groups->begun = true;
	if (groups->facts.n_without_record)
		others_gather(groups);
	for (uint32_t i = 0; i < groups->n_touched; i++) {
		const struct total *total = &groups->totals[groups->touched[i]];

		if (total->record == GROUP_RECORD_NONE)
			continue;
		series_record_add(&groups->ledger->groups[total->record], &total->delta, facts);
		CRASH_POINT(group);
	}
}

void groups_each(const struct groups *groups,
		 void (*add)(void *context, const char *name,
			     const struct ipacct_counters *counters),
		 void *context)
{
	char name[IPACCT_SERIES_NAME_BYTES];

	for (uint32_t i = 0; i < groups->n_touched; i++) {
		uint32_t at = groups->touched[i];

		if (at < groups->list.n_groups) {
			ipacct_group_list_name(&groups->list, at, name);
			add(context, name, &groups->totals[at].delta);
		} else if (at == collective(groups, GROUP_UNKNOWN)) {
			add(context, NULL, &groups->totals[at].delta);
		}
	}
}

void groups_facts(const struct groups *groups, struct groups_facts *ret_facts)
{
	*ret_facts = groups->facts;
}
