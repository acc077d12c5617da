/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo file: made, taken up again, written by one process that may die at any instruction. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "geo_file.h"
#include "geo_table.h"

#define N_RECORDS 64u
#define N_STRINGS 4096u
#define N_KILLS   200u

struct place {
	char dir[64];
	int dir_fd;
	int fd;
};

static void place_init(struct place *place)
{
	strcpy(place->dir, "/tmp/ipacct-unit.XXXXXX");
	cr_assert_not_null(mkdtemp(place->dir));
	place->dir_fd = open(place->dir, O_RDONLY | O_DIRECTORY);
	cr_assert_geq(place->dir_fd, 0);
	place->fd = geo_file_take(place->dir_fd, getgid(), N_RECORDS, N_STRINGS, false);
	cr_assert_geq(place->fd, 0);
}

static void place_finish(struct place *place)
{
	close(place->fd);
	geo_file_remove(place->dir_fd);
	close(place->dir_fd);
	cr_expect_eq(rmdir(place->dir), 0, "something was left in %s", place->dir);
}

static struct ipacct_key key_of(uint32_t i)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, 0xffff0000, i } };
}

static struct ipacct_geo_record record_of(uint32_t i, uint32_t name)
{
	return (struct ipacct_geo_record){
		.key = key_of(i), .flags = IPACCT_GEO_KNOWN, .asn = i, .name = name, .generation = 1
	};
}

/* ---- The file -------------------------------------------------------------------------------- */

Test(geo_file, is_whole_private_and_empty)
{
	struct place place;
	struct stat st;

	place_init(&place);
	cr_assert_eq(fstat(place.fd, &st), 0);
	cr_expect_eq((uint64_t)st.st_size, geo_file_bytes(N_RECORDS, N_STRINGS));
	cr_expect_geq((uint64_t)st.st_blocks * 512, (uint64_t)st.st_size, "no hole in it");
	cr_expect_eq(st.st_mode & 07777, 0640);
	place_finish(&place);
}

/* Takes the file there again: the same inode, or another one. */
static bool taken_up(struct place *place, uint32_t n_records, uint32_t n_strings, bool fresh)
{
	struct stat before, after;
	int fd = geo_file_take(place->dir_fd, getgid(), n_records, n_strings, fresh);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(place->fd, &before), 0);
	cr_assert_eq(fstat(fd, &after), 0);
	cr_expect_eq((uint64_t)after.st_size, geo_file_bytes(n_records, n_strings));
	close(place->fd);
	place->fd = fd;
	return before.st_ino == after.st_ino;
}

Test(geo_file, same_size_is_taken_up_and_any_other_made_anew)
{
	struct place place;

	place_init(&place);
	cr_expect(taken_up(&place, N_RECORDS, N_STRINGS, false));
	cr_expect_not(taken_up(&place, N_RECORDS + 1, N_STRINGS, false));
	cr_expect_not(taken_up(&place, N_RECORDS + 1, N_STRINGS + 1, false));
	cr_expect(taken_up(&place, N_RECORDS + 1, N_STRINGS + 1, false));
	cr_expect_not(taken_up(&place, N_RECORDS + 1, N_STRINGS + 1, true));
	place_finish(&place);
}

Test(geo_file, what_is_not_ours_is_replaced)
{
	struct place place;
	off_t bytes = (off_t)geo_file_bytes(N_RECORDS, N_STRINGS);

	place_init(&place);
	cr_assert_eq(ftruncate(place.fd, bytes - 1), 0);
	cr_expect_not(taken_up(&place, N_RECORDS, N_STRINGS, false), "shorter");
	cr_assert_eq(ftruncate(place.fd, bytes + 1), 0);
	cr_expect_not(taken_up(&place, N_RECORDS, N_STRINGS, false), "longer");
	/* every single byte of the fixed part of the header */
	for (off_t at = 0; at < (off_t)offsetof(struct ipacct_geo_header, strings_bytes); at++) {
		unsigned char byte;

		cr_assert_eq(pread(place.fd, &byte, 1, at), 1);
		byte ^= 0x40;
		cr_assert_eq(pwrite(place.fd, &byte, 1, at), 1);
		cr_expect_not(taken_up(&place, N_RECORDS, N_STRINGS, false), "byte %d", (int)at);
	}
	cr_assert_eq(unlinkat(place.dir_fd, IPACCT_GEO_NAME, 0), 0);
	cr_assert_eq(symlinkat("/etc/passwd", place.dir_fd, IPACCT_GEO_NAME), 0);
	cr_expect_not(taken_up(&place, N_RECORDS, N_STRINGS, false), "a symbolic link");
	place_finish(&place);
}

/* ---- Strings --------------------------------------------------------------------------------- */

