/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apply the deltas of a cut to the ledger.
 *
 * First every key of the cut gets its place: its record, a new record, or, when the ledger is full,
 * the roll-up of its prefix; and it is decided which idle records are folded (fold.c). Only then is
 * anything added: to addresses, then to prefixes, then to 0.0.0.0/0 and ::/0. So a crash leaves either
 * claims without counts, which are free again, or the claims of a whole kind with theirs. The next
 * attempt finds the same places for whatever was counted, skips the versions that carry this cut's
 * number already, and the result is the same. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "crash.h"
#include "groups.h"
#include "ledger_version.h"
#include "publish.h"
#include "series.h"

#define AHEAD 16u /* records fetched before their turn: README.md, "What a cut costs" */

static bool is_guarded(const void *context, const struct ipacct_key *key, uint8_t prefix_len)
{
	const struct publisher *publisher = context;

	return publisher->guard && guard_index_meets(publisher->guard, key, prefix_len);
}

int publisher_init(struct publisher *publisher, int fd, uint64_t seed,
		   struct ipacct_problem *ret_problem)
{
	struct ipacct_ledger *ledger = &publisher->ledger;
	int ret;

	memset(publisher, 0, sizeof(*publisher));
	ret = ipacct_ledger_map(fd, true, ledger, ret_problem);
	if (ret)
		return ret;
	publisher->prefixes.seed = publisher->wides.seed = seed;
	ret = record_index_init(&publisher->addresses, ledger->addresses,
				&ledger->header->n_addresses, ledger->n_addresses_max, seed,
				ledger->header->cut);
	if (!ret)
		ret = record_index_init(&publisher->rollups, ledger->rollups,
					&ledger->header->n_rollups, ledger->n_rollups_max, seed,
					ledger->header->cut);
	if (!ret)
		ret = fold_init(&publisher->fold, ledger);
	publisher->fold.is_protected = is_guarded;
	publisher->fold.context = publisher;
	if (ret)
		publisher_finish(publisher);
	return ret;
}

void publisher_finish(struct publisher *publisher)
{
	record_index_finish(&publisher->addresses);
	record_index_finish(&publisher->rollups);
	fold_finish(&publisher->fold);
	free(publisher->address_records);
	ipacct_table_finish(&publisher->prefixes);
	ipacct_table_finish(&publisher->wides);
	ipacct_ledger_unmap(&publisher->ledger);
	memset(publisher, 0, sizeof(*publisher));
}

void publisher_forget_uncommitted(struct publisher *publisher)
{
	ipacct_ledger_forget_uncommitted(&publisher->ledger);
	record_index_rebuild(&publisher->addresses, publisher_cut(publisher));
	record_index_rebuild(&publisher->rollups, publisher_cut(publisher));
	fold_forget(&publisher->fold);
}

uint64_t publisher_cut(const struct publisher *publisher)
{
	return publisher->ledger.header->cut; /* only this process writes it */
}

static int records_reserve(struct publisher *publisher, size_t n)
{
	int ret;

	if (n <= publisher->n_address_records)
		return 0;
	n += n / 2;
	ret = array_resize(&publisher->address_records, sizeof(*publisher->address_records), n);
	if (!ret)
		publisher->n_address_records = n;
	return ret;
}

#define GUARDED_SHARE 8u /* the last 1/8 of the address records is for protected ones */

/* How many address records are open to everybody. */
static uint32_t addresses_open(const struct publisher *publisher)
{
	uint32_t max = publisher->addresses.n_records_max;

	return publisher->guard && publisher->guard->n ? max - max / GUARDED_SHARE : max;
}

/* The same for who claims now. When a cut is applied again it is the least that there can have been:
 * whatever list there was before, a key that it refused must not find a place now. */
static uint32_t addresses_claimable(const struct publisher *publisher)
{
	uint32_t max = publisher->addresses.n_records_max;

	return publisher->again ? max - max / GUARDED_SHARE : addresses_open(publisher);
}

/* Where room may be short, protected keys take theirs before the others of the same cut. */
static void guarded_claim(struct publisher *publisher, const struct ipacct_table *table,
			  struct ipacct_ledger_cut *facts)
{
	struct record_index *index = &publisher->addresses;
	uint32_t *at = publisher->address_records;
	bool short_of_room =
		(uint64_t)record_index_used(index) + table->n_entries > addresses_open(publisher);

	if (!publisher->guard || !publisher->guard->n || publisher->again || !short_of_room)
		return;
	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];

		if (at[i] != RECORD_NONE ||
		    !guard_index_meets(publisher->guard, &entry->key, entry->prefix_len))
			continue;
		at[i] = record_index_claim(index, &entry->key, entry->prefix_len,
					   facts->cut_time_ns, index->n_records_max);
		facts->guard_unrecorded += at[i] == RECORD_NONE;
	}
}

