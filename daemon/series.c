/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The durable series of the ledger.
 *
 * The counts of every address of a cut go to exactly one series of each kind: to its own when the
 * value has one, else to "other"; and to a collective one when there is no value to speak of. What
 * went to a prefix goes to "rolled_up". So each kind sums to what was accounted, at every cut. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "geofile.h"
#include "groups.h"
#include "ledger_version.h"
#include "record_index.h"
#include "series.h"
#include "series_names.h"
#include "series_rank.h"
#include "shared_words.h"

#define GEO_AHEAD     12u /* records fetched before their turn: memory takes some ten of them */
#define GEO_LOOK_CUTS 16u /* cuts between two looks for a geo file that is not there */

_Static_assert(SERIES_COUNTRIES_MAX + SERIES_ASNS_MAX + SERIES_GROUPS_MAX + SERIES_ADDRESSES_MAX +
			       (IPACCT_SERIES_KINDS - 1) * (COLLECTIVES + RANK_LEAVE_MAX) <=
		       IPACCT_SERIES_MAX,
	       "a collective series always finds a record");
_Static_assert(sizeof(struct series_facts) % sizeof(uint64_t) == 0, "words");

struct collective {
	uint32_t slot; /* SLOT_NONE: nothing was counted there yet */
	struct ipacct_counters delta;
};

struct kind {
	bool active; /* what it needs was there once: kept from then on */
	struct rank rank;
	struct collective collective[COLLECTIVES];
	uint32_t *orphans; /* records that could not be adopted: they go to "other" at once */
	uint32_t n_orphans;
};

struct series {
	struct ipacct_ledger *ledger;
	const struct groups *groups; /* NULL: they are names of the geo file */
	struct series_slots slots;
	struct kind kinds[IPACCT_SERIES_KINDS];
	char runtime_dir[GEO_PATH_BYTES];
	struct ipacct_geo *geo; /* NULL: there is no such file yet */
	uint64_t geo_look_cut;  /* when to look for it again */
	uint64_t org_cut[SERIES_ASNS_MAX];
	struct series_facts facts;
	uint32_t sequence; /* of the copy for other threads */
	struct series_facts shared;
};

/* How many values are remembered of each kind. */
static const uint32_t n_candidates[IPACCT_SERIES_KINDS] = {
	[IPACCT_SERIES_COUNTRY] = 1024,
	[IPACCT_SERIES_ASN] = 4096, /* routed ones are some 80,000, those of one second far fewer */
	[IPACCT_SERIES_GROUP] = 1024,
	[IPACCT_SERIES_ADDRESS] = 8192,
};

/* ---- What the ledger has already --------------------------------------------------------------- */