static const char *text_at(const struct geo_table *table, uint32_t offset)
{
	cr_assert_lt(offset, table->header->strings_bytes);
	return table->strings + offset;
}

Test(geo_strings, equal_texts_share_one_place_also_after_a_restart)
{
	struct place place;
	struct geo_table table;
	uint32_t at[100];
	char text[32];

	place_init(&place);
	cr_assert_eq(geo_table_map(place.fd, &table), 0);
	for (uint32_t i = 0; i < 100; i++) {
		int n = snprintf(text, sizeof(text), "Customer %u", i);

		at[i] = geo_table_intern(&table, text, (size_t)n);
		cr_expect_neq(at[i], 0);
		cr_expect_str_eq(text_at(&table, at[i]), text);
	}
	for (int round = 0; round < 2; round++) {
		uint32_t bytes = table.header->strings_bytes;

		for (uint32_t i = 0; i < 100; i++) {
			int n = snprintf(text, sizeof(text), "Customer %u and more", i);

			n -= (int)strlen(" and more"); /* not NUL-terminated there */
			cr_expect_eq(geo_table_intern(&table, text, (size_t)n), at[i]);
		}
		cr_expect_eq(table.header->strings_bytes, bytes);
		geo_table_unmap(&table);
		cr_assert_eq(geo_table_map(place.fd, &table), 0);
	}
	geo_table_unmap(&table);
	place_finish(&place);
}

Test(geo_strings, text_is_safe_and_bounded)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "M\xc3\xbcnchen", "M\xc3\xbcnchen" },
		{ "a\x1b[31mb", "a?[31mb" },
		{ "\xff\xfe", "??" },
		{ "cut\xc3", "cut?" },
		{ "line\nbreak\x7f", "line?break?" },
	};
	char longest[2 * GEO_STRING_BYTES];
	struct place place;
	struct geo_table table;
	uint32_t at;

	place_init(&place);
	cr_assert_eq(geo_table_map(place.fd, &table), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		at = geo_table_intern(&table, rows[i].in, strlen(rows[i].in));
		cr_expect_str_eq(text_at(&table, at), rows[i].out);
	}
	cr_expect_eq(geo_table_intern(&table, "", 0), 0);
	cr_expect_eq(geo_table_intern(&table, "\0hidden", 7), 0, "ends at a NUL");
	for (size_t i = 0; i < sizeof(longest); i += 2)
		memcpy(longest + i, "\xc3\xa9", 2); /* é: 127 is inside a character */
	at = geo_table_intern(&table, longest, sizeof(longest));
	cr_expect_eq(strlen(text_at(&table, at)), GEO_STRING_BYTES - 2);
	cr_expect_null(strchr(text_at(&table, at), '?'));
	memset(longest, 'x', sizeof(longest));
	at = geo_table_intern(&table, longest, GEO_STRING_BYTES - 1);
	cr_expect_eq(strlen(text_at(&table, at)), GEO_STRING_BYTES - 1);
	cr_expect_eq(geo_table_intern(&table, longest, GEO_STRING_BYTES), at, "one more is cut");
	geo_table_unmap(&table);
	place_finish(&place);
}

Test(geo_strings, full_table_takes_nothing_more_and_counts_it)
{
	char text[32] = "";
	struct place place;
	struct geo_table table;
	uint32_t n = 0;

	place_init(&place);
	cr_assert_eq(geo_table_map(place.fd, &table), 0);
	/* 15 characters and NUL: 255 fill 4080 of the 4095 octets after "" */
	for (;; n++) {
		(void)snprintf(text, sizeof(text), "fifteen%08u", n);
		if (!geo_table_intern(&table, text, 15))
			break;
	}
	cr_expect_eq(n, (N_STRINGS - 1) / 16);
	cr_expect_eq(table.header->strings_full, 1);
	cr_expect_neq(geo_table_intern(&table, "exactly 14 oct", 14), 0, "the last 15 octets");
	cr_expect_eq(table.header->strings_bytes, N_STRINGS);
	cr_expect_eq(geo_table_intern(&table, "x", 1), 0);
	cr_expect_neq(geo_table_intern(&table, "fifteen00000000", 15), 0, "old ones are found");
	geo_table_unmap(&table);
	cr_expect_eq(geo_table_map(place.fd, &table), 0, "full to the last octet is no damage");
	geo_table_unmap(&table);
	place_finish(&place);
}

