/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the series and /metrics cost, each beside its baseline in the same run. */
#include <errno.h>
#include <string.h>

#include "metrics_stage.h"

/* Attribution alone: publishing the same cut with and without series, in turn. */
static void attribution(const struct options *options, uint32_t n_addresses, const char *label,
			struct series_settings settings)
{
	struct samples without = {}, with = {}, each = {}, share = {};
	struct series *series;
	struct stage stage;
	char name[96];

	stage_open(&stage, n_addresses);
	(void)publish_s(&stage);
	geo_make(&stage);
	settings.runtime_dir = stage.dir;
	settings.seed = 42;
	if (series_init(&stage.publisher.ledger, &settings, &series))
		die("series", ENOMEM);
	for (int i = 0; i < options->runs + 20; i++) {
		double plain, whole;

		stage.publisher.series = NULL;
		plain = publish_s(&stage);
		stage.publisher.series = series;
		whole = publish_s(&stage);
		if (i < 20)
			continue; /* who joins has joined by now, and the tables are warm */
		samples_add(&without, plain * 1e3);
		samples_add(&with, whole * 1e3);
		samples_add(&each, (whole - plain) * 1e9 / n_addresses);
		samples_add(&share, (whole - plain) * 100);
	}
	(void)snprintf(name, sizeof(name), "%s: publish without series", label);
	report(options->json, name, "ms", &without, NULL, NULL);
	(void)snprintf(name, sizeof(name), "%s: publish with series", label);
	report(options->json, name, "ms", &with, "without", &without);
	(void)snprintf(name, sizeof(name), "%s: series, for each address", label);
	report(options->json, name, "ns", &each, NULL, NULL);
	(void)snprintf(name, sizeof(name), "%s: series, CPU share at 1 s", label);
	report(options->json, name, "% of a core", &share, NULL, NULL);
	stage.publisher.series = NULL;
	series_finish(series);
	stage_close(&stage);
}

static void attribution_cases(const struct options *options)
{
	attribution(options, 65536, "64k addresses, geo",
		    (struct series_settings){ .top = { 0, 50, 50, 100, 0 } });
	attribution(options, 65536, "64k addresses, top addresses",
		    (struct series_settings){ .top = { 0, 0, 0, 0, 100 } });
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const struct options *options);
	} groups[] = { { "attribution", attribution_cases },
		       { "scrape", scrape_cases },
		       { "crowd", crowd_case } };
	struct options options = { .runs = 31 };
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick")) {
			options.runs = 9;
		} else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			only = argv[++i];
		} else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
			options.json = fopen(argv[++i], "we");
			if (!options.json)
				die(argv[i], errno);
		} else {
			(void)fprintf(stderr, "usage: metrics [--quick] [--only attribution|scrape"
					      "|crowd] [--json FILE]\n");
			return 2;
		}
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (!only || !strcmp(only, groups[i].name))
			groups[i].run(&options);
	if (options.json && fclose(options.json))
		die("json", errno);
	return 0;
}
