/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as JSON. */
#include <string.h>

#include "ipacct/counters.h"
#include "json_records.h"

void json_counters(struct json_writer *json, const struct ipacct_counters *c)
{
#define WRITE(field, element, help) json_u64(json, #field, c->field);
	IPACCT_COUNTERS(WRITE)
#undef WRITE
}

void json_known(struct json_writer *json, const char *key, const char *text)
{
	json_text(json, key, text[0] ? text : NULL);
}

static void packets_l3(struct json_writer *json, const char *key, const struct ipacct_packets_l3 *p)
{
	json_open(json, key, '{');
	json_u64(json, "packets", p->packets);
	json_u64(json, "l3_bytes", p->l3_bytes);
	json_close(json, '}');
}

/* What --totals adds to an interface. */
static void more_totals(struct json_writer *json, const struct ipacct_interface *interface,
			const struct ipacct_totals *t)
{
	json_text(json, "state", ipacct_if_state_name(interface->state));
	json_u64(json, "domain", interface->domain);
	json_bool(json, "vlan_domains", interface->flags & IPACCT_IFFLAG_VLANS);
	json_text(json, "account", interface->flags & IPACCT_IFFLAG_INNER ? "inner" : "outer");
	json_time(json, "attached", interface->attached_ns);
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
	if (interface->mode == IPACCT_MODE_STACK) {
		json_open(json, "super_packets", '{');
		json_u64(json, "frames", t->bundles);
		json_u64(json, "packets", t->bundled_packets);
		json_u64(json, "added_l2_bytes", t->bundled_added_l2_bytes);
		json_close(json, '}');
	}
	json_u64(json, "inner_packets", t->inner_packets);
	json_u64(json, "tunnel_outer_packets", t->tunnel_outer_packets);
	json_open(json, "ignored_l2_bytes", '{');
	for (unsigned int i = 0; i < IPACCT_IGNORED_REASONS; i++)
		json_u64(json, ipacct_reason_name(i), t->ignored[i].l2_bytes);
	json_close(json, '}');
}

void json_interface(struct json_writer *json, const char *name, const struct ipacct_interface *i,
		    const struct ipacct_totals *t, bool totals)
{
	char own_name[IPACCT_IFNAME_BYTES + 1] = "";

	memcpy(own_name, i->ifname, IPACCT_IFNAME_BYTES);
	json_text(json, "ifname", name ? name : own_name);
	json_u64(json, "ifindex", i->ifindex);
	json_text(json, "hook", ipacct_hook_name(i->hook));
	json_text(json, "mode", ipacct_mode_name(i->mode));
	json_text(json, "attach", ipacct_attach_name(i->attach));
	json_u64(json, "seen_packets", t->seen.packets);
	json_u64(json, "seen_l2_bytes", t->seen.l2_bytes);
	json_u64(json, "accounted_packets", t->accounted.packets);
	json_u64(json, "accounted_l3_bytes", t->ipv4.l3_bytes + t->ipv6.l3_bytes);
	json_open(json, "ignored", '{');
	for (unsigned int r = 0; r < IPACCT_IGNORED_REASONS; r++)
		json_u64(json, ipacct_reason_name(r), t->ignored[r].packets);
	json_close(json, '}');
	json_open(json, "size_histogram", '{');
	for (unsigned int b = 0; b < IPACCT_SIZE_BINS; b++)
		json_u64(json, ipacct_size_bin_name(b), t->size_histogram[b]);
	json_close(json, '}');
	if (totals)
		more_totals(json, i, t);
}

void json_address(struct json_writer *json, const struct ipacct_entry *e)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	json_text(json, "address", ipacct_key_format(&e->key, e->prefix_len, text, sizeof(text)));
	if (e->prefix_len != 128) /* a group's shared record */
		json_u64(json, "prefix_len", e->prefix_len);
	json_u64(json, "domain", e->key.domain);
	json_counters(json, &e->counters);
	json_time(json, "first_seen", e->first_seen_ns);
	json_time(json, "last_seen", e->last_seen_ns);
}

void json_rollup(struct json_writer *json, const struct ipacct_entry *e)
{
	char text[IPACCT_PREFIX_TEXT_BYTES];

	json_text(json, "prefix", ipacct_key_format(&e->key, e->prefix_len, text, sizeof(text)));
	json_u64(json, "domain", e->key.domain);
	json_counters(json, &e->counters);
}

void json_conservation(struct json_writer *json, uint64_t error_packets, uint64_t error_l3_bytes)
{
	json_open(json, "conservation", '{');
	json_u64(json, "error_packets", error_packets);
	json_u64(json, "error_l3_bytes", error_l3_bytes);
	json_close(json, '}');
}
