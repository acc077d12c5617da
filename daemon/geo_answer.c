/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is asked about an address: asking, and making one answer of several. */
#include <string.h>

#include "base/mix.h"
#include "geo_answer.h"
#include "geo_class.h"
#include "geo_fields.h"
#include "log.h"

static uint32_t intern(struct geo_set *set, struct geo_text text)
{
	return text.n ? geo_table_intern(set->table, text.at, text.n) : 0;
}

/* Decode an entry, or remember it: addresses of one network share it. */
static int entry_answer(struct geo_set *set, uint32_t index, MMDB_entry_s entry,
			struct geo_answer *ret_answer)
{
	uint64_t hash = ipacct_mix64((uint64_t)index << 32 | entry.offset);
	struct geo_cached *cached = &set->cache[hash % GEO_CACHE_SLOTS];
	struct geo_facts facts;
	int ret;

	if (cached->database == index + 1 && cached->offset == entry.offset) {
		*ret_answer = cached->answer;
		return 0;
	}
	ret = geo_fields_read(&set->settings, entry, &facts);
	if (ret)
		return ret;
	*ret_answer = (struct geo_answer){
		.country = { facts.country[0], facts.country[1] },
		.asn = facts.asn,
		.country_name = intern(set, facts.country_name),
		.region = intern(set, facts.region),
		.city = intern(set, facts.city),
		.as_org = intern(set, facts.as_org),
	};
	*cached = (struct geo_cached){ index + 1, entry.offset, *ret_answer };
	return 0;
}

/* Returns 1 with what one database says, 0 when it knows nothing, −EBADMSG when it is damaged. */
static int source_ask(struct geo_set *set, uint32_t index, const struct ipacct_key *key,
		      struct geo_answer *ret_answer)
{
	struct geo_source *source = &set->sources[index];
	MMDB_entry_s entry;
	int ret;

	geo_set_asking(set, index);
	set->table->header->lookups++;
	ret = geo_database_find(&source->database, key, &entry);
	if (ret > 0 && entry_answer(set, index, entry, ret_answer))
		ret = -1;
	if (ret < 0 && !source->damage_said) {
		source->damage_said = true;
		log_warning("%s is damaged: addresses it cannot answer keep what is known of them",
			    set->settings.databases[index]);
	}
	return ret;
}

static void fill(uint32_t *to, uint32_t from)
{
	if (!*to)
		*to = from;
}

/* The first database that knows the country has the say about the place; others may only add to the
 * same country. AS number and name likewise. */
static void answer_merge(struct geo_answer *to, const struct geo_answer *from)
{
	bool same_place = !to->country[0] || !from->country[0] ||
			  !memcmp(to->country, from->country, sizeof(to->country));

	if (same_place) {
		if (!to->country[0])
			memcpy(to->country, from->country, sizeof(to->country));
		fill(&to->country_name, from->country_name);
		fill(&to->region, from->region);
		fill(&to->city, from->city);
	}
	if (!to->asn || !from->asn || to->asn == from->asn) {
		fill(&to->asn, from->asn);
		fill(&to->as_org, from->as_org);
	}
}

/* The operator's word replaces what it contradicts. */
static uint32_t override_merge(struct geo_set *set, const struct ipacct_key *key,
			       struct geo_answer *to, uint8_t *flags)
{
	const struct geo_override *override = geo_overrides_find(&set->overrides, key);
	const char *name;

	if (!override)
		return 0;
	*flags |= IPACCT_GEO_OVERRIDE;
	if (override->country[0] && memcmp(to->country, override->country, sizeof(to->country))) {
		memcpy(to->country, override->country, sizeof(to->country));
		to->country_name = to->region = to->city = 0;
	}
	if (override->asn && to->asn != override->asn) {
		to->asn = override->asn;
		to->as_org = 0;
	}
	name = set->overrides.names + override->name_at;
	return override->name_at ? geo_table_intern(set->table, name, strlen(name)) : 0;
}

/* A database is away: what it said before is better than nothing. */
static void answer_keep(struct geo_answer *to, const struct ipacct_geo_record *old)
{
	if (!to->country[0] && !to->country_name && !to->region && !to->city) {
		memcpy(to->country, old->country, sizeof(to->country));
		to->country_name = old->country_name;
		to->region = old->region;
		to->city = old->city;
	}
	if (!to->asn && !to->as_org) {
		to->asn = old->asn;
		to->as_org = old->as_org;
	}
}

void geo_set_answer(struct geo_set *set, const struct ipacct_key *key,
		    const struct ipacct_geo_record *old, struct ipacct_geo_record *ret_record)
{
	bool keep = set->degraded, known = old->sequence && !memcmp(&old->key, key, sizeof(*key));
	struct geo_answer answer = {}, one;
	struct ipacct_geo_record record = { .key = *key, .address_class = geo_class(key) };

	if (record.address_class == IPACCT_GEO_GLOBAL)
		for (uint32_t i = 0; i < set->settings.n_databases; i++) {
			int ret = set->sources[i].database.open ? source_ask(set, i, key, &one) : 0;

			keep |= ret < 0;
			if (ret > 0)
				answer_merge(&answer, &one);
		}
	if (keep && known && record.address_class == IPACCT_GEO_GLOBAL)
		answer_keep(&answer, old);
	record.name = override_merge(set, key, &answer, &record.flags);
	memcpy(record.country, answer.country, sizeof(record.country));
	record.asn = answer.asn;
	record.country_name = answer.country_name;
	record.region = answer.region;
	record.city = answer.city;
	record.as_org = answer.as_org;
	if (record.country[0] || record.asn || record.country_name || record.region ||
	    record.city || record.as_org || record.name)
		record.flags |= IPACCT_GEO_KNOWN;
	*ret_record = record;
}
