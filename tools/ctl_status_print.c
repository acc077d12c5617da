// SPDX-License-Identifier: GPL-2.0-or-later
/* Print what ipacctctl status found. */
#include "ctl_status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "common_table.h"
#include "common_text.h"
#include "ctl.h"

static char *ifname_of(const struct ipacct_interface *interface,
		       char buffer[IPACCT_IFNAME_BYTES + 1])
{
	memcpy(buffer, interface->ifname, IPACCT_IFNAME_BYTES);
	buffer[IPACCT_IFNAME_BYTES] = '\0';
	return buffer;
}

static const char *name_or_unknown(const char *name)
{
	return name ? name : "unknown";
}

static uint64_t cut_age_ns(const struct ipacct_snapshot *snapshot)
{
	uint64_t now = tool_realtime_ns();

	return now > snapshot->cut_time_ns ? now - snapshot->cut_time_ns : 0;
}

static void json_ledger(struct json_writer *json, const struct observation *o)
{
	const struct ipacct_snapshot *s = o->snapshot;

	json_open(json, "ledger", '{');
	json_u64(json, "cut", s->cut);
	json_time(json, "cut_time", s->cut_time_ns);
	if (s->cut)
		json_u64(json, "cut_age_ns", cut_age_ns(s));
	else
		json_text(json, "cut_age_ns", NULL);
	json_time(json, "created", s->created_ns);
	json_u64(json, "interval_ns", s->interval_ns);
	json_u64(json, "addresses", s->n_addresses);
	json_u64(json, "rollups", s->n_rollups);
	json_u64(json, "unrecorded_keys", s->facts.unrecorded_keys);
	json_u64(json, "folded_records", s->facts.folded_records);
	json_u64(json, "lru_refused", s->facts.lru_refused);
	json_u64(json, "guard_rolled", s->facts.guard_rolled);
	json_u64(json, "guard_unrecorded", s->facts.guard_unrecorded);
	json_bool(json, "maps_readable", o->live != NULL);
	if (o->live)
		json_u64(json, "uncut_packets", o->uncut_packets);
	else
		json_text(json, "uncut_packets", NULL);
	json_close(json, '}');
}

static void json_slot(struct json_writer *json, const struct observation *o, size_t index)
{
	const struct ipacct_interface_totals *slot = &o->snapshot->interfaces[index];
	const struct ipacct_interface *i = &slot->interface;
	char name[IPACCT_IFNAME_BYTES + 1];

	json_open(json, NULL, '{');
	json_u64(json, "slot", slot->slot);
	json_text(json, "ifname", ifname_of(i, name));
	json_u64(json, "ifindex", i->ifindex);
	json_text(json, "hook", ipacct_hook_name(i->hook));
	json_text(json, "mode", ipacct_mode_name(i->mode));
	json_text(json, "attach", ipacct_attach_name(i->attach));
	json_text(json, "state", ipacct_if_state_name(i->state));
	json_u64(json, "domain", i->domain);
	json_text(json, "account", i->flags & IPACCT_IFFLAG_INNER ? "inner" : "outer");
	json_bool(json, "vlan_domains", i->flags & IPACCT_IFFLAG_VLANS);
	json_u64(json, "seen_packets", slot->totals.seen.packets);
	json_u64(json, "inner_packets", slot->totals.inner_packets);
	json_u64(json, "tunnel_outer_packets", slot->totals.tunnel_outer_packets);
	if (o->devices_known)
		json_u64(json, "xdp_prog_id", o->xdp_prog_id[index]);
	else
		json_text(json, "xdp_prog_id", NULL);
	json_close(json, '}');
}

