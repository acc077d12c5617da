/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, alone and over a file; --help; reload. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "config.h"
#include "config_common.h"
#include "config_help.h"

#define N_ARGS_MAX 200
#define USAGE_TAIL "\nTry 'ipacctd --help'.\n"

/* config_from_args() with argv[0] and the given words, up to NULL. */
__attribute__((sentinel)) static enum config_args from_args(struct config *ret_config, ...)
{
	char *argv[N_ARGS_MAX + 1] = { (char *)"ipacctd" };
	va_list words;
	int argc = 1;

	va_start(words, ret_config);
	while (argc < N_ARGS_MAX && (argv[argc] = va_arg(words, char *)))
		argc++;
	va_end(words);
	return config_from_args(argc, argv, ret_config);
}

static void redirect(void)
{
	cr_redirect_stdout();
	cr_redirect_stderr();
}

Test(config_args, every_option_reaches_its_member, .init = redirect)
{
	struct config config;

	cr_assert_eq(from_args(&config, "-i", "eth0", "--interface=eth1", "--interval", "250ms",
			       "--memory=64M", "--user", "nobody", "--runtime-dir", "/run/x",
			       "--bpffs", "/sys/fs/bpf/x", "--mode", "generic", "--attach", "link",
			       "--hot", "off", "--receive-cpus", "0,2", "--protect", "192.0.2.0/24",
			       "--protect=2001:db8::/32 domain=1", "--protect-file", "/etc/ours",
			       "--check-config", "--dry-run", "--detach", "--duration", "90s",
			       "--confirm", "60", NULL),
		     CONFIG_ARGS_RUN);
	cr_expect_eq(config.interval_ns, 250 * MS_NS);
	cr_expect_eq(config.memory_bytes, 64ULL << 20);
	cr_expect_str_eq(config.user, "nobody");
	cr_expect_str_eq(config.runtime_dir, "/run/x");
	cr_expect_str_eq(config.bpffs_dir, "/sys/fs/bpf/x");
	cr_expect(config.bpffs_given);
	cr_expect(config.receive_cpus_given);
	cr_expect_eq(config.receive_cpus[0], 0x5);
	cr_assert_eq(config.n_protect, 2);
	cr_expect_eq(config.protect[0].key.prefixlen, 16 + 96 + 24);
	cr_expect_eq(config.protect[1].key.prefixlen, 16 + 32);
	cr_expect_str_eq(config.protect_file, "/etc/ours");
	cr_expect(config.check_config && config.dry_run && config.detach);
	cr_expect_eq(config.duration_ns, 90 * S_NS);
	cr_expect_eq(config.confirm_s, 60);
	cr_assert_eq(config.n_interfaces, 2);
	expect_interface(&config.interfaces[0], "eth0", IPACCT_MODE_GENERIC, CONFIG_ATTACH_LINK, 0,
			 false, 0);
	expect_interface(&config.interfaces[1], "eth1", IPACCT_MODE_GENERIC, CONFIG_ATTACH_LINK, 0,
			 false, 0);
}

Test(config_args, number_fills_its_own_member_whatever_comes_first)
{
	struct config config;

	cr_assert_eq(from_args(&config, "--ledger-addresses", "5000", "--lru-entries", "2048",
			       "--hot-lines-ipv6", "1024", "--hot-lines-ipv4", "2048", NULL),
		     CONFIG_ARGS_RUN);
	cr_expect_eq(config.hot4_lines, 2048);
	cr_expect_eq(config.hot6_lines, 1024);
	cr_expect_eq(config.lru_entries, 2048);
	cr_expect_eq(config.ledger_addresses, 5000);
}

Test(config_args, no_words_mean_the_defaults)
{
	struct config config;

	cr_assert_eq(from_args(&config, NULL), CONFIG_ARGS_RUN);
	expect_defaults(&config);
}

Test(config_args, options_win_over_the_file_wherever_they_stand)
{
	static const char text[] = "interval: 5s\nmemory: 32M\nmode: native\n"
				   "interfaces: [{name: a, domain: 4}, {name: b, mode: native}]\n";
	struct config config;
	char path[TEMP_PATH_BYTES];

	make_file(path, text, strlen(text));
	cr_assert_eq(from_args(&config, "--interval", "2s", "--mode", "generic", "-c", path, NULL),
		     CONFIG_ARGS_RUN);
	(void)unlink(path); /* ours, in /tmp */
	cr_expect_str_eq(config.config_file, path);
	cr_expect_eq(config.interval_ns, 2 * S_NS);
	cr_expect_eq(config.memory_bytes, 32ULL << 20);
	cr_assert_eq(config.n_interfaces, 2);
	expect_interface(&config.interfaces[0], "a", IPACCT_MODE_GENERIC, CONFIG_ATTACH_AUTO, 4,
			 false, 4);
	expect_interface(&config.interfaces[1], "b", IPACCT_MODE_NATIVE, CONFIG_ATTACH_AUTO, 0,
			 false, 4);
}

