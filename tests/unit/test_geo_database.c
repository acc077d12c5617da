/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Databases of every layout, and files that only claim to be one. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "geo_database.h"
#include "geo_fields.h"
#include "mmdb_make.h"
#include "sanitized.h"

#define ROOM (64ull << 20)

static const struct geo_settings english = { .n_languages = 1, .languages = { "en" } };

struct bench {
	struct mmdb_make make;
	char path[64];
	int copy_fd;
	struct geo_database database;
	struct ipacct_problem problem;
};

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	mmdb_init(&bench->make);
	strcpy(bench->path, "/tmp/ipacct-unit.XXXXXX");
	close(mkstemp(bench->path));
	bench->copy_fd = memfd_create("test", MFD_CLOEXEC);
	cr_assert_geq(bench->copy_fd, 0);
}

static void bench_finish(struct bench *bench)
{
	geo_database_close(&bench->database);
	mmdb_finish(&bench->make);
	close(bench->copy_fd);
	(void)unlink(bench->path); /* ours, in /tmp */
}

static void file_put(const char *path, const char *bytes, size_t n)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, n, file), n);
	cr_assert_eq(fclose(file), 0);
}

static int bench_open(struct bench *bench, const struct geo_settings *settings)
{
	size_t n;
	char *bytes = mmdb_build(&bench->make, &n);

	file_put(bench->path, bytes, n);
	free(bytes);
	return geo_database_open(bench->path, bench->copy_fd, ROOM, settings, &bench->database,
				 &bench->problem);
}

static struct ipacct_key key4(uint32_t address)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(address) } };
}

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

/* ---- Layouts --------------------------------------------------------------------------------- */

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

/* ---- Looking up ------------------------------------------------------------------------------ */

static void put_code(struct mmdb_make *m, const char *code)
{
	mmdb_map(m, 1);
	mmdb_text(m, "country_code");
	mmdb_text(m, code);
}

static char country_of(const struct geo_database *database, const struct ipacct_key *key)
{
	struct geo_facts facts;
	MMDB_entry_s entry;

	if (geo_database_find(database, key, &entry) != 1)
		return '-';
	cr_assert_eq(geo_fields_read(&english, entry, &facts), 0);
	return facts.country[0];
}

Test(geo_database, every_record_size_and_ip_version_finds_the_longest_prefix)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	for (unsigned int size = 24; size <= 32; size += 4)
		for (unsigned int version = 4; version <= 6; version += 2) {
			struct ipacct_key a = key4(0x05060708), b = key4(0x05000001),
					  none = key4(0x06000000), six = {};
			struct bench bench;
			uint32_t at;

			memcpy(six.addr_be, v6, sizeof(v6));
			bench_init(&bench);
			bench.make.record_size = (uint16_t)size;
			bench.make.ip_version = (uint16_t)version;
			put_code(&bench.make, "AA");
			mmdb_insert4(&bench.make, 0x05000000, 8, 0);
			at = mmdb_here(&bench.make);
			put_code(&bench.make, "BB");
			mmdb_insert4(&bench.make, 0x05060000, 16, at);
			at = mmdb_here(&bench.make);
			put_code(&bench.make, "CC");
			if (version == 6)
				mmdb_insert(&bench.make, v6, 32, at);
			cr_assert_eq(bench_open(&bench, &english), 0, "%s", bench.problem.text);
			cr_expect_eq(country_of(&bench.database, &a), 'B', "%u %u", size, version);
			cr_expect_eq(country_of(&bench.database, &b), 'A');
			cr_expect_eq(country_of(&bench.database, &none), '-');
			cr_expect_eq(country_of(&bench.database, &six), version == 6 ? 'C' : '-');
			bench_finish(&bench);
		}
}

