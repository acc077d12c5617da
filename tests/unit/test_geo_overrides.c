/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operator's list: what is read and refused, and that the longest prefix wins, always. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "geo_overrides.h"

#define ERROR_BYTES 512u

static int parse(const char *text, struct geo_overrides *ret_overrides, char error[ERROR_BYTES])
{
	/* of its exact size: the sanitizer sees a read beyond it */
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	int ret;

	memcpy(copy, text, n);
	ret = geo_overrides_parse("f", copy, n, ret_overrides, error, ERROR_BYTES);
	free(copy);
	return ret;
}

static struct ipacct_key key_of(const char *text)
{
	struct ipacct_key key = {};
	uint8_t *address = (uint8_t *)key.addr_be;
	bool v4 = !strchr(text, ':');

	if (v4)
		memset(address + 10, 0xff, 2);
	cr_assert_eq(inet_pton(v4 ? AF_INET : AF_INET6, text, address + (v4 ? 12 : 0)), 1);
	return key;
}

static const char *name_of(const struct geo_overrides *overrides, const char *address)
{
	struct ipacct_key key = key_of(address);
	const struct geo_override *found = geo_overrides_find(overrides, &key);

	return found ? overrides->names + found->name_at : "none";
}

Test(geo_overrides, every_key_comment_and_notation_is_read)
{
	static const char text[] = "\xef\xbb\xbf# the whole list\r\n"
				   "\n"
				   "192.0.2.0/24 name=\"Customer A\" country=de asn=64500\r\n"
				   "\t198.51.100.7\tasn=AS4294967295 # one address\n"
				   "2001:db8:1::/48  name=M\xc3\xbcnchen#1 country=FR\n"
				   "0.0.0.0/0 country=ZZ\n"
				   "::/0 name=six";
	struct geo_overrides o;
	char error[ERROR_BYTES] = "";
	struct ipacct_key key = key_of("192.0.2.255");
	const struct geo_override *found;

	cr_assert_eq(parse(text, &o, error), 0, "%s", error);
	cr_expect_eq(o.n_prefixes, 5);
	cr_expect_eq(o.n_ipv4, 3);
	found = geo_overrides_find(&o, &key);
	cr_assert_not_null(found);
	cr_expect_str_eq(o.names + found->name_at, "Customer A");
	cr_expect_arr_eq(found->country, "DE", 2);
	cr_expect_eq(found->asn, 64500);
	cr_expect_eq(found->line, 3);
	key = key_of("198.51.100.7");
	found = geo_overrides_find(&o, &key);
	cr_expect_eq(found->asn, 4294967295);
	cr_expect_eq(found->name_at, 0);
	cr_expect_str_eq(name_of(&o, "2001:db8:1:ffff::"), "M\xc3\xbcnchen#1");
	cr_expect_str_eq(name_of(&o, "2001:db8:2::"), "six");
	cr_expect_str_eq(name_of(&o, "203.0.113.1"), "", "found, without a name");
	geo_overrides_finish(&o);
}

Test(geo_overrides, empty_list_finds_nothing)
{
	struct geo_overrides o;
	char error[ERROR_BYTES] = "";

	cr_assert_eq(parse("", &o, error), 0);
	cr_expect_str_eq(name_of(&o, "192.0.2.1"), "none");
	cr_expect_str_eq(name_of(&o, "::1"), "none");
	geo_overrides_finish(&o);
	cr_assert_eq(parse("::/0 name=x\n", &o, error), 0);
	cr_expect_str_eq(name_of(&o, "192.0.2.1"), "none", "IPv6 prefixes hold no IPv4 address");
	geo_overrides_finish(&o);
	cr_assert_eq(parse("0.0.0.0/0 name=x\n", &o, error), 0);
	cr_expect_str_eq(name_of(&o, "2001:db8::1"), "none");
	cr_expect_str_eq(name_of(&o, "255.255.255.255"), "x");
	geo_overrides_finish(&o);
}

