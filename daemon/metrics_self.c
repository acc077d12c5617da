/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The families about ipacct itself: ledger, cuts, HTTP, process. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "metrics.h"

/* One family of one sample. */
static void single(struct metric_writer *writer, enum metric_type type, const char *name,
		   const char *unit, const char *help, uint64_t value, uint64_t created_ns)
{
	const struct metric metric = { name, unit, help, type };

	metric_begin(writer, &metric);
	metric_u64(writer, "", 0, "", value, created_ns);
}

static void single_seconds(struct metric_writer *writer, enum metric_type type, const char *name,
			   const char *help, uint64_t value_ns, uint64_t created_ns)
{
	const struct metric metric = { name, "seconds", help, type };

	metric_begin(writer, &metric);
	metric_seconds(writer, "", 0, "", value_ns, created_ns);
}

static void durations(struct metric_writer *writer, const char *name, const char *help,
		      const struct duration_histogram *histogram, uint64_t created_ns)
{
	const struct metric metric = { name, "seconds", help, METRIC_HISTOGRAM };

	metric_begin(writer, &metric);
	metric_durations(writer, histogram, created_ns);
}

static void build_write(struct metric_writer *writer)
{
	static const struct metric build = { "ipacct_build", NULL, "version of ipacctd",
					     METRIC_INFO };
	char labels[96];
	int n = snprintf(labels, sizeof(labels), "version=\"%.60s\",abi=\"%u\"", IPACCT_VERSION,
			 IPACCT_ABI_VERSION);

	metric_begin(writer, &build);
	metric_u64(writer, labels, (size_t)n, "", 1, 0);
}

static void records_write(struct metric_writer *writer, const struct metrics_snapshot *snapshot)
{
	static const struct metric used = { "ipacct_ledger_records", NULL,
					    "records of the ledger in use", METRIC_GAUGE };
	static const struct metric room = { "ipacct_ledger_records_max", NULL,
					    "records that the ledger has room for", METRIC_GAUGE };

	metric_begin(writer, &used);
	metric_u64(writer, "", 0, "kind=\"address\"", snapshot->n_addresses, 0);
	metric_u64(writer, "", 0, "kind=\"rollup\"", snapshot->n_rollups, 0);
	metric_begin(writer, &room);
	metric_u64(writer, "", 0, "kind=\"address\"", snapshot->n_addresses_max, 0);
	metric_u64(writer, "", 0, "kind=\"rollup\"", snapshot->n_rollups_max, 0);
}

/* What the ledger tells: durable, it never falls. */
static void ledger_write(struct metric_writer *writer, const struct metrics_snapshot *snapshot)
{
	const struct ipacct_ledger_cut *facts = &snapshot->facts;
	uint64_t created = snapshot->created_ns;

	single(writer, METRIC_GAUGE, "ipacct_conservation_error_packets", "packets",
	       "how far the sums of all cuts were apart: 0, or something is broken",
	       facts->error_packets, 0);
	single(writer, METRIC_GAUGE, "ipacct_conservation_error_l3_bytes", "bytes",
	       "the same in octets of IP header and payload", facts->error_l3_bytes, 0);
	single(writer, METRIC_COUNTER, "ipacct_cuts", NULL, "number of the last committed cut",
	       snapshot->cut, created);
	single_seconds(writer, METRIC_GAUGE, "ipacct_last_cut_timestamp_seconds",
		       "when the last committed cut was made", facts->cut_time_ns, 0);
	single(writer, METRIC_COUNTER, "ipacct_unrecorded_keys", NULL,
	       "addresses, once a cut, that found the ledger full: rolled up",
	       facts->unrecorded_keys, created);
	single(writer, METRIC_COUNTER, "ipacct_lru_refused_inserts", NULL,
	       "inserts over the budget of the LRU tier: rolled up", facts->lru_refused, created);
	single(writer, METRIC_COUNTER, "ipacct_rollup_updates", NULL,
	       "updates that went to a prefix because their address had no record",
	       facts->rollup_updates, created);
	records_write(writer, snapshot);
}

static void hot_write(struct metric_writer *writer, const struct stats *stats)
{
	static const struct metric used = {
		"ipacct_hot_lines", NULL,
		"lines of the hot tier that held an address at the last cut", METRIC_GAUGE
	};
	static const struct metric room = { "ipacct_hot_lines_max", NULL, "lines of the hot tier",
					    METRIC_GAUGE };

	metric_begin(writer, &used);
	metric_u64(writer, "", 0, "family=\"ipv4\"", stats->hot_lines_ipv4, 0);
	metric_u64(writer, "", 0, "family=\"ipv6\"", stats->hot_lines_ipv6, 0);
	metric_begin(writer, &room);
	metric_u64(writer, "", 0, "family=\"ipv4\"", stats->hot_lines_ipv4_max, 0);
	metric_u64(writer, "", 0, "family=\"ipv6\"", stats->hot_lines_ipv6_max, 0);
	single(writer, METRIC_GAUGE, "ipacct_hot_displaced_lines", NULL,
	       "lines of the hot tier displaced into the LRU tier in the last cut",
	       stats->hot_displaced, 0);
	single(writer, METRIC_GAUGE, "ipacct_hot_rolled_lines", NULL,
	       "one-packet lines of the hot tier displaced into a roll-up in the last cut",
	       stats->hot_rolled, 0);
}

