/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking up, and files that only claim to be databases. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "geo_database_common.h"
#include "sanitized.h"

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

#if !SANITIZED /* its shadow takes terabytes of address space, and it reports what is meant to die */
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
