/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains by VLAN id: which ids get which domain, and how many there may be. */
#include <errno.h>

#include "config_common.h"
#include "config_vlans.h"

static struct config_interface interface;

static int add(const char *ids, const char *domain)
{
	char why[SETTING_WHY_BYTES];

	return config_vlans_add(&interface, ids, domain, why);
}

Test(config_vlans, ids_ranges_and_the_rest)
{
	interface = (struct config_interface){ .domain = 3 };
	cr_assert_eq(add("100", "7"), 0);
	cr_assert_eq(add("200-299", "0"), 0);
	cr_assert_eq(add("1", "65535"), 0);
	cr_assert_eq(add("4094-4094", "8"), 0);
	cr_expect_eq(config_vlans_domain(&interface, 100), 7);
	cr_expect_eq(config_vlans_domain(&interface, 99), 3);
	cr_expect_eq(config_vlans_domain(&interface, 101), 3);
	cr_expect_eq(config_vlans_domain(&interface, 199), 3);
	cr_expect_eq(config_vlans_domain(&interface, 200), 0);
	cr_expect_eq(config_vlans_domain(&interface, 299), 0);
	cr_expect_eq(config_vlans_domain(&interface, 300), 3);
	cr_expect_eq(config_vlans_domain(&interface, 0), 3, "no VLAN");
	cr_expect_eq(config_vlans_domain(&interface, 1), 65535);
	cr_expect_eq(config_vlans_domain(&interface, 4094), 8);
	cr_expect_eq(config_vlans_domain(&interface, 4095), 3);
}

Test(config_vlans, what_is_no_id_or_no_domain_changes_nothing)
{
	static const char *const wrong[][2] = {
		{ "0", "7" },     { "4095", "7" }, { "", "7" },           { "-", "7" },
		{ "-5", "7" },    { "5-", "7" },   { "7-5", "7" },        { "5-4095", "7" },
		{ "5-6-7", "7" }, { "x", "7" },    { " 5", "7" },         { "5 - 6", "7" },
		{ "+5", "7" },    { "0x5", "7" },  { "4094-40940", "7" }, { "00004094-4094", "7" },
		{ "5", "65536" }, { "5", "-1" },   { "5", "" },           { "5", "7x" },
	};

	interface = (struct config_interface){ .domain = 3 };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_eq(add(wrong[i][0], wrong[i][1]), -EINVAL, "%s: %s", wrong[i][0],
			     wrong[i][1]);
		cr_expect_eq(interface.n_vlans, 0);
	}
}

Test(config_vlans, an_id_has_one_domain)
{
	static const char *const overlaps[] = { "100",   "200",     "150",    "100-200",
						"1-100", "200-300", "1-4094", "120-130" };

	interface = (struct config_interface){ .domain = 3 };
	cr_assert_eq(add("100-200", "7"), 0);
	for (size_t i = 0; i < sizeof(overlaps) / sizeof(overlaps[0]); i++)
		cr_expect_eq(add(overlaps[i], "8"), -EINVAL, "%s", overlaps[i]);
	cr_expect_eq(add("99", "8"), 0);
	cr_expect_eq(add("201", "8"), 0);
}

Test(config_vlans, one_entry_more_than_there_is_room_for_is_refused)
{
	char ids[16];

	interface = (struct config_interface){ .domain = 3 };
	for (unsigned int i = 0; i < CONFIG_VLANS_MAX; i++) {
		(void)snprintf(ids, sizeof(ids), "%u", 1 + i);
		cr_assert_eq(add(ids, "7"), 0, "%s", ids);
	}
	cr_expect_eq(add("4000", "7"), -EINVAL);
	cr_expect_eq(interface.n_vlans, CONFIG_VLANS_MAX);
}

/* Domain 1 of the interface, and one for each of n VLANs. */
static int parse_many(unsigned int n, struct config *ret_config, char error[ERROR_BYTES])
{
	struct config defaults;
	size_t text_bytes;
	char *text = NULL;
	FILE *file = open_memstream(&text, &text_bytes);
	int ret;

	cr_assert_not_null(file);
	fputs("interfaces:\n- name: a\n  domain: 1\n  vlan_domains:\n", file);
	for (unsigned int i = 0; i < n; i++)
		fprintf(file, "    %u: %u\n", 10 + i, 2 + i);
	cr_assert_eq(fclose(file), 0);
	config_init(&defaults);
	ret = config_parse("f.yaml", text, text_bytes, &defaults, ret_config, error, ERROR_BYTES);
	free(text);
	return ret;
}

Test(config_vlans, domains_of_vlans_count_among_all)
{
	uint16_t domains[IPACCT_DOMAINS_MAX];
	char error[ERROR_BYTES] = "";
	struct config config;

	cr_assert_eq(parse_many(IPACCT_DOMAINS_MAX - 2, &config, error), 0, "%s", error);
	cr_expect_eq(config_domains(&config, domains), IPACCT_DOMAINS_MAX - 1);
	cr_expect_eq(parse_many(IPACCT_DOMAINS_MAX - 1, &config, error), -EINVAL);
	cr_expect_str_eq(error, "f.yaml:3:11: domain: more than 63 different domains besides 0");
}

Test(config_vlans, a_change_of_any_entry_is_a_change)
{
	struct config_interface other;

	interface = (struct config_interface){ .domain = 3 };
	cr_assert_eq(add("100", "7"), 0);
	other = interface;
	cr_expect(config_interfaces_equal(&interface, &other));
	other.vlans[0].domain = 8;
	cr_expect_not(config_interfaces_equal(&interface, &other));
	other = interface;
	other.n_vlans = 0;
	cr_expect_not(config_interfaces_equal(&interface, &other));
	other = interface;
	other.account = CONFIG_ACCOUNT_INNER;
	cr_expect_not(config_interfaces_equal(&interface, &other));
}
