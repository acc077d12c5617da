/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: what its keys mean, and which files are refused with which words. */
#include <arpa/inet.h>
#include <dirent.h>

#include "budget.h"
#include "config_common.h"

#define N_BROKEN_MIN 30 /* a directory found empty must not pass */

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
	cr_expect_eq(config.ipv6_share_ppm, 125000);
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
			 true, 30);
	expect_interface(&config.interfaces[1], "eth1.100", IPACCT_MODE_GENERIC, CONFIG_ATTACH_LINK,
			 0, false, 37);
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
