/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes from text: options, the list in the configuration, the file. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "config_common.h"
#include "config_prefix.h"
#include "config_protect.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	const char *text;
	uint32_t prefixlen; /* of domain and address: 16 + 0 … 128 */
	const char *address;
	int domain; /* −1: every one */
};

static const struct row good[] = {
	{ "192.0.2.0/24", 16 + 96 + 24, "::ffff:192.0.2.0", -1 },
	{ "192.0.2.1", 16 + 128, "::ffff:192.0.2.1", -1 },
	{ "192.0.2.1/32", 16 + 128, "::ffff:192.0.2.1", -1 },
	{ "0.0.0.0/0", 16 + 96, "::ffff:0.0.0.0", -1 },
	{ "128.0.0.0/1", 16 + 97, "::ffff:128.0.0.0", -1 },
	{ "2001:db8::/32", 16 + 32, "2001:db8::", -1 },
	{ "2001:DB8:0:0::/33", 16 + 33, "2001:db8::", -1 },
	{ "2001:db8::1", 16 + 128, "2001:db8::1", -1 },
	{ "2000::/3", 16 + 3, "2000::", -1 },
	{ "::ffff:192.0.2.0/120", 16 + 120, "::ffff:192.0.2.0", -1 }, /* IPv4, written long */
	{ "::1", 16 + 128, "::1", -1 },
	{ "::/96", 16 + 96, "::", -1 }, /* beside the IPv4-mapped ones */
	{ "198.51.100.0/24 domain=0", 16 + 120, "::ffff:198.51.100.0", 0 },
	{ " \t198.51.100.0/24\t domain=65535 ", 16 + 120, "::ffff:198.51.100.0", 65535 },
};

Test(protect, prefixes_become_keys_of_the_trie)
{
	for (size_t i = 0; i < N(good); i++) {
		struct ipacct_guard_key want = { .prefixlen = good[i].prefixlen };
		char why[SETTING_WHY_BYTES] = "";
		struct config_prefix prefix;
		size_t at;

		cr_assert_eq(inet_pton(AF_INET6, good[i].address, want.address), 1);
		if (good[i].domain >= 0)
			want.domain_be = htons((uint16_t)good[i].domain);
		cr_expect_eq(config_prefix_parse(good[i].text, &prefix, &at, why), 0, "'%s': %s",
			     good[i].text, why);
		cr_expect_eq(memcmp(&prefix.key, &want, sizeof(want)), 0, "'%s'", good[i].text);
		cr_expect_eq(prefix.every_domain, good[i].domain < 0, "'%s'", good[i].text);
	}
}

struct bad {
	const char *text;
	size_t at;
	const char *why;
};

#define LEGAL    "; legal: " CONFIG_PREFIX_LEGAL
#define MEANT(a) ": probably " a " for the one address"
#define BEHIND   " behind the prefix; legal: domain=N, N from 0 to 65535"

