// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump --csv (RFC 4180) and --oneline. */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ipacct/counters.h>

#include "base/json.h"

#define CRLF "\r\n" /* RFC 4180 2.1 */

/* Each value of ours is free of quotes, commas and line ends, but a device may be called anything. */
static void csv_text(const char *text)
{
	if (!strpbrk(text, "\",\r\n")) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void csv_counters(const struct ipacct_counters *c)
{
#define WRITE(field, element, help) printf(",%" PRIu64, (uint64_t)c->field);
	IPACCT_COUNTERS(WRITE)
#undef WRITE
}

static const char *time_or_empty(uint64_t time_ns, char buffer[TEXT_TIME_BYTES])
{
	return time_ns ? text_rfc3339(time_ns, buffer) : "";
}

#define GEO_FIELDS "country,region,city,asn,as_org,class,name"

/* The fields of GEO_FIELDS, each after a comma; of what is not an address all are empty. */
static void csv_geo(const struct dump_view *view, const struct ipacct_entry *e)
{
	struct ipacct_geo_info info;

	if (!e || ipacct_key_is_rollup(&e->key, e->prefix_len) ||
	    !dump_geo_find(view->geo, e, &info)) {
		fputs(",,,,,,,", stdout);
		return;
	}
	printf(",%s,", info.country);
	csv_text(info.region);
	putchar(',');
	csv_text(info.city);
	putchar(',');
	if (info.asn)
		printf("%" PRIu32, info.asn);
	putchar(',');
	csv_text(info.as_org);
	printf(",%s,", dump_name(ipacct_geo_class_name(info.address_class)));
	csv_text(info.name);
}

static void csv_end(const struct dump_settings *settings, const struct dump_view *view,
		    const struct ipacct_entry *e)
{
	if (settings->geo)
		csv_geo(view, e);
	fputs(CRLF, stdout);
}

static void csv_entry(const char *type, const struct ipacct_entry *e, bool seen, const char *mode)
{
	char text[IPACCT_PREFIX_TEXT_BYTES], first[TEXT_TIME_BYTES], last[TEXT_TIME_BYTES];

	printf("%s,%s,%u", type, ipacct_key_format(&e->key, e->prefix_len, text, sizeof(text)),
	       e->key.domain);
	csv_counters(&e->counters);
	printf(",%s,%s,%s", seen ? time_or_empty(e->first_seen_ns, first) : "",
	       seen ? time_or_empty(e->last_seen_ns, last) : "", mode);
}

static void csv_header(const struct dump_settings *settings, const struct dump_view *view)
{
	bool groups = settings->by.axis != DUMP_AXIS_NONE;

	fputs(groups ? "type,group,name,domain,addresses,rollups" : "type,address,domain", stdout);
#define WRITE(field, element, help) fputs("," #field, stdout);
	IPACCT_COUNTERS(WRITE)
#undef WRITE
	printf("%s,last_seen,mode%s%s" CRLF, groups ? "" : ",first_seen",
	       view->interval_ns ? ",interval_ns" : "",
	       settings->geo && !groups ? "," GEO_FIELDS : "");
}

static void csv_group(enum dump_axis axis, const struct dump_group *g, const char *mode)
{
	char text[DUMP_LABEL_BYTES], last[TEXT_TIME_BYTES];

	printf("%s,", dump_label_kind_name(axis, &g->label));
	csv_text(dump_label_text(axis, &g->label, text));
	putchar(',');
	if (axis != DUMP_AXIS_NAME && axis != DUMP_AXIS_GROUP)
		csv_text(g->label.name);
	putchar(',');
	if (axis == DUMP_AXIS_PREFIX && g->label.kind == DUMP_LABEL_VALUE)
		printf("%u", g->sum.key.domain);
	printf(",%zu,%zu", g->n_addresses, g->n_rollups);
	csv_counters(&g->sum.counters);
	printf(",%s,%s" CRLF, time_or_empty(g->sum.last_seen_ns, last), mode);
}

static void csv_groups(const struct dump_settings *settings, const struct dump_view *view,
		       const char *mode)
{
	for (size_t i = 0; i < view->n_groups && !tool_output_failed(); i++)
		csv_group(settings->by.axis, &view->groups[i], mode);
	if (view->selected) {
		printf("left_out,,,,%zu,%zu", view->n_addresses_hidden, view->n_rollups_hidden);
		csv_counters(&view->left_out);
		printf(",,%s" CRLF, mode);
	}
}

/* What the lines of one interface have in common. */
struct csv_source {
	const char *name;
	const struct ipacct_interface *interface;
};

/* One line for each counter of an interface; what it does not have stays empty. */
static void csv_total(const struct csv_source *source, const char *counter, const char *name,
		      uint64_t packets)
{
	const struct ipacct_interface *i = source->interface;

	csv_text(source->name);
	printf(",%u,%s,%s,%s,%s,%s,%" PRIu64 ",", i->ifindex, dump_name(ipacct_hook_name(i->hook)),
	       dump_name(ipacct_mode_name(i->mode)), dump_name(ipacct_attach_name(i->attach)),
	       counter, name, packets);
}

static void csv_packets(const struct csv_source *source, const char *counter, const char *name,
			uint64_t packets)
{
	csv_total(source, counter, name, packets);
	fputs("," CRLF, stdout);
}

static void csv_l2(const struct csv_source *source, const char *counter, const char *name,
		   const struct ipacct_packets_l2 *p)
{
	csv_total(source, counter, name, p->packets);
	printf("%" PRIu64 "," CRLF, (uint64_t)p->l2_bytes);
}

static void csv_l3(const struct csv_source *source, const char *counter, const char *name,
		   const struct ipacct_packets_l3 *p)
{
	csv_total(source, counter, name, p->packets);
	printf(",%" PRIu64 CRLF, (uint64_t)p->l3_bytes);
}

static void csv_slot(const struct dump_settings *settings,
		     const struct ipacct_interface_totals *slot)
{
	char name[DUMP_NAME_BYTES];
	const struct csv_source own = { dump_device(settings, &slot->interface, name),
					&slot->interface },
				*source = &own;
	const struct ipacct_totals *t = &slot->totals;

	csv_l2(source, "seen", "", &t->seen);
	csv_total(source, "accounted", "", t->accounted.packets);
	printf("%" PRIu64 ",%" PRIu64 CRLF, (uint64_t)t->accounted.l2_bytes,
	       dump_accounted_l3_bytes(t));
	csv_l3(source, "family", "ipv4", &t->ipv4);
	csv_l3(source, "family", "ipv6", &t->ipv6);
	for (unsigned int p = 0; p < IPACCT_PROTOCOLS; p++)
		csv_l3(source, "protocol", ipacct_protocol_name(p), &t->protocol[p]);
	csv_packets(source, "fragments", "first", t->first_fragments);
	csv_packets(source, "fragments", "other", t->other_fragments);
	csv_packets(source, "tunnel", "inner", t->inner_packets);
	csv_packets(source, "tunnel", "outer", t->tunnel_outer_packets);
	for (unsigned int r = 0; r < IPACCT_IGNORED_REASONS; r++)
		csv_l2(source, "ignored", ipacct_reason_name(r), &t->ignored[r]);
	for (unsigned int b = 0; b < IPACCT_SIZE_BINS; b++)
		csv_packets(source, "size", ipacct_size_bin_name(b), t->size_histogram[b]);
}

static void csv_totals(const struct dump_settings *settings, const struct dump_view *view)
{
	fputs("ifname,ifindex,hook,mode,attach,counter,name,packets,l2_bytes,l3_bytes" CRLF,
	      stdout);
	for (size_t i = 0; i < view->snapshot->n_interfaces; i++)
		if (dump_shows_interface(settings, &view->snapshot->interfaces[i]))
			csv_slot(settings, &view->snapshot->interfaces[i]);
}

int dump_print_csv(const struct dump_settings *settings, const struct dump_view *view)
{
	/* The interface that a key came in by is not known; the column says what to make of it. */
	char mode[TEXT_NUMBER_BYTES * 2];

	if (settings->totals) {
		csv_totals(settings, view);
		return 0;
	}
	if (view->interval_ns)
		snprintf(mode, sizeof(mode), "%s,%" PRIu64, dump_mode_of_all(view->at),
			 view->interval_ns);
	else
		snprintf(mode, sizeof(mode), "%s", dump_mode_of_all(view->at));
	csv_header(settings, view);
	if (settings->by.axis != DUMP_AXIS_NONE) {
		csv_groups(settings, view, mode);
		return 0;
	}
	for (size_t i = 0; i < view->n_addresses && !settings->rollups; i++) {
		if (tool_output_failed())
			return 0;
		csv_entry("address", view->addresses[i], true, mode);
		csv_end(settings, view, view->addresses[i]);
	}
	for (size_t i = 0; i < view->n_rollups && !tool_output_failed(); i++) {
		csv_entry("rollup", view->rollups[i], false, mode);
		csv_end(settings, view, NULL);
	}
	if (view->selected && !settings->rollups) {
		fputs("left_out,,", stdout);
		csv_counters(&view->left_out);
		printf(",,,%s", mode);
		csv_end(settings, view, NULL);
	}
	return 0;
}

static void line_counters(const struct ipacct_counters *c, enum text_units units)
{
	char packets[TEXT_NUMBER_BYTES];

#define WRITE(field, element, help)                                                              \
	printf(" " #field " %s", strstr(#field, "bytes") ? text_octets(c->field, units, packets) \
							 : text_count(c->field, units, packets));
	IPACCT_COUNTERS(WRITE)
#undef WRITE
}

static void line_entry(const char *type, const struct ipacct_entry *e, enum text_units units)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	printf("%s %s domain %u", type,
	       ipacct_key_format(&e->key, e->prefix_len, text, sizeof(text)), e->key.domain);
	line_counters(&e->counters, units);
}

