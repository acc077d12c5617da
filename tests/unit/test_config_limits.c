/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: each limit, and one above it. */
#include "config_common.h"

#define NODES_MAX 4096 /* CONFIG_NODES_MAX */

Test(config_limits, file_of_the_largest_size_is_read_and_one_byte_more_is_not)
{
	struct config defaults, config;
	char path[TEMP_PATH_BYTES], error[ERROR_BYTES] = "", expected[ERROR_BYTES];
	char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);

	cr_assert_not_null(text);
	memset(text, '\n', CONFIG_FILE_BYTES_MAX + 1);
	memcpy(text, "interval: 2s\n#", 14);
	cr_expect_eq(parse_bytes(text, CONFIG_FILE_BYTES_MAX, &config, error), 0, "%s", error);
	cr_expect_eq(config.interval_ns, 2 * S_NS);
	cr_expect_eq(parse_bytes(text, CONFIG_FILE_BYTES_MAX + 1, &config, error), -EFBIG);
	cr_expect_str_eq(error, "f.yaml:1:1: the file is larger than 1048576 bytes");

	config_init(&defaults);
	make_file(path, text, CONFIG_FILE_BYTES_MAX);
	cr_expect_eq(config_load(path, &defaults, &config, error, sizeof(error)), 0, "%s", error);
	(void)unlink(path); /* ours, in /tmp */
	make_file(path, text, CONFIG_FILE_BYTES_MAX + 1);
	cr_expect_eq(config_load(path, &defaults, &config, error, sizeof(error)), -EFBIG);
	(void)snprintf(expected, sizeof(expected), "%s:1:1: the file is larger than 1048576 bytes",
		       path);
	cr_expect_str_eq(error, expected);
	(void)unlink(path);
	free(text);
}

/* "interfaces:" with n entries from line 2 on; domains from 1 when asked for. */
static char *many_interfaces(unsigned int n, bool with_domain)
{
	char *text = NULL;
	size_t text_bytes;
	FILE *file = open_memstream(&text, &text_bytes);

	cr_assert_not_null(file);
	fputs("interfaces:\n", file);
	for (unsigned int i = 0; i < n; i++) {
		fprintf(file, "- {name: e%u", i);
		if (with_domain)
			fprintf(file, ", domain: %u", i + 1);
		fputs("}\n", file);
	}
	cr_assert_eq(fclose(file), 0);
	return text;
}

Test(config_limits, one_interface_more_than_there_are_slots_is_refused)
{
	char *text = many_interfaces(IPACCT_IFS_MAX, false);
	struct config config;

	expect_good(text, &config);
	cr_expect_eq(config.n_interfaces, IPACCT_IFS_MAX);
	cr_expect_str_eq(config.interfaces[IPACCT_IFS_MAX - 1].name, "e63");
	free(text);
	text = many_interfaces(IPACCT_IFS_MAX + 1, false);
	expect_bad(text, "f.yaml:66:3: interfaces: more than 64");
	free(text);
}

Test(config_limits, one_domain_more_than_there_are_slots_is_refused)
{
	char *text = many_interfaces(IPACCT_DOMAINS_MAX - 1, true);
	struct config config;

	expect_good(text, &config);
	cr_expect_eq(config.interfaces[IPACCT_DOMAINS_MAX - 2].domain, IPACCT_DOMAINS_MAX - 1);
	free(text);
	text = many_interfaces(IPACCT_DOMAINS_MAX, true);
	expect_bad(text, "f.yaml:65:23: domain: more than 63 different domains besides 0");
	free(text);
}

/* A list of n words: three more nodes (mapping, key, list). */
static char *many_words(unsigned int n)
{
	char *text = NULL;
	size_t text_bytes;
	FILE *file = open_memstream(&text, &text_bytes);

	cr_assert_not_null(file);
	fputs("interval:\n", file);
	for (unsigned int i = 0; i < n; i++)
		fputs("- x\n", file);
	cr_assert_eq(fclose(file), 0);
	return text;
}

Test(config_limits, one_value_more_than_the_limit_is_refused_before_it_is_stored)
{
	char *text = many_words(NODES_MAX - 3);

	expect_bad(text, "f.yaml:2:1: interval: found a list; legal: a whole number and a unit "
			 "(ns, us, ms, s, m, h, d), from 100ms to 1h");
	free(text);
	text = many_words(NODES_MAX - 2);
	expect_bad(text, "f.yaml:4095:3: more than 4096 keys and values in the file");
	free(text);
}