Test(geo_database, copy_survives_whatever_happens_to_the_file)
{
	struct ipacct_key key = key4(0x01020304);
	struct bench bench;
	struct stat st;

	bench_init(&bench);
	put_code(&bench.make, "DE");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	cr_assert_eq(bench_open(&bench, &english), 0);
	cr_assert_eq(truncate(bench.path, 0), 0);
	cr_expect_eq(country_of(&bench.database, &key), 'D');
	cr_assert_eq(truncate(bench.path, 10000), 0);
	cr_expect_eq(country_of(&bench.database, &key), 'D');
	(void)unlink(bench.path);
	cr_expect_eq(country_of(&bench.database, &key), 'D');
	geo_database_close(&bench.database);
	cr_assert_eq(fstat(bench.copy_fd, &st), 0);
	cr_expect_eq(st.st_size, 0, "its memory is given back");
	bench_finish(&bench);
}

/* ---- What is no database --------------------------------------------------------------------- */

static int open_bytes(struct bench *bench, const char *bytes, size_t n)
{
	file_put(bench->path, bytes, n);
	return geo_database_open(bench->path, bench->copy_fd, ROOM, &english, &bench->database,
				 &bench->problem);
}

Test(geo_database, file_cut_anywhere_is_refused)
{
	struct bench bench;
	size_t n;
	char *bytes;

	bench_init(&bench);
	put_code(&bench.make, "DE");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	bytes = mmdb_build(&bench.make, &n);
	for (size_t part = 0; part < n; part++) {
		cr_expect_neq(open_bytes(&bench, bytes, part), 0, "%zu of %zu", part, n);
		cr_expect_neq(bench.problem.text[0], '\0');
	}
	cr_expect_eq(open_bytes(&bench, bytes, n), 0, "%s", bench.problem.text);
	free(bytes);
	bench_finish(&bench);
}

Test(geo_database, other_files_are_refused_by_what_they_are)
{
	struct bench bench;
	struct geo_identity identity;
	size_t n;
	char *bytes;

	bench_init(&bench);
	mmdb_map(&bench.make, 1);
	mmdb_text(&bench.make, "is_anonymous");
	mmdb_text(&bench.make, "yes");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	cr_expect_eq(bench_open(&bench, &english), -ENODATA);
	cr_expect_not_null(strstr(bench.problem.text, "wrong kind"));
	bytes = mmdb_build(&bench.make, &n);
	cr_expect_eq(geo_database_open(bench.path, bench.copy_fd, n - 1, &english, &bench.database,
				       &bench.problem),
		     -EFBIG);
	free(bytes);
	cr_expect_eq(open_bytes(&bench, "GIF89a", 6), -EBADMSG);
	cr_expect_eq(geo_database_open("/dev/zero", bench.copy_fd, ROOM, &english, &bench.database,
				       &bench.problem),
		     -EBADMSG);
	cr_expect_eq(geo_database_open("/nowhere/x", bench.copy_fd, ROOM, &english, &bench.database,
				       &bench.problem),
		     -ENOENT);
	cr_expect_eq(geo_identity_of("/dev/zero", &identity), -EINVAL);
	cr_expect_eq(geo_identity_of("/nowhere/x", &identity), -ENOENT);
	cr_expect_eq(geo_identity_of(bench.path, &identity), 0);
	bench_finish(&bench);
}

Test(geo_database, damaged_tree_or_data_is_refused_before_use)
{
	struct bench bench;

	bench_init(&bench);
	put_code(&bench.make, "DE");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	mmdb_insert4(&bench.make, 0x02000000, 8, 5000); /* beyond the data */
	cr_expect_eq(bench_open(&bench, &english), -EBADMSG, "%s", bench.problem.text);
	bench_finish(&bench);

	bench_init(&bench);
	put_code(&bench.make, "DE");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	mmdb_insert4(&bench.make, 0x02000000, 8, mmdb_here(&bench.make));
	mmdb_map(&bench.make, 20); /* of which none is there */
	cr_expect_eq(bench_open(&bench, &english), -EBADMSG, "%s", bench.problem.text);
	bench_finish(&bench);
}

