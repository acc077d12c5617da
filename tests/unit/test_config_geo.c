/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of geo: lists in the file and on the command line. */
#include <errno.h>
#include <limits.h>

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "config_common.h"

Test(config_geo, every_key_reaches_its_member)
{
	struct config config;
	const struct geo_settings *geo = &config.geo;

	load_good("good_all_keys.yaml", &config);
	cr_assert_eq(geo->n_databases, 2);
	cr_expect_str_eq(geo->databases[0], "/usr/share/GeoIP/GeoLite2-City.mmdb");
	cr_expect_str_eq(geo->databases[1], "/usr/share/GeoIP/GeoLite2-ASN.mmdb");
	cr_assert_eq(geo->n_languages, 3, "the list replaces the default");
	cr_expect_str_eq(geo->languages[0], "de");
	cr_expect_str_eq(geo->languages[2], "en");
	cr_expect_str_eq(geo->overrides, "/etc/ipacct/prefixes");
	cr_assert_eq(geo->paths[GEO_COUNTRY].n, 2);
	cr_expect_str_eq(geo->paths[GEO_COUNTRY].words[0], "registered_country");
	cr_expect_str_eq(geo->paths[GEO_COUNTRY_NAME].words[1], "names");
	cr_assert_eq(geo->paths[GEO_REGION].n, 3);
	cr_expect_str_eq(geo->paths[GEO_REGION].words[1], "1");
	cr_expect_str_eq(geo->paths[GEO_CITY].words[0], "town");
	cr_expect_str_eq(geo->paths[GEO_ASN].words[1], "number");
	cr_expect_str_eq(geo->paths[GEO_AS_ORG].words[1], "name");
}

Test(config_geo, nothing_is_asked_by_default_and_names_are_english)
{
	struct config config;

	config_init(&config);
	cr_expect_not(geo_wanted(&config.geo));
	cr_assert_eq(config.geo.n_languages, 1);
	cr_expect_str_eq(config.geo.languages[0], "en");
	expect_good("geo_overrides: x", &config);
	cr_expect(geo_wanted(&config.geo));
	expect_good("geo_databases: []", &config);
	cr_expect_not(geo_wanted(&config.geo));
}

Test(config_geo, longest_path_and_most_languages_are_taken)
{
	char text[2 * GEO_DATABASE_PATH_BYTES], path[GEO_DATABASE_PATH_BYTES + 1];
	struct config defaults, config;
	char error[ERROR_BYTES] = "";

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[GEO_DATABASE_PATH_BYTES - 1] = '\0';
	(void)snprintf(text, sizeof(text),
		       "geo_databases: [%s]\ngeo_languages: [a, b, c, d, e, f, g, h]", path);
	expect_good(text, &config);
	cr_expect_str_eq(config.geo.databases[0], path);
	cr_expect_eq(config.geo.n_languages, GEO_LANGUAGES_MAX);
	path[GEO_DATABASE_PATH_BYTES - 1] = 'p';
	path[GEO_DATABASE_PATH_BYTES] = '\0';
	(void)snprintf(text, sizeof(text), "geo_databases: [%s]", path);
	config_init(&defaults);
	cr_expect_eq(
		config_parse("f", text, strlen(text), &defaults, &config, error, sizeof(error)),
		-EINVAL);
	cr_expect_eq(config_parse("f", "geo_languages: [a, b, c, d, e, f, g, h, i]", 42, &defaults,
				  &config, error, sizeof(error)),
		     -EINVAL);
	cr_expect_str_eq(error, "f:1:41: geo_languages: more than 8");
}

static void redirect(void)
{
	cr_redirect_stderr();
}

Test(config_geo, options_replace_the_list_of_the_file, .init = redirect)
{
	static const char text[] = "geo_databases: [/f1, /f2]\ngeo_languages: [de]\n";
	char path[TEMP_PATH_BYTES];
	char *argv[] = { (char *)"ipacctd",
			 (char *)"-c",
			 path,
			 (char *)"--geo-database",
			 (char *)"/o1",
			 (char *)"--geo-database=/o2",
			 (char *)"--geo-database",
			 (char *)"/o3",
			 (char *)"--geo-database=/o4",
			 NULL };
	struct config config;

	make_file(path, text, strlen(text));
	cr_assert_eq(config_from_args(5, argv, &config), CONFIG_ARGS_RUN);
	cr_assert_eq(config.geo.n_databases, 1);
	cr_expect_str_eq(config.geo.databases[0], "/o1");
	cr_expect_str_eq(config.geo.languages[0], "de", "what no option names stays the file's");
	cr_assert_eq(config_from_args(8, argv, &config), CONFIG_ARGS_RUN);
	cr_assert_eq(config.geo.n_databases, 3);
	cr_expect_str_eq(config.geo.databases[2], "/o3");
	cr_expect_eq(config_from_args(9, argv, &config), CONFIG_ARGS_USAGE);
	(void)unlink(path); /* ours, in /tmp */
}
