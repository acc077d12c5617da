/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger with series and a geo file whose records a test writes. */
#ifndef IPACCT_TESTS_SERIES_COMMON_H
#define IPACCT_TESTS_SERIES_COMMON_H

#include "../geo_image.h"
#include "ledger_common.h"
#include "series.h"

#define N_ADDRESSES 512u
#define STRINGS     8192u

static struct bench bench;
static struct geo_image image;
static struct series *series;
static struct series_settings settings;
static char geo_path[128];
static uint64_t cut;

static inline void series_begin(void)
{
	cr_assert_eq(series_init(&bench.publisher.ledger, &settings, &series), 0);
	bench.publisher.series = series;
}

static inline void series_end(void)
{
	bench.publisher.series = NULL;
	series_finish(series);
	series = NULL;
}

/* The collector dies and comes back. */
static inline void restart(void)
{
	series_end();
	bench_close(&bench);
	bench_open(&bench);
	series_begin();
}

static inline void setup(void)
{
	bench_init(&bench, N_ADDRESSES);
	settings = (struct series_settings){ .runtime_dir = bench.dir,
					     .top = { 0, 3, 3, 3, 3 },
					     .seed = 42 };
	(void)snprintf(geo_path, sizeof(geo_path), "%s/%s", bench.dir, IPACCT_GEO_NAME);
	geo_image_init(&image, N_ADDRESSES, STRINGS);
	cut = 0;
	series_begin();
}

static inline void teardown(void)
{
	series_end();
	geo_image_finish(&image);
	(void)unlink(geo_path);
	bench_finish(&bench);
}

/* What the worker knows of ledger record i. */
static inline void geo_put(uint32_t i, const char *country, uint32_t asn, const char *name)
{
	image.records[i] = (struct ipacct_geo_record){
		.sequence = image.records[i].sequence + 2,
		.key = bench.publisher.ledger.addresses[i].key,
		.country = { country[0], country[0] ? country[1] : '\0' },
		.flags = *country || asn || *name ? IPACCT_GEO_KNOWN : 0,
		.asn = asn,
		.as_org = asn ? geo_image_text(&image, asn % 2 ? "Odd" : "Even") : 0,
		.name = geo_image_text(&image, name),
		.generation = (uint32_t)image.header->generation,
	};
}

static inline void geo_class(uint32_t i, enum ipacct_geo_class class)
{
	geo_put(i, "", 0, "");
	image.records[i].address_class = (uint8_t) class;
}

static inline void geo_store(void)
{
	cr_assert_eq(geo_image_write(&image, geo_path), 0);
}

static inline uint32_t record_of(struct ipacct_key key)
{
	uint32_t at = record_index_find(&bench.publisher.addresses, &key, 128);

	cr_assert_neq(at, RECORD_NONE);
	return at;
}

/* The committed amount of a series; zero when there is none. */
static inline struct ipacct_counters amount_of(enum ipacct_series_kind kind, const char *name)
{
	for (uint32_t i = 0; i < IPACCT_SERIES_MAX; i++) {
		const struct ipacct_ledger_series *at = &bench.publisher.ledger.series[i];
		int newest = ipacct_version_pick(at->version[0].cut, at->version[1].cut,
						 publisher_cut(&bench.publisher));

		if (newest >= 0 && at->kind == kind && !strcmp(at->name, name) &&
		    (at->version[newest].counters.tx_packets |
		     at->version[newest].counters.rx_packets))
			return at->version[newest].counters;
	}
	return (struct ipacct_counters){};
}

static inline struct ipacct_counters sum_of(enum ipacct_series_kind kind)
{
	struct ipacct_counters sum = {};

	for (uint32_t i = 0; i < IPACCT_SERIES_MAX; i++) {
		const struct ipacct_ledger_series *at = &bench.publisher.ledger.series[i];
		int newest = ipacct_version_pick(at->version[0].cut, at->version[1].cut,
						 publisher_cut(&bench.publisher));

		if (newest >= 0 && at->kind == kind)
			ipacct_counters_add(&sum, &at->version[newest].counters);
	}
	return sum;
}

static inline struct ipacct_counters sum_of_records(const struct ipacct_ledger_record *records,
						    uint32_t n)
{
	struct ipacct_counters sum = {};

	for (uint32_t i = 0; i < n; i++) {
		int newest =
			ipacct_version_pick(records[i].version[0].cut, records[i].version[1].cut,
					    publisher_cut(&bench.publisher));

		if (newest >= 0)
			ipacct_counters_add(&sum, &records[i].version[newest].counters);
	}
	return sum;
}

/* The promise: each kind sums to what the ledger holds. */
static inline void expect_closed(void)
{
	const struct ipacct_ledger *ledger = &bench.publisher.ledger;
	struct ipacct_counters all = sum_of_records(ledger->addresses, ledger->header->n_addresses);
	struct ipacct_counters rolled = sum_of_records(ledger->rollups, ledger->header->n_rollups);

	ipacct_counters_add(&all, &rolled);
	for (enum ipacct_series_kind kind = 1; kind < IPACCT_SERIES_KINDS; kind++) {
		struct ipacct_counters sum = sum_of(kind);

		if (!settings.top[kind])
			continue;
		cr_assert_arr_eq(&sum, &all, sizeof(sum), "kind %d at cut %llu: %llu, not %llu",
				 kind, (unsigned long long)cut, (unsigned long long)sum.tx_packets,
				 (unsigned long long)all.tx_packets);
	}
}

static inline void cut_next(void)
{
	apply(&bench, ++cut);
	expect_closed();
	epoch_begin(&bench);
}

static inline void send_many(uint32_t from, uint32_t to, unsigned int n, uint64_t l3_bytes)
{
	for (unsigned int i = 0; i < n; i++)
		packet(&bench, key4(from), key4(to), l3_bytes);
}

#define A 0xc0000201u /* 192.0.2.1 and on */
#define B 0xc6336401u /* 198.51.100.1 and on */

#endif
