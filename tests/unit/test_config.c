/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file. Broken ones with their exact messages are in tests/golden/config (the
 * environment variable IPACCT_TEST_GOLDEN names tests/golden). */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "budget.h"
#include "config_common.h"

#define N_BROKEN_MIN 30 /* a directory found empty must not pass */
#define N_MUTATIONS  10000
#define NODES_MAX    4096 /* CONFIG_NODES_MAX */

/* ---- Help for the tests ---------------------------------------------------------------------- */

static void golden_path(char *path, const char *name)
{
	const char *golden = getenv("IPACCT_TEST_GOLDEN");

	cr_assert_not_null(golden, "IPACCT_TEST_GOLDEN must name tests/golden");
	cr_assert_lt(snprintf(path, PATH_MAX, "%s/config/%s", golden, name), PATH_MAX);
}

/* Content of a file of the golden directory, to be freed. */
static char *golden_read(const char *name, size_t *ret_bytes)
{
	char path[PATH_MAX];
	struct stat st;
	char *text;
	FILE *file;

	golden_path(path, name);
	file = fopen(path, "rb");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	cr_assert_eq(fstat(fileno(file), &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	cr_assert_not_null(text);
	cr_assert_eq(fread(text, 1, (size_t)st.st_size, file), (size_t)st.st_size);
	(void)fclose(file); /* was only read */
	*ret_bytes = (size_t)st.st_size;
	return text;
}

static int parse_bytes(const char *text, size_t text_bytes, struct config *ret_config, char *error)
{
	struct config defaults;

	config_init(&defaults);
	return config_parse("f.yaml", text, text_bytes, &defaults, ret_config, error, ERROR_BYTES);
}

static void expect_good(const char *text, struct config *ret_config)
{
	char error[ERROR_BYTES] = "";

	cr_assert_eq(parse_bytes(text, strlen(text), ret_config, error), 0, "%s", error);
}

static void expect_bad(const char *text, const char *expected)
{
	char error[ERROR_BYTES] = "";
	struct config config;

	cr_expect_eq(parse_bytes(text, strlen(text), &config, error), -EINVAL, "%s", text);
	cr_expect_str_eq(error, expected);
}

/* ---- Files ----------------------------------------------------------------------------------- */

Test(config, defaults_are_the_documented_ones)
{
	struct config config;

	config_init(&config);
	expect_defaults(&config);
}

/* One broken file: the message is the expected one, the result was not touched. */
static void check_broken(const char *yaml)
{
	char expected_name[NAME_MAX + 1], expected[ERROR_BYTES], error[ERROR_BYTES] = "";
	struct config defaults, config, before;
	size_t text_bytes, message_bytes;
	char *text = golden_read(yaml, &text_bytes), *message;
	int ret;

	(void)snprintf(expected_name, sizeof(expected_name), "%.*s.expected",
		       (int)(strlen(yaml) - strlen(".yaml")), yaml);
	message = golden_read(expected_name, &message_bytes);
	(void)snprintf(expected, sizeof(expected), "%s:%s", yaml, message);
	expected[strcspn(expected, "\n")] = '\0';
	config_init(&defaults);
	memset(&config, 0x5a, sizeof(config));
	before = config;
	ret = config_parse(yaml, text, text_bytes, &defaults, &config, error, sizeof(error));
	cr_expect_eq(ret, -EINVAL, "%s gave %d", yaml, ret);
	cr_expect_str_eq(error, expected);
	cr_expect_eq(memcmp(&config, &before, sizeof(config)), 0, "%s changed the result", yaml);
	free(text);
	free(message);
}

Test(config, each_broken_file_gives_its_exact_position_and_message)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int n_broken = 0;
	DIR *dir;

	golden_path(path, "");
	dir = opendir(path);
	cr_assert_not_null(dir, "%s: %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (strncmp(entry->d_name, "bad_", 4) || !dot || strcmp(dot, ".yaml"))
			continue;
		check_broken(entry->d_name);
		n_broken++;
	}
	(void)closedir(dir); /* was only read */
	cr_assert_geq(n_broken, N_BROKEN_MIN);
}

static void load_good(const char *name, struct config *ret_config)
{
	char path[PATH_MAX], error[ERROR_BYTES] = "";
	struct config defaults;

	golden_path(path, name);
	config_init(&defaults);
	cr_assert_eq(config_load(path, &defaults, ret_config, error, sizeof(error)), 0, "%s",
		     error);
}

Test(config, file_without_settings_leaves_the_defaults)
{
	struct config config;

	load_good("good_empty.yaml", &config);
	expect_defaults(&config);
	load_good("good_comments_only.yaml", &config);
	expect_defaults(&config);
}

Test(config, every_key_reaches_its_member)
{
	struct config config;

	load_good("good_all_keys.yaml", &config);
	cr_expect_eq(config.interval_ns, 500 * MS_NS);
	cr_expect_eq(config.memory_bytes, 128ULL << 20);
	cr_expect_eq(config.interval_max_ns, 10 * S_NS);
	cr_expect_eq(config.profile, PROFILE_STAGING);
	cr_expect_eq(config.cpu_budget_ppm, 2500);
	cr_expect_str_eq(config.user, "nobody");
	cr_expect_str_eq(config.runtime_dir, "/run/other");
	cr_expect_str_eq(config.bpffs_dir, "/sys/fs/bpf/ipacct");
	cr_expect(config.bpffs_given);
	cr_expect_eq(config.mode_default, IPACCT_MODE_GENERIC);
	cr_expect_eq(config.attach_default, CONFIG_ATTACH_LINK);
	cr_expect_not(config.hot);
	cr_expect_eq(config.hot4_lines, 65536);
	cr_expect_eq(config.hot6_lines, 8192);
	cr_expect_eq(config.lru_entries, 20000);
	cr_expect_eq(config.ledger_addresses, 100000);
	cr_expect_str_eq(config.listen, "[::1]:80");
	cr_expect_str_eq(config.listen_tls_cert, "/etc/ipacct/cert.pem");
	cr_expect_str_eq(config.listen_tls_key, "/etc/ipacct/key.pem");
	cr_expect_str_eq(config.listen_auth_file, "/etc/ipacct/users");
	cr_expect_eq(config.top_countries, 256);
	cr_expect_eq(config.top_asns, 0);
	cr_expect_eq(config.top_groups, 7);
	cr_expect_eq(config.top_addresses, 1000);
	cr_expect(config.receive_cpus_given);
	cr_expect_eq(config.receive_cpus[0], 0x3);
	cr_expect_eq(config.receive_cpus[1], 0x1);
	cr_expect_str_eq(config.protect_file, "/etc/ipacct/ours");
	cr_expect_str_eq(config.groups_file, "/etc/ipacct/groups");
	cr_assert_eq(config.n_protect, 2);
	cr_expect_eq(config.protect[0].key.prefixlen, 16 + 96 + 24);
	cr_expect(config.protect[0].every_domain);
	cr_expect_eq(config.protect[1].key.prefixlen, 16 + 32);
	cr_expect_eq(config.protect[1].key.domain_be, htons(7));
	cr_assert_eq(config.n_interfaces, 2);
	expect_interface(&config.interfaces[0], "eth0", IPACCT_MODE_NATIVE, CONFIG_ATTACH_AUTO, 7,
			 true, 29);
	expect_interface(&config.interfaces[1], "eth1.100", IPACCT_MODE_GENERIC, CONFIG_ATTACH_LINK,
			 0, false, 36);
	cr_expect_eq(config.interfaces[0].account, CONFIG_ACCOUNT_INNER);
	cr_expect_eq(config.interfaces[1].account, CONFIG_ACCOUNT_OUTER);
	cr_expect_eq(config.interfaces[0].n_vlans, 2);
	cr_expect_eq(config.interfaces[1].n_vlans, 0);
}

Test(config, flow_style_means_the_same_as_block_style)
{
	struct config config;

	load_good("good_flow_style.yaml", &config);
	cr_expect_eq(config.interval_ns, 2 * S_NS);
	cr_expect_eq(config.memory_bytes, 64ULL << 20);
	cr_assert_eq(config.n_interfaces, 2);
	expect_interface(&config.interfaces[0], "eth0", IPACCT_MODE_NATIVE, CONFIG_ATTACH_AUTO, 0,
			 false, 1);
	expect_interface(&config.interfaces[1], "wan-2", IPACCT_MODE_NATIVE, CONFIG_ATTACH_AUTO, 0,
			 false, 1);
}

Test(config, one_document_with_marks_and_upper_range_is_legal)
{
	struct config config;

	load_good("good_document_marks.yaml", &config);
	cr_expect_eq(config.interval_ns, 3600 * S_NS);
	cr_expect(config.receive_cpus_given, "none is a choice, not the default");
	for (size_t i = 0; i < CONFIG_CPUS_MAX / 64; i++)
		cr_expect_eq(config.receive_cpus[i], 0);
	cr_expect_eq(config.n_interfaces, 0);
}

Test(config, all_six_boolean_words_work)
{
	static const struct {
		const char *word;
		bool value;
	} rows[] = {
		{ "true", true },   { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config config;
		char text[64];

		(void)snprintf(text, sizeof(text), "interfaces: [{name: a, optional: %s}]",
			       rows[i].word);
		expect_good(text, &config);
		cr_expect_eq(config.interfaces[0].optional, rows[i].value, "%s", rows[i].word);
	}
}

Test(config, default_mode_holds_wherever_it_stands_in_the_file)
{
	struct config config;

	expect_good("interfaces: [{name: a}, {name: b, mode: native, attach: auto}]\n"
		    "mode: generic\nattach: link\n",
		    &config);
	expect_interface(&config.interfaces[0], "a", IPACCT_MODE_GENERIC, CONFIG_ATTACH_LINK, 0,
			 false, 1);
	expect_interface(&config.interfaces[1], "b", IPACCT_MODE_NATIVE, CONFIG_ATTACH_AUTO, 0,
			 false, 1);
}

Test(config, file_wins_over_defaults_and_leaves_the_rest)
{
	struct config defaults, config;
	char error[ERROR_BYTES] = "";

	config_init(&defaults);
	defaults.interval_ns = 7 * S_NS;
	defaults.memory_bytes = 9ULL << 20;
	cr_assert_eq(
		config_parse("f", "interval: 3s", 12, &defaults, &config, error, sizeof(error)), 0);
	cr_expect_eq(config.interval_ns, 3 * S_NS);
	cr_expect_eq(config.memory_bytes, 9ULL << 20);
}

/* ---- Limits, each at the limit and one above -------------------------------------------------- */

Test(config, file_of_the_largest_size_is_read_and_one_byte_more_is_not)
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

Test(config, one_interface_more_than_there_are_slots_is_refused)
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

Test(config, one_domain_more_than_there_are_slots_is_refused)
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

Test(config, one_value_more_than_the_limit_is_refused_before_it_is_stored)
{
	char *text = many_words(NODES_MAX - 3);

	expect_bad(text, "f.yaml:2:1: interval: found a list; legal: a whole number and a unit "
			 "(ns, us, ms, s, m, h, d), from 100ms to 1h");
	free(text);
	text = many_words(NODES_MAX - 2);
	expect_bad(text, "f.yaml:4095:3: more than 4096 keys and values in the file");
	free(text);
}

Test(config, nesting_of_eight_is_looked_at_and_nine_is_not)
{
	expect_bad("interfaces: [[[[[[[]]]]]]]",
		   "f.yaml:1:14: interfaces: found a list; legal: a list of interfaces such as "
		   "[{name: eth0}]");
	expect_bad("interfaces: [[[[[[[[]]]]]]]]", "f.yaml:1:20: nested more than 8 deep");
}

Test(config, numbers_are_legal_up_to_both_ends_of_their_range)
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

Test(config, texts_are_legal_up_to_their_longest)
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

Test(config, bpffs_path_of_1023_bytes_is_legal_and_1024_is_not)
{
	char text[1100] = "bpffs: /", error[ERROR_BYTES] = "";
	struct config config;

	memset(text + 8, 'b', CONFIG_PATH_BYTES - 2);
	cr_expect_eq(parse_bytes(text, strlen(text), &config, error), 0, "%s", error);
	cr_expect_eq(strlen(config.bpffs_dir), CONFIG_PATH_BYTES - 1);
	memset(text + 8, 'b', CONFIG_PATH_BYTES - 1);
	cr_expect_eq(parse_bytes(text, strlen(text), &config, error), -EINVAL);
}

Test(config, message_is_cut_to_the_buffer_and_ends_there)
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

/* ---- Bytes that are not text ----------------------------------------------------------------- */

Test(config, every_malformed_utf8_sequence_is_refused_where_it_begins)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[32], expected[64];

		(void)snprintf(text, sizeof(text), "# a\n# \xc3\xa9%s", bad[i]);
		(void)snprintf(expected, sizeof(expected), "f.yaml:2:4: byte 0x%02x is not UTF-8",
			       (unsigned char)bad[i][0]);
		expect_bad(text, expected);
	}
}