static void slot_adopt(struct series *series, uint32_t slot)
{
	const struct ipacct_ledger_series *record = &series->ledger->series[slot];
	char name[IPACCT_SERIES_NAME_BYTES], bytes[IPACCT_SERIES_NAME_BYTES];
	unsigned int collective;
	struct identity identity;
	struct kind *kind;

	if (record->kind >= IPACCT_SERIES_KINDS || !series->kinds[record->kind].rank.top)
		return; /* not kept (any more): it stays as it is */
	kind = &series->kinds[record->kind];
	memcpy(name, record->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	collective = series_collective_find(name);
	if (collective < COLLECTIVES) {
		kind->collective[collective].slot = slot;
		return;
	}
	identity.n = series_identity_read(record->kind, name, bytes);
	identity = identity_of(&kind->rank, bytes, identity.n);
	if (!identity.n || !rank_adopt(&kind->rank, &identity, slot))
		kind->orphans[kind->n_orphans++] = slot;
}

static int kinds_init(struct series *series, const struct series_settings *settings)
{
	int ret = 0;

	for (unsigned int i = 1; i < IPACCT_SERIES_KINDS && !ret; i++) {
		for (unsigned int k = 0; k < COLLECTIVES; k++)
			series->kinds[i].collective[k].slot = SLOT_NONE;
		if (!settings->top[i])
			continue;
		series->kinds[i].orphans =
			calloc(IPACCT_SERIES_MAX, sizeof(*series->kinds[i].orphans));
		ret = !series->kinds[i].orphans
			      ? -ENOMEM
			      : rank_init(&series->kinds[i].rank, settings->top[i], n_candidates[i],
					  settings->seed ^ i);
	}
	return ret;
}

int series_init(struct ipacct_ledger *ledger, const struct series_settings *settings,
		struct series **ret_series)
{
	struct series *series = calloc(1, sizeof(*series));
	int ret;

	if (!series)
		return -ENOMEM;
	series->ledger = ledger;
	series->groups = settings->groups;
	(void)snprintf(series->runtime_dir, sizeof(series->runtime_dir), "%s",
		       settings->runtime_dir); /* configuration is shorter */
	slots_init(&series->slots, ledger);
	ret = kinds_init(series, settings);
	if (ret) {
		series_finish(series);
		return ret;
	}
	for (uint32_t slot = 0; slot < IPACCT_SERIES_MAX; slot++)
		if (series->slots.used[slot])
			slot_adopt(series, slot);
	*ret_series = series;
	return 0;
}

void series_finish(struct series *series)
{
	if (!series)
		return;
	for (unsigned int i = 1; i < IPACCT_SERIES_KINDS; i++) {
		rank_finish(&series->kinds[i].rank);
		free(series->kinds[i].orphans);
	}
	ipacct_geo_close(series->geo);
	free(series);
}

/* What the ledger has counted and this kind has not: before it was configured, or while it was not. */
static struct ipacct_counters gap_of(const struct series *series, enum ipacct_series_kind kind)
{
	const struct ipacct_ledger *ledger = series->ledger;
	uint64_t cut = ledger->header->cut;
	struct ipacct_counters all = {}, kept = {}, amount;

	records_sum(ledger->rollups, ledger->header->n_rollups, cut, &all);
	records_sum(ledger->addresses, ledger->header->n_addresses, cut, &all);
	for (uint32_t slot = 0; slot < IPACCT_SERIES_MAX; slot++)
		if (ledger->series[slot].kind == kind) {
			amount = slots_amount(&series->slots, slot);
			ipacct_counters_add(&kept, &amount);
		}
	return ipacct_counters_minus(&all, &kept);
}

/* ---- One cut ------------------------------------------------------------------------------------ */

/* Without a geo file nothing is kept that depends on it. */
static void geo_look(struct series *series, uint64_t cut)
{
	char path[GEO_PATH_BYTES + sizeof(IPACCT_GEO_NAME) + 1];

	if (series->geo) {
		(void)ipacct_geo_refresh(series->geo); /* failing that, what was read answers */
		return;
	}
	if (cut < series->geo_look_cut)
		return;
	series->geo_look_cut = cut + GEO_LOOK_CUTS;
	(void)snprintf(path, sizeof(path), "%s/%s", series->runtime_dir,
		       IPACCT_GEO_NAME); /* fits */
	if (!access(path, R_OK) && ipacct_geo_open(series->runtime_dir, &series->geo, NULL))
		series->geo = NULL; /* not whole yet, or not ours: looked at again */
}

/* Whether the geo file says what the values of this kind are. */
static bool of_geo(const struct series *series, unsigned int kind)
{
	return kind != IPACCT_SERIES_ADDRESS && !(kind == IPACCT_SERIES_GROUP && series->groups);
}

static void cut_begin(struct series *series, uint64_t cut)
{
	for (unsigned int i = 1; i < IPACCT_SERIES_KINDS; i++) {
		struct kind *kind = &series->kinds[i];
		bool active = kind->rank.top && (!of_geo(series, i) || series->geo);

		for (unsigned int k = 0; k < COLLECTIVES; k++)
			memset(&kind->collective[k].delta, 0, sizeof(kind->collective[k].delta));
		if (active && !kind->active)
			kind->collective[COLLECTIVE_EARLIER].delta = gap_of(series, i);
		kind->active = active;
		if (active)
			rank_begin(&kind->rank, cut);
	}
}

static void value_add(struct kind *kind, const void *bytes, size_t n,
		      const struct ipacct_counters *counters)
{
	struct identity identity = identity_of(&kind->rank, bytes, n);

	(void)rank_add(&kind->rank, &identity, counters);
}

static void collective_add(struct kind *kind, unsigned int collective,
			   const struct ipacct_counters *counters)
{
	ipacct_counters_add(&kind->collective[collective].delta, counters);
}

/* What an AS is called: looked at once a cut for each one that has a series. */
static void org_update(struct series *series, const struct candidate *candidate,
		       const struct ipacct_geo_record *record, uint64_t cut)
{
	struct series_org *org;
	const char *text;
	size_t n;

	if (!candidate || candidate->slot == SLOT_NONE || series->org_cut[candidate->member] == cut)
		return;
	series->org_cut[candidate->member] = cut;
	text = ipacct_geo_file_text(&series->geo->file, record->as_org);
	org = &series->facts.orgs[candidate->member];
	n = series_name_fit(text, SERIES_ORG_BYTES);
	if (org->asn == record->asn && strlen(org->org) == n && !memcmp(org->org, text, n))
		return;
	memset(org, 0, sizeof(*org));
	org->asn = record->asn;
	memcpy(org->org, text, n);
}

/* A name of the operator's that is also a collective one counts there. */
static void group_add(struct kind *kind, const char *name, const struct ipacct_counters *counters)
{
	size_t n = series_name_fit(name, IPACCT_SERIES_NAME_BYTES);
	unsigned int collective = series_collective_find(name);

	if (collective < COLLECTIVES)
		collective_add(kind, collective, counters);
	else
		value_add(kind, name, n, counters);
}

static void geo_add(struct series *series, const struct ipacct_geo_record *record,
		    const struct ipacct_counters *counters)
{
	/* special-purpose space is never "unknown" */
	unsigned int nowhere = record->address_class == IPACCT_GEO_GLOBAL
				       ? COLLECTIVE_UNKNOWN
				       : COLLECTIVE_CLASS + record->address_class;
	struct kind *countries = &series->kinds[IPACCT_SERIES_COUNTRY];
	struct kind *asns = &series->kinds[IPACCT_SERIES_ASN];
	struct kind *groups = &series->kinds[IPACCT_SERIES_GROUP];
	bool known = record->flags & IPACCT_GEO_KNOWN;

	if (countries->active && known && record->country[0])
		value_add(countries, record->country, sizeof(record->country), counters);
	else
		collective_add(countries, nowhere, counters);
	if (asns->active && known && record->asn) {
		struct identity identity =
			identity_of(&asns->rank, &record->asn, sizeof(record->asn));

		org_update(series, rank_add(&asns->rank, &identity, counters), record,
			   asns->rank.cut);
	} else {
		collective_add(asns, nowhere, counters);
	}
	/* names are the operator's alone: what has none is in no class of its own */
	if (series->groups)
		return; /* the list says whose it is */
	if (groups->active && known && record->name)
		group_add(groups, ipacct_geo_file_text(&series->geo->file, record->name), counters);
	else
		collective_add(groups, COLLECTIVE_UNKNOWN, counters);
}

static void geo_prefetch(const struct series *series, uint32_t record)
{
	if (record < series->geo->file.header.n_records_max)
		__builtin_prefetch(&series->geo->file.records[record]);
}

static void geo_addresses_add(struct series *series, const struct ipacct_table *table,
			      const uint32_t *records)
{
	struct ipacct_counters pending = {};

	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];
		const struct ipacct_geo_record *record;

		if (i + GEO_AHEAD < table->n_entries)
			geo_prefetch(series, records[i + GEO_AHEAD]);
		if (records[i] == RECORD_NONE)
			continue; /* rolled up */
		if (!ipacct_geo_record_find(series->geo, records[i], &entry->key, &record)) {
			geo_add(series, record, &entry->counters);
			series->facts.geo_found++;
		} else {
			ipacct_counters_add(&pending, &entry->counters);
			series->facts.geo_missing++;
		}
	}
	for (unsigned int i = 1; i < IPACCT_SERIES_KINDS; i++)
		if (of_geo(series, i))
			collective_add(&series->kinds[i], COLLECTIVE_PENDING, &pending);
}

