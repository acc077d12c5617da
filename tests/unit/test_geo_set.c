/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One answer of several sources, and what happens when they change, break or kill. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "geo_common.h"

static struct ipacct_geo_record ask_over(struct bench *bench, uint32_t address,
					 const struct ipacct_geo_record *old)
{
	struct ipacct_key key = key4(address);
	struct ipacct_geo_record record;

	geo_set_answer(&bench->set, &key, old, &record);
	cr_expect_eq(memcmp(&record.key, &key, sizeof(key)), 0);
	return record;
}

static struct ipacct_geo_record ask(struct bench *bench, uint32_t address)
{
	static const struct ipacct_geo_record none;

	return ask_over(bench, address, &none);
}

static void expect(struct bench *bench, const struct ipacct_geo_record *record, const char *country,
		   const char *country_name, const char *city, uint32_t asn, const char *as_org,
		   const char *name)
{
	char code[3] = { record->country[0], record->country[1], '\0' };

	cr_expect_str_eq(code, country);
	cr_expect_str_eq(text_of(bench, record->country_name), country_name);
	cr_expect_str_eq(text_of(bench, record->city), city);
	cr_expect_eq(record->asn, asn);
	cr_expect_str_eq(text_of(bench, record->as_org), as_org);
	cr_expect_str_eq(text_of(bench, record->name), name);
}

#define COUNTRY_DE PAIRS("country_code", "DE", "country_name", "Germany")
#define CITY_DE    PAIRS("country_code", "DE", "city", "Munich")
#define CITY_AT    PAIRS("country_code", "AT", "country_name", "Austria", "city", "Vienna")
#define AS_ONE     PAIRS("asn", "AS64500", "as_name", "One")
#define AS_TWO     PAIRS("asn", "AS64501", "as_name", "Two")

/* ---- One answer ------------------------------------------------------------------------------ */

Test(geo_answer, databases_add_to_each_other_where_they_agree)
{
	struct bench bench;
	struct ipacct_geo_record record;

	bench_init(&bench);
	put_database(&bench, "a", COUNTRY_DE);
	put_database(&bench, "b", CITY_DE);
	put_database(&bench, "c", AS_ONE);
	want_database(&bench, "a");
	want_database(&bench, "b");
	want_database(&bench, "c");
	geo_set_apply(&bench.set, &bench.settings);
	record = ask(&bench, 0x01020304);
	expect(&bench, &record, "DE", "Germany", "Munich", 64500, "One", "");
	cr_expect_eq(record.flags, IPACCT_GEO_KNOWN);
	record = ask(&bench, 0x02020304);
	expect(&bench, &record, "", "", "", 0, "", "");
	cr_expect_eq(record.flags, 0);
	bench_finish(&bench);
}

Test(geo_answer, first_database_that_knows_decides_and_places_are_not_mixed)
{
	struct bench bench;
	struct ipacct_geo_record record;

	bench_init(&bench);
	put_database(&bench, "a", AS_ONE);
	put_database(&bench, "b", CITY_AT);
	put_database(&bench, "c",
		     PAIRS("country_code", "DE", "region", "Bavaria", "asn", "AS64501", "as_name",
			   "Two"));
	want_database(&bench, "a");
	want_database(&bench, "b");
	want_database(&bench, "c");
	geo_set_apply(&bench.set, &bench.settings);
	record = ask(&bench, 0x01020304);
	expect(&bench, &record, "AT", "Austria", "Vienna", 64500, "One", "");
	cr_expect_eq(record.region, 0, "Bavaria is not in Austria");
	bench_finish(&bench);
}

Test(geo_answer, operators_word_replaces_what_it_contradicts)
{
	struct bench bench;
	struct ipacct_geo_record record;

	bench_init(&bench);
	put_database(&bench, "a", CITY_AT);
	put_database(&bench, "b", AS_ONE);
	want_database(&bench, "a");
	want_database(&bench, "b");
	want_list(&bench, "1.0.0.0/8 name=all\n"
			  "1.1.0.0/16 country=at asn=64500 name=\"same as they say\"\n"
			  "1.2.0.0/16 country=CH\n"
			  "1.3.0.0/16 asn=64999\n"
			  "192.168.0.0/16 name=LAN country=DE\n");
	geo_set_apply(&bench.set, &bench.settings);
	record = ask(&bench, 0x01090000);
	expect(&bench, &record, "AT", "Austria", "Vienna", 64500, "One", "all");
	cr_expect_eq(record.flags, IPACCT_GEO_KNOWN | IPACCT_GEO_OVERRIDE);
	record = ask(&bench, 0x01010000);
	expect(&bench, &record, "AT", "Austria", "Vienna", 64500, "One", "same as they say");
	record = ask(&bench, 0x01020000);
	expect(&bench, &record, "CH", "", "", 64500, "One", "");
	record = ask(&bench, 0x01030000);
	expect(&bench, &record, "AT", "Austria", "Vienna", 64999, "", "");
	record = ask(&bench, 0xc0a80101);
	expect(&bench, &record, "DE", "", "", 0, "", "LAN");
	cr_expect_eq(record.address_class, IPACCT_GEO_PRIVATE, "its class stays");
	bench_finish(&bench);
}