Test(config, every_well_formed_character_is_legal_in_a_comment)
{
	struct config config;

	expect_good("# \xc2\xa0 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 "
		    "\xf4\x8f\xbf\xbf\t\ninterval: 5s\n",
		    &config);
	cr_expect_eq(config.interval_ns, 5 * S_NS);
}

/* T-RELOAD: whatever the bytes, either a whole configuration or one line with a position. */
static void check_mutant(const char *text, size_t text_bytes)
{
	struct config config, before;
	char error[ERROR_BYTES] = "";
	size_t line, column;
	int ret, n = 0;

	memset(&config, 0x5a, sizeof(config));
	before = config;
	ret = parse_bytes(text, text_bytes, &config, error);
	if (!ret) {
		cr_assert_leq(config.n_interfaces, IPACCT_IFS_MAX);
		cr_assert(config.interval_ns >= 100 * MS_NS && config.interval_ns <= 3600 * S_NS);
		return;
	}
	cr_assert_eq(ret, -EINVAL);
	cr_assert_eq(memcmp(&config, &before, sizeof(config)), 0);
	cr_assert_eq(sscanf(error, "f.yaml:%zu:%zu: %n", &line, &column, &n), 2, "%s", error);
	cr_assert(line >= 1 && column >= 1 && n > 0 && error[n], "%s", error);
	cr_assert_null(strpbrk(error, "\n\r\033"), "%s", error);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth, MMIX */
	return *state >> 33;
}