/* A text that may hold anything, "-" when it is not known. */
static void line_text(const char *name, const char *text)
{
	struct json_writer json = { .file = stdout, .depth = 1 };

	printf(" %s ", name);
	if (text[0])
		json_text(&json, NULL, text);
	else
		putchar('-');
}

static void line_geo(const struct dump_view *view, const struct ipacct_entry *e)
{
	struct ipacct_geo_info info = { "", .country_name = "", "", "", "", "" };
	bool found = dump_geo_find(view->geo, e, &info);

	printf(" country %s", info.country[0] ? info.country : "-");
	line_text("region", info.region);
	line_text("city", info.city);
	if (info.asn)
		printf(" asn %" PRIu32, info.asn);
	else
		fputs(" asn -", stdout);
	line_text("as_org", info.as_org);
	printf(" class %s", found ? dump_name(ipacct_geo_class_name(info.address_class)) : "-");
	line_text("name", info.name);
}

static void line_group(enum dump_axis axis, const struct dump_group *g, enum text_units units)
{
	char text[DUMP_LABEL_BYTES], last[TEXT_TIME_BYTES];

	printf("group kind %s", dump_label_kind_name(axis, &g->label));
	line_text("group", dump_label_text(axis, &g->label, text));
	if (axis == DUMP_AXIS_COUNTRY || axis == DUMP_AXIS_ASN)
		line_text("name", g->label.name);
	if (axis == DUMP_AXIS_PREFIX && g->label.kind == DUMP_LABEL_VALUE)
		printf(" domain %u", g->sum.key.domain);
	printf(" addresses %zu rollups %zu", g->n_addresses, g->n_rollups);
	line_counters(&g->sum.counters, units);
	printf(" last_seen %s\n",
	       g->sum.last_seen_ns ? text_rfc3339(g->sum.last_seen_ns, last) : "-");
}

