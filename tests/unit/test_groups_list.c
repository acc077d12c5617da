/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a list of groups, and whose an address is. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mix.h"
#include "config_groups.h"
#include "group_list.h"

static char error[512];

static int parse(const char *text, size_t bytes, struct group_image *image)
{
	*image = (struct group_image){};
	error[0] = '\0';
	return config_groups_parse("list", text, bytes, image, error, sizeof(error));
}

static void map(const char *text, struct ipacct_group_list *list)
{
	struct group_image image;
	int fd = memfd_create("list", MFD_CLOEXEC);

	cr_assert_eq(parse(text, strlen(text), &image), 0, "%s", error);
	cr_assert_eq(write(fd, image.header, image.header->file_bytes),
		     (ssize_t)image.header->file_bytes);
	cr_assert_eq(ipacct_group_list_map(fd, list, NULL), 0);
	group_image_finish(&image);
	close(fd);
}

static struct ipacct_key key_of(const char *text, uint16_t domain)
{
	struct ipacct_key key = { .domain = domain };

	if (inet_pton(AF_INET, text, &key.addr_be[3]) == 1)
		key.addr_be[2] = htonl(0xffff);
	else
		cr_assert_eq(inet_pton(AF_INET6, text, key.addr_be), 1);
	return key;
}

static const char *name_of(const struct ipacct_group_list *list, const char *address,
			   uint16_t domain)
{
	static char name[IPACCT_SERIES_NAME_BYTES];
	struct ipacct_key key = key_of(address, domain);
	uint32_t group = ipacct_group_list_find(list, &key);

	if (group == IPACCT_GROUP_NONE)
		return "-";
	ipacct_group_list_name(list, group, name);
	return name;
}

static void refused(const char *text, const char *message)
{
	struct group_image image;

	cr_expect_eq(parse(text, strlen(text), &image), -EINVAL, "%s", text);
	cr_expect_str_eq(error, message);
	cr_expect_null(image.header);
}

#define NAME55 "1234567890123456789012345678901234567890123456789012345"

Test(groups_list, longest_prefix_wins_and_domains_stay_apart)
{
	struct ipacct_group_list list;

	map("\xef\xbb\xbf# customers\r\n"
	    "\n"
	    "192.0.2.0/24 a # rest\r\n"
	    "\t192.0.2.128/25\t \"Customer # B\"\n"
	    "192.0.2.200 c\n"
	    "192.0.2.0/25 d domain=7\n"
	    "192.0.2.192/26 e domain=7 protect=yes\n"
	    "2001:db8::/32 a\n"
	    "2001:db8:1::/48 " NAME55 "\n"
	    "0.0.0.0/0 rest domain=9",
	    &list);
	cr_expect_str_eq(name_of(&list, "192.0.2.1", 0), "a");
	cr_expect_str_eq(name_of(&list, "192.0.2.129", 0), "Customer # B");
	cr_expect_str_eq(name_of(&list, "192.0.2.200", 0), "c");
	cr_expect_str_eq(name_of(&list, "192.0.2.201", 0), "Customer # B");
	cr_expect_str_eq(name_of(&list, "192.0.3.0", 0), "-");
	cr_expect_str_eq(name_of(&list, "192.0.1.255", 0), "-");
	cr_expect_str_eq(name_of(&list, "192.0.2.1", 7), "d");
	cr_expect_str_eq(name_of(&list, "192.0.2.130", 7), "Customer # B");
	cr_expect_str_eq(name_of(&list, "192.0.2.201", 7), "e");
	cr_expect_str_eq(name_of(&list, "192.0.2.200", 7), "c", "the longer one, whatever domain");
	cr_expect_str_eq(name_of(&list, "203.0.113.1", 9), "rest");
	cr_expect_str_eq(name_of(&list, "2001:db8:1::1", 9), NAME55);
	cr_expect_str_eq(name_of(&list, "2001:db8:2::1", 9), "a");
	cr_expect_str_eq(name_of(&list, "2001:db9::1", 9), "-");
	cr_expect_eq(list.header->n_protected, 1);
	cr_expect_eq(list.n_groups, 7);
	ipacct_group_list_unmap(&list);
}

Test(groups_list, empty_list_is_one)
{
	struct ipacct_group_list list;

	map("# nobody yet\n", &list);
	cr_expect_str_eq(name_of(&list, "192.0.2.1", 0), "-");
	ipacct_group_list_unmap(&list);
}