Test(geo_strings, table_without_ends_is_refused)
{
	struct place place;
	struct geo_table table;
	struct ipacct_geo_header header;
	char junk[N_STRINGS];

	place_init(&place);
	memset(junk, 'x', sizeof(junk));
	cr_assert_eq(pread(place.fd, &header, sizeof(header), 0), sizeof(header));
	header.strings_bytes = N_STRINGS;
	cr_assert_eq(pwrite(place.fd, &header, sizeof(header), 0), sizeof(header));
	cr_expect_eq(geo_table_map(place.fd, &table), 0, "all empty strings");
	geo_table_unmap(&table);
	cr_assert_eq(pwrite(place.fd, junk, sizeof(junk), (off_t)header.strings_at), N_STRINGS);
	cr_expect_eq(geo_table_map(place.fd, &table), -EBADMSG);
	junk[0] = junk[N_STRINGS - 1] = '\0';
	cr_assert_eq(pwrite(place.fd, junk, sizeof(junk), (off_t)header.strings_at), N_STRINGS);
	cr_expect_eq(geo_table_map(place.fd, &table), -EBADMSG, "longer than any of ours");
	place_finish(&place);
}

/* ---- Records --------------------------------------------------------------------------------- */

Test(geo_records, are_current_for_one_key_and_generation)
{
	struct place place;
	struct geo_table table;
	struct ipacct_geo_record record = record_of(5, 0);
	struct ipacct_key key = key_of(5), other = key_of(6), zero = {};

	place_init(&place);
	cr_assert_eq(geo_table_map(place.fd, &table), 0);
	cr_expect_not(geo_table_current(&table, 0, &zero, 0), "never written is not an answer");
	geo_table_write(&table, 3, &record);
	cr_expect_eq(table.records[3].sequence, 2);
	cr_expect_eq(table.records[3].asn, 5);
	cr_expect(geo_table_current(&table, 3, &key, 1));
	cr_expect_not(geo_table_current(&table, 3, &other, 1));
	cr_expect_not(geo_table_current(&table, 3, &key, 2));
	cr_expect_eq(table.header->known, 1);
	record.flags = 0;
	geo_table_write(&table, 3, &record);
	cr_expect_eq(table.header->known, 0);
	cr_expect_eq(table.header->negative, 1);
	table.records[3].sequence = UINT32_MAX - 1;
	geo_table_write(&table, 3, &record);
	cr_expect_eq(table.records[3].sequence, 2, "it wraps over 0, which means never written");
	geo_table_unmap(&table);
	cr_assert_eq(geo_table_map(place.fd, &table), 0);
	cr_expect_eq(table.n_negative, 1, "counted again after a restart");
	geo_table_unmap(&table);
	place_finish(&place);
}

static _Noreturn void writer_run(int fd, uint32_t round)
{
	struct geo_table table;

	if (geo_table_map(fd, &table))
		_exit(1);
	for (uint32_t n = round;; n++) {
		struct ipacct_geo_record record = record_of(n, n);

		record.country_name = record.region = record.city = record.as_org = n;
		geo_table_write(&table, n % N_RECORDS, &record);
	}
}

/* All fields of one write are the same number. */
static bool one_write(const struct ipacct_geo_record *record)
{
	uint32_t n = record->asn;

	return !record->sequence ||
	       (record->country_name == n && record->region == n && record->city == n &&
		record->as_org == n && record->name == n && record->key.addr_be[3] == n);
}

Test(geo_records, writer_killed_anywhere_leaves_whole_records_or_odd_ones_that_are_repaired,
     .timeout = 60)
{
	struct place place;
	uint32_t n_odd = 0;

	place_init(&place);
	for (uint32_t round = 0; round < N_KILLS; round++) {
		struct timespec moment = { .tv_nsec = 200000 + round * 1000 };
		pid_t pid = fork();
		struct geo_table table;
		const struct ipacct_geo_record *records;

		if (!pid)
			writer_run(place.fd, round << 16);
		cr_assert_gt(pid, 0);
		nanosleep(&moment, NULL); /* any moment: what the test is about */
		cr_assert_eq(kill(pid, SIGKILL), 0);
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
		records = mmap(NULL, (size_t)geo_file_bytes(N_RECORDS, N_STRINGS), PROT_READ,
			       MAP_SHARED, place.fd, 0);
		cr_assert_neq((const void *)records, MAP_FAILED);
		records += IPACCT_GEO_HEADER_BYTES / sizeof(*records);
		for (uint32_t i = 0; i < N_RECORDS; i++) {
			n_odd += records[i].sequence & 1;
			cr_expect(records[i].sequence & 1 || one_write(&records[i]));
		}
		cr_assert_eq(geo_table_map(place.fd, &table), 0);
		for (uint32_t i = 0; i < N_RECORDS; i++)
			cr_expect(!(records[i].sequence & 1) && one_write(&records[i]));
		geo_table_unmap(&table);
		munmap((void *)(uintptr_t)((const char *)records - IPACCT_GEO_HEADER_BYTES),
		       (size_t)geo_file_bytes(N_RECORDS, N_STRINGS));
	}
	cr_expect_gt(n_odd, 0, "no kill of %u hit a write: the test proves nothing", N_KILLS);
	place_finish(&place);
}