int status_print_json(const struct ctl_settings *settings, const json_t *status, bool running,
		      const struct observation *o)
{
	struct json_writer json = { .file = stdout, .pretty = settings->pretty };
	char *text __cleanup(cleanup_free) = status ? json_dumps(status, JSON_COMPACT) : NULL;

	if (status && !text)
		return -ENOMEM;
	json_open(&json, NULL, '{');
	json_text(&json, "schema", "ipacct.status/1");
	json_bool(&json, "daemon", running);
	json_verbatim(&json, "status", text ? text : "null");
	if (o->snapshot)
		json_ledger(&json, o);
	else
		json_text(&json, "ledger", NULL);
	json_open(&json, "interfaces", '[');
	for (size_t i = 0; o->snapshot && i < o->snapshot->n_interfaces; i++)
		json_slot(&json, o, i);
	json_close(&json, ']');
	json_close(&json, '}');
	return 0;
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void put_text(char *cell, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(cell, TABLE_CELL_BYTES, "%s", text ? text : "-");
	text_make_safe(cell);
}

static void put_number(char *cell, const json_t *object, const char *key)
{
	snprintf(cell, TABLE_CELL_BYTES, "%" PRIu64, number(object, key));
}

static void print_safe(const char *prefix, const char *text)
{
	char *copy __cleanup(cleanup_free) = text ? strdup(text) : NULL;

	printf("%s%s\n", prefix, copy ? text_make_safe(copy) : "");
}

/* Nothing about it when nobody asked for it. */
static void print_protected(const json_t *guard)
{
	uint64_t rolled = number(guard, "rolled_up_packets");
	uint64_t unrecorded = number(guard, "unrecorded_keys");

	if (number(guard, "prefixes") || rolled || unrecorded)
		printf("protected: %" PRIu64 " prefixes; rolled up all the same: %" PRIu64
		       " packets, %" PRIu64 " addresses beyond the ledger\n",
		       number(guard, "prefixes"), rolled, unrecorded);
}

/* Nothing without that tier. */
static void print_hot(const json_t *hot)
{
	if (number(hot, "ipv4_lines"))
		printf("hot tier: %" PRIu64 " of %" PRIu64 " lines in use for IPv4, %" PRIu64
		       " of %" PRIu64 " for IPv6\n",
		       number(hot, "ipv4_used"), number(hot, "ipv4_lines"),
		       number(hot, "ipv6_used"), number(hot, "ipv6_lines"));
	if (json_is_true(json_object_get(hot, "door_closed")))
		puts("flood: a new address gets a line with its second packet, the first is on its "
		     "prefix");
}

static void print_daemon(const json_t *status)
{
	const json_t *memory = json_object_get(status, "memory");
	const json_t *took = json_object_get(status, "cut_duration_ns");
	const json_t *dispatcher = json_object_get(status, "dispatcher");
	const char *version = json_string_value(json_object_get(status, "version"));
	char a[TEXT_TIME_BYTES], b[TEXT_TIME_BYTES], c[TEXT_TIME_BYTES], d[TEXT_TIME_BYTES];
	char maps[TEXT_NUMBER_BYTES], ledger[TEXT_NUMBER_BYTES], rss[TEXT_NUMBER_BYTES];

	printf("ipacctd %.32s runs: pid %" PRIu64 ", collector %" PRIu64 ", up %s\n",
	       version ? version : "?", number(status, "pid"), number(status, "collector_pid"),
	       text_age(number(status, "uptime_s") * NS_PER_S, a));
	printf("cut %" PRIu64 ", one each %s", number(status, "cut"),
	       text_age(number(status, "effective_interval_ns"), a));
	if (number(status, "effective_interval_ns") != number(status, "interval_ns"))
		printf(" (stretched from %s)", text_age(number(status, "interval_ns"), b));
	printf("; took %s, median %s, p99 %s, most %s\n", text_age(number(took, "last"), a),
	       text_age(number(took, "p50"), b), text_age(number(took, "p99"), c),
	       text_age(number(took, "max"), d));
	printf("memory: maps %s, ledger %s, collector %s",
	       text_octets(number(memory, "maps_bytes"), TEXT_IEC, maps),
	       text_octets(number(memory, "ledger_bytes"), TEXT_IEC, ledger),
	       text_octets(number(memory, "collector_bytes"), TEXT_IEC, rss));
	printf(" of %s\n", text_octets(number(memory, "budget_bytes"), TEXT_IEC, maps));
	status_print_cost(json_object_get(status, "cost"));
	if (number(status, "pins_restored"))
		printf("pins: %" PRIu64 " were removed by somebody and put back\n",
		       number(status, "pins_restored"));
	print_hot(json_object_get(status, "hot"));
	print_protected(json_object_get(status, "protected"));
	print_safe(json_is_true(json_object_get(dispatcher, "available"))
			   ? "dispatcher: available "
			   : "dispatcher: not available: ",
		   json_string_value(json_object_get(dispatcher, "reason")));
}

static void fill_program(const void *context, size_t index, struct table_row *row)
{
	const json_t *program = json_array_get(context, index);
	const json_t *dispatcher = json_object_get(program, "dispatcher");
	uint64_t runs = number(program, "run_cnt"), ns = number(program, "run_time_ns");

	put_text(row->cell[0], program, "ifname");
	put_text(row->cell[1], program, "hook");
	put_text(row->cell[2], program, "mode");
	put_text(row->cell[3], program, "attach");
	if (dispatcher) /* which of the programs there is ours */
		snprintf(row->cell[3], TABLE_CELL_BYTES, "dispatcher %" PRIu64 "/%" PRIu64,
			 number(dispatcher, "position") + 1, number(dispatcher, "programs"));
	put_text(row->cell[4], program, "state");
	put_number(row->cell[5], program, "prog_id");
	put_text(row->cell[6], program, "tag");
	put_number(row->cell[7], program, "link_id");
	/* counted only while BPF statistics are on */
	if (runs)
		snprintf(row->cell[8], TABLE_CELL_BYTES, "%.0f", (double)ns / (double)runs);
	else
		(void)snprintf(row->cell[8], sizeof(row->cell[8]), "-");
	if (strcmp(row->cell[2], "generic") == 0)
		row->color = "yellow";
}

static int print_programs(const struct ctl_settings *settings, const json_t *programs)
{
	struct table table = {
		.n_columns = 9,
		.columns = { { .header = "INTERFACE" },
			     { .header = "HOOK", .optional = true },
			     { .header = "MODE" },
			     { .header = "ATTACH" },
			     { .header = "STATE" },
			     { .header = "PROG", .right = true },
			     { .header = "TAG" },
			     { .header = "LINK", .right = true },
			     { .header = "NS/RUN", .right = true } },
		.color = text_color_wanted(settings->color),
		.fill = fill_program,
		.context = programs,
		.n_rows = json_array_size(programs),
	};

	putchar('\n');
	return table_print(&table);
}

static void fill_partition(const void *context, size_t index, struct table_row *row)
{
	const json_t *partition = json_array_get(context, index);
	const json_t *cpus = json_object_get(partition, "cpus");
	size_t used = 0;

	put_number(row->cell[0], partition, "partition");
	for (size_t i = 0; i < json_array_size(cpus) && used + 8 < TABLE_CELL_BYTES; i++)
		used += (size_t)snprintf(row->cell[1] + used, 8, "%s%" JSON_INTEGER_FORMAT,
					 i ? "," : "",
					 json_integer_value(json_array_get(cpus, i)) % 10000);
	put_number(row->cell[2], partition, "hot_lines");
	put_number(row->cell[3], partition, "hot_displaced");
	put_number(row->cell[4], partition, "hot_rolled");
	put_number(row->cell[5], partition, "lru_entries");
	put_number(row->cell[6], partition, "lru_inserts");
	put_number(row->cell[7], partition, "lru_refused");
	put_number(row->cell[8], partition, "rollup_updates");
}

static int print_partitions(const struct ctl_settings *settings, const json_t *partitions)
{
	struct table table = {
		.n_columns = 9,
		.columns = { { .header = "PARTITION", .right = true },
			     { .header = "CPUS" },
			     { .header = "HOT LINES", .right = true },
			     { .header = "DISPLACED", .right = true },
			     { .header = "ROLLED", .right = true },
			     { .header = "LRU ENTRIES", .right = true },
			     { .header = "INSERTS", .right = true },
			     { .header = "REFUSED", .right = true },
			     { .header = "ROLL-UPS", .right = true } },
		.color = text_color_wanted(settings->color),
		.fill = fill_partition,
		.context = partitions,
		.n_rows = json_array_size(partitions),
	};

	putchar('\n');
	return table_print(&table);
}

static void fill_slot(const void *context, size_t index, struct table_row *row)
{
	const struct observation *o = context;
	const struct ipacct_interface_totals *slot = &o->snapshot->interfaces[index];
	const struct ipacct_interface *i = &slot->interface;
	char name[IPACCT_IFNAME_BYTES + 1];

	snprintf(row->cell[0], TABLE_CELL_BYTES, "%s", text_make_safe(ifname_of(i, name)));
	snprintf(row->cell[1], TABLE_CELL_BYTES, "%s", name_or_unknown(ipacct_hook_name(i->hook)));
	snprintf(row->cell[2], TABLE_CELL_BYTES, "%s", name_or_unknown(ipacct_mode_name(i->mode)));
	snprintf(row->cell[3], TABLE_CELL_BYTES, "%s",
		 name_or_unknown(ipacct_attach_name(i->attach)));
	snprintf(row->cell[4], TABLE_CELL_BYTES, "%s",
		 name_or_unknown(ipacct_if_state_name(i->state)));
	snprintf(row->cell[5], TABLE_CELL_BYTES, "%" PRIu64, (uint64_t)slot->totals.seen.packets);
	if (o->devices_known && o->xdp_prog_id[index])
		snprintf(row->cell[6], TABLE_CELL_BYTES, "%u", o->xdp_prog_id[index]);
	else if (o->devices_known && i->state == IPACCT_IF_ATTACHED)
		(void)snprintf(row->cell[6], sizeof(row->cell[6]), "none here");
	else
		(void)snprintf(row->cell[6], sizeof(row->cell[6]), "-");
	if (i->mode == IPACCT_MODE_GENERIC)
		row->color = "yellow";
}

static int print_slots(const struct ctl_settings *settings, const struct observation *o)
{
	struct table table = {
		.n_columns = 7,
		.columns = { { .header = "INTERFACE" },
			     { .header = "HOOK" },
			     { .header = "MODE" },
			     { .header = "ATTACH" },
			     { .header = "STATE" },
			     { .header = "SEEN PACKETS", .right = true },
			     { .header = "PROG", .right = true } },
		.color = text_color_wanted(settings->color),
		.fill = fill_slot,
		.context = o,
		.n_rows = o->snapshot->n_interfaces,
	};

	return table.n_rows ? table_print(&table) : 0;
}

/* Where tunnels count for the addresses inside. */
static void print_tunnels(const struct observation *o)
{
	for (size_t i = 0; o->snapshot && i < o->snapshot->n_interfaces; i++) {
		const struct ipacct_interface_totals *slot = &o->snapshot->interfaces[i];
		char name[IPACCT_IFNAME_BYTES + 1];

		if (slot->interface.flags & IPACCT_IFFLAG_INNER)
			printf("%s: account inner: %" PRIu64 " packets by the addresses inside a "
			       "tunnel, %" PRIu64 " of tunnels by their own\n",
			       text_make_safe(ifname_of(&slot->interface, name)),
			       (uint64_t)slot->totals.inner_packets,
			       (uint64_t)slot->totals.tunnel_outer_packets);
	}
}

static void print_ledger(const struct observation *o)
{
	const struct ipacct_snapshot *s = o->snapshot;
	char time[TEXT_TIME_BYTES], age[TEXT_TIME_BYTES];

	if (s->cut)
		printf("ledger: cut %" PRIu64 " at %s UTC, %s ago; ", s->cut,
		       text_time(s->cut_time_ns, time), text_age(cut_age_ns(s), age));
	else
		fputs("ledger: no cut yet; ", stdout);
	printf("%zu addresses, %zu roll-up prefixes\n", s->n_addresses, s->n_rollups);
	if (s->facts.folded_records || s->facts.unrecorded_keys)
		printf("ledger full: %" PRIu64 " idle addresses folded into their prefix so far, "
		       "%" PRIu64 " times an address found no room\n",
		       (uint64_t)s->facts.folded_records, (uint64_t)s->facts.unrecorded_keys);
}

/* Said only when it was looked at: a program is attached to each device that the ledger names. */
static void print_counting(const struct observation *o)
{
	if (o->n_silent && o->devices_known)
		printf("NOT COUNTING on %zu of %zu attached interfaces: no XDP program there\n",
		       o->n_silent, o->n_silent + o->n_counting + o->n_absent);
	else if (o->n_counting)
		puts("the program keeps counting; ipacctd publishes it when it runs again");
	else if (o->n_absent == 0)
		puts("nothing is attached: nothing is counted");
	if (o->n_absent)
		printf("%zu attached interfaces are not here (gone, or in another network "
		       "namespace)\n",
		       o->n_absent);
	if (o->live)
		printf("%" PRIu64 " packets seen since that cut (ipacct-dump --live)\n",
		       o->uncut_packets);
	else if (o->n_counting)
		printf("what was counted since that cut cannot be read: %s\n", o->no_maps.text);
}

int status_print_text(const struct ctl_settings *settings, const json_t *status, bool running,
		      const struct observation *o)
{
	int r;

	if (status) {
		print_daemon(status);
		if (o->snapshot)
			print_ledger(o);
		print_tunnels(o);
		r = print_programs(settings, json_object_get(status, "programs"));
		if (r < 0)
			return r;
		r = print_partitions(settings, json_object_get(status, "partitions"));
		if (r < 0)
			return r;
		return status_print_more(settings, status);
	}
	if (!running)
		puts("ipacctd is not running");
	print_ledger(o);
	print_tunnels(o);
	r = print_slots(settings, o);
	if (r < 0)
		return r;
	print_counting(o);
	return 0;
}