static const struct bad wrong[] = {
	{ "", 0, "'' is not an address" LEGAL },
	{ "  ", 2, "'' is not an address" LEGAL },
	{ "/24", 0, "'/24' is not an address" LEGAL },
	{ "192.0.2/24", 0, "'192.0.2/24' is not an address" LEGAL },
	{ "192.0.2.256/32", 0, "'192.0.2.256/32' is not an address" LEGAL },
	{ "192.000.002.000/24", 0, "'192.000.002.000/24' is not an address" LEGAL }, /* octal? */
	{ "router.example/32", 0, "'router.example/32' is not an address" LEGAL },
	{ "2001:db8::/32x", 0,
	  "'2001:db8::/32x': the prefix length is not a whole number from 0 to 128" },
	{ "192.0.2.0/33", 0,
	  "'192.0.2.0/33': the prefix length is not a whole number from 0 to 32" },
	{ "192.0.2.0/", 0, "'192.0.2.0/': the prefix length is not a whole number from 0 to 32" },
	{ "192.0.2.0/-1", 0,
	  "'192.0.2.0/-1': the prefix length is not a whole number from 0 to 32" },
	{ "2001:db8::/129", 0,
	  "'2001:db8::/129': the prefix length is not a whole number from 0 to 128" },
	{ "192.0.2.1/24", 0,
	  "'192.0.2.1/24' has bits behind the prefix" MEANT(
		  "192.0.2.0/24 was meant, or 192.0.2.1/32") },
	{ "192.0.2.255/25", 0,
	  "'192.0.2.255/25' has bits behind the prefix" MEANT(
		  "192.0.2.128/25 was meant, or 192.0.2.255/32") },
	{ " 2001:db8::1/127", 1,
	  "'2001:db8::1/127' has bits behind the prefix" MEANT(
		  "2001:db8::/127 was meant, or 2001:db8::1/128") },
	{ "128.0.0.0/0", 0,
	  "'128.0.0.0/0' has bits behind the prefix" MEANT(
		  "0.0.0.0/0 was meant, or 128.0.0.0/32") },
	{ "::/0", 0,
	  "'::/0' also holds every IPv4 address (as ::ffff:0:0/96): probably 2000::/3 was meant, "
	  "all global IPv6 addresses" },
	{ "::ffff:0:0/95", 0,
	  "'::ffff:0:0/95' has bits behind the prefix" MEANT(
		  "::fffe:0:0/95 was meant, or 0.0.0.0/32") },
	{ "::fffe:0:0/95", 0,
	  "'::fffe:0:0/95' also holds every IPv4 address (as ::ffff:0:0/96): probably 2000::/3 was "
	  "meant, all global IPv6 addresses" },
	{ "192.0.2.0/24 domain=65536", 13, "'domain=65536'" BEHIND },
	{ "192.0.2.0/24  domain=", 14, "'domain='" BEHIND },
	{ "192.0.2.0/24 domain=-1", 13, "'domain=-1'" BEHIND },
	{ "192.0.2.0/24 7", 13, "'7'" BEHIND },
	{ "192.0.2.0/24 domain=1 2", 13, "'domain=1 2'" BEHIND },
	{ "192.0.2.0/24,198.51.100.0/24", 0,
	  "'192.0.2.0/24,198.51.100.0/24': the prefix length is not a whole number from 0 to 32" },
	{ "192.0.2.0\033[2J", 0, "'192.0.2.0?[2J' is not an address" LEGAL },
};

Test(protect, what_is_wrong_is_named_with_its_place)
{
	for (size_t i = 0; i < N(wrong); i++) {
		struct config_prefix prefix = { .every_domain = 42 };
		char why[SETTING_WHY_BYTES] = "";
		size_t at = 99;

		cr_expect_eq(config_prefix_parse(wrong[i].text, &prefix, &at, why), -EINVAL, "'%s'",
			     wrong[i].text);
		cr_expect_str_eq(why, wrong[i].why);
		cr_expect_eq(at, wrong[i].at, "'%s': at %zu", wrong[i].text, at);
		cr_expect_eq(prefix.every_domain, 42, "'%s' changed the result", wrong[i].text);
	}
}

Test(protect, a_word_as_long_as_it_likes_is_refused)
{
	char text[4096], why[SETTING_WHY_BYTES];
	struct config_prefix prefix;
	size_t at;

	for (size_t n = 1; n < sizeof(text); n = n * 3 / 2 + 1) {
		memset(text, '1', n);
		text[n] = '\0';
		cr_expect_eq(config_prefix_parse(text, &prefix, &at, why), -EINVAL, "%zu ones", n);
	}
}

/* ---- The file -------------------------------------------------------------------------------- */

/* Parse a copy of the text; returns what config_protect_parse() returned. */
static int parse_file(const char *text, size_t text_bytes, struct config_prefix *prefixes,
		      size_t *n, char *error)
{
	char *copy = malloc(text_bytes + 1);
	int ret;

	cr_assert_not_null(copy);
	memcpy(copy, text, text_bytes);
	copy[text_bytes] = '\0';
	ret = config_protect_parse("list", copy, text_bytes, prefixes, n, error, ERROR_BYTES);
	free(copy);
	return ret;
}