/* A record for each key that has none and carries so many packets, as long as there is room. */
static void addresses_claim(struct publisher *publisher, const struct ipacct_table *table,
			    uint64_t n_packets, uint64_t time_ns)
{
	uint32_t claimable = addresses_claimable(publisher);
	uint32_t *at = publisher->address_records;

	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];

		if (at[i] == RECORD_NONE &&
		    entry->counters.tx_packets + entry->counters.rx_packets >= n_packets)
			at[i] = record_index_claim(&publisher->addresses, &entry->key,
						   entry->prefix_len, time_ns, claimable);
	}
}

/* 0.0.0.0/0 or ::/0 of a domain, see struct ipacct_ledger_record. */
static bool is_wide(uint8_t prefix_len)
{
	return prefix_len == 96 || prefix_len == 0;
}

/* The record of a prefix, if it has one or there is room for another. */
static uint32_t prefix_claim(struct publisher *publisher, const struct ipacct_key *prefix,
			     uint8_t prefix_len, uint64_t time_ns)
{
	return record_index_claim(&publisher->rollups, prefix, prefix_len, time_ns,
				  publisher->rollups.n_records_max - 2 * IPACCT_DOMAINS_MAX);
}

/* Counts on their way to a prefix. One without a record goes to 0.0.0.0/0 or ::/0 at once: so the table
 * has no more entries than there are records, whatever prefixes a flood forges. */
static int prefix_add(struct publisher *publisher, const struct ipacct_key *prefix,
		      uint8_t prefix_len, const struct ipacct_counters *counters, uint64_t time_ns)
{
	struct ipacct_key wide = *prefix;

	if (!is_wide(prefix_len) &&
	    prefix_claim(publisher, prefix, prefix_len, time_ns) == RECORD_NONE)
		prefix_len = ipacct_key_prefix(prefix, 1, &wide);
	return ipacct_table_add(&publisher->prefixes, &wide, prefix_len, counters);
}

/* Addresses: own record, else into the prefix table. Whoever came twice is served first: in a flood
 * of forged sources the last places go to those who are real. */
static int addresses_place(struct publisher *publisher, const struct ipacct_epoch *epoch,
			   struct ipacct_ledger_cut *facts)
{
	const struct ipacct_table *table = &epoch->addresses;
	uint32_t moment = record_index_moment(facts->cut);
	int ret = records_reserve(publisher, table->n_entries);

	if (ret)
		return ret;
	record_index_find_all(&publisher->addresses, table, publisher->address_records);
	guarded_claim(publisher, table, facts);
	addresses_claim(publisher, table, 2, facts->cut_time_ns);
	addresses_claim(publisher, table, 0, facts->cut_time_ns);
	for (uint32_t i = 0; i < table->n_entries && !ret; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];
		struct ipacct_key prefix;
		uint8_t prefix_len;

		if (publisher->address_records[i] != RECORD_NONE) {
			publisher->addresses.state[publisher->address_records[i]] = moment;
			continue;
		}
		facts->unrecorded_keys++;
		prefix_len = ipacct_key_prefix(&entry->key, 0, &prefix);
		ret = prefix_add(publisher, &prefix, prefix_len, &entry->counters,
				 facts->cut_time_ns);
	}
	return ret;
}

/* Prefixes: own record, else into the table of 0.0.0.0/0 and ::/0, for which room is kept. What the
 * maps have summed there already joins them, so that each record is applied once. */
static int prefixes_place(struct publisher *publisher, uint64_t time_ns)
{
	const struct ipacct_table *table = &publisher->prefixes;
	int ret = 0;

	for (uint32_t i = 0; i < table->n_entries && !ret; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];
		struct ipacct_key wide;
		uint8_t wide_len;

		if (!is_wide(entry->prefix_len) &&
		    prefix_claim(publisher, &entry->key, entry->prefix_len, time_ns) != RECORD_NONE)
			continue;
		wide_len = ipacct_key_prefix(&entry->key, 1, &wide);
		ret = ipacct_table_add(&publisher->wides, &wide, wide_len, &entry->counters);
	}
	for (uint32_t i = 0; i < publisher->wides.n_entries && !ret; i++) {
		const struct ipacct_table_entry *entry = &publisher->wides.entries[i];

		if (record_index_claim(&publisher->rollups, &entry->key, entry->prefix_len, time_ns,
				       publisher->rollups.n_records_max) == RECORD_NONE)
			ret = -ENOSPC; /* more than IPACCT_DOMAINS_MAX domains: cannot be */
	}
	return ret;
}

static int tables_fill(struct publisher *publisher, const struct ipacct_epoch *epoch,
		       uint64_t time_ns)
{
	int ret = 0;

	ipacct_table_reset(&publisher->prefixes);
	ipacct_table_reset(&publisher->wides);
	for (uint32_t i = 0; i < epoch->rollups.n_entries && !ret; i++)
		ret = prefix_add(publisher, &epoch->rollups.entries[i].key,
				 epoch->rollups.entries[i].prefix_len,
				 &epoch->rollups.entries[i].counters, time_ns);
	return ret;
}