static void listed_group_add(void *context, const char *name,
			     const struct ipacct_counters *counters)
{
	struct kind *kind = context;

	if (name)
		group_add(kind, name, counters);
	else
		collective_add(kind, COLLECTIVE_UNKNOWN, counters);
}

static void addresses_add(struct series *series, const struct ipacct_table *table,
			  const uint32_t *records)
{
	struct kind *kind = &series->kinds[IPACCT_SERIES_ADDRESS];

	for (uint32_t i = 0; i < table->n_entries; i++) {
		const struct ipacct_table_entry *entry = &table->entries[i];
		size_t n = offsetof(struct ipacct_table_entry, prefix_len); /* the key */

		if (records[i] != RECORD_NONE)
			value_add(kind, entry, entry->prefix_len == 128 ? n : n + 1,
				  &entry->counters);
	}
}

/* What has no address in the ledger: counted for a prefix. */
static struct ipacct_counters rolled_up_sum(const struct ipacct_epoch *epoch,
					    const uint32_t *records)
{
	struct ipacct_counters sum = {};

	for (uint32_t i = 0; i < epoch->addresses.n_entries; i++)
		if (records[i] == RECORD_NONE)
			ipacct_counters_add(&sum, &epoch->addresses.entries[i].counters);
	for (uint32_t i = 0; i < epoch->rollups.n_entries; i++)
		ipacct_counters_add(&sum, &epoch->rollups.entries[i].counters);
	return sum;
}

