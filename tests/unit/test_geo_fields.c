/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where each layout has its fields, and which values are none. */
#include "geo_database_common.h"

/* The one entry of a database that has 1.0.0.0/8. */
static struct geo_facts facts_of(struct bench *bench, const struct geo_settings *settings)
{
	struct ipacct_key key = key4(0x01020304);
	struct geo_facts facts;
	MMDB_entry_s entry;

	cr_assert_eq(bench_open(bench, settings), 0, "%s", bench->problem.text);
	cr_assert_eq(geo_database_find(&bench->database, &key, &entry), 1);
	cr_assert_eq(geo_fields_read(settings, entry, &facts), 0);
	return facts;
}

static void expect_text(struct geo_text text, const char *expected)
{
	cr_expect(text.n == strlen(expected) && (!text.n || !memcmp(text.at, expected, text.n)),
		  "'%.*s', expected '%s'", (int)text.n, text.at, expected);
}

/* country: {iso_code, names: {de, en}}, subdivisions, city, and an AS */
static void put_maxmind(struct mmdb_make *m)
{
	mmdb_map(m, 5);
	mmdb_text(m, "country");
	mmdb_map(m, 2);
	mmdb_text(m, "iso_code");
	mmdb_text(m, "DE");
	mmdb_text(m, "names");
	mmdb_map(m, 2);
	mmdb_text(m, "de");
	mmdb_text(m, "Deutschland");
	mmdb_text(m, "en");
	mmdb_text(m, "Germany");
	mmdb_text(m, "subdivisions");
	mmdb_array(m, 1);
	mmdb_map(m, 1);
	mmdb_text(m, "names");
	mmdb_map(m, 1);
	mmdb_text(m, "en");
	mmdb_text(m, "Bavaria");
	mmdb_text(m, "city");
	mmdb_map(m, 1);
	mmdb_text(m, "names");
	mmdb_map(m, 1);
	mmdb_text(m, "de");
	mmdb_text(m, "M\xc3\xbcnchen");
	mmdb_text(m, "autonomous_system_number");
	mmdb_uint32(m, 64500);
	mmdb_text(m, "autonomous_system_organization");
	mmdb_text(m, "Example Net");
}

Test(geo_fields, maxmind_and_dbip_nest_their_names)
{
	struct geo_settings german = { .n_languages = 2, .languages = { "de", "en" } };
	struct bench bench;
	struct geo_facts facts;

	for (int languages = 0; languages < 2; languages++) {
		bench_init(&bench);
		mmdb_insert4(&bench.make, 0x01000000, 8, 0);
		put_maxmind(&bench.make);
		facts = facts_of(&bench, languages ? &german : &english);
		cr_expect_arr_eq(facts.country, "DE", 2);
		expect_text(facts.country_name, languages ? "Deutschland" : "Germany");
		expect_text(facts.region, "Bavaria");
		expect_text(facts.city, languages ? "M\xc3\xbcnchen" : "");
		cr_expect_eq(facts.asn, 64500);
		expect_text(facts.as_org, "Example Net");
		bench_finish(&bench);
	}
}

static void put_flat(struct mmdb_make *m, const char *const *pairs)
{
	uint32_t n = 0;

	while (pairs[2 * n])
		n++;
	mmdb_map(m, n);
	for (size_t i = 0; i < 2 * n; i++)
		mmdb_text(m, pairs[i]);
}

Test(geo_fields, ipinfo_is_flat_and_its_country_is_a_code_or_a_name)
{
	static const char *const lite[] = { "as_domain",   "example.net",  "as_name",
					    "Example Net", "asn",          "AS64501",
					    "continent",   "Europe",       "country",
					    "Germany",     "country_code", "DE",
					    NULL };
	static const char *const older[] = {
		"asn",   "as64502", "country",  "fr",   "country_name", "France", "name",
		"Net 2", "region",  "Bretagne", "city", "Brest",        NULL
	};
	struct bench bench;
	struct geo_facts facts;

	bench_init(&bench);
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	put_flat(&bench.make, lite);
	facts = facts_of(&bench, &english);
	cr_expect_arr_eq(facts.country, "DE", 2);
	expect_text(facts.country_name, "Germany");
	cr_expect_eq(facts.asn, 64501);
	expect_text(facts.as_org, "Example Net");
	bench_finish(&bench);

	bench_init(&bench);
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	put_flat(&bench.make, older);
	facts = facts_of(&bench, &english);
	cr_expect_arr_eq(facts.country, "FR", 2, "upper case");
	expect_text(facts.country_name, "France");
	expect_text(facts.region, "Bretagne");
	expect_text(facts.city, "Brest");
	cr_expect_eq(facts.asn, 64502);
	expect_text(facts.as_org, "Net 2");
	bench_finish(&bench);
}