Test(protect, file_has_comments_empty_lines_and_either_line_end)
{
	static const char text[] = "\xef\xbb\xbf# ours\n"
				   "192.0.2.0/24\n"
				   "\n"
				   "   \t\n"
				   "  2001:db8::/32 # customers \xe4\n"
				   "198.51.100.0/24 domain=7#no blank\r\n"
				   "\r\n"
				   "203.0.113.9";
	static struct config_prefix prefixes[CONFIG_PREFIXES_MAX];
	char error[ERROR_BYTES] = "";
	size_t n = 0;

	cr_assert_eq(parse_file(text, strlen(text), prefixes, &n, error), 0, "%s", error);
	cr_assert_eq(n, 4);
	cr_expect_eq(prefixes[0].key.prefixlen, 16 + 96 + 24);
	cr_expect_eq(prefixes[1].key.prefixlen, 16 + 32);
	cr_expect_eq(prefixes[2].key.domain_be, htons(7));
	cr_expect_eq(prefixes[3].key.prefixlen, 16 + 128);
}

struct bad_file {
	const char *text;
	size_t bytes; /* 0: up to the NUL */
	const char *error;
};

static const struct bad_file wrong_files[] = {
	{ "192.0.2.0/24\n\n  192.0.2.1/24 # x\n", 0,
	  "list:3:3: '192.0.2.1/24' has bits behind the prefix" MEANT(
		  "192.0.2.0/24 was meant, or 192.0.2.1/32") },
	{ "192.0.2.0/24 domain=x\n", 0, "list:1:14: 'domain=x'" BEHIND },
	{ "192.0.2.0/24\n\n::x", 0, "list:3:1: '::x' is not an address" LEGAL },
	{ "192.0.2.0/24\n192\0.0.2.0/24\n", 26, "list:2:4: a NUL" },
	{ "# \0 in a comment\n", 17, "list:1:3: a NUL" },
};

Test(protect, errors_of_the_file_have_line_and_column)
{
	static struct config_prefix prefixes[CONFIG_PREFIXES_MAX];

	for (size_t i = 0; i < N(wrong_files); i++) {
		const struct bad_file *file = &wrong_files[i];
		char error[ERROR_BYTES] = "";
		size_t n = 0;

		cr_expect_eq(parse_file(file->text, file->bytes ? file->bytes : strlen(file->text),
					prefixes, &n, error),
			     -EINVAL, "%zu", i);
		cr_expect_str_eq(error, file->error);
	}
}

/* The file's content for n different prefixes. */
static char *list_of(size_t n, size_t *ret_bytes)
{
	char *text = malloc(n * 32 + 1), *end = text;

	cr_assert_not_null(text);
	for (size_t i = 0; i < n; i++)
		end += sprintf(end, "10.%zu.%zu.%zu\n", i >> 16, i >> 8 & 255, i & 255);
	*ret_bytes = (size_t)(end - text);
	return text;
}

Test(protect, so_many_prefixes_and_not_one_more)
{
	static struct config_prefix prefixes[CONFIG_PREFIXES_MAX];
	char error[ERROR_BYTES] = "";
	size_t n = 0, text_bytes;
	char *text = list_of(CONFIG_PREFIXES_MAX, &text_bytes);

	cr_expect_eq(parse_file(text, text_bytes, prefixes, &n, error), 0, "%s", error);
	cr_expect_eq(n, CONFIG_PREFIXES_MAX);
	free(text);
	text = list_of(CONFIG_PREFIXES_MAX + 1, &text_bytes);
	n = 0;
	cr_expect_eq(parse_file(text, text_bytes, prefixes, &n, error), -EINVAL);
	cr_expect_str_eq(error, "list:65537:1: more than 65536 protected prefixes");
	n = 1; /* those of the configuration count, too */
	text_bytes -= strlen("10.1.0.0\n");
	cr_expect_eq(parse_file(text, text_bytes, prefixes, &n, error), -EINVAL);
	cr_expect_str_eq(error, "list:65536:1: more than 65536 protected prefixes");
	free(text);
}