Test(config_limits, nesting_of_eight_is_looked_at_and_nine_is_not)
{
	expect_bad("interfaces: [[[[[[[]]]]]]]",
		   "f.yaml:1:14: interfaces: found a list; legal: a list of interfaces such as "
		   "[{name: eth0}]");
	expect_bad("interfaces: [[[[[[[[]]]]]]]]", "f.yaml:1:20: nested more than 8 deep");
}

Test(config_limits, numbers_are_legal_up_to_both_ends_of_their_range)
{
	struct config config;

	expect_good("interval: 100ms\nmemory: 8M\n", &config);
	cr_expect_eq(config.interval_ns, 100 * MS_NS);
	cr_expect_eq(config.memory_bytes, 8ULL << 20);
	expect_good("interval: 3600s\nmemory: 1024GiB\nreceive_cpus: 4095\n"
		    "interfaces: [{name: a, domain: 65535}]\n",
		    &config);
	cr_expect_eq(config.interval_ns, 3600 * S_NS);
	cr_expect_eq(config.memory_bytes, 1ULL << 40);
	cr_expect_eq(config.receive_cpus[CONFIG_CPUS_MAX / 64 - 1], 1ULL << 63);
	cr_expect_eq(config.interfaces[0].domain, 65535);
}

Test(config_limits, texts_are_legal_up_to_their_longest)
{
	char text[512], path[100];
	struct config config;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[99] = '\0'; /* unix(7) sun_path: 108 - sizeof("/control") = 99 */
	(void)snprintf(text, sizeof(text),
		       "runtime_dir: %s\nuser: abcdefghijabcdefghijabcdefghijab\n"
		       "interfaces: [{name: abcdefghijklmno}]\n",
		       path);
	expect_good(text, &config);
	cr_expect_str_eq(config.runtime_dir, path);
	cr_expect_str_eq(config.user, "abcdefghijabcdefghijabcdefghijab");
	cr_expect_str_eq(config.interfaces[0].name, "abcdefghijklmno");
}

Test(config_limits, bpffs_path_of_1023_bytes_is_legal_and_1024_is_not)
{
	char text[1100] = "bpffs: /", error[ERROR_BYTES] = "";
	struct config config;

	memset(text + 8, 'b', CONFIG_PATH_BYTES - 2);
	cr_expect_eq(parse_bytes(text, strlen(text), &config, error), 0, "%s", error);
	cr_expect_eq(strlen(config.bpffs_dir), CONFIG_PATH_BYTES - 1);
	memset(text + 8, 'b', CONFIG_PATH_BYTES - 1);
	cr_expect_eq(parse_bytes(text, strlen(text), &config, error), -EINVAL);
}

Test(config_limits, message_is_cut_to_the_buffer_and_ends_there)
{
	struct config defaults, config;
	char error[32];

	config_init(&defaults);
	for (size_t n = 1; n <= sizeof(error); n++) {
		memset(error, '!', sizeof(error));
		cr_assert_eq(config_parse("f", "interval: 1", 11, &defaults, &config, error, n),
			     -EINVAL);
		cr_expect_lt(strnlen(error, n), n);
		cr_expect(n == sizeof(error) || error[n] == '!');
	}
}

Test(config_limits, loopback_has_one_end_unless_twice_is_wanted)
{
	struct config config;

	expect_good("interfaces: [{name: lo, hooks: [tc-egress]}]\n", &config);
	expect_good("interfaces: [{name: lo}]\n", &config);
	expect_good("interfaces: [{name: lo, hooks: [xdp, tc-egress], forwarded_twice: yes}]\n",
		    &config);
	expect_good("interfaces: [{name: lo1, hooks: [xdp, tc-egress]}]\n", &config);
	expect_bad("interfaces: [{name: lo, hooks: [xdp, tc-egress]}]\n",
		   "f.yaml:1:32: hooks: what leaves by lo arrives there: each packet would be "
		   "counted twice; legal: one of them, or say `forwarded_twice: yes`");
}

/* IPACCT_IFS_MAX slots, and one more: 32 interfaces of two hooks, then one of one. */
Test(config_limits, one_hook_more_than_there_are_slots_is_refused)
{
	static char text[8192];
	struct config config;
	size_t n = (size_t)sprintf(text, "interfaces:\n");

	for (unsigned int i = 0; i < IPACCT_IFS_MAX / 2; i++)
		n += (size_t)sprintf(
			text + n,
			"  - {name: e%u, forwarded_twice: yes, hooks: [xdp, tc-egress]}\n", i);
	expect_good(text, &config);
	(void)sprintf(text + n, "  - name: last\n");
	expect_bad(text, "f.yaml:34:11: interfaces: more than 64 hooks of all of them");
}