static void cuts_write(struct metric_writer *writer, const struct stats *stats, uint64_t created)
{
	durations(writer, "ipacct_cut_duration_seconds", "a cut, from the switch to the end",
		  &stats->cut, created);
	durations(writer, "ipacct_cut_read_duration_seconds",
		  "reading and folding what was counted, of each cut", &stats->read, created);
	durations(writer, "ipacct_cut_publish_duration_seconds",
		  "adding it to the ledger, of each cut", &stats->publish, created);
	single(writer, METRIC_COUNTER, "ipacct_cut_errors", NULL,
	       "cuts that could not be published at once: nothing is lost by them",
	       stats->cut_errors, created);
	single_seconds(writer, METRIC_GAUGE, "ipacct_cut_interval_seconds",
		       "time between cuts, stretched when they cost too much",
		       stats->effective_interval_ns, 0);
	single_seconds(writer, METRIC_GAUGE, "ipacct_cut_interval_wanted_seconds",
		       "time between cuts as configured", stats->interval_ns, 0);
	single_seconds(writer, METRIC_COUNTER, "ipacct_cut_cpu_seconds", "CPU time of all cuts",
		       stats->cut_cpu_ns, created);
	single(writer, METRIC_GAUGE, "ipacct_cut_syscalls", NULL, "BPF calls of the last cut",
	       stats->n_syscalls, 0);
	single(writer, METRIC_GAUGE, "ipacct_cut_addresses", NULL,
	       "addresses that the last cut moved", stats->n_addresses, 0);
	single(writer, METRIC_GAUGE, "ipacct_lru_inserts", NULL,
	       "inserts that the LRU tier was asked for in the last cut", stats->lru_inserts, 0);
	single(writer, METRIC_GAUGE, "ipacct_lru_insert_budget", NULL,
	       "inserts that the LRU tier takes in one cut", stats->lru_budget, 0);
	hot_write(writer, stats);
}

static void http_write(struct metric_writer *writer, const struct metrics_http *http,
		       uint64_t created)
{
	static const struct metric answers = { "ipacct_http_responses", NULL,
					       "answers of the HTTP endpoint", METRIC_COUNTER };
	static const struct metric ended = { "ipacct_http_connections_ended", NULL,
					     "connections ended by the HTTP endpoint",
					     METRIC_COUNTER };

	durations(writer, "ipacct_http_render_duration_seconds",
		  "writing or compressing an answer, once a cut and format", &http->render,
		  created);
	metric_begin(writer, &answers);
	metric_u64(writer, "", 0, "result=\"ok\"", http->n_ok, created);
	metric_u64(writer, "", 0, "result=\"refused\"", http->n_refused, created);
	single(writer, METRIC_GAUGE, "ipacct_http_connections", NULL,
	       "connections of the HTTP endpoint", http->n_connections, 0);
	metric_begin(writer, &ended);
	metric_u64(writer, "", 0, "cause=\"deadline\"", http->n_expired, created);
	metric_u64(writer, "", 0, "cause=\"limit\"", http->n_evicted, created);
	single(writer, METRIC_COUNTER, "ipacct_http_waits", NULL,
	       "times that the HTTP endpoint waited for a cut", http->n_waits, created);
}

static const char *const kind_labels[IPACCT_SERIES_KINDS] = {
	[IPACCT_SERIES_COUNTRY] = "kind=\"country\"",
	[IPACCT_SERIES_ASN] = "kind=\"asn\"",
	[IPACCT_SERIES_GROUP] = "kind=\"group\"",
	[IPACCT_SERIES_ADDRESS] = "kind=\"address\"",
};