Test(geo_overrides, each_error_has_its_line_and_column)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "x name=a", "f:1:1: not an address" },
		{ "\n  300.0.0.0/8 name=a", "f:2:3: not an address" },
		{ "192.0.2.0/24.5 name=a", "f:1:11: a length from 0 to 32" },
		{ "192.0.2.0/33 name=a", "f:1:11: a length from 0 to 32" },
		{ "192.0.2.0/ name=a", "f:1:11: a length from 0 to 32" },
		{ "192.0.2.0/0000024 name=a", "f:1:11: a length from 0 to 32" },
		{ "192.0.2.0/-1 name=a", "f:1:11: a length from 0 to 32" },
		{ "2001:db8::/129 name=a", "f:1:12: a length from 0 to 128" },
		{ "192.0.2.1/24 name=a", "f:1:1: the address has bits beyond the prefix length" },
		{ "2001:db8::1/64 name=a", "f:1:1: the address has bits beyond the prefix length" },
		{ "::ffff:192.0.2.0/120 name=a",
		  "f:1:1: an IPv4 prefix is written as one: 192.0.2.0/24" },
		{ "192.0.2.0/24", "f:1:1: a prefix without name, country or asn" },
		{ "192.0.2.0/24 # name=a", "f:1:1: a prefix without name, country or asn" },
		{ "192.0.2.0/24 customer", "f:1:14: expected name=TEXT, country=CC or asn=NUMBER" },
		{ "192.0.2.0/24 nam=a", "f:1:14: unknown key; there are name, country and asn" },
		{ "192.0.2.0/24 city=a", "f:1:14: unknown key; there are name, country and asn" },
		{ "192.0.2.0/24 name=", "f:1:19: name: 1 to 55 octets, this has 0" },
		{ "192.0.2.0/24 name=\"\"", "f:1:20: name: 1 to 55 octets, this has 0" },
		{ "192.0.2.0/24 name=\"a", "f:1:19: a quote that does not end" },
		{ "192.0.2.0/24 name=\"a\"b", "f:1:22: a space must follow the quote" },
		{ "192.0.2.0/24 name=\xff",
		  "f:1:19: name: not UTF-8, or a control character in it" },
		{ "192.0.2.0/24 name=a\x1b[m",
		  "f:1:19: name: not UTF-8, or a control character in it" },
		{ "192.0.2.0/24 name=a name=b", "f:1:26: name: given twice" },
		{ "192.0.2.0/24 country=D", "f:1:22: country: two letters (ISO 3166-1)" },
		{ "192.0.2.0/24 country=DEU", "f:1:22: country: two letters (ISO 3166-1)" },
		{ "192.0.2.0/24 country=D1", "f:1:22: country: two letters (ISO 3166-1)" },
		{ "192.0.2.0/24 country=DE country=DE", "f:1:33: country: given twice" },
		{ "192.0.2.0/24 asn=0", "f:1:18: asn: a whole number from 1 to 4294967295" },
		{ "192.0.2.0/24 asn=4294967296",
		  "f:1:18: asn: a whole number from 1 to 4294967295" },
		{ "192.0.2.0/24 asn=AS", "f:1:18: asn: a whole number from 1 to 4294967295" },
		{ "192.0.2.0/24 asn=1 asn=2", "f:1:24: asn: given twice" },
		{ "192.0.2.0/24 name=a\n10.0.0.0/8 name=b\n192.0.2.0/24 name=c",
		  "f:3:1: duplicate prefix, first on line 1" },
		{ "192.0.2.7 name=a\n192.0.2.7/32 name=a",
		  "f:2:1: duplicate prefix, first on line 1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct geo_overrides o;
		char error[ERROR_BYTES] = "";

		cr_expect_eq(parse(rows[i].text, &o, error), -EINVAL, "%s", rows[i].text);
		cr_expect_str_eq(error, rows[i].expected);
	}
}

Test(geo_overrides, nul_and_long_line_are_refused)
{
	struct geo_overrides o;
	char error[ERROR_BYTES] = "", line[1100];

	cr_expect_eq(geo_overrides_parse("f", "192.0.2.0/24\0 name=a", 20, &o, error, ERROR_BYTES),
		     -EINVAL);
	cr_expect_str_eq(error, "f:1:13: a NUL");
	memset(line, '#', sizeof(line));
	cr_expect_eq(geo_overrides_parse("f", line, 1024, &o, error, ERROR_BYTES), 0);
	geo_overrides_finish(&o);
	cr_expect_eq(geo_overrides_parse("f", line, 1025, &o, error, ERROR_BYTES), -EINVAL);
	cr_expect_str_eq(error, "f:1:1025: a line of more than 1024 octets");
}

Test(geo_overrides, longest_name_is_taken_and_one_octet_more_is_not)
{
	struct geo_overrides o;
	char error[ERROR_BYTES] = "", line[128];
	int n = snprintf(line, sizeof(line), "192.0.2.0/24 name=");

	memset(line + n, 'x', GEO_NAME_BYTES);
	line[n + GEO_NAME_BYTES - 1] = '\0';
	cr_expect_eq(parse(line, &o, error), 0, "%s", error);
	geo_overrides_finish(&o);
	line[n + GEO_NAME_BYTES - 1] = 'x';
	line[n + GEO_NAME_BYTES] = '\0';
	cr_expect_eq(parse(line, &o, error), -EINVAL);
}

