/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The series records of the ledger. */
#include <assert.h>
#include <string.h>

#include "ledger_version.h"
#include "series_slots.h"
#include "table.h"

static bool is_zero(const struct ipacct_counters *counters)
{
	return !(counters->tx_packets | counters->tx_l3_bytes | counters->rx_packets |
		 counters->rx_l3_bytes);
}

struct ipacct_counters series_record_amount(const struct ipacct_ledger_series *record, uint64_t cut)
{
	int newest = ipacct_version_pick(record->version[0].cut, record->version[1].cut, cut);

	return newest < 0 ? (struct ipacct_counters){} : record->version[newest].counters;
}

struct ipacct_counters slots_amount(const struct series_slots *slots, uint32_t slot)
{
	return series_record_amount(&slots->ledger->series[slot], slots->ledger->header->cut);
}

void slots_init(struct series_slots *slots, struct ipacct_ledger *ledger)
{
	uint64_t cut = ledger->header->cut;

	memset(slots, 0, sizeof(*slots));
	slots->ledger = ledger;
	for (uint32_t slot = 0; slot < IPACCT_SERIES_MAX; slot++) {
		struct ipacct_ledger_series *series = &ledger->series[slot];
		struct ipacct_counters amount;

		for (int k = 0; k < 2; k++)
			if (series->version[k].cut > cut)
				series->version[k].cut = 0;
		CRASH_POINT(taken_back);
		amount = slots_amount(slots, slot);
		slots->used[slot] = series->kind != IPACCT_SERIES_FREE && !is_zero(&amount);
	}
}

/* One that left is free as soon as the cut in which it became zero is committed: until then readers
 * still see what it was. */
static bool is_free(struct series_slots *slots, uint32_t slot)
{
	uint64_t left = slots->left_cut[slot];

	if (left && left <= slots->ledger->header->cut) {
		slots->left_cut[slot] = 0;
		slots->used[slot] = false;
	}
	return !slots->used[slot];
}

uint32_t slots_claim(struct series_slots *slots, enum ipacct_series_kind kind, const char *name,
		     uint64_t created_ns)
{
	for (uint32_t i = 0; i < IPACCT_SERIES_MAX; i++) {
		uint32_t slot = (slots->next + i) % IPACCT_SERIES_MAX;
		struct ipacct_ledger_series *series = &slots->ledger->series[slot];

		if (!is_free(slots, slot))
			continue;
		/* its newest version is zero or none: no reader looks at the rest */
		__atomic_store_n(&series->kind, IPACCT_SERIES_FREE, __ATOMIC_RELEASE);
		memset(series->name, 0, sizeof(series->name));
		memcpy(series->name, name, strnlen(name, sizeof(series->name) - 1));
		series->created_ns = created_ns;
		__atomic_store_n(&series->kind, (uint8_t)kind, __ATOMIC_RELEASE);
		slots->used[slot] = true;
		slots->next = (slot + 1) % IPACCT_SERIES_MAX;
		return slot;
	}
	return SLOT_NONE;
}

void series_record_add(struct ipacct_ledger_series *series, const struct ipacct_counters *delta,
		       const struct ipacct_ledger_cut *facts)
{
	bool added = version_add(series->version, delta, facts);

	assert(added); /* once a cut, and what an uncommitted one wrote was taken back */
	(void)added;   /* where assert() is nothing */
}

void slots_add(struct series_slots *slots, uint32_t slot, const struct ipacct_counters *delta,
	       const struct ipacct_ledger_cut *facts)
{
	series_record_add(&slots->ledger->series[slot], delta, facts);
	CRASH_POINT(series);
}

struct ipacct_counters slots_leave(struct series_slots *slots, uint32_t slot,
				   const struct ipacct_ledger_cut *facts)
{
	struct ipacct_counters amount = slots_amount(slots, slot);
	struct ipacct_counters minus = { .tx_packets = -amount.tx_packets,
					 .tx_l3_bytes = -amount.tx_l3_bytes,
					 .rx_packets = -amount.rx_packets,
					 .rx_l3_bytes = -amount.rx_l3_bytes };

	slots_add(slots, slot, &minus, facts); /* unsigned: the sum is zero */
	slots->left_cut[slot] = facts->cut;
	return amount;
}