static void series_write(struct metric_writer *writer, const struct series_facts *facts,
			 uint64_t created)
{
	static const struct {
		struct metric metric;
		size_t offset;
	} rows[] = {
		{ { "ipacct_series", NULL, "values with a series of their own", METRIC_GAUGE },
		  offsetof(struct series_facts, members) },
		{ { "ipacct_series_joined", NULL, "values that got a series of their own",
		    METRIC_COUNTER },
		  offsetof(struct series_facts, joined) },
		{ { "ipacct_series_left", NULL,
		    "values whose series was given to a busier one: its amount went to other",
		    METRIC_COUNTER },
		  offsetof(struct series_facts, left) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint64_t *values = (const uint64_t *)((const char *)facts + rows[i].offset);

		metric_begin(writer, &rows[i].metric);
		for (unsigned int kind = 1; kind < IPACCT_SERIES_KINDS; kind++)
			if (facts->active[kind])
				metric_u64(writer, "", 0, kind_labels[kind], values[kind], created);
	}
}

static void databases_write(struct metric_writer *writer, const struct series_facts *facts)
{
	static const struct metric state = { "ipacct_geo_database_usable", NULL,
					     "1: in use; 0: configured and not usable, the one "
					     "before it is",
					     METRIC_GAUGE };
	static const struct metric build = { "ipacct_geo_database_build_timestamp_seconds",
					     "seconds", "when the database was made",
					     METRIC_GAUGE };
	char label[32];

	metric_begin(writer, &state);
	for (unsigned int i = 0; i < IPACCT_GEO_DATABASES_MAX; i++) {
		(void)snprintf(label, sizeof(label), "database=\"%u\"", i); /* fits */
		if (facts->geo_state[i])
			metric_u64(writer, "", 0, label, facts->geo_state[i] == 1, 0);
	}
	metric_begin(writer, &build);
	for (unsigned int i = 0; i < IPACCT_GEO_DATABASES_MAX; i++) {
		(void)snprintf(label, sizeof(label), "database=\"%u\"", i); /* fits */
		if (facts->geo_state[i])
			metric_u64(writer, "", 0, label, facts->geo_build_s[i], 0);
	}
}

static void geo_write(struct metric_writer *writer, const struct series_facts *facts,
		      uint64_t created)
{
	static const struct metric joins = { "ipacct_geo_joins", NULL,
					     "addresses, once a cut, by whether their geo record "
					     "was there",
					     METRIC_COUNTER };
	static const struct metric records = { "ipacct_geo_records", NULL,
					       "records of the geo file by what they know",
					       METRIC_GAUGE };

	if (!facts->geo_open)
		return;
	metric_begin(writer, &joins);
	metric_u64(writer, "", 0, "result=\"hit\"", facts->geo_found, created);
	metric_u64(writer, "", 0, "result=\"miss\"", facts->geo_missing, created);
	metric_begin(writer, &records);
	metric_u64(writer, "", 0, "state=\"known\"", facts->geo_known, 0);
	metric_u64(writer, "", 0, "state=\"negative\"", facts->geo_negative, 0);
	metric_u64(writer, "", 0, "state=\"pending\"", facts->geo_pending, 0);
	single(writer, METRIC_GAUGE, "ipacct_geo_generation", NULL,
	       "number of the set of databases and overrides in use", facts->geo_generation, 0);
	single_seconds(writer, METRIC_GAUGE, "ipacct_geo_updated_timestamp_seconds",
		       "when the geo worker last went through the addresses", facts->geo_updated_ns,
		       0);
	/* the worker's own count: it may be restarted, and nothing promises that it goes on */
	single(writer, METRIC_GAUGE, "ipacct_geo_lookups", NULL,
	       "look-ups in the databases that the geo worker counts: none on a scrape",
	       facts->geo_lookups, 0);
	single(writer, METRIC_GAUGE, "ipacct_geo_names_left_out", NULL,
	       "names that found the table of texts full", facts->geo_strings_full, 0);
	databases_write(writer, facts);
}

/* The second number of /proc/self/statm, read without stdio: it would allocate. */
uint64_t metrics_resident_bytes(void)
{
	int fd __cleanup(cleanup_fd) = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long pages;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %lu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void process_write(struct metric_writer *writer, uint64_t started)
{
	single_seconds(writer, METRIC_COUNTER, "process_cpu_seconds", "CPU time of the collector",
		       ipacct_clock_ns(CLOCK_PROCESS_CPUTIME_ID), started);
	single(writer, METRIC_GAUGE, "process_resident_memory_bytes", "bytes",
	       "resident memory of the collector", metrics_resident_bytes(), 0);
	single_seconds(writer, METRIC_GAUGE, "process_start_time_seconds",
		       "when the collector began", started, 0);
}

void metrics_self(struct metrics *metrics, struct metric_writer *writer)
{
	uint64_t started = metrics->source.process_started_ns;

	ledger_write(writer, &metrics->snapshot);
	cuts_write(writer, &metrics->stats, started);
	if (metrics->source.series) {
		series_write(writer, &metrics->series, started);
		geo_write(writer, &metrics->series, started);
	}
	http_write(writer, &metrics->http, started);
	process_write(writer, started);
	build_write(writer);
}