/* ---- Into the ledger ---------------------------------------------------------------------------- */

/* When the counts of a record that is claimed at this cut began: at the cut before it. */
static uint64_t created_ns(const struct series *series)
{
	const struct ipacct_ledger_header *header = series->ledger->header;
	int newest =
		ipacct_version_pick(header->version[0].cut, header->version[1].cut, header->cut);

	return newest < 0 ? header->created_ns : header->version[newest].cut_time_ns;
}

static void members_change(struct series *series, unsigned int i,
			   const struct ipacct_ledger_cut *facts)
{
	struct rank *rank = &series->kinds[i].rank;
	char name[IPACCT_SERIES_NAME_BYTES];
	struct ipacct_counters amount;
	struct rank_events events;

	rank_settle(rank, &events);
	for (uint32_t k = 0; k < events.n_left; k++) {
		struct candidate *candidate = &rank->candidates[events.left[k]];

		amount = slots_leave(&series->slots, candidate->slot, facts);
		ipacct_counters_add(&rank->other, &amount);
		candidate->slot = SLOT_NONE;
	}
	for (uint32_t k = 0; k < events.n_joined; k++) {
		struct candidate *candidate = &rank->candidates[events.joined[k]];

		series_name_write(i, candidate->identity, candidate->identity_n, name);
		candidate->slot = slots_claim(&series->slots, i, name, created_ns(series));
		if (candidate->slot == SLOT_NONE)
			rank_reject(rank, events.joined[k]);
	}
}

static bool moved(const struct ipacct_counters *delta)
{
	return delta->tx_packets | delta->rx_packets | delta->tx_l3_bytes | delta->rx_l3_bytes;
}