Test(config_args, prefixes_of_options_come_to_those_of_the_file)
{
	static const char text[] = "protect: [192.0.2.0/24, 2001:db8::/32]\n";
	struct config config;
	char path[TEMP_PATH_BYTES];

	make_file(path, text, strlen(text));
	cr_assert_eq(from_args(&config, "--protect", "198.51.100.0/24", "-c", path, NULL),
		     CONFIG_ARGS_RUN);
	(void)unlink(path); /* ours, in /tmp */
	cr_assert_eq(config.n_protect, 3);
	cr_expect_eq(config.protect[1].key.prefixlen, 16 + 32);
	cr_expect_eq(config.protect[2].key.prefixlen, 16 + 96 + 24);
}

Test(config_args, interface_of_file_and_option_is_one_with_the_settings_of_the_file)
{
	static const char text[] =
		"interfaces: [{name: a, mode: generic, domain: 4, optional: on}]";
	struct config config;
	char path[TEMP_PATH_BYTES];

	make_file(path, text, strlen(text));
	cr_assert_eq(from_args(&config, "-i", "b", "-c", path, "-i", "a", "-i", "b", NULL),
		     CONFIG_ARGS_RUN);
	(void)unlink(path); /* ours, in /tmp */
	cr_assert_eq(config.n_interfaces, 2);
	expect_interface(&config.interfaces[0], "a", IPACCT_MODE_GENERIC, CONFIG_ATTACH_AUTO, 4,
			 true, 1);
	expect_interface(&config.interfaces[1], "b", IPACCT_MODE_NATIVE, CONFIG_ATTACH_AUTO, 0,
			 false, 0);
}

Test(config_args, reading_that_ended_inside_a_word_leaves_nothing_for_the_next, .init = redirect)
{
	struct config config;

	/* getopt stops behind the x and still holds the h, which would be --help. */
	cr_assert_eq(from_args(&config, "-xh", NULL), CONFIG_ARGS_USAGE);
	cr_assert_eq(from_args(&config, "--interval", "2s", NULL), CONFIG_ARGS_RUN);
	cr_expect_eq(config.interval_ns, 2 * S_NS);
}

Test(config_args, words_are_never_reordered, .init = redirect)
{
	char *argv[] = { (char *)"ipacctd", (char *)"eth0", (char *)"--dry-run", NULL };
	char *before[3];
	struct config config;

	memcpy(before, argv, sizeof(before));
	cr_expect_eq(config_from_args(3, argv, &config), CONFIG_ARGS_USAGE);
	cr_expect_eq(memcmp(argv, before, sizeof(before)), 0);
}

/* Each usage error alone: a table cannot be used, because stderr is compared once in a test. */
#define USAGE_TEST(name, expected, ...)                                                 \
	Test(config_usage, name, .init = redirect)                                      \
	{                                                                               \
		struct config config;                                                   \
                                                                                        \
		cr_expect_eq(from_args(&config, __VA_ARGS__, NULL), CONFIG_ARGS_USAGE); \
		(void)fflush(stderr);                                                   \
		cr_expect_stderr_eq_str("ipacctd: " expected USAGE_TAIL);               \
	}

USAGE_TEST(misspelt_option_is_guessed, "unknown option '--intervall', did you mean '--interval'?",
	   "--intervall=1s")
USAGE_TEST(unknown_option_is_named, "unknown or ambiguous option '--colour'", "--colour")
USAGE_TEST(ambiguous_option_is_named, "unknown or ambiguous option '--r'", "--r", "x")
USAGE_TEST(unknown_letter_is_named, "unknown option '-x'", "-x")
USAGE_TEST(escape_in_an_option_is_not_repeated, "unknown or ambiguous option '--?[31mred'",
	   "--\033[31mred")
USAGE_TEST(missing_value_of_a_long_option,
	   "option '--interval' needs a value; legal: a whole number and a unit (ns, us, ms, s, m, "
	   "h, d), from 100ms to 1h",
	   "--interval")
USAGE_TEST(missing_value_of_a_letter,
	   "option '--interface' needs a value; legal: 1 to 15 characters, no white space, '/' or "
	   "':', not '.' or '..'",
	   "-i")
USAGE_TEST(value_for_a_flag, "option '--dry-run' takes no value", "--dry-run=yes")
USAGE_TEST(word_that_is_no_option,
	   "unexpected 'eth0': interfaces are given with -i DEV, a configuration with -c FILE",
	   "--dry-run", "eth0", "--detach")