Test(groups_list, every_mistake_is_refused_with_its_place)
{
	refused("10.0.0.0/8 a\n10.0.0.1/8 b\n",
		"list:2:1: '10.0.0.1/8' has bits behind the prefix: probably 10.0.0.0/8 was meant, "
		"or 10.0.0.1/32 for the one address");
	refused("ten a", "list:1:1: 'ten' is not an address; legal: an address or prefix: "
			 "192.0.2.0/24, or 2001:db8::/32 domain=7");
	refused("  10.0.0.0/33 a",
		"list:1:3: '10.0.0.0/33': the prefix length is not a whole number from 0 to 32");
	refused("10.0.0.0/8", "list:1:11: no name behind the prefix: CIDR NAME");
	refused("10.0.0.0/8 # a", "list:1:11: no name behind the prefix: CIDR NAME");
	refused("10.0.0.0/8 \"a", "list:1:12: a quoted name without an end");
	refused("10.0.0.0/8 \"\"", "list:1:12: a name has 1 to 55 octets, this has 0");
	refused("10.0.0.0/8 " NAME55 "6", "list:1:12: a name has 1 to 55 octets, this has 56");
	refused("10.0.0.0/8 \"a\"b", "list:1:15: a blank is missing behind the name");
	refused("10.0.0.0/8 a\"b",
		"list:1:12: a name with a blank, '=' or '#' is quoted: \"Customer A\"");
	refused("10.0.0.0/8 name=a",
		"list:1:12: a name with a blank, '=' or '#' is quoted: \"Customer A\"");
	refused("10.0.0.0/8 a\x01",
		"list:1:12: a name that is not UTF-8, or has a control character");
	refused("10.0.0.0/8 a\xff",
		"list:1:12: a name that is not UTF-8, or has a control character");
	refused("10.0.0.0/8 rolled_up",
		"list:1:12: 'rolled_up' is what ipacct calls addresses of no group");
	refused("10.0.0.0/8 a b", "list:1:14: 'b' behind the name; legal, each once: domain=N, "
				  "protect=yes|no, ipv6_len=N");
	refused("10.0.0.0/8 a protect=yes protect=no",
		"list:1:26: 'protect=no' behind the name; legal, each once: domain=N, "
		"protect=yes|no, ipv6_len=N");
	refused("10.0.0.0/8 a domain=65536",
		"list:1:14: 'domain=65536' behind the prefix; legal: domain=N, N from 0 to 65535");
	refused("2001:db8::/32 a ipv6_len=56 ipv6_len=56",
		"list:1:29: 'ipv6_len=56' behind the name; legal, each once: domain=N, "
		"protect=yes|no, ipv6_len=N");
	refused("2001:db8::/32 a ipv6_len=32",
		"list:1:17: ipv6_len '32' is not a whole number from 33 to 128");
	refused("2001:db8::/32 a ipv6_len=129",
		"list:1:17: ipv6_len '129' is not a whole number from 33 to 128");
	refused("2001:db8::/32 a ipv6_len=",
		"list:1:17: ipv6_len '' is not a whole number from 33 to 128");
	refused("2001:db8:1::/48 a ipv6_len=47",
		"list:1:19: ipv6_len '47' is less than the /48 of the prefix");
	refused("192.0.2.0/24 a ipv6_len=56", "list:1:16: ipv6_len is for IPv6: an IPv4 address "
					      "always has a record of its own");
	refused("10.0.0.0/8 a\n\n10.0.0.0/8 b\n",
		"list:3:1: this prefix was given before, for 'a'");
	refused("10.0.0.0/8 a\n10.0.0.0/9 a\n10.0.0.0/8 a\n",
		"list:3:1: this prefix was given before, for 'a'");
	refused("::/0 a", "list:1:1: '::/0' also holds every IPv4 address (as ::ffff:0:0/96): "
			  "probably 2000::/3 was meant, all global IPv6 addresses");
}