static void kind_write(struct series *series, unsigned int i, const struct ipacct_ledger_cut *facts)
{
	struct kind *kind = &series->kinds[i];
	struct rank *rank = &kind->rank;

	members_change(series, i, facts);
	for (; kind->n_orphans; kind->n_orphans--) {
		struct ipacct_counters amount =
			slots_leave(&series->slots, kind->orphans[kind->n_orphans - 1], facts);

		ipacct_counters_add(&rank->other, &amount);
	}
	for (uint32_t k = 0; k < rank->n_touched; k++) {
		struct candidate *candidate = &rank->candidates[rank->touched[k]];

		if (candidate->slot == SLOT_NONE)
			ipacct_counters_add(&rank->other, &candidate->delta);
		else
			slots_add(&series->slots, candidate->slot, &candidate->delta, facts);
	}
	collective_add(kind, COLLECTIVE_OTHER, &rank->other);
	for (unsigned int k = 0; k < COLLECTIVES; k++) {
		struct collective *collective = &kind->collective[k];

		if (!moved(&collective->delta))
			continue;
		if (collective->slot == SLOT_NONE)
			collective->slot = slots_claim(&series->slots, i, series_collective_name(k),
						       created_ns(series));
		assert(collective->slot != SLOT_NONE); /* there are enough for all kinds */
		slots_add(&series->slots, collective->slot, &collective->delta, facts);
	}
}

static void facts_update(struct series *series)
{
	struct series_facts *facts = &series->facts;
	const struct ipacct_geo_header *geo = series->geo ? ipacct_geo_header(series->geo) : NULL;

	for (unsigned int i = 1; i < IPACCT_SERIES_KINDS; i++) {
		facts->active[i] = series->kinds[i].active;
		facts->members[i] = series->kinds[i].rank.n_members;
		facts->joined[i] = series->kinds[i].rank.n_joined;
		facts->left[i] = series->kinds[i].rank.n_left;
	}
	facts->geo_open = geo != NULL;
	if (geo) {
		facts->geo_generation = geo->generation;
		facts->geo_updated_ns = geo->updated_ns;
		facts->geo_lookups = geo->lookups;
		facts->geo_known = geo->known;
		facts->geo_negative = geo->negative;
		facts->geo_pending = geo->pending;
		facts->geo_strings_full = geo->strings_full;
		for (unsigned int i = 0; i < IPACCT_GEO_DATABASES_MAX; i++) {
			facts->geo_state[i] = geo->databases[i].state;
			facts->geo_build_s[i] = geo->databases[i].build_s;
		}
	}
	shared_write(&series->sequence, (uint64_t *)&series->shared, (const uint64_t *)facts,
		     sizeof(*facts) / sizeof(uint64_t));
}

void series_apply(struct series *series, const struct ipacct_epoch *epoch,
		  const uint32_t *address_records, const struct ipacct_ledger_cut *facts)
{
	struct ipacct_counters rolled_up = rolled_up_sum(epoch, address_records);

	if (series->kinds[IPACCT_SERIES_COUNTRY].rank.top ||
	    series->kinds[IPACCT_SERIES_ASN].rank.top ||
	    series->kinds[IPACCT_SERIES_GROUP].rank.top)
		geo_look(series, facts->cut);
	cut_begin(series, facts->cut);
	if (series->kinds[IPACCT_SERIES_ADDRESS].active)
		addresses_add(series, &epoch->addresses, address_records);
	if (series->groups && series->kinds[IPACCT_SERIES_GROUP].active)
		groups_each(series->groups, listed_group_add, &series->kinds[IPACCT_SERIES_GROUP]);
	if (series->geo)
		geo_addresses_add(series, &epoch->addresses, address_records);
	for (unsigned int i = 1; i < IPACCT_SERIES_KINDS; i++)
		if (series->kinds[i].active) {
			collective_add(&series->kinds[i], COLLECTIVE_ROLLED_UP, &rolled_up);
			kind_write(series, i, facts);
		}
	facts_update(series);
}

bool series_facts_read(const struct series *series, struct series_facts *ret_facts)
{
	return shared_read(&series->sequence, (const uint64_t *)&series->shared,
			   (uint64_t *)ret_facts, sizeof(*ret_facts) / sizeof(uint64_t));
}