USAGE_TEST(
	duration_without_unit,
	"--interval: '1' has no unit; legal: a whole number and a unit (ns, us, ms, s, m, h, d), "
	"from 100ms to 1h",
	"--interval", "1")
USAGE_TEST(
	duration_of_the_run_out_of_range,
	"--duration: '366d' is out of range; legal: a whole number and a unit (ns, us, ms, s, m, "
	"h, d), from 100ms to 365d",
	"--duration", "366d")
USAGE_TEST(confirm_above_its_range,
	   "--confirm: '86401' is out of range; legal: a whole number from 1 to 86400", "--confirm",
	   "86401")
USAGE_TEST(confirm_of_zero, "--confirm: '0' is out of range; legal: a whole number from 1 to 86400",
	   "--confirm", "0")
USAGE_TEST(unknown_mode, "--mode: 'offload' is not valid; legal: one of native, generic", "--mode",
	   "offload")
USAGE_TEST(other_hot_tier, "--hot: 'maybe' is not valid; legal: one of on, off", "--hot", "maybe")
USAGE_TEST(relative_directory,
	   "--bpffs: 'bpf' is not valid; legal: an absolute path of at most 1023 bytes", "--bpffs",
	   "bpf")
USAGE_TEST(interface_name_with_slash,
	   "--interface: 'a/b' is not valid; legal: 1 to 15 characters, no white space, '/' or "
	   "':', not '.' or '..'",
	   "-i", "a/b")
USAGE_TEST(interface_name_of_16_characters,
	   "--interface: 'abcdefghijklmnop' is not valid; legal: 1 to 15 characters, no white "
	   "space, '/' or ':', not '.' or '..'",
	   "-i", "abcdefghijklmnop")
USAGE_TEST(empty_interface_name,
	   "--interface: '' is not valid; legal: 1 to 15 characters, no white space, '/' or ':', "
	   "not '.' or '..'",
	   "--interface=")
/* The command line is checked before the file: the file is not even there. */
USAGE_TEST(usage_error_comes_before_the_file,
	   "--mode: 'x' is not valid; legal: one of native, generic", "-c", "/nonexistent/f.yaml",
	   "--mode", "x")

Test(config_usage, one_interface_more_than_there_are_slots, .init = redirect)
{
	char names[IPACCT_IFS_MAX + 1][8];
	char *argv[2 * (IPACCT_IFS_MAX + 1) + 2] = { (char *)"ipacctd" };
	struct config config;
	int argc = 1;

	for (unsigned int i = 0; i <= IPACCT_IFS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "e%u", i);
		argv[argc++] = (char *)"-i";
		argv[argc++] = names[i];
	}
	cr_expect_eq(config_from_args(argc - 2, argv, &config), CONFIG_ARGS_RUN);
	cr_expect_eq(config.n_interfaces, IPACCT_IFS_MAX);
	cr_expect_eq(config_from_args(argc, argv, &config), CONFIG_ARGS_USAGE);
	(void)fflush(stderr);
	cr_expect_stderr_eq_str("ipacctd: --interface: more than 64 interfaces" USAGE_TAIL);
}

Test(config_args, broken_file_is_reported_with_its_position_alone, .init = redirect)
{
	struct config config, before;
	char path[TEMP_PATH_BYTES], expected[256];

	memset(&config, 0x5a, sizeof(config));
	before = config;
	make_file(path, "hott: off\n", 10);
	cr_expect_eq(from_args(&config, "--dry-run", "-c", path, NULL), CONFIG_ARGS_INVALID);
	(void)unlink(path); /* ours, in /tmp */
	cr_expect_eq(memcmp(&config, &before, sizeof(config)), 0);
	(void)snprintf(expected, sizeof(expected),
		       "%s:1:1: unknown key 'hott', did you mean 'hot'?\n", path);
	(void)fflush(stderr);
	cr_expect_stderr_eq_str(expected);
}

Test(config_args, missing_file_is_a_configuration_error, .init = redirect)
{
	struct config config;

	cr_expect_eq(from_args(&config, "-c", "/nonexistent/f.yaml", NULL), CONFIG_ARGS_INVALID);
	(void)fflush(stderr);
	cr_expect_stderr_eq_str("/nonexistent/f.yaml: No such file or directory\n");
}

Test(config_args, version_is_the_one_of_the_build_even_beside_a_broken_file, .init = redirect)
{
	struct config config;

	cr_expect_eq(from_args(&config, "-c", "/nonexistent/f.yaml", "--version", NULL),
		     CONFIG_ARGS_EXIT_OK);
	(void)fflush(stdout);
	cr_expect_stdout_eq_str("ipacctd " IPACCT_VERSION "\n");
}