Test(protect, file_as_large_as_allowed_and_not_one_byte_more)
{
	static struct config_prefix prefixes[CONFIG_PREFIXES_MAX];
	char *text = malloc(CONFIG_PROTECT_FILE_BYTES_MAX + 2), error[ERROR_BYTES] = "";
	size_t n = 0;

	cr_assert_not_null(text);
	memset(text, '#', CONFIG_PROTECT_FILE_BYTES_MAX + 1);
	cr_expect_eq(parse_file(text, CONFIG_PROTECT_FILE_BYTES_MAX, prefixes, &n, error), 0, "%s",
		     error);
	cr_expect_eq(parse_file(text, CONFIG_PROTECT_FILE_BYTES_MAX + 1, prefixes, &n, error),
		     -EFBIG);
	cr_expect_str_eq(error, "list:1:1: the file is larger than 8388608 bytes");
	free(text);
}

/* ---- Both together --------------------------------------------------------------------------- */

static int read_all(const struct config *config, size_t *ret_n, char *error)
{
	struct config_prefix *prefixes = NULL;
	int ret = config_protect_read(config, NULL, &prefixes, ret_n, error, ERROR_BYTES);

	free(prefixes);
	return ret;
}

Test(protect, list_and_file_add_up_and_a_broken_file_says_where)
{
	static struct config config;
	static const char list[] = "192.0.2.0/24\n198.51.100.0/24\n",
			  broken[] = "192.0.2.0/24\nx\n";
	char path[TEMP_PATH_BYTES], error[ERROR_BYTES] = "", want[ERROR_BYTES];
	size_t n;

	config_init(&config);
	cr_expect_eq(read_all(&config, &n, error), 0);
	cr_expect_eq(n, 0);
	make_file(path, list, strlen(list));
	config.n_protect = 1;
	(void)snprintf(config.protect_file, sizeof(config.protect_file), "%s", path);
	cr_expect_eq(read_all(&config, &n, error), 0, "%s", error);
	cr_expect_eq(n, 3);
	(void)unlink(path); /* ours, in /tmp */
	cr_expect_eq(read_all(&config, &n, error), -ENOENT);
	(void)snprintf(want, sizeof(want), "%s: No such file or directory", path);
	cr_expect_str_eq(error, want);
	make_file(path, broken, strlen(broken));
	(void)snprintf(config.protect_file, sizeof(config.protect_file), "%s", path);
	cr_expect_eq(read_all(&config, &n, error), -EINVAL);
	(void)unlink(path);
	(void)snprintf(want, sizeof(want), "%s:2:1: 'x' is not an address" LEGAL, path);
	cr_expect_str_eq(error, want);
	strcpy(config.protect_file, "/dev/zero");
	cr_expect_eq(read_all(&config, &n, error), -EINVAL);
	cr_expect_str_eq(error, "/dev/zero: not a regular file");
}

Test(protect, list_of_the_configuration_ends_at_its_limit)
{
	static struct config defaults, config;
	char *text = malloc(CONFIG_PROTECT_MAX * 32 + 64), *end = text, error[ERROR_BYTES] = "";

	cr_assert_not_null(text);
	config_init(&defaults);
	end += sprintf(end, "protect:\n");
	for (unsigned int i = 0; i < CONFIG_PROTECT_MAX; i++)
		end += sprintf(end, "- 10.0.%u.%u\n", i >> 8, i & 255);
	cr_expect_eq(config_parse("f.yaml", text, (size_t)(end - text), &defaults, &config, error,
				  sizeof(error)),
		     0, "%s", error);
	cr_expect_eq(config.n_protect, CONFIG_PROTECT_MAX);
	end += sprintf(end, "- 10.1.0.0\n");
	cr_expect_eq(config_parse("f.yaml", text, (size_t)(end - text), &defaults, &config, error,
				  sizeof(error)),
		     -EINVAL);
	cr_expect_str_eq(error,
			 "f.yaml:1026:3: protect: more than 1024 prefixes: a longer list goes "
			 "into protect_file");
	free(text);
}