Test(geo_answer, special_space_is_never_asked_and_every_other_address_is_once_per_database)
{
	struct bench bench;

	bench_init(&bench);
	put_database(&bench, "a", COUNTRY_DE);
	put_database(&bench, "b", AS_ONE);
	want_database(&bench, "a");
	want_database(&bench, "b");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect_eq(ask(&bench, 0x0a000001).address_class, IPACCT_GEO_PRIVATE);
	cr_expect_eq(ask(&bench, 0xe0000001).address_class, IPACCT_GEO_MULTICAST);
	cr_expect_eq(bench.table.header->lookups, 0);
	(void)ask(&bench, 0x01000001);
	(void)ask(&bench, 0x02000001);
	cr_expect_eq(bench.table.header->lookups, 4);
	bench_finish(&bench);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static bool changed(struct bench *bench)
{
	static uint64_t last;
	uint64_t digest;
	bool other;

	if (!geo_set_changed(&bench->set, &digest))
		return false;
	other = digest != last;
	last = digest;
	return other;
}

Test(geo_set, database_replaced_by_rename_is_taken_at_the_second_look_or_at_once_when_told)
{
	struct bench bench;

	bench_init(&bench);
	put_database(&bench, "a", COUNTRY_DE);
	want_database(&bench, "a");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect(changed(&bench));
	geo_set_look(&bench.set, false);
	cr_expect_not(changed(&bench), "nothing has happened");
	put_database(&bench, "a", CITY_AT);
	geo_set_look(&bench.set, false);
	cr_expect_not(changed(&bench), "it may be being written");
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'D');
	geo_set_look(&bench.set, false);
	cr_expect(changed(&bench));
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'A', "and nothing remembered of the old");
	put_database(&bench, "a", COUNTRY_DE);
	geo_set_look(&bench.set, true);
	cr_expect(changed(&bench));
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'D');
	bench_finish(&bench);
}

Test(geo_set, broken_database_leaves_the_old_one_in_use_until_a_good_one_comes)
{
	static const struct {
		const char *bytes;
		size_t n;
	} broken[] = { { "", 0 }, { "junk", 4 }, { "\xab\xcd\xefMaxMind.com", 14 } };
	struct bench bench;
	struct ipacct_geo_database *row;
	char path[128];

	bench_init(&bench);
	row = &bench.table.header->databases[0];
	put_database(&bench, "a", COUNTRY_DE);
	want_database(&bench, "a");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect(changed(&bench));
	cr_expect_eq(row->state, 1);
	cr_expect_str_eq(row->type, "Test");
	cr_expect_eq(row->build_s, 1700000000);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		put_file(&bench, "a", broken[i].bytes, broken[i].n);
		geo_set_look(&bench.set, true);
		cr_expect_not(changed(&bench));
		cr_expect_eq(row->state, 2);
		cr_expect_eq(ask(&bench, 0x01000001).country[0], 'D');
		cr_expect_not(bench.set.degraded, "the old one is there");
	}
	(void)snprintf(path, sizeof(path), "%s/a", bench.dir);
	cr_assert_eq(unlink(path), 0);
	geo_set_look(&bench.set, true);
	cr_expect_eq(row->state, 2);
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'D');
	put_database(&bench, "a", CITY_AT);
	geo_set_look(&bench.set, true);
	cr_expect(changed(&bench));
	cr_expect_eq(row->state, 1);
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'A');
	bench_finish(&bench);
}

Test(geo_set, what_is_known_stays_while_a_database_is_away)
{
	struct bench bench;
	struct ipacct_geo_record old, record;

	bench_init(&bench);
	put_database(&bench, "a", CITY_AT);
	put_database(&bench, "b", AS_ONE);
	want_database(&bench, "a");
	want_database(&bench, "b");
	want_list(&bench, "1.0.0.0/8 name=x\n");
	geo_set_apply(&bench.set, &bench.settings);
	old = ask(&bench, 0x01000001);
	old.sequence = 2;
	/* a worker that starts again finds only one of the two */
	geo_set_finish(&bench.set);
	put_file(&bench, "a", "junk", 4);
	put_database(&bench, "b", AS_TWO);
	cr_assert_eq(
		geo_set_init(&bench.set, &bench.table, &bench.memory, bench.copy_fds, 64u << 20),
		0);
	bench.settings.overrides[0] = '\0';
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect(bench.set.degraded);
	record = ask_over(&bench, 0x01000001, &old);
	expect(&bench, &record, "AT", "Austria", "Vienna", 64501, "Two", "");
	record = ask_over(&bench, 0x01000002, &old);
	expect(&bench, &record, "", "", "", 64501, "Two", ""); /* that was another address */
	put_database(&bench, "a", COUNTRY_DE);
	geo_set_look(&bench.set, true);
	record = ask_over(&bench, 0x01000001, &old);
	expect(&bench, &record, "DE", "Germany", "", 64501, "Two", "");
	bench_finish(&bench);
}

