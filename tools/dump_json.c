// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump -j and --ndjson. The shape of -j is pinned by tests/golden: keys are only appended. */
#include "dump.h"

#include <string.h>

#include <ipacct/counters.h>

#include "common_json.h"

#define SCHEMA_TOTALS "ipacct.dump/1"
#define SCHEMA_RATES  "ipacct.dump.interval/1" /* counts of one interval: same keys + interval_ns */

static void counters(struct json_writer *json, const struct ipacct_counters *c)
{
#define WRITE(field, element, help) json_u64(json, #field, c->field);
	IPACCT_COUNTERS(WRITE)
#undef WRITE
}

/* A text of the geo file: "" is what is not known. */
static void known(struct json_writer *json, const char *key, const char *text)
{
	json_text(json, key, text[0] ? text : NULL);
}

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

	known(json, "country", info.country);
	known(json, "region", info.region);
	known(json, "city", info.city);
	known_number(json, "asn", info.asn);
	known(json, "as_org", info.as_org);
	json_text(json, "class", found ? ipacct_geo_class_name(info.address_class) : NULL);
	known(json, "name", info.name);
}

static void group(struct json_writer *json, enum dump_axis axis, const struct dump_group *g)
{
	char text[DUMP_LABEL_BYTES];

	json_text(json, "kind", dump_label_kind_name(axis, &g->label));
	json_text(json, "group", dump_label_text(axis, &g->label, text));
	if (axis == DUMP_AXIS_COUNTRY || axis == DUMP_AXIS_ASN)
		known(json, "name", g->label.name);
	if (axis == DUMP_AXIS_PREFIX && g->label.kind == DUMP_LABEL_VALUE)
		json_u64(json, "domain", g->sum.key.domain);
	else if (axis == DUMP_AXIS_PREFIX)
		json_text(json, "domain", NULL); /* rolled up: of all domains */
	json_u64(json, "addresses", g->n_addresses);
	json_u64(json, "rollups", g->n_rollups);
	counters(json, &g->sum.counters);
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
	json_open(json, "conservation", '{');
	json_u64(json, "error_packets", at->conservation.error_packets);
	json_u64(json, "error_l3_bytes", at->conservation.error_l3_bytes);
	json_close(json, '}');
}

static void packets_l3(struct json_writer *json, const char *key, const struct ipacct_packets_l3 *p)
{
	json_open(json, key, '{');
	json_u64(json, "packets", p->packets);
	json_u64(json, "l3_bytes", p->l3_bytes);
	json_close(json, '}');
}

/* What --totals adds to an interface. */
static void more_totals(struct json_writer *json, const struct ipacct_interface_totals *slot)
{
	const struct ipacct_totals *t = &slot->totals;

	json_text(json, "state", ipacct_if_state_name(slot->interface.state));
	json_u64(json, "domain", slot->interface.domain);
	json_time(json, "attached", slot->interface.attached_ns);
	json_u64(json, "accounted_l2_bytes", t->accounted.l2_bytes);
	json_open(json, "families", '{');
	packets_l3(json, "ipv4", &t->ipv4);
	packets_l3(json, "ipv6", &t->ipv6);
	json_close(json, '}');
	json_open(json, "protocols", '{');
	for (unsigned int i = 0; i < IPACCT_PROTOCOLS; i++)
		packets_l3(json, ipacct_protocol_name(i), &t->protocol[i]);
	json_close(json, '}');
	json_u64(json, "first_fragments", t->first_fragments);
	json_u64(json, "other_fragments", t->other_fragments);
	json_open(json, "ignored_l2_bytes", '{');
	for (unsigned int i = 0; i < IPACCT_IGNORED_REASONS; i++)
		json_u64(json, ipacct_reason_name(i), t->ignored[i].l2_bytes);
	json_close(json, '}');
}

static void interface(struct json_writer *json, const struct dump_settings *settings,
		      const struct ipacct_interface_totals *slot)
{
	const struct ipacct_interface *i = &slot->interface;
	const struct ipacct_totals *t = &slot->totals;
	char name[IPACCT_IFNAME_BYTES + 1] = "";

	memcpy(name, i->ifname, IPACCT_IFNAME_BYTES);
	json_text(json, "ifname", name);
	json_u64(json, "ifindex", i->ifindex);
	json_text(json, "hook", ipacct_hook_name(i->hook));
	json_text(json, "mode", ipacct_mode_name(i->mode));
	json_text(json, "attach", ipacct_attach_name(i->attach));
	json_u64(json, "seen_packets", t->seen.packets);
	json_u64(json, "seen_l2_bytes", t->seen.l2_bytes);
	json_u64(json, "accounted_packets", t->accounted.packets);
	json_u64(json, "accounted_l3_bytes", dump_accounted_l3_bytes(t));
	json_open(json, "ignored", '{');
	for (unsigned int r = 0; r < IPACCT_IGNORED_REASONS; r++)
		json_u64(json, ipacct_reason_name(r), t->ignored[r].packets);
	json_close(json, '}');
	json_open(json, "size_histogram", '{');
	for (unsigned int b = 0; b < IPACCT_SIZE_BINS; b++)
		json_u64(json, ipacct_size_bin_name(b), t->size_histogram[b]);
	json_close(json, '}');
	if (settings->totals)
		more_totals(json, slot);
}

static void address(struct json_writer *json, const struct dump_settings *settings,
		    const struct dump_view *view, const struct ipacct_entry *e)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	json_text(json, "address", ipacct_key_format(&e->key, e->prefix_len, text, sizeof(text)));
	json_u64(json, "domain", e->key.domain);
	counters(json, &e->counters);
	json_time(json, "first_seen", e->first_seen_ns);
	json_time(json, "last_seen", e->last_seen_ns);
	if (settings->geo)
		geo(json, view, e);
}

static void rollup(struct json_writer *json, const struct ipacct_entry *e)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	json_text(json, "prefix", ipacct_key_format(&e->key, e->prefix_len, text, sizeof(text)));
	json_u64(json, "domain", e->key.domain);
	counters(json, &e->counters);
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
	counters(json, &view->left_out);
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
		rollup(json, view->rollups[i]);
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
		rollup(&json, view->rollups[i]);
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
	return 0;
}