/* Everything a function prints, to be freed. */
static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t text_bytes;
	FILE *file = open_memstream(&text, &text_bytes);

	cr_assert_not_null(file);
	print(file);
	cr_assert_eq(fclose(file), 0);
	return text;
}

Test(config_help, help_and_man_page_name_every_option_and_key)
{
	static const char *const words[] = {
		"interface",
		"config",
		"interval",
		"memory",
		"user",
		"runtime",
		"bpffs",
		"mode",
		"attach",
		"hot",
		"receive",
		"check",
		"hot_lines_ipv4",
		"hot_lines_ipv6",
		"ipv6_share",
		"lru_entries",
		"ledger_addresses",
		"dry",
		"detach",
		"duration",
		"confirm",
		"version",
		"help",
		"domain",
		"vlan_domains",
		"account",
		"optional",
		"receive_cpus",
		"name",
		"runtime_dir",
		"protect",
		"protect_file",
		"groups_file",
		"geo_languages",
		"geo_overrides",
		"geo_databases",
		"geo_path_as_org",
		"listen",
		"listen_tls_cert",
		"listen_tls_key",
		"listen_auth_file",
		"top_countries",
		"top_asns",
		"top_groups",
		"top_addresses",
	};
	char *help = printed(config_options_print_help);
	char *man = printed(config_options_print_man);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		cr_expect_not_null(strstr(help, words[i]), "%s", words[i]);
		cr_expect_not_null(strstr(man, words[i]), "%s", words[i]);
	}
	cr_expect_not_null(strstr(help, "  -c, --config FILE "));
	cr_expect_not_null(strstr(help, "from 8M to 1T"));
	cr_expect_not_null(strstr(help, "default: /run/ipacct/bpf\n"));
	cr_expect_not_null(strstr(man, "\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIFILE\\fR\n"));
	free(help);
	free(man);
}

Test(config_help, no_line_of_help_is_wider_than_100_columns)
{
	char *help = printed(config_options_print_help), *rest = help, *line;

	while ((line = strsep(&rest, "\n")))
		cr_expect_leq(strlen(line), 100, "%s", line);
	free(help);
}

/* ---- Reload ---------------------------------------------------------------------------------- */

Test(config_reload, reads_the_file_as_it_is_now_under_the_same_options)
{
	char path[TEMP_PATH_BYTES], error[ERROR_BYTES] = "";
	char *argv[] = { (char *)"ipacctd", (char *)"-c",       path,          (char *)"-i",
			 (char *)"eth9",    (char *)"--memory", (char *)"16M", NULL };
	struct config config, reloaded;
	FILE *file;

	make_file(path, "interval: 5s\nmemory: 32M\n", 25);
	cr_assert_eq(config_from_args(7, argv, &config), CONFIG_ARGS_RUN);
	cr_expect_eq(config.interval_ns, 5 * S_NS);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs("interval: 6s\ninterfaces: [{name: eth8}]\n", file);
	cr_assert_eq(fclose(file), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(config_reload(7, argv, &reloaded, error, sizeof(error)), 0, "%s",
			     error);
		cr_expect_eq(reloaded.interval_ns, 6 * S_NS);
		cr_expect_eq(reloaded.memory_bytes, 16ULL << 20);
		cr_assert_eq(reloaded.n_interfaces, 2);
		cr_expect_str_eq(reloaded.interfaces[0].name, "eth8");
		cr_expect_str_eq(reloaded.interfaces[1].name, "eth9");
	}
	(void)unlink(path); /* ours, in /tmp */
}

Test(config_reload, broken_file_changes_and_prints_nothing, .init = redirect)
{
	char path[TEMP_PATH_BYTES], error[ERROR_BYTES] = "", expected[256];
	char *argv[] = { (char *)"ipacctd", (char *)"-c", path, NULL };
	struct config config, before;

	make_file(path, "interval: 5s\n", 13);
	cr_assert_eq(config_from_args(3, argv, &config), CONFIG_ARGS_RUN);
	before = config;
	cr_assert_eq(truncate(path, 11), 0); /* "interval: 5" */
	cr_expect_eq(config_reload(3, argv, &config, error, sizeof(error)), -EINVAL);
	(void)unlink(path); /* ours, in /tmp */
	(void)snprintf(expected, sizeof(expected),
		       "%s:1:11: interval: '5' has no unit; legal: a whole number and a unit (ns, "
		       "us, ms, s, m, h, d), from 100ms to 1h",
		       path);
	cr_expect_str_eq(error, expected);
	cr_expect_eq(memcmp(&config, &before, sizeof(config)), 0);
	(void)fflush(stderr);
	cr_expect_stderr_eq_str("");
}
