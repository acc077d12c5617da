// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct.top/1: one object a refresh. Rates are integers, rounded to nearest; counts are exact. */
#include "top_draw.h"

#include <stdio.h>

#include "json_records.h"

#define SCHEMA "ipacct.top/1"

static void per_second(struct json_writer *json, const char *key, uint64_t count, uint64_t ns)
{
	json_u64(json, key, (uint64_t)(top_per_second(count, ns) + 0.5));
}

static void windows(struct json_writer *json, const struct top *top, const struct top_sum *sum)
{
	static const struct {
		const char *key;
		bool rx, packets;
	} rows[] = {
		{ "tx_bps", false, false },
		{ "rx_bps", true, false },
		{ "tx_pps", false, true },
		{ "rx_pps", true, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_open(json, rows[i].key, '[');
		for (unsigned int w = 0; w < TOP_WINDOWS; w++) {
			const struct ipacct_counters *c = &sum->window[w];
			uint64_t packets = rows[i].rx ? c->rx_packets : c->tx_packets;
			uint64_t bits = 8 * (rows[i].rx ? c->rx_l3_bytes : c->tx_l3_bytes);

			per_second(json, NULL, rows[i].packets ? packets : bits,
				   top->view.window_ns[w]);
		}
		json_close(json, ']');
	}
	json_counters(json, &sum->total);
}

static void geo(struct json_writer *json, const struct top *top, const struct ipacct_entry *entry)
{
	struct ipacct_geo_info info = { "", .country_name = "", "", "", "", "" };

	if (!top->geo)
		return;
	(void)dump_geo_find(top->geo, entry, &info);
	json_known(json, "country", info.country);
	if (info.asn)
		json_u64(json, "asn", info.asn);
	else
		json_text(json, "asn", NULL);
	json_known(json, "as_org", info.as_org);
	json_known(json, "name", info.name);
}

static void row(struct json_writer *json, const struct top *top, const struct top_row *row)
{
	const struct top_settings *s = &top->settings;
	char text[DUMP_LABEL_BYTES], name[IPACCT_SERIES_NAME_BYTES];

	json_open(json, NULL, '{');
	if (s->by == TOP_BY_ADDRESS) {
		json_text(json, top_row_rolled_up(row) ? "prefix" : "address",
			  ipacct_key_format(&row->entry.key, row->entry.prefix_len, text,
					    sizeof(text)));
		json_u64(json, "domain", row->entry.key.domain);
	} else {
		json_text(json, "group", top_label_text(s, &row->label, text));
		json_text(json, "kind",
			  s->by == TOP_BY_DOMAIN ? "domain"
						 : dump_label_kind_name(top_axis(s), &row->label));
		json_u64(json, "members", row->n_members);
	}
	windows(json, top, &row->sum);
	if (s->by == TOP_BY_ADDRESS) {
		geo(json, top, &row->entry);
		if (s->dump.group_list)
			json_known(json, "group",
				   dump_group_of(&s->dump, &row->entry, name) ? name : "");
	}
	json_close(json, '}');
}

static void interface(struct json_writer *json, const struct top *top, size_t i)
{
	const struct ipacct_totals *moved = &top->moved[i].totals;
	const struct ipacct_totals *totals = &top->interfaces[i].totals;
	struct ipacct_packets_l2 ignored = dump_ignored(moved), ignored_ever = dump_ignored(totals);
	char name[DUMP_NAME_BYTES];

	json_open(json, NULL, '{');
	json_text(json, "ifname", dump_device(&top->settings.dump, &top->moved[i].interface, name));
	json_text(json, "hook", dump_name(ipacct_hook_name(top->moved[i].interface.hook)));
	json_text(json, "mode", dump_name(ipacct_mode_name(top->moved[i].interface.mode)));
	per_second(json, "seen_bps", 8 * moved->seen.l2_bytes, top->covered_ns);
	per_second(json, "seen_pps", moved->seen.packets, top->covered_ns);
	per_second(json, "accounted_pps", moved->accounted.packets, top->covered_ns);
	per_second(json, "ignored_pps", ignored.packets, top->covered_ns);
	json_u64(json, "seen_packets", totals->seen.packets);
	json_u64(json, "seen_l2_bytes", totals->seen.l2_bytes);
	json_u64(json, "accounted_packets", totals->accounted.packets);
	json_u64(json, "ignored_packets", ignored_ever.packets);
	json_close(json, '}');
}

static void cost(struct json_writer *json, const struct top *top)
{
	static const char *const states[] = { NULL, "running", "not running", "silent" };

	json_open(json, "cost", '{');
	json_text(json, "daemon", states[top->daemon.state]);
	if (top->daemon.ns_per_run > 0)
		json_u64(json, "ns_per_packet", (uint64_t)(top->daemon.ns_per_run + 0.5));
	else
		json_text(json, "ns_per_packet", NULL);
	json_u64(json, "cut_duration_ns", top->head.facts.duration_ns);
	json_u64(json, "cut_interval_ns", top->head.interval_ns);
	json_u64(json, "own_cpu_ns", top->cpu_ns);
	json_close(json, '}');
}

void top_print_json(const struct top *top)
{
	struct json_writer json = { .file = stdout };
	const struct top_view *view = &top->view;

	json_open(&json, NULL, '{');
	json_text(&json, "schema", SCHEMA);
	json_bool(&json, "live", top->head.live);
	json_u64(&json, "cut", top->head.cut);
	json_time(&json, "time", top->head.live ? top->head.read_time_ns : top->head.cut_time_ns);
	json_u64(&json, "covered_ns", top->covered_ns);
	json_open(&json, "window_ns", '[');
	for (unsigned int w = 0; w < TOP_WINDOWS; w++)
		json_u64(&json, NULL, view->window_ns[w]);
	json_close(&json, ']');
	json_u64(&json, "addresses", top->n_addresses);
	json_u64(&json, "moving", view->n_all);
	json_conservation(&json, top->head.conservation.error_packets,
			  top->head.conservation.error_l3_bytes);
	json_open(&json, "interfaces", '[');
	for (size_t i = 0; i < top->n_interfaces; i++)
		if (dump_shows_interface(&top->settings.dump, &top->moved[i]))
			interface(&json, top, i);
	json_close(&json, ']');
	cost(&json, top);
	json_open(&json, "rows", '[');
	for (size_t i = 0; i < view->n_rows; i++)
		row(&json, top, &view->rows[i]);
	json_close(&json, ']');
	json_open(&json, "left_out", '{');
	json_u64(&json, "rows", view->n_wanted - view->n_rows);
	windows(&json, top, &view->left);
	json_close(&json, '}');
	json_close(&json, '}');
}