/* ---- Longest match --------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth, MMIX */
	return *state >> 33;
}

/* A prefix near others: few different bits, so that nests of many depths come up. */
static void random_prefix(uint64_t *state, char *ret_text, size_t n)
{
	char address[INET6_ADDRSTRLEN];
	uint8_t bytes[16] = {};
	bool v4 = next_random(state) % 2;
	unsigned int bits = v4 ? 32 : 128;
	unsigned int length = (unsigned int)next_random(state) % (bits + 1);

	for (unsigned int bit = 0; bit < length; bit++)
		if (!(next_random(state) % 8))
			bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	cr_assert_not_null(inet_ntop(v4 ? AF_INET : AF_INET6, bytes, address, sizeof(address)));
	(void)snprintf(ret_text, n, "%s/%u", address, length);
}

/* The plain way: look at every prefix. */
static const struct geo_override *brute_find(const struct geo_overrides *o,
					     const struct ipacct_key *key)
{
	const uint8_t *address = (const uint8_t *)key->addr_be;
	const struct geo_override *best = NULL;

	for (uint32_t i = 0; i < o->n_prefixes; i++) {
		const struct geo_override *prefix = &o->prefixes[i];
		bool same = (prefix->family == 4) == geo_is_ipv4(address);

		for (unsigned int bit = 0; same && bit < prefix->prefix_len; bit++)
			same = !((address[bit / 8] ^ prefix->address[bit / 8]) & (0x80 >> bit % 8));
		if (same && (!best || prefix->prefix_len > best->prefix_len))
			best = prefix;
	}
	return best;
}

static char *random_list(uint64_t *state, unsigned int n_lines)
{
	char *text = NULL, prefix[64];
	size_t text_bytes;
	FILE *file = open_memstream(&text, &text_bytes);

	cr_assert_not_null(file);
	for (unsigned int i = 0; i < n_lines; i++) {
		random_prefix(state, prefix, sizeof(prefix));
		fprintf(file, "%s name=%u\n", prefix, i);
	}
	cr_assert_eq(fclose(file), 0);
	return text;
}

Test(geo_overrides, longest_prefix_wins_in_every_random_list)
{
	uint64_t state = 4;
	unsigned int n_lists = 0, n_found = 0, n_nested = 0;

	for (unsigned int round = 0; round < 300; round++) {
		char *text = random_list(&state, 1 + round);
		char error[ERROR_BYTES] = "";
		struct geo_overrides o;
		int ret = parse(text, &o, error);

		free(text);
		if (ret) { /* the same prefix twice: the next list */
			cr_expect_not_null(strstr(error, "duplicate"), "%s", error);
			continue;
		}
		n_lists++;
		for (unsigned int i = 0; i < 2000; i++) {
			struct ipacct_key key = {};
			uint8_t *address = (uint8_t *)key.addr_be;
			const struct geo_override *found;
			/* in or right beside some prefix, or anywhere */
			uint64_t at = next_random(&state) % o.n_prefixes;

			memcpy(address, o.prefixes[at].address, 16);
			for (unsigned int bit = o.prefixes[at].prefix_len; bit < 128; bit++)
				if (!(next_random(&state) % 4))
					address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			if (i % 4 == 0)
				address[15 - next_random(&state) % 4] ^=
					(uint8_t)(1 << next_random(&state) % 8);
			found = geo_overrides_find(&o, &key);
			cr_assert_eq(found, brute_find(&o, &key), "round %u address %u", round, i);
			n_found += found != NULL;
			n_nested += found && found->parent != GEO_NO_OVERRIDE;
		}
		geo_overrides_finish(&o);
	}
	cr_expect_gt(n_lists, 20);
	cr_expect_gt(n_found, 10000);
	cr_expect_gt(n_nested, 1000);
}