static void line_slot(const struct dump_settings *settings,
		      const struct ipacct_interface_totals *slot, enum text_units units)
{
	const struct ipacct_interface *i = &slot->interface;
	const struct ipacct_totals *t = &slot->totals;
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], ifname[DUMP_NAME_BYTES];

	printf("interface %s ifindex %u hook %s mode=%s attach %s state %s",
	       dump_ifname(settings, i, ifname), i->ifindex, dump_name(ipacct_hook_name(i->hook)),
	       dump_name(ipacct_mode_name(i->mode)), dump_name(ipacct_attach_name(i->attach)),
	       dump_name(ipacct_if_state_name(i->state)));
	printf(" seen_packets %s seen_l2_bytes %s", text_count(t->seen.packets, units, a),
	       text_octets(t->seen.l2_bytes, units, b));
	printf(" accounted_packets %s accounted_l3_bytes %s",
	       text_count(t->accounted.packets, units, a),
	       text_octets(dump_accounted_l3_bytes(t), units, b));
	printf(" ignored_packets %s\n", text_count(dump_ignored(t).packets, units, a));
}

int dump_print_oneline(const struct dump_settings *settings, const struct dump_view *view)
{
	enum text_units units = dump_units(settings, true);
	const struct ipacct_snapshot *at = view->at;
	char text[TEXT_TIME_BYTES];

	printf("cut %" PRIu64 " time %s live %s error_packets %" PRIu64 " error_l3_bytes %" PRIu64,
	       at->cut, at->cut_time_ns ? text_rfc3339(at->cut_time_ns, text) : "-",
	       at->live ? "yes" : "no", at->conservation.error_packets,
	       at->conservation.error_l3_bytes);
	if (view->interval_ns)
		printf(" interval_ns %" PRIu64, view->interval_ns);
	putchar('\n');
	for (size_t i = 0; i < view->snapshot->n_interfaces; i++)
		if (dump_shows_interface(settings, &view->snapshot->interfaces[i]))
			line_slot(settings, &view->snapshot->interfaces[i], units);
	for (size_t i = 0; i < view->n_addresses && !tool_output_failed(); i++) {
		const struct ipacct_entry *e = view->addresses[i];

		line_entry("address", e, units);
		printf(" first_seen %s",
		       e->first_seen_ns ? text_rfc3339(e->first_seen_ns, text) : "-");
		printf(" last_seen %s",
		       e->last_seen_ns ? text_rfc3339(e->last_seen_ns, text) : "-");
		if (settings->geo)
			line_geo(view, e);
		putchar('\n');
	}
	for (size_t i = 0; i < view->n_rollups && !tool_output_failed(); i++) {
		line_entry("rollup", view->rollups[i], units);
		putchar('\n');
	}
	for (size_t i = 0; i < view->n_groups && !tool_output_failed(); i++)
		line_group(settings->by.axis, &view->groups[i], units);
	if (view->selected) {
		printf("left_out addresses %zu rollups %zu", view->n_addresses_hidden,
		       view->n_rollups_hidden);
		line_counters(&view->left_out, units);
		putchar('\n');
	}
	if (settings->replay)
		dump_replay_oneline(settings->replay);
	return 0;
}