Test(config, ten_thousand_mutated_files_are_read_whole_or_refused_with_a_position)
{
	static const char spice[] = "\n\t:-[]{},&*!|>'\"%@`#? 0\\\0\xff\xc3";
	size_t text_bytes;
	char *text = golden_read("good_all_keys.yaml", &text_bytes);
	uint64_t state = 2;
	char *mutant = malloc(text_bytes);
	unsigned int n_refused = 0;

	cr_assert_not_null(mutant);
	for (unsigned int i = 0; i < N_MUTATIONS; i++) {
		size_t n_changes = 1 + next_random(&state) % 3;
		struct config config;
		char error[ERROR_BYTES];

		memcpy(mutant, text, text_bytes);
		while (n_changes--)
			mutant[next_random(&state) % text_bytes] =
				spice[next_random(&state) % (sizeof(spice) - 1)];
		check_mutant(mutant, text_bytes);
		n_refused += parse_bytes(mutant, text_bytes, &config, error) != 0;
	}
	/* Both outcomes must have been seen, or the loop proves nothing. */
	cr_expect_gt(n_refused, N_MUTATIONS / 2);
	cr_expect_lt(n_refused, N_MUTATIONS);
	free(mutant);
	free(text);
}

Test(config, file_cut_anywhere_is_read_whole_or_refused_with_a_position)
{
	size_t text_bytes;
	char *text = golden_read("good_all_keys.yaml", &text_bytes);

	for (size_t n = 0; n <= text_bytes; n++) {
		char *part = malloc(n + 1); /* of that size: the sanitizer sees a read beyond it */

		cr_assert_not_null(part);
		memcpy(part, text, n);
		check_mutant(part, n);
		free(part);
	}
	free(text);
}