#ifndef SANITIZED /* its shadow takes terabytes of address space, and it reports what is meant to die */
/* Opened in a child with so much address space; the exit code is the errno. */
static int child_open(const struct bench *bench, rlim_t memory_bytes)
{
	struct rlimit memory = { memory_bytes, memory_bytes }, seconds = { 20, 20 }, core = {};
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct geo_database database;
		struct ipacct_problem problem;

		setrlimit(RLIMIT_CORE, &core);
		setrlimit(RLIMIT_CPU, &seconds);
		setrlimit(RLIMIT_AS, &memory);
		signal(SIGSEGV, SIG_DFL); /* not the test framework's */
		_exit(-geo_database_open(bench->path, bench->copy_fd, ROOM, &english, &database,
					 &problem));
	}
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* A list of languages that points to arrays of pointers to arrays …: 32^12 values in 3 KiB.
 * libmaxminddb 1.7 decodes all of them while it opens the file. */
Test(geo_database, metadata_that_multiplies_ends_at_the_limit_of_memory, .timeout = 60)
{
	struct mmdb_make m = {};
	struct bench bench;
	uint32_t below, here;
	FILE *file;
	int status;

	bench_init(&bench);
	put_code(&bench.make, "DE");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	file = fopen(bench.path, "w");
	cr_assert_not_null(file);
	mmdb_body_put(&bench.make, file);
	mmdb_metadata_begin(file);
	mmdb_map(&m, 8);
	mmdb_text(&m, "languages");
	mmdb_array(&m, 14);
	below = mmdb_here(&m);
	mmdb_text(&m, "en");
	for (int level = 0; level < 12; level++) {
		here = mmdb_here(&m);
		mmdb_array(&m, 32);
		for (int i = 0; i < 32; i++)
			mmdb_pointer(&m, below);
		below = here;
	}
	mmdb_pointer(&m, below);
	mmdb_text(&m, "binary_format_major_version");
	mmdb_uint16(&m, 2);
	mmdb_text(&m, "binary_format_minor_version");
	mmdb_uint16(&m, 0);
	mmdb_text(&m, "build_epoch");
	mmdb_uint64(&m, 1);
	mmdb_text(&m, "database_type");
	mmdb_text(&m, "Bomb");
	mmdb_text(&m, "ip_version");
	mmdb_uint16(&m, 6);
	mmdb_text(&m, "node_count");
	mmdb_uint32(&m, bench.make.n_nodes);
	mmdb_text(&m, "record_size");
	mmdb_uint16(&m, 24);
	fwrite(m.data, 1, m.n_data, file);
	free(m.data);
	cr_assert_eq(fclose(file), 0);
	status = child_open(&bench, 256u << 20);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == ENOMEM, "status %x", status);
	bench_finish(&bench);
}

/* Arrays in arrays, a million deep, before the value that is wanted: the library skips them by
 * recursion. This is why databases are read in a process of their own. */
Test(geo_database, nesting_without_end_kills_only_its_reader, .timeout = 60)
{
	struct bench bench;
	int status;
	size_t n;
	char *bytes;

	bench_init(&bench);
	mmdb_map(&bench.make, 2);
	mmdb_text(&bench.make, "a");
	for (int depth = 0; depth < 1000000; depth++)
		mmdb_array(&bench.make, 1);
	mmdb_text(&bench.make, "x");
	mmdb_text(&bench.make, "country_code");
	mmdb_text(&bench.make, "DE");
	mmdb_insert4(&bench.make, 0x01000000, 8, 0);
	bytes = mmdb_build(&bench.make, &n);
	file_put(bench.path, bytes, n);
	free(bytes);
	status = child_open(&bench, 256u << 20);
	cr_expect(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == EBADMSG),
		  "status %x", status);
	bench_finish(&bench);
}
#endif