Test(groups_list, sizes_have_limits)
{
	static char text[CONFIG_GROUPS_LINE_MAX + 2] = "10.0.0.0/8 a ";
	struct group_image image;

	memset(text + 13, ' ', CONFIG_GROUPS_LINE_MAX - 13);
	cr_expect_eq(parse(text, CONFIG_GROUPS_LINE_MAX, &image), 0, "%s", error);
	group_image_finish(&image);
	text[CONFIG_GROUPS_LINE_MAX] = ' ';
	cr_expect_eq(parse(text, CONFIG_GROUPS_LINE_MAX + 1, &image), -EINVAL);
	cr_expect_str_eq(error, "list:1:1024: a line of more than 1023 octets");
	cr_expect_eq(parse("10.0.0.0/8 a\0b", 14, &image), -EINVAL);
	cr_expect_str_eq(error, "list:1:13: a NUL");
	cr_expect_eq(parse("", (size_t)CONFIG_GROUPS_FILE_BYTES_MAX + 1, &image), -EFBIG);
	cr_expect_str_eq(error, "list:1:1: the file is larger than 134217728 bytes");
}

/* n different prefixes of /24 … /32 in an order that is not theirs. */
static char *million(uint32_t n, size_t *ret_bytes)
{
	char *text = malloc((size_t)n * 40);
	size_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t block = i * 0x9e3779b1u; /* odd: no two are equal */

		at += (size_t)sprintf(text + at, "%u.%u.%u.%u/32 customer%u\n", block >> 24,
				      block >> 16 & 255, block >> 8 & 255, block & 255, i % 50000);
	}
	*ret_bytes = at;
	return text;
}

/* How long it takes is told, not judged: the machine is not ours alone. */
Test(groups_list, a_million_prefixes_and_not_one_more, .timeout = 60)
{
	struct timespec from, to;
	struct group_image image;
	size_t bytes;
	char *text = million(IPACCT_GROUP_PREFIXES_MAX + 1, &bytes);
	size_t last = bytes - 1;

	while (text[last - 1] != '\n')
		last--;
	clock_gettime(CLOCK_MONOTONIC, &from);
	cr_assert_eq(parse(text, last, &image), 0, "%s", error);
	clock_gettime(CLOCK_MONOTONIC, &to);
	cr_expect_eq(image.header->n_prefixes, IPACCT_GROUP_PREFIXES_MAX);
	cr_expect_eq(image.header->n_groups, 50000);
	cr_log_info("%u prefixes in %.2f s", IPACCT_GROUP_PREFIXES_MAX,
		    (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec));
	group_image_finish(&image);
	cr_expect_eq(parse(text, bytes, &image), -EINVAL);
	cr_expect_str_eq(error, "list:1048577:1: more than 1048576 prefixes");
	free(text);
}

#define MODEL_PREFIXES 300u
#define MODEL_ROUNDS   40u
#define MODEL_LOOKUPS  500u

struct model {
	struct ipacct_key key;
	unsigned int bits;
	int domain; /* −1: every */
	unsigned int group;
};