Test(geo_set, the_same_settings_and_files_are_the_same_set)
{
	struct bench bench;
	uint64_t first, again;

	bench_init(&bench);
	put_database(&bench, "a", COUNTRY_DE);
	put_database(&bench, "b", AS_ONE);
	want_database(&bench, "a");
	want_database(&bench, "b");
	want_list(&bench, "1.0.0.0/8 name=x\n");
	geo_set_apply(&bench.set, &bench.settings);
	cr_assert(geo_set_changed(&bench.set, &first));
	geo_set_apply(&bench.set, &bench.settings);
	cr_assert(geo_set_changed(&bench.set, &again));
	cr_expect_eq(first, again);
	memset(bench.settings.languages[0] + 3, 'x', 4); /* rubbish behind the NUL */
	geo_set_apply(&bench.set, &bench.settings);
	cr_assert(geo_set_changed(&bench.set, &again));
	cr_expect_eq(first, again);
	strcpy(bench.settings.languages[0], "de");
	geo_set_apply(&bench.set, &bench.settings);
	cr_assert(geo_set_changed(&bench.set, &again));
	cr_expect_neq(first, again);
	want_list(&bench, "1.0.0.0/8 name=y\n");
	first = again;
	geo_set_apply(&bench.set, &bench.settings);
	cr_assert(geo_set_changed(&bench.set, &again));
	cr_expect_neq(first, again);
	bench_finish(&bench);
}

Test(geo_set, settings_move_databases_and_close_what_is_not_wanted)
{
	struct bench bench;
	struct ipacct_geo_record record;

	bench_init(&bench);
	put_database(&bench, "a", COUNTRY_DE);
	put_database(&bench, "b", CITY_AT);
	want_database(&bench, "a");
	want_database(&bench, "b");
	want_list(&bench, "2.0.0.0/8 name=x\n");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'D');
	bench.settings.n_databases = 0;
	want_database(&bench, "b");
	want_database(&bench, "a");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'A');
	bench.settings.n_databases = 0;
	bench.settings.overrides[0] = '\0';
	want_database(&bench, "a");
	geo_set_apply(&bench.set, &bench.settings);
	record = ask(&bench, 0x01000001);
	expect(&bench, &record, "DE", "Germany", "", 0, "", "");
	cr_expect_eq(ask(&bench, 0x02000001).flags, 0, "the list is gone");
	cr_expect_eq(bench.table.header->databases[1].state, 0);
	cr_expect_str_eq(bench.table.header->databases[1].path, "");
	bench_finish(&bench);
}

Test(geo_set, broken_list_leaves_the_old_one_in_use)
{
	struct bench bench;

	bench_init(&bench);
	want_list(&bench, "1.0.0.0/8 name=x\n");
	geo_set_apply(&bench.set, &bench.settings);
	want_list(&bench, "1.0.0.0/8 name=\n");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect_str_eq(text_of(&bench, ask(&bench, 0x01000001).name), "x");
	want_list(&bench, "1.0.0.0/8 name=y\n");
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect_str_eq(text_of(&bench, ask(&bench, 0x01000001).name), "y");
	bench_finish(&bench);
}

/* ---- Files that kill ------------------------------------------------------------------------- */

Test(geo_set, file_that_killed_twice_is_left_alone_until_it_changes)
{
	struct bench bench;

	bench_init(&bench);
	put_database(&bench, "a", COUNTRY_DE);
	want_database(&bench, "a");
	for (uint32_t death = 0; death < GEO_DEATHS_MAX; death++) {
		geo_set_apply(&bench.set, &bench.settings);
		cr_expect_eq(ask(&bench, 0x01000001).country[0], 'D', "death %u", death);
		cr_expect_eq(bench.memory.asking, 1, "what the next worker will read");
		geo_set_finish(&bench.set);
		geo_memory_judge(&bench.memory, true);
		cr_assert_eq(geo_set_init(&bench.set, &bench.table, &bench.memory, bench.copy_fds,
					  64u << 20),
			     0);
	}
	geo_set_apply(&bench.set, &bench.settings);
	cr_expect_eq(ask(&bench, 0x01000001).country[0], '\0');
	cr_expect(bench.set.degraded);
	cr_expect_eq(bench.table.header->databases[0].state, 2);
	put_database(&bench, "a", CITY_AT);
	geo_set_look(&bench.set, true);
	cr_expect_eq(ask(&bench, 0x01000001).country[0], 'A');
	bench_finish(&bench);
}

Test(geo_set, death_without_a_question_or_by_another_hand_blames_nobody)
{
	struct geo_memory memory = {};
	struct geo_identity file = { 1, 2, 3, 4 };

	geo_memory_open(&memory, 0, &file);
	for (int i = 0; i < 10; i++) {
		memory.asking = 1;
		geo_memory_judge(&memory, false);
		geo_memory_judge(&memory, true);
	}
	cr_expect_not(geo_memory_refuses(&memory, &file));
	memory.asking = 77; /* any bytes may be there */
	geo_memory_judge(&memory, true);
	cr_expect_not(geo_memory_refuses(&memory, &file));
}
