// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump -j and --ndjson. The shape of -j is pinned by tests/golden: keys are only appended. */
#include "dump.h"

#include <ipacct/counters.h>

#include "json_records.h"

#define SCHEMA_TOTALS IPACCT_SCHEMA_DUMP
#define SCHEMA_RATES  "ipacct.dump.interval/1" /* counts of one interval: same keys + interval_ns */

static void known_number(struct json_writer *json, const char *key, uint32_t value)
{
	if (value)
		json_u64(json, key, value);
	else
		json_text(json, key, NULL);
}

/* All null: not looked up yet; a class alone: looked up, nothing known. */
static void geo(struct json_writer *json, const struct dump_view *view,
		const struct ipacct_entry *e)
{
	struct ipacct_geo_info info = { "", .country_name = "", "", "", "", "" };
	bool found = dump_geo_find(view->geo, e, &info);

	json_known(json, "country", info.country);
	json_known(json, "region", info.region);
	json_known(json, "city", info.city);
	known_number(json, "asn", info.asn);
	json_known(json, "as_org", info.as_org);
	json_text(json, "class", found ? ipacct_geo_class_name(info.address_class) : NULL);
	json_known(json, "name", info.name);
}

static void group(struct json_writer *json, enum dump_axis axis, const struct dump_group *g)
{
	char text[DUMP_LABEL_BYTES];

	json_text(json, "kind", dump_label_kind_name(axis, &g->label));
	json_text(json, "group", dump_label_text(axis, &g->label, text));
	if (axis == DUMP_AXIS_COUNTRY || axis == DUMP_AXIS_ASN)
		json_known(json, "name", g->label.name);
	if (axis == DUMP_AXIS_PREFIX && g->label.kind == DUMP_LABEL_VALUE)
		json_u64(json, "domain", g->sum.key.domain);
	else if (axis == DUMP_AXIS_PREFIX)
		json_text(json, "domain", NULL); /* rolled up: of all domains */
	json_u64(json, "addresses", g->n_addresses);
	json_u64(json, "rollups", g->n_rollups);
	json_counters(json, &g->sum.counters);
	json_time(json, "last_seen", g->sum.last_seen_ns);
}

static void head(struct json_writer *json, const struct dump_view *view)
{
	const struct ipacct_snapshot *at = view->at;

	json_text(json, "schema", view->interval_ns ? SCHEMA_RATES : SCHEMA_TOTALS);
	json_bool(json, "live", at->live);
	json_u64(json, "cut", at->cut);
	json_time(json, "cut_time", at->cut_time_ns);
	if (view->interval_ns)
		json_u64(json, "interval_ns", view->interval_ns);
	json_conservation(json, at->conservation.error_packets, at->conservation.error_l3_bytes);
}

static void interface(struct json_writer *json, const struct dump_settings *settings,
		      const struct ipacct_interface_totals *slot)
{
	char name[DUMP_NAME_BYTES];

	json_interface(json, dump_device(settings, &slot->interface, name), &slot->interface,
		       &slot->totals, settings->totals);
}

static void address(struct json_writer *json, const struct dump_settings *settings,
		    const struct dump_view *view, const struct ipacct_entry *e)
{
	json_address(json, e);
	if (settings->geo)
		geo(json, view, e);
}

/* Only with a filter or --top: the sums of what is not listed, so that all of it still adds up. */
static void left_out(struct json_writer *json, const struct dump_settings *settings,
		     const struct dump_view *view)
{
	size_t n_interfaces = 0;

	for (size_t i = 0; i < view->snapshot->n_interfaces; i++)
		n_interfaces += !dump_shows_interface(settings, &view->snapshot->interfaces[i]);
	json_u64(json, "interfaces", n_interfaces);
	json_u64(json, "addresses", view->n_addresses_hidden);
	json_u64(json, "rollups", view->n_rollups_hidden);
	json_counters(json, &view->left_out);
}

static void groups(struct json_writer *json, enum dump_axis axis, const struct dump_view *view)
{
	json_open(json, "groups", '[');
	for (size_t i = 0; i < view->n_groups && !tool_output_failed(); i++) {
		json_open(json, NULL, '{');
		group(json, axis, &view->groups[i]);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void entries(struct json_writer *json, const struct dump_settings *settings,
		    const struct dump_view *view)
{
	json_open(json, "addresses", '[');
	for (size_t i = 0; i < view->n_addresses && !tool_output_failed(); i++) {
		json_open(json, NULL, '{');
		address(json, settings, view, view->addresses[i]);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_open(json, "rollups", '[');
	for (size_t i = 0; i < view->n_rollups && !tool_output_failed(); i++) {
		json_open(json, NULL, '{');
		json_rollup(json, view->rollups[i]);
		json_close(json, '}');
	}
	json_close(json, ']');
}

int dump_print_json(const struct dump_settings *settings, const struct dump_view *view)
{
	struct json_writer json = { .file = stdout, .pretty = settings->pretty };
	const struct ipacct_snapshot *snapshot = view->snapshot;

	json_open(&json, NULL, '{');
	head(&json, view);
	json_open(&json, "interfaces", '[');
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		if (!dump_shows_interface(settings, &snapshot->interfaces[i]))
			continue;
		json_open(&json, NULL, '{');
		interface(&json, settings, &snapshot->interfaces[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	if (settings->by.axis == DUMP_AXIS_NONE)
		entries(&json, settings, view);
	else
		groups(&json, settings->by.axis, view);
	if (view->selected) {
		json_open(&json, "left_out", '{');
		left_out(&json, settings, view);
		json_close(&json, '}');
	}
	if (settings->replay) {
		json_open(&json, "replay", '{');
		dump_replay_json(&json, settings->replay);
		json_close(&json, '}');
	}
	json_close(&json, '}');
	return 0;
}

static void line_open(struct json_writer *json, const char *type)
{
	json_open(json, NULL, '{');
	json_text(json, "type", type);
}

int dump_print_ndjson(const struct dump_settings *settings, const struct dump_view *view)
{
	struct json_writer json = { .file = stdout }; /* one line each: never pretty */
	const struct ipacct_snapshot *snapshot = view->snapshot;

	line_open(&json, "cut");
	head(&json, view);
	json_close(&json, '}');
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		if (!dump_shows_interface(settings, &snapshot->interfaces[i]))
			continue;
		line_open(&json, "interface");
		interface(&json, settings, &snapshot->interfaces[i]);
		json_close(&json, '}');
	}
	for (size_t i = 0; i < view->n_addresses && !tool_output_failed(); i++) {
		line_open(&json, "address");
		address(&json, settings, view, view->addresses[i]);
		json_close(&json, '}');
	}
	for (size_t i = 0; i < view->n_rollups && !tool_output_failed(); i++) {
		line_open(&json, "rollup");
		json_rollup(&json, view->rollups[i]);
		json_close(&json, '}');
	}
	for (size_t i = 0; i < view->n_groups && !tool_output_failed(); i++) {
		line_open(&json, "group");
		group(&json, settings->by.axis, &view->groups[i]);
		json_close(&json, '}');
	}
	if (view->selected) {
		line_open(&json, "left_out");
		left_out(&json, settings, view);
		json_close(&json, '}');
	}
	if (settings->replay) {
		line_open(&json, "replay");
		dump_replay_json(&json, settings->replay);
		json_close(&json, '}');
	}
	return 0;
}
