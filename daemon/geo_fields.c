/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where databases have what we want to know. */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "geo_fields.h"

#define LAYOUTS_MAX 4u

/* Tried in this order; the first value of a fitting kind is taken. A map where a name should be is
 * one by languages. MaxMind (dev.maxmind.com/geoip/docs/databases) and DB-IP (db-ip.com/db/format)
 * nest, IPinfo (ipinfo.io/developers/database-types) is flat: its `country` is a code in some
 * databases and a name in others. */
static const char *const layouts[GEO_FIELDS][LAYOUTS_MAX][GEO_WORDS_MAX + 1] = {
	[GEO_COUNTRY] = { { "country", "iso_code" }, { "country_code" }, { "country" } },
	[GEO_COUNTRY_NAME] = { { "country", "names" }, { "country_name" }, { "country" } },
	[GEO_REGION] = { { "subdivisions", "0", "names" }, { "region" }, { "region_name" } },
	[GEO_CITY] = { { "city", "names" }, { "city" } },
	[GEO_ASN] = { { "autonomous_system_number" },
		      { "asn" },
		      { "as_number" },
		      { "traits", "autonomous_system_number" } },
	[GEO_AS_ORG] = { { "autonomous_system_organization" },
			 { "as_name" },
			 { "name" },
			 { "traits", "autonomous_system_organization" } },
};

/* What one value may become. */
union value {
	char country[2];
	uint32_t asn;
	struct geo_text text;
};

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_code(const MMDB_entry_data_s *data)
{
	return data->data_size == 2 && is_letter(data->utf8_string[0]) &&
	       is_letter(data->utf8_string[1]);
}

static bool take_country(const MMDB_entry_data_s *data, union value *ret_value)
{
	if (data->type != MMDB_DATA_TYPE_UTF8_STRING || !is_code(data))
		return false;
	for (size_t i = 0; i < 2; i++)
		ret_value->country[i] = (char)(data->utf8_string[i] & ~0x20); /* upper case */
	return true;
}

static bool take_number(uint64_t number, union value *ret_value)
{
	ret_value->asn = (uint32_t)number;
	return number && number <= UINT32_MAX;
}

/* A number, or text with or without "AS" before it. */
static bool take_asn(const MMDB_entry_data_s *data, union value *ret_value)
{
	char digits[sizeof("AS4294967295")];
	uint64_t number;
	size_t skip;

	if (data->type == MMDB_DATA_TYPE_UINT16)
		return take_number(data->uint16, ret_value);
	if (data->type == MMDB_DATA_TYPE_UINT32)
		return take_number(data->uint32, ret_value);
	if (data->type == MMDB_DATA_TYPE_UINT64)
		return take_number(data->uint64, ret_value);
	if (data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size >= sizeof(digits))
		return false;
	memcpy(digits, data->utf8_string, data->data_size);
	digits[data->data_size] = '\0';
	skip = strncasecmp(digits, "AS", 2) ? 0 : 2;
	return !parse_u64(digits + skip, 1, UINT32_MAX, &number) && take_number(number, ret_value);
}

static bool take_text(const MMDB_entry_data_s *data, union value *ret_value)
{
	if (data->type != MMDB_DATA_TYPE_UTF8_STRING || !data->data_size)
		return false;
	ret_value->text = (struct geo_text){ data->utf8_string, data->data_size };
	return true;
}

static bool take(enum geo_field field, const MMDB_entry_data_s *data, union value *ret_value)
{
	switch (field) {
	case GEO_COUNTRY:
		return take_country(data, ret_value);
	case GEO_ASN:
		return take_asn(data, ret_value);
	case GEO_COUNTRY_NAME:
		return !(data->type == MMDB_DATA_TYPE_UTF8_STRING && is_code(data)) &&
		       take_text(data, ret_value);
	default:
		return take_text(data, ret_value);
	}
}

/* Errors that mean "this entry has no such thing", not "this database is damaged". */
static bool is_absence(int status)
{
	return status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
	       status == MMDB_INVALID_LOOKUP_PATH_ERROR;
}

/* One value. Returns 1, 0 when there is none, or -EBADMSG. */
static int value_get(MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *ret_data)
{
	int status = MMDB_aget_value(entry, ret_data, path);

	if (status != MMDB_SUCCESS)
		return is_absence(status) ? 0 : -EBADMSG;
	return ret_data->has_data;
}

/* A name: text, or a map by languages below the same path. */
static int value_by_language(const struct geo_settings *settings, MMDB_entry_s *entry,
			     const char *const *path, MMDB_entry_data_s *ret_data)
{
	const char *longer[GEO_WORDS_MAX + 2];
	size_t n = 0;
	int ret = value_get(entry, path, ret_data);

	if (ret <= 0 || ret_data->type != MMDB_DATA_TYPE_MAP)
		return ret;
	for (; path[n]; n++)
		longer[n] = path[n];
	longer[n + 1] = NULL;
	for (size_t i = 0; i < settings->n_languages; i++) {
		longer[n] = settings->languages[i];
		ret = value_get(entry, longer, ret_data);
		if (ret)
			return ret;
	}
	return 0;
}

static int field_try(const struct geo_settings *settings, MMDB_entry_s *entry, enum geo_field field,
		     const char *const *path, union value *ret_value)
{
	MMDB_entry_data_s data;
	int ret = field == GEO_COUNTRY || field == GEO_ASN
			  ? value_get(entry, path, &data)
			  : value_by_language(settings, entry, path, &data);

	return ret > 0 ? take(field, &data, ret_value) : ret;
}

/* Returns 1 with the value, 0 when it is unknown, or -EBADMSG. */
static int field_read(const struct geo_settings *settings, MMDB_entry_s *entry,
		      enum geo_field field, union value *ret_value)
{
	const struct geo_path *given = &settings->paths[field];
	const char *path[GEO_WORDS_MAX + 1];
	int ret = 0;

	if (given->n) {
		for (size_t i = 0; i < given->n; i++)
			path[i] = given->words[i];
		path[given->n] = NULL;
		return field_try(settings, entry, field, path, ret_value);
	}
	for (size_t i = 0; i < LAYOUTS_MAX && layouts[field][i][0] && !ret; i++)
		ret = field_try(settings, entry, field, layouts[field][i], ret_value);
	return ret;
}

int geo_fields_read(const struct geo_settings *settings, MMDB_entry_s entry,
		    struct geo_facts *ret_facts)
{
	struct geo_facts facts = {};
	struct geo_text *const texts[GEO_FIELDS] = {
		[GEO_COUNTRY_NAME] = &facts.country_name,
		[GEO_REGION] = &facts.region,
		[GEO_CITY] = &facts.city,
		[GEO_AS_ORG] = &facts.as_org,
	};

	for (int field = 0; field < GEO_FIELDS; field++) {
		union value value;
		int ret = field_read(settings, &entry, (enum geo_field)field, &value);

		if (ret < 0)
			return ret;
		if (!ret)
			continue;
		if (field == GEO_COUNTRY)
			memcpy(facts.country, value.country, sizeof(facts.country));
		else if (field == GEO_ASN)
			facts.asn = value.asn;
		else
			*texts[field] = value.text;
	}
	*ret_facts = facts;
	return 0;
}

bool geo_facts_any(const struct geo_facts *facts)
{
	return facts->country[0] || facts->asn || facts->country_name.n || facts->region.n ||
	       facts->city.n || facts->as_org.n;
}