Test(geo_fields, configured_path_is_the_only_one)
{
	static const char *const pairs[] = { "country_code", "DE", "owner", "Example", "as_name",
					     "no",           "cc", "FR",    NULL };
	struct geo_settings settings = english;
	struct bench bench;
	struct geo_facts facts;

	settings.paths[GEO_COUNTRY] = (struct geo_path){ 1, { "cc" } };
	settings.paths[GEO_AS_ORG] = (struct geo_path){ 1, { "owner" } };
	settings.paths[GEO_CITY] = (struct geo_path){ 2, { "owner", "deeper" } };
	bench_init(&bench);
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	put_flat(&bench.make, pairs);
	facts = facts_of(&bench, &settings);
	cr_expect_arr_eq(facts.country, "FR", 2);
	expect_text(facts.as_org, "Example");
	expect_text(facts.city, "");
	bench_finish(&bench);
}

/* One value of a kind that does not fit is no value; "city" is there so that the file is useful. */
static struct geo_facts odd_facts(void (*put)(struct mmdb_make *m), const char *key)
{
	struct bench bench;
	struct geo_facts facts;

	bench_init(&bench);
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	mmdb_map(&bench.make, 2);
	mmdb_text(&bench.make, "city");
	mmdb_text(&bench.make, "x");
	mmdb_text(&bench.make, key);
	put(&bench.make);
	facts = facts_of(&bench, &english);
	facts.city.n = facts.country_name.n = facts.as_org.n = 0; /* gone with the file */
	bench_finish(&bench);
	return facts;
}

#define PUT(name, ...)                        \
	static void name(struct mmdb_make *m) \
	{                                     \
		__VA_ARGS__;                  \
	}
PUT(put_array, mmdb_array(m, 1); mmdb_text(m, "DE"))
PUT(put_number, mmdb_uint32(m, 17477))
PUT(put_three, mmdb_text(m, "DEU"))
PUT(put_digit, mmdb_text(m, "D1"))
PUT(put_zero, mmdb_uint32(m, 0))
PUT(put_big, mmdb_uint64(m, 1ull << 32))
PUT(put_16, mmdb_uint16(m, 65535))
PUT(put_64, mmdb_uint64(m, UINT32_MAX))
PUT(put_as, mmdb_text(m, "AS"))
PUT(put_as_big, mmdb_text(m, "AS4294967296"))
PUT(put_as_max, mmdb_text(m, "AS4294967295"))
PUT(put_digits, mmdb_text(m, "64503"))
PUT(put_as_text, mmdb_text(m, "AS645O1"))
#undef PUT

Test(geo_fields, values_that_do_not_fit_are_unknown)
{
	static void (*const no_country[])(struct mmdb_make *) = { put_array, put_number, put_three,
								  put_digit };
	static const struct {
		void (*put)(struct mmdb_make *);
		uint32_t asn;
	} asns[] = { { put_array, 0 },       { put_zero, 0 },
		     { put_big, 0 },         { put_16, 65535 },
		     { put_64, UINT32_MAX }, { put_as, 0 },
		     { put_as_big, 0 },      { put_as_max, UINT32_MAX },
		     { put_digits, 64503 },  { put_as_text, 0 } };

	for (size_t i = 0; i < sizeof(no_country) / sizeof(no_country[0]); i++)
		cr_expect_eq(odd_facts(no_country[i], "country_code").country[0], '\0', "%zu", i);
	for (size_t i = 0; i < sizeof(asns) / sizeof(asns[0]); i++)
		cr_expect_eq(odd_facts(asns[i].put, "asn").asn, asns[i].asn, "%zu", i);
}
