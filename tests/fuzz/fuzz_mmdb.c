/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: a database from the file to the answer. tests/unit/test_geo_mutants.c replays
 * 10,000 mutants of good ones through it. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_mmdb.h"
#include "geo_database.h"
#include "geo_fields.h"
#include "lsan_maxminddb.h"
#include "require.h"

#define N_QUESTIONS 64u

static const struct geo_settings settings = { .n_languages = 2, .languages = { "de", "en" } };

static void check_text(const struct geo_database *database, struct geo_text text)
{
	const char *begin = (const char *)database->mmdb.file_content;

	if (!text.n)
		return;
	require(text.at >= begin && text.n <= (size_t)database->mmdb.file_size &&
		text.at + text.n <= begin + database->mmdb.file_size);
	/* read all of it: the sanitizer watches */
	for (uint32_t i = 0; i < text.n; i++)
		(void)*(volatile const char *)&text.at[i];
}

static void check_facts(const struct geo_database *database, const struct geo_facts *facts)
{
	require(!facts->country[0] == !facts->country[1]);
	for (size_t i = 0; i < 2 && facts->country[0]; i++)
		require(facts->country[i] >= 'A' && facts->country[i] <= 'Z');
	check_text(database, facts->country_name);
	check_text(database, facts->region);
	check_text(database, facts->city);
	check_text(database, facts->as_org);
}

/* Addresses all over both families; returns how many the database answered. */
static unsigned int ask(const struct geo_database *database)
{
	unsigned int n_known = 0;

	for (uint32_t i = 0; i < N_QUESTIONS; i++) {
		struct ipacct_key key = {};
		struct geo_facts facts;
		MMDB_entry_s entry;

		if (i % 2) {
			key.addr_be[2] = htonl(0xffff);
			key.addr_be[3] = htonl(i * 0x04080000u);
		} else {
			key.addr_be[0] = htonl(0x20000000u + i * 0x00400000u);
		}
		if (geo_database_find(database, &key, &entry) != 1 ||
		    geo_fields_read(&settings, entry, &facts))
			continue;
		n_known++;
		check_facts(database, &facts);
	}
	return n_known;
}

enum fuzz_mmdb fuzz_mmdb(const uint8_t *bytes, size_t n_bytes)
{
	static int file_fd = -1, copy_fd = -1;
	struct ipacct_problem problem;
	struct geo_database database;
	char path[64];
	unsigned int n_known;

	if (file_fd < 0) {
		file_fd = memfd_create("file", 0);
		copy_fd = memfd_create("copy", 0);
	}
	require(file_fd >= 0 && copy_fd >= 0 && !ftruncate(file_fd, 0) &&
		pwrite(file_fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd); /* fits */
	if (geo_database_open(path, copy_fd, 1u << 20, &settings, &database, &problem)) {
		require(problem.text[0] && !strpbrk(problem.text, "\n\r\033"));
		return FUZZ_MMDB_REFUSED;
	}
	n_known = ask(&database);
	geo_database_close(&database);
	return n_known ? FUZZ_MMDB_ANSWERED : FUZZ_MMDB_SILENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	(void)fuzz_mmdb(data, n_bytes);
	return 0;
}
