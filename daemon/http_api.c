/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1/status and /api/v1/interfaces. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cost_status.h"
#include "http_api.h"
#include "json_records.h"

#define NS_PER_S 1000000000u

void api_finish(struct api *api)
{
	free(api->lists);
	buffer_finish(&api->out);
}

void api_head(struct json_writer *json, const struct metrics_snapshot *snapshot)
{
	json_text(json, "schema", IPACCT_SCHEMA_DUMP);
	json_bool(json, "live", false);
	json_u64(json, "cut", snapshot->cut);
	json_time(json, "cut_time", snapshot->facts.cut_time_ns);
	json_conservation(json, snapshot->facts.error_packets, snapshot->facts.error_l3_bytes);
}

int api_interfaces(struct api *api)
{
	struct json_writer json = { .buffer = &api->out };
	const struct metrics_snapshot *snapshot = &api->metrics->snapshot;
	int ret = metrics_refresh(api->metrics);

	if (ret)
		return ret;
	buffer_reset(&api->out);
	json_open(&json, NULL, '{');
	api_head(&json, snapshot);
	json_open(&json, "interfaces", '[');
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		json_open(&json, NULL, '{');
		json_interface(&json, NULL, &snapshot->interfaces[i].interface,
			       &snapshot->interfaces[i].totals, true);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	return api->out.failed ? -ENOMEM : 0;
}

/* The upper bound of the bucket that holds this share of all durations. */
static uint64_t quantile_ns(const struct duration_histogram *histogram, unsigned int percent)
{
#define BOUND(ns, text) ns,
	static const uint64_t bounds[] = { DURATION_BUCKETS(BOUND) };
#undef BOUND
	uint64_t n = 0, sum = 0;
	unsigned int i = 0;

	for (unsigned int k = 0; k < N_DURATION_BUCKETS; k++)
		n += histogram->bucket[k];
	while (i < N_DURATION_BUCKETS - 2 && (sum += histogram->bucket[i]) * 100 < n * percent)
		i++;
	return n ? bounds[i] : 0;
}

static uint64_t n_of(const struct duration_histogram *histogram)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < N_DURATION_BUCKETS; i++)
		n += histogram->bucket[i];
	return n;
}

/* What the collector knows of itself, and what all of it costs; the rest is `ipacctctl status`. */
static void daemon_write(struct json_writer *json, const struct metrics *metrics)
{
	const struct stats *stats = &metrics->stats;
	uint64_t now = ipacct_clock_ns(CLOCK_REALTIME), begun = metrics->source.process_started_ns;

	json_open(json, "status", '{');
	json_text(json, "version", IPACCT_VERSION);
	json_u64(json, "pid", (uint64_t)getppid());
	json_u64(json, "collector_pid", (uint64_t)getpid());
	json_u64(json, "collector_uptime_s", now > begun ? (now - begun) / NS_PER_S : 0);
	json_u64(json, "interval_ns", stats->interval_ns);
	json_u64(json, "effective_interval_ns", stats->effective_interval_ns);
	json_u64(json, "cut", metrics->snapshot.cut);
	json_u64(json, "cuts", n_of(&stats->cut));
	json_open(json, "memory", '{');
	json_u64(json, "collector_bytes", metrics_resident_bytes());
	json_close(json, '}');
	json_open(json, "cut_duration_ns", '{');
	json_u64(json, "last", stats->last_duration_ns);
	json_u64(json, "p50", quantile_ns(&stats->cut, 50)); /* bounds of buckets */
	json_u64(json, "p99", quantile_ns(&stats->cut, 99));
	json_close(json, '}');
	json_u64(json, "cut_syscalls", stats->n_syscalls);
	json_u64(json, "cut_entries", stats->n_addresses);
	json_u64(json, "cut_errors", stats->cut_errors);
	json_bool(json, "over_budget", metrics->cost.cpu_over || metrics->cost.memory_over);
	cost_status_write(json, "cost", &metrics->cost);
	json_close(json, '}');
}

static void ledger_write(struct json_writer *json, const struct metrics *metrics)
{
	const struct metrics_snapshot *snapshot = &metrics->snapshot;
	const struct ipacct_ledger_cut *facts = &snapshot->facts;
	uint64_t now = ipacct_clock_ns(CLOCK_REALTIME);

	json_open(json, "ledger", '{');
	json_u64(json, "cut", snapshot->cut);
	json_time(json, "cut_time", facts->cut_time_ns);
	json_u64(json, "cut_age_ns", now > facts->cut_time_ns ? now - facts->cut_time_ns : 0);
	json_time(json, "created", snapshot->created_ns);
	json_u64(json, "interval_ns", snapshot->interval_ns);
	json_u64(json, "addresses", snapshot->n_addresses);
	json_u64(json, "rollups", snapshot->n_rollups);
	json_u64(json, "unrecorded_keys", facts->unrecorded_keys);
	json_u64(json, "lru_refused", facts->lru_refused);
	json_close(json, '}');
}

int api_status(struct api *api)
{
	struct json_writer json = { .buffer = &api->out };
	const struct metrics_snapshot *snapshot = &api->metrics->snapshot;
	int ret = metrics_refresh(api->metrics);

	if (ret)
		return ret;
	buffer_reset(&api->out);
	json_open(&json, NULL, '{');
	json_text(&json, "schema", "ipacct.status/1");
	json_bool(&json, "daemon", true);
	daemon_write(&json, api->metrics);
	ledger_write(&json, api->metrics);
	json_open(&json, "interfaces", '[');
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_interface *interface = &snapshot->interfaces[i].interface;

		json_open(&json, NULL, '{');
		json_text(&json, "ifname", interface->ifname);
		json_u64(&json, "ifindex", interface->ifindex);
		json_text(&json, "hook", ipacct_hook_name(interface->hook));
		json_text(&json, "mode", ipacct_mode_name(interface->mode));
		json_text(&json, "attach", ipacct_attach_name(interface->attach));
		json_text(&json, "state", ipacct_if_state_name(interface->state));
		json_u64(&json, "domain", interface->domain);
		json_u64(&json, "seen_packets", snapshot->interfaces[i].totals.seen.packets);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	return api->out.failed ? -ENOMEM : 0;
}
