/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A geo file, a directory with databases and lists, and everything that is asked about an address. */
#ifndef IPACCT_TESTS_GEO_COMMON_H
#define IPACCT_TESTS_GEO_COMMON_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "geo_file.h"
#include "geo_set.h"
#include "mmdb_make.h"

#define BENCH_RECORDS 20000u
#define BENCH_STRINGS 65536u

struct bench {
	char dir[64];
	int dir_fd;
	int geo_fd;
	int copy_fds[GEO_COPIES_MAX];
	struct geo_table table;
	struct geo_memory memory;
	struct geo_settings settings;
	struct geo_set set;
};

static inline void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	strcpy(bench->dir, "/tmp/ipacct-unit.XXXXXX");
	cr_assert_not_null(mkdtemp(bench->dir));
	bench->dir_fd = open(bench->dir, O_RDONLY | O_DIRECTORY);
	cr_assert_geq(bench->dir_fd, 0);
	bench->geo_fd = geo_file_take(bench->dir_fd, getgid(), BENCH_RECORDS, BENCH_STRINGS, false);
	cr_assert_geq(bench->geo_fd, 0);
	cr_assert_eq(geo_table_map(bench->geo_fd, &bench->table), 0);
	for (size_t i = 0; i < GEO_COPIES_MAX; i++)
		bench->copy_fds[i] = memfd_create("test", MFD_CLOEXEC);
	bench->settings.n_languages = 1;
	strcpy(bench->settings.languages[0], "en");
	cr_assert_eq(geo_set_init(&bench->set, &bench->table, &bench->memory, bench->copy_fds,
				  64u << 20),
		     0);
}

static inline void bench_finish(struct bench *bench)
{
	char command[128];

	geo_set_finish(&bench->set);
	geo_table_unmap(&bench->table);
	for (size_t i = 0; i < GEO_COPIES_MAX; i++)
		close(bench->copy_fds[i]);
	close(bench->geo_fd);
	close(bench->dir_fd);
	(void)snprintf(command, sizeof(command), "rm -r %s", bench->dir);
	cr_assert_eq(system(command), 0); /* a test may; the program may not */
}

/* Write a file of the directory beside its name and rename it, as everybody should. */
static inline void put_file(const struct bench *bench, const char *name, const void *bytes,
			    size_t n)
{
	char path[128], fresh[136];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", bench->dir, name);
	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	file = fopen(fresh, "w");
	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, n, file), n);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(rename(fresh, path), 0);
}

/* One value for 1.0.0.0/8, in the flat layout; keys and values by turns, NULL ends them. */
static inline void put_database(const struct bench *bench, const char *name,
				const char *const *pairs)
{
	struct mmdb_make make;
	uint32_t n_pairs = 0;
	char *bytes;
	size_t n;

	mmdb_init(&make);
	while (pairs[2 * n_pairs])
		n_pairs++;
	mmdb_map(&make, n_pairs);
	for (size_t i = 0; i < 2 * n_pairs; i++)
		mmdb_text(&make, pairs[i]);
	mmdb_insert4(&make, 0x01000000, 8, 0);
	bytes = mmdb_build(&make, &n);
	put_file(bench, name, bytes, n);
	free(bytes);
	mmdb_finish(&make);
}

#define PAIRS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static inline void path_put(const struct bench *bench, const char *name,
			    char ret_path[GEO_DATABASE_PATH_BYTES])
{
	memset(ret_path, 0, GEO_DATABASE_PATH_BYTES);
	cr_assert_lt(snprintf(ret_path, GEO_DATABASE_PATH_BYTES, "%s/%s", bench->dir, name),
		     (int)GEO_DATABASE_PATH_BYTES);
}

static inline void want_database(struct bench *bench, const char *name)
{
	path_put(bench, name, bench->settings.databases[bench->settings.n_databases++]);
}

static inline void want_list(struct bench *bench, const char *text)
{
	put_file(bench, "list", text, strlen(text));
	path_put(bench, "list", bench->settings.overrides);
}

static inline struct ipacct_key key4(uint32_t address)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(address) } };
}

static inline const char *text_of(const struct bench *bench, uint32_t offset)
{
	cr_assert_lt(offset, bench->table.header->strings_bytes);
	return bench->table.strings + offset;
}

#endif