Test(geo_overrides, a_million_prefixes_and_not_one_more)
{
	struct geo_overrides o;
	char error[ERROR_BYTES] = "", *text = NULL;
	size_t text_bytes;
	FILE *file = open_memstream(&text, &text_bytes);

	cr_assert_not_null(file);
	for (uint32_t i = 0; i < GEO_OVERRIDES_MAX + 1; i++)
		fprintf(file, "10.%u.%u.%u/32 name=c%u\n", i % 16, i / 16 % 256, i / 4096 % 256,
			i / 100);
	cr_assert_eq(fclose(file), 0);
	/* 16 × 256 × 256 different ones: the line after the last of them is the first again */
	cr_expect_eq(geo_overrides_parse("f", text, text_bytes, &o, error, ERROR_BYTES), -EFBIG);
	cr_expect_str_eq(error, "f:1048577:1: more than 1048576 prefixes");
	*strrchr(text, '1') = '\0'; /* the last line begins with 1 … */
	text_bytes = strlen(text);
	while (text[text_bytes - 1] != '\n')
		text_bytes--;
	cr_assert_eq(geo_overrides_parse("f", text, text_bytes, &o, error, ERROR_BYTES), 0, "%s",
		     error);
	cr_expect_eq(o.n_prefixes, GEO_OVERRIDES_MAX);
	cr_expect_str_eq(name_of(&o, "10.15.255.255"), "c10485");
	cr_expect_lt(geo_overrides_bytes(&o), 64u << 20);
	geo_overrides_finish(&o);
	free(text);
}

/* Read in pieces: a line may lie across two of them, and the last one need not end. */
Test(geo_overrides, file_is_read_as_the_same_text_is)
{
	struct geo_overrides from_text, from_file;
	char error[ERROR_BYTES] = "", path[] = "/tmp/ipacct-unit.XXXXXX", *text = NULL;
	size_t text_bytes;
	FILE *file = open_memstream(&text, &text_bytes);
	int fd = mkstemp(path);

	cr_assert(file && fd >= 0);
	for (uint32_t i = 0; i < 20000; i++)
		fprintf(file, "%*s10.%u.%u.%u name=n%u\n", (int)(i % 900), "", i >> 16 & 255,
			i >> 8 & 255, i & 255, i);
	fputs("11.0.0.0/8 name=last", file);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(write(fd, text, text_bytes), (ssize_t)text_bytes);
	cr_assert_eq(geo_overrides_parse("f", text, text_bytes, &from_text, error, ERROR_BYTES), 0);
	cr_assert_eq(geo_overrides_load(path, &from_file, error, ERROR_BYTES), 0, "%s", error);
	cr_assert_eq(from_file.n_prefixes, 20001);
	cr_assert_eq(from_text.n_prefixes, 20001);
	cr_expect_eq(
		memcmp(from_text.prefixes, from_file.prefixes, 20001 * sizeof(*from_text.prefixes)),
		0);
	cr_expect_str_eq(name_of(&from_file, "11.1.1.1"), "last");
	/* a line without an end, longer than anything that is read at once */
	memset(text, 'x', text_bytes);
	cr_assert_eq(pwrite(fd, text, text_bytes, 0), (ssize_t)text_bytes);
	geo_overrides_finish(&from_file);
	cr_expect_eq(geo_overrides_load(path, &from_file, error, ERROR_BYTES), -EINVAL);
	cr_expect_not_null(strstr(error, ":1:1025: a line of more than 1024 octets"));
	geo_overrides_finish(&from_text);
	free(text);
	close(fd);
	(void)unlink(path); /* ours, in /tmp */
}

/* ---- Files ----------------------------------------------------------------------------------- */

Test(geo_overrides, file_that_cannot_be_read_is_named)
{
	struct geo_overrides o;
	char error[ERROR_BYTES] = "", path[] = "/tmp/ipacct-unit.XXXXXX", expected[64];
	int fd;

	cr_expect_eq(geo_overrides_load("/nowhere/list", &o, error, sizeof(error)), -ENOENT);
	cr_expect_str_eq(error, "/nowhere/list: No such file or directory");
	cr_expect_eq(geo_overrides_load("/", &o, error, sizeof(error)), -EINVAL);
	cr_expect_str_eq(error, "/: not a regular file");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, (off_t)GEO_OVERRIDES_BYTES_MAX + 1), 0);
	cr_expect_eq(geo_overrides_load(path, &o, error, sizeof(error)), -EFBIG);
	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(write(fd, "10.0.0.0/8 name=a\n", 18), 18);
	cr_expect_eq(geo_overrides_load(path, &o, error, sizeof(error)), 0, "%s", error);
	cr_expect_str_eq(name_of(&o, "10.1.2.3"), "a");
	geo_overrides_finish(&o);
	cr_assert_eq(pwrite(fd, "?", 1, 0), 1);
	cr_expect_eq(geo_overrides_load(path, &o, error, sizeof(error)), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s:1:1: not an address", path);
	cr_expect_str_eq(error, expected);
	close(fd);
	(void)unlink(path); /* ours, in /tmp */
}