/* ---- Files that cannot be read ---------------------------------------------------------------- */

Test(config, missing_file_directory_and_fifo_are_refused_without_waiting)
{
	struct config defaults, config;
	char path[] = TEMP_PATH, fifo[64];
	char error[ERROR_BYTES] = "", expected[128];

	config_init(&defaults);
	cr_assert_not_null(mkdtemp(path));
	cr_expect_eq(config_load(path, &defaults, &config, error, sizeof(error)), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s: not a regular file", path);
	cr_expect_str_eq(error, expected);

	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	cr_expect_eq(config_load(fifo, &defaults, &config, error, sizeof(error)), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "%s: No such file or directory", fifo);
	cr_expect_str_eq(error, expected);

	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_expect_eq(config_load(fifo, &defaults, &config, error, sizeof(error)), -EINVAL);
	(void)unlink(fifo);
	(void)rmdir(path); /* ours, in /tmp */
}

/* Each interface's hooks, by the bits of CONFIG_HOOK(). */
Test(config, hooks_are_a_set_that_begins_with_xdp)
{
	struct config config;

	expect_good("interfaces: [{name: a}, {name: b, hooks: [xdp, tc-egress], domain: 1},\n"
		    " {name: c, hooks: [tc-egress, tc-ingress, tc-egress], domain: 2},\n"
		    " {name: d, hooks: [tc-egress], forwarded_twice: yes}]\n",
		    &config);
	cr_expect_eq(config.interfaces[0].hooks, CONFIG_HOOK(IPACCT_HOOK_XDP));
	cr_expect_eq(config.interfaces[1].hooks,
		     CONFIG_HOOK(IPACCT_HOOK_XDP) | CONFIG_HOOK(IPACCT_HOOK_TC_EGRESS));
	cr_expect_eq(config.interfaces[2].hooks,
		     CONFIG_HOOK(IPACCT_HOOK_TC_INGRESS) | CONFIG_HOOK(IPACCT_HOOK_TC_EGRESS));
	cr_expect_eq(config.interfaces[3].hooks, CONFIG_HOOK(IPACCT_HOOK_TC_EGRESS));
}

Test(config, loopback_has_one_end_unless_twice_is_wanted)
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
Test(config, one_hook_more_than_there_are_slots_is_refused)
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