static void totals_apply(struct ipacct_ledger_interface *interface,
			 const struct ipacct_interface *identity, const struct ipacct_totals *delta,
			 uint64_t cut)
{
	int newest, at = version_to_write(interface->version[0].cut, interface->version[1].cut, cut,
					  &newest);
	struct ipacct_ledger_totals *to;

	if (at < 0)
		return;
	to = &interface->version[at];
	version_open(&to->cut);
	memset(&to->totals, 0, sizeof(to->totals));
	if (newest >= 0)
		to->totals = interface->version[newest].totals;
	ipacct_totals_add(&to->totals, delta);
	to->interface = *identity;
	version_close(&to->cut, cut);
	CRASH_POINT(totals);
}

/* All but the number, which readers look at while this goes on. */
static void facts_write(struct ipacct_ledger_cut *to, const struct ipacct_ledger_cut *facts)
{
	const size_t from = offsetof(struct ipacct_ledger_cut, cut_time_ns);

	memcpy((char *)to + from, (const char *)facts + from, sizeof(*to) - from);
}

static void facts_apply(struct ipacct_ledger_header *header, struct ipacct_ledger_cut facts)
{
	int newest, at = version_to_write(header->version[0].cut, header->version[1].cut, facts.cut,
					  &newest);
	struct ipacct_ledger_cut *to;

	if (at < 0)
		return;
	to = &header->version[at];
	version_open(&to->cut);
	if (newest >= 0) {
		facts.error_packets += header->version[newest].error_packets;
		facts.error_l3_bytes += header->version[newest].error_l3_bytes;
		facts.unrecorded_keys += header->version[newest].unrecorded_keys;
		facts.lru_refused += header->version[newest].lru_refused;
		facts.rollup_updates += header->version[newest].rollup_updates;
		facts.guard_rolled += header->version[newest].guard_rolled;
		facts.guard_unrecorded += header->version[newest].guard_unrecorded;
		facts.folded_records += header->version[newest].folded_records;
		ipacct_counters_add(&facts.folded, &header->version[newest].folded);
	}
	facts_write(to, &facts);
	version_close(&to->cut, facts.cut);
}

/* Both lines of a record that is about to be written. */
static void record_prefetch(const struct ipacct_ledger_record *record)
{
	__builtin_prefetch(&record->version[0], 1);
	__builtin_prefetch(&record->version[1], 1);
}

static void addresses_apply(struct publisher *publisher, const struct ipacct_table *table,
			    const struct ipacct_ledger_cut *facts)
{
	struct ipacct_ledger_record *records = publisher->ledger.addresses;
	const uint32_t *at = publisher->address_records;

	for (uint32_t i = 0; i < table->n_entries; i++) {
		if (i + AHEAD < table->n_entries && at[i + AHEAD] != RECORD_NONE)
			record_prefetch(&records[at[i + AHEAD]]);
		if (at[i] != RECORD_NONE) /* what has this cut already is left alone */
			(void)version_add(records[at[i]].version, &table->entries[i].counters,
					  facts);
	}
}

/* wide: the table of wide prefixes, else the other, whose wide entries are in that one. */
static void rollups_apply(struct publisher *publisher, const struct ipacct_table *table, bool wide,
			  const struct ipacct_ledger_cut *facts)
{
	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];
		uint32_t at =
			record_index_find(&publisher->rollups, &entry->key, entry->prefix_len);

		if (at != RECORD_NONE && is_wide(entry->prefix_len) == wide) /* as above */
			(void)version_add(publisher->ledger.rollups[at].version, &entry->counters,
					  facts);
		if (publisher->fold.n_marked)
			CRASH_POINT(fold_rolled);
	}
}

int publisher_apply(struct publisher *publisher, const struct ipacct_epoch *epoch,
		    struct ipacct_ledger_cut facts)
{
	struct ipacct_ledger *ledger = &publisher->ledger;
	int ret = tables_fill(publisher, epoch, facts.cut_time_ns);

	if (!ret)
		ret = addresses_place(publisher, epoch, &facts);
	if (!ret)
		ret = fold_place(&publisher->fold, ledger, &publisher->addresses,
				 addresses_open(publisher), &publisher->prefixes, &facts);
	if (!ret)
		ret = prefixes_place(publisher, facts.cut_time_ns);
	if (ret)
		return ret;
	CRASH_POINT(claimed);
	addresses_apply(publisher, &epoch->addresses, &facts);
	rollups_apply(publisher, &publisher->prefixes, false, &facts);
	rollups_apply(publisher, &publisher->wides, true, &facts);
	if (publisher->groups)
		groups_apply(publisher->groups, epoch, publisher->address_records, &facts);
	if (publisher->series)
		series_apply(publisher->series, epoch, publisher->address_records, &facts);
	CRASH_POINT(applied);
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++)
		if (epoch->interfaces[slot].hook)
			totals_apply(&ledger->interfaces[slot], &epoch->interfaces[slot],
				     &epoch->totals[slot], facts.cut);
	facts_apply(ledger->header, facts);
	CRASH_POINT(facts);
	__atomic_store_n(&ledger->header->cut, facts.cut, __ATOMIC_RELEASE);
	/* nothing of the next cut may become visible before this one is committed */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	CRASH_POINT(committed);
	fold_release(&publisher->fold, &publisher->addresses);
	return 0;
}