static bool model_holds(const struct model *prefix, const struct ipacct_key *key)
{
	const uint8_t *a = (const uint8_t *)prefix->key.addr_be;
	const uint8_t *b = (const uint8_t *)key->addr_be;

	for (unsigned int bit = 0; bit < prefix->bits; bit++)
		if ((a[bit / 8] ^ b[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return prefix->domain < 0 || prefix->domain == key->domain;
}

static uint64_t random_state = 20261121; /* any: the run is the same each time */

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(ipacct_mix64(++random_state) % n);
}

/* Few different octets, so that prefixes nest and addresses hit. */
static struct ipacct_key random_key(bool ipv4)
{
	struct ipacct_key key = { .domain = (uint16_t)random_below(3) };
	uint8_t *a = (uint8_t *)key.addr_be;

	for (unsigned int i = 0; i < 16; i++)
		a[i] = (uint8_t)(random_below(2) ? 0x80 : random_below(4));
	a[0] = 0x20;
	if (ipv4) {
		memset(a, 0, 10);
		memset(a + 10, 0xff, 2);
	}
	return key;
}

static size_t model_write(struct model *model, char *text)
{
	bool ipv4 = random_below(2);
	unsigned int n_bits = ipv4 ? random_below(33) : 4 + random_below(125);
	char address[INET6_ADDRSTRLEN];
	uint8_t *a = (uint8_t *)model->key.addr_be;

	*model = (struct model){ .key = random_key(ipv4),
				 .bits = n_bits + (ipv4 ? 96 : 0),
				 .domain = (int)random_below(4) - 1,
				 .group = random_below(20) };
	for (unsigned int bit = model->bits; bit < 128; bit++)
		a[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	inet_ntop(ipv4 ? AF_INET : AF_INET6, a + (ipv4 ? 12 : 0), address, sizeof(address));
	if (model->domain < 0)
		return (size_t)sprintf(text, "%s/%u group%u\n", address, n_bits, model->group);
	return (size_t)sprintf(text, "%s/%u group%u domain=%d\n", address, n_bits, model->group,
			       model->domain);
}

static bool model_has(const struct model *model, unsigned int n, const struct model *one)
{
	for (unsigned int i = 0; i < n; i++)
		if (model[i].bits == one->bits && model[i].domain == one->domain &&
		    !memcmp(model[i].key.addr_be, one->key.addr_be, 16))
			return true;
	return false;
}

/* The longest one; of equal ones that of the domain. */
static const struct model *model_find(const struct model *model, unsigned int n,
				      const struct ipacct_key *key)
{
	const struct model *best = NULL;

	for (unsigned int i = 0; i < n; i++)
		if (model_holds(&model[i], key) &&
		    (!best || model[i].bits > best->bits ||
		     (model[i].bits == best->bits && model[i].domain >= 0)))
			best = &model[i];
	return best;
}

Test(groups_list, is_what_trying_every_prefix_finds, .timeout = 60)
{
	static struct model model[MODEL_PREFIXES];
	static char text[MODEL_PREFIXES * 100];
	unsigned int n_found = 0;

	for (unsigned int round = 0; round < MODEL_ROUNDS; round++) {
		struct ipacct_group_list list;
		unsigned int n = 0;
		size_t at = 0;

		for (unsigned int i = 0; i < MODEL_PREFIXES; i++) {
			size_t bytes = model_write(&model[n], text + at);

			if (model_has(model, n, &model[n]))
				continue;
			n++;
			at += bytes;
		}
		text[at] = '\0';
		map(text, &list);
		for (unsigned int i = 0; i < MODEL_LOOKUPS; i++) {
			struct ipacct_key key = random_key(random_below(2));
			const struct model *wanted = model_find(model, n, &key);
			uint32_t group = ipacct_group_list_find(&list, &key);
			char name[IPACCT_SERIES_NAME_BYTES], expected[16];

			cr_assert_eq(!wanted, group == IPACCT_GROUP_NONE);
			if (!wanted)
				continue;
			ipacct_group_list_name(&list, group, name);
			(void)snprintf(expected, sizeof(expected), "group%u", wanted->group);
			cr_assert_str_eq(name, expected);
			n_found++;
		}
		ipacct_group_list_unmap(&list);
	}
	cr_assert_gt(n_found, MODEL_ROUNDS * MODEL_LOOKUPS / 10);
}

/* Whatever is in the file, no reader leaves it and none runs for ever. */
Test(groups_list, broken_files_hurt_nobody)
{
	const char *text = "10.0.0.0/8 a\n10.1.0.0/16 b\n10.1.1.0/24 c domain=1\n2001:db8::/32 a\n";
	struct group_image image;
	uint8_t *copy;
	size_t n;
	int fd = memfd_create("list", MFD_CLOEXEC);

	cr_assert_eq(parse(text, strlen(text), &image), 0);
	n = image.header->file_bytes;
	copy = malloc(n);
	for (unsigned int i = 0; i < 20000; i++) {
		struct ipacct_group_list list;
		size_t length = random_below(4) ? n : random_below((uint32_t)n);

		memcpy(copy, image.header, n);
		for (uint32_t k = 1 + random_below(4); k; k--)
			copy[random_below((uint32_t)n)] = (uint8_t)random_below(256);
		cr_assert_eq(pwrite(fd, copy, length, 0), (ssize_t)length);
		cr_assert_eq(ftruncate(fd, (off_t)length), 0);
		if (ipacct_group_list_map(fd, &list, NULL))
			continue;
		for (unsigned int k = 0; k < 4; k++) {
			struct ipacct_key key = random_key(k % 2);
			uint32_t group = ipacct_group_list_find(&list, &key);

			cr_assert(group == IPACCT_GROUP_NONE || group < list.n_groups);
		}
		ipacct_group_list_unmap(&list);
	}
	free(copy);
	group_image_finish(&image);
	close(fd);
}
