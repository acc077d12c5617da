/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database in a file of its own, made by hand, opened as the worker does. */
#ifndef IPACCT_TESTS_GEO_DATABASE_COMMON_H
#define IPACCT_TESTS_GEO_DATABASE_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "geo_database.h"
#include "geo_fields.h"
#include "mmdb_make.h"

#define ROOM (64ull << 20)

static const struct geo_settings english = { .n_languages = 1, .languages = { "en" } };

struct bench {
	struct mmdb_make make;
	char path[64];
	int copy_fd;
	struct geo_database database;
	struct ipacct_problem problem;
};

static inline void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	mmdb_init(&bench->make);
	strcpy(bench->path, "/tmp/ipacct-unit.XXXXXX");
	close(mkstemp(bench->path));
	bench->copy_fd = memfd_create("test", MFD_CLOEXEC);
	cr_assert_geq(bench->copy_fd, 0);
}

static inline void bench_finish(struct bench *bench)
{
	geo_database_close(&bench->database);
	mmdb_finish(&bench->make);
	close(bench->copy_fd);
	(void)unlink(bench->path); /* ours, in /tmp */
}

static inline void file_put(const char *path, const char *bytes, size_t n)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, n, file), n);
	cr_assert_eq(fclose(file), 0);
}

static inline int bench_open(struct bench *bench, const struct geo_settings *settings)
{
	size_t n;
	char *bytes = mmdb_build(&bench->make, &n);

	file_put(bench->path, bytes, n);
	free(bytes);
	return geo_database_open(bench->path, bench->copy_fd, ROOM, settings, &bench->database,
				 &bench->problem);
}

static inline struct ipacct_key key4(uint32_t address)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(address) } };
}

#endif
