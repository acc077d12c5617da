/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of /metrics: escaping, and every line of it from a ledger whose numbers are known. */
#include "../geo_image.h"
#include "ledger_common.h"
#include "metrics.h"

static struct bench bench;
static struct stats_shared shared;
static struct cost_shared cost;
static struct metrics metrics;

static void setup(void)
{
	bench_init(&bench, 64);
	bench.publisher.ledger.header->created_ns = 1767225600000000000u; /* 2026-01-01 */
	metrics.source = (struct metrics_source){ .ledger = &bench.publisher.ledger,
						  .stats = &shared,
						  .cost = &cost,
						  .process_started_ns = 1767225700250000000u };
}

static void teardown(void)
{
	metrics_finish(&metrics);
	bench_finish(&bench);
}

TestSuite(metrics, .init = setup, .fini = teardown);

static void expect_label(const char *text, size_t n, const char *expected)
{
	struct buffer out = { 0 };

	metric_label(&out, text, n);
	buffer_char(&out, '\0');
	cr_expect_str_eq(out.text, expected);
	buffer_finish(&out);
}

Test(metrics_label, what_the_format_could_mistake_is_escaped)
{
	expect_label("eth0", 4, "eth0");
	expect_label("", 0, "");
	expect_label("a\"b\\c\nd", 7, "a\\\"b\\\\c\\nd");
	expect_label("{le=\"1\"} 7", 10, "{le=\\\"1\\\"} 7");
	expect_label("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x90", 9,
		     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x90");
	/* not UTF-8: overlong, surrogate, stray, and cut off at the end */
	expect_label("\xc0\xaf", 2, "\\\\xc0\\\\xaf");
	expect_label("\xed\xa0\x80", 3, "\\\\xed\\\\xa0\\\\x80");
	expect_label("a\xff z", 4, "a\\\\xff z");
	expect_label("\xe2\x82", 2, "\\\\xe2\\\\x82");
	expect_label("\xe2\x82\xac", 2, "\\\\xe2\\\\x82"); /* n ends inside the character */
	expect_label("\t\x7f\0x", 4, "\\\\x09\\\\x7f\\\\x00x");
}

/* Every kind of number a different one, so that none can be taken for another. */
static void totals_make(struct ipacct_totals *totals, uint64_t base)
{
	uint64_t *word = (uint64_t *)totals;

	for (size_t i = 0; i < sizeof(*totals) / sizeof(*word); i++)
		word[i] = base + i;
}

static void ledger_make(void)
{
	struct ipacct_ledger_cut facts = { .cut = 1,
					   .cut_time_ns = 1767270896789000000u,
					   .error_packets = 3,
					   .error_l3_bytes = 4,
					   .lru_refused = 5,
					   .rollup_updates = 6 };

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	totals_make(&bench.epoch.totals[0], 1000);
	totals_make(&bench.epoch.totals[3], 9007199254740993u);
	bench.epoch.interfaces[0] = (struct ipacct_interface){ .ifname = "et\"h\\0",
							       .hook = IPACCT_HOOK_XDP,
							       .mode = IPACCT_MODE_NATIVE,
							       .attach = IPACCT_ATTACH_LINK,
							       .state = IPACCT_IF_ATTACHED,
							       .attached_ns = 5,
							       .n_attached = 2 };
	bench.epoch.interfaces[3] = (struct ipacct_interface){ .ifname = "ppp0",
							       .hook = IPACCT_HOOK_XDP,
							       .mode = IPACCT_MODE_GENERIC,
							       .attach = IPACCT_ATTACH_LINK,
							       .state = IPACCT_IF_GONE,
							       .attached_ns = 6,
							       .n_attached = 1 };
	cr_assert_eq(publisher_apply(&bench.publisher, &bench.epoch, facts), 0);
}

static void stats_make(void)
{
	struct stats stats = { .interval_ns = 1000000000,
			       .effective_interval_ns = 1500000000,
			       .cut_cpu_ns = 2500000,
			       .cut_errors = 7,
			       .n_syscalls = 8,
			       .n_addresses = 9,
			       .lru_inserts = 10,
			       .lru_budget = 11,
			       .hot_rolled = 12,
			       .hot_displaced = 13,
			       .hot_lines_ipv4 = 14,
			       .hot_lines_ipv4_max = 15,
			       .hot_lines_ipv6 = 16,
			       .hot_lines_ipv6_max = 17 };

	duration_add(&stats.cut, 64000); /* at a bound: inside */
	duration_add(&stats.cut, 64001);
	duration_add(&stats.read, 3000000000u);
	duration_add(&stats.publish, 0);
	stats_publish(&shared, &stats);
}

static void cost_make(void)
{
	const struct cost_facts facts = {
		.n_cpus = 4,
		.cpu_budget_ppb = 20000000,
		.memory_budget_bytes = 256u << 20,
		.n_windows = 3,
		.program_ppb = 15000000,
		.process_ppb = { 1000, 6000000, 20 },
		.process_bytes = { 1 << 20, 2 << 20, 3 << 20 },
		.voluntary = { 21, 22, 23 },
		.involuntary = { 24, 25, 26 },
		.maps_bytes = 100u << 20,
		.files_bytes = 22u << 20,
		.sampled_ns = 1234567890,
		.sampled_runs = 20576131,
		.run_ps = 59500,
		.cpu_ppb = 21001020,
		.memory_bytes = 128u << 20,
		.cpu_over = 1,
	};

	cost_facts_write(&cost, &facts);
}

/* The part of the text that is the same in every run. */
static void expect_golden(const char *name, enum metrics_format format)
{
	struct buffer out = { 0 };
	char path[512], *golden = NULL, *end;
	size_t golden_n = 0;
	FILE *file;

	cr_assert_eq(metrics_render(&metrics, format, &out), 0);
	buffer_char(&out, '\0');
	end = strstr(out.text, "# HELP process_cpu");
	cr_assert_not_null(end);
	*end = '\0';
	(void)snprintf(path, sizeof(path), "%s/metrics/%s", getenv("IPACCT_TEST_GOLDEN"), name);
	if (getenv("IPACCT_TEST_WRITE")) { /* for a person, who reads the difference */
		file = fopen(path, "w");
		cr_assert_not_null(file);
		fputs(out.text, file);
		fclose(file);
	}
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	cr_assert_geq(getdelim(&golden, &golden_n, '\0', file), 0);
	fclose(file);
	cr_expect_str_eq(out.text, golden, "%s", path);
	free(golden);
	buffer_finish(&out);
}

Test(metrics, text_is_the_stored_one)
{
	ledger_make();
	stats_make();
	cost_make();
	expect_golden("metrics.txt", METRICS_TEXT);
}

Test(metrics, openmetrics_is_the_stored_one)
{
	ledger_make();
	stats_make();
	cost_make();
	expect_golden("metrics.om", METRICS_OPENMETRICS);
}

static uint64_t value_of(const struct buffer *out, const char *line)
{
	const char *at = strstr(out->text, line);

	cr_assert_not_null(at, "%s", line);
	return strtoull(at + strlen(line), NULL, 10);
}

Test(metrics, uncommitted_cut_is_not_shown)
{
	const char *line = "ipacct_interface_seen_packets_total{device=\"lan\",hook=\"xdp\"} ";
	struct buffer out = { 0 };

	strcpy(bench.epoch.interfaces[0].ifname, "lan");
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	apply(&bench, 2);
	bench.publisher.ledger.header->cut = 1;
	cr_assert_eq(metrics_render(&metrics, METRICS_TEXT, &out), 0);
	buffer_char(&out, '\0');
	cr_expect_eq(value_of(&out, line), 1);
	bench.publisher.ledger.header->cut = 2;
	cr_assert_eq(metrics_render(&metrics, METRICS_TEXT, &out), 0);
	buffer_char(&out, '\0');
	cr_expect_eq(value_of(&out, line), 2);
	buffer_finish(&out);
}

Test(metrics, two_slots_of_one_name_are_one_series)
{
	const char *line = "ipacct_interface_seen_packets_total{device=\"lan\",hook=\"xdp\"} ";
	struct buffer out = { 0 };
	const char *first;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	bench.epoch.interfaces[5] = (struct ipacct_interface){ .ifname = "lan",
							       .hook = IPACCT_HOOK_XDP,
							       .state = IPACCT_IF_ATTACHED,
							       .attached_ns = 9 };
	strcpy(bench.epoch.interfaces[0].ifname, "lan");
	bench.epoch.totals[5].seen.packets = 40;
	apply(&bench, 1);
	cr_assert_eq(metrics_render(&metrics, METRICS_TEXT, &out), 0);
	buffer_char(&out, '\0');
	cr_expect_eq(value_of(&out, line), 41);
	first = strstr(out.text, line);
	cr_expect_null(strstr(first + 1, line));
	cr_expect_eq(value_of(&out, "ipacct_interface_attached{device=\"lan\",hook=\"xdp\"} "), 1);
	buffer_finish(&out);
}

Test(metrics, device_that_the_operator_took_out_is_not_missing)
{
	const char *line = "ipacct_interface_attached{device=\"lan\",hook=\"xdp\"} ";
	struct buffer out = { 0 };

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	strcpy(bench.epoch.interfaces[0].ifname, "lan");
	bench.epoch.interfaces[0].state = IPACCT_IF_GONE;
	apply(&bench, 1);
	cr_assert_eq(metrics_render(&metrics, METRICS_TEXT, &out), 0);
	buffer_char(&out, '\0');
	cr_expect_eq(value_of(&out, line), 0);
	bench.epoch.interfaces[0].state = IPACCT_IF_DETACHED;
	apply(&bench, 2);
	cr_assert_eq(metrics_render(&metrics, METRICS_TEXT, &out), 0);
	buffer_char(&out, '\0');
	cr_expect_null(strstr(out.text, line));
	cr_expect_not_null(strstr(out.text, "seen_packets_total{device=\"lan\",hook=\"xdp\"} 2"));
	buffer_finish(&out);
}

Test(metrics, histogram_is_cumulative_and_its_sum_has_the_fcs)
{
	struct ipacct_totals *totals = &bench.epoch.totals[0];
	struct buffer out = { 0 };

	strcpy(bench.epoch.interfaces[0].ifname, "lan");
	bench.epoch.interfaces[0].hook = IPACCT_HOOK_XDP;
	totals->seen.packets = 36;
	totals->seen.l2_bytes = 10000;
	for (unsigned int i = 0; i < IPACCT_SIZE_BINS; i++)
		totals->size_histogram[i] = i + 1;
	apply(&bench, 1);
	cr_assert_eq(metrics_render(&metrics, METRICS_TEXT, &out), 0);
	buffer_char(&out, '\0');
#define BUCKET(le) \
	"ipacct_interface_packet_size_bytes_bucket{device=\"lan\",hook=\"xdp\",le=\"" le "\"} "
	cr_expect_eq(value_of(&out, BUCKET("63")), 1);
	cr_expect_eq(value_of(&out, BUCKET("64")), 3);
	cr_expect_eq(value_of(&out, BUCKET("127")), 6);
	cr_expect_eq(value_of(&out, BUCKET("255")), 10);
	cr_expect_eq(value_of(&out, BUCKET("511")), 15);
	cr_expect_eq(value_of(&out, BUCKET("1023")), 21);
	cr_expect_eq(value_of(&out, BUCKET("1518")), 28);
	cr_expect_eq(value_of(&out, BUCKET("+Inf")), 36);
	cr_expect_eq(value_of(&out, "size_bytes_sum{device=\"lan\",hook=\"xdp\"} "),
		     10000 + 4 * 36);
	cr_expect_eq(value_of(&out, "size_bytes_count{device=\"lan\",hook=\"xdp\"} "), 36);
	buffer_finish(&out);
}

static struct geo_image image;

static void geo_put(struct ipacct_key key, const char *country, uint32_t asn, const char *org,
		    const char *name)
{
	uint32_t i = record_index_find(&bench.publisher.addresses, &key, 128);

	cr_assert_neq(i, RECORD_NONE);
	image.records[i] = (struct ipacct_geo_record){
		.sequence = 2,
		.key = key,
		.country = { country[0], country[1] },
		.flags = IPACCT_GEO_KNOWN,
		.asn = asn,
		.as_org = geo_image_text(&image, org),
		.name = geo_image_text(&image, name),
		.generation = 1,
	};
}

static void expect_line(const struct buffer *out, const char *line)
{
	cr_expect_not_null(strstr(out->text, line), "%s", line);
}

Test(metrics, series_have_their_labels_and_what_an_as_is_called_stands_apart)
{
	struct series_settings settings = { .runtime_dir = bench.dir, .top = { 0, 9, 9, 9, 9 } };
	struct buffer out = { 0 };
	struct series *series;
	char path[128];

	geo_image_init(&image, 64, 4096);
	image.header->databases[1].state = 2;
	image.header->databases[1].build_s = 1767225600;
	(void)snprintf(path, sizeof(path), "%s/%s", bench.dir, IPACCT_GEO_NAME);
	cr_assert_eq(geo_image_write(&image, path), 0);
	cr_assert_eq(series_init(&bench.publisher.ledger, &settings, &series), 0);
	metrics.source.series = bench.publisher.series = series;
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	geo_put(key4(0xc0000201), "DE", 64500, "Example \"A\"", "a\\b");
	geo_put(key4(0xc6336401), "\0", 0, "", "");
	cr_assert_eq(geo_image_write(&image, path), 0);
	apply(&bench, 2);
	apply(&bench, 3); /* names of ASes follow one cut later */
	cr_assert_eq(metrics_render(&metrics, METRICS_OPENMETRICS, &out), 0);
	buffer_char(&out, '\0');
	expect_line(&out, "\nipacct_country_packets_total{country=\"DE\",direction=\"tx\"} 2\n"
			  "ipacct_country_packets_created{country=\"DE\",direction=\"tx\"} 1\n"
			  "ipacct_country_packets_total{country=\"DE\",direction=\"rx\"} 0\n");
	expect_line(&out, "\nipacct_country_l3_bytes_total{country=\"unknown\",direction=\"rx\"} "
			  "200\n");
	expect_line(&out, "\nipacct_country_packets_total{country=\"pending\",direction=\"tx\"} "
			  "1\n");
	expect_line(&out, "\nipacct_asn_packets_total{asn=\"64500\",direction=\"tx\"} 2\n");
	expect_line(&out, "\n# TYPE ipacct_asn info\n"
			  "ipacct_asn_info{asn=\"64500\",as_org=\"Example \\\"A\\\"\"} 1\n");
	expect_line(&out, "\nipacct_group_packets_total{group=\"a\\\\b\",direction=\"tx\"} 2\n");
	expect_line(&out, "\nipacct_address_packets_total{address=\"192.0.2.1\",direction=\"tx\"} "
			  "3\n");
	expect_line(&out, "\nipacct_series{kind=\"country\"} 1\n");
	expect_line(&out, "\nipacct_geo_joins_total{result=\"hit\"} 4\n");
	expect_line(&out, "\nipacct_geo_database_usable{database=\"1\"} 0\n");
	expect_line(&out, "\nipacct_geo_database_build_timestamp_seconds{database=\"1\"} "
			  "1767225600\n");
	bench.publisher.series = NULL;
	series_finish(series);
	buffer_finish(&out);
	geo_image_finish(&image);
	(void)unlink(path);
}
