// SPDX-License-Identifier: GPL-2.0-or-later
/* Choose and order the rows of a snapshot; keep the sums of what is left out. */
#include "dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ipacct/counters.h>

static bool in_family(const struct dump_settings *s, const struct ipacct_entry *e)
{
	return s->family == 0 || (s->family == 4) == ipacct_key_is_ipv4(&e->key);
}

/* The first `bits` bits are equal. */
static bool same_bits(const struct ipacct_key *a, const struct ipacct_key *b, unsigned int bits)
{
	const unsigned char *x = (const unsigned char *)a->addr_be;
	const unsigned char *y = (const unsigned char *)b->addr_be;
	unsigned int bytes = bits / 8;

	if (memcmp(x, y, bytes) != 0)
		return false;
	return bits % 8 == 0 || ((x[bytes] ^ y[bytes]) & (0xff00u >> bits % 8) & 0xff) == 0;
}

/* An address matches inside the prefix. A roll-up also when it is the wider one: what it holds may
 * belong to the prefix. */
static bool in_prefixes(const struct dump_settings *s, const struct ipacct_entry *e)
{
	for (size_t i = 0; i < s->n_prefixes; i++) {
		const struct dump_prefix *p = &s->prefixes[i];
		unsigned int bits = p->prefix_len < e->prefix_len ? p->prefix_len : e->prefix_len;

		if (p->ipv4 == ipacct_key_is_ipv4(&e->key) && same_bits(&p->key, &e->key, bits))
			return true;
	}
	return s->n_prefixes == 0;
}

bool dump_row_wanted(const struct dump_settings *s, struct ipacct_geo *geo,
		     const struct ipacct_entry *e)
{
	return in_family(s, e) && (s->domain == DUMP_ANY_DOMAIN || s->domain == e->key.domain) &&
	       in_prefixes(s, e) && dump_geo_wanted(s, geo, e) && dump_group_wanted(s, e);
}

bool dump_filters(const struct dump_settings *s)
{
	return s->family || s->n_prefixes || s->domain != DUMP_ANY_DOMAIN || s->countries.n ||
	       s->asns.n || s->names.n || s->groups.n;
}

static void add(struct ipacct_counters *sum, const struct ipacct_counters *more)
{
#define ADD(field, element, help) sum->field += more->field;
	IPACCT_COUNTERS(ADD)
#undef ADD
}

uint64_t dump_sort_value(enum dump_sort sort, const struct ipacct_entry *e)
{
	const struct ipacct_counters *c = &e->counters;

	switch (sort) {
	case DUMP_SORT_BYTES:
		return c->tx_l3_bytes + c->rx_l3_bytes;
	case DUMP_SORT_PACKETS:
		return c->tx_packets + c->rx_packets;
	case DUMP_SORT_TX_BYTES:
		return c->tx_l3_bytes;
	case DUMP_SORT_TX_PACKETS:
		return c->tx_packets;
	case DUMP_SORT_RX_BYTES:
		return c->rx_l3_bytes;
	case DUMP_SORT_RX_PACKETS:
		return c->rx_packets;
	case DUMP_SORT_LAST_SEEN:
		return e->last_seen_ns;
	default:
		return 0;
	}
}

int dump_compare_keys(const struct ipacct_entry *a, const struct ipacct_entry *b)
{
	return tool_compare_keys(&a->key, a->prefix_len, &b->key, b->prefix_len);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct ipacct_entry *a = *(const struct ipacct_entry *const *)left;
	const struct ipacct_entry *b = *(const struct ipacct_entry *const *)right;
	const struct dump_settings *s = context;
	uint64_t x = dump_sort_value(s->sort, a), y = dump_sort_value(s->sort, b);

	if (x != y)
		return (x > y) == s->reverse ? 1 : -1;
	if (s->sort == DUMP_SORT_ADDRESS && s->reverse)
		return dump_compare_keys(b, a);
	return dump_compare_keys(a, b); /* no two rows are equal */
}

/* Collect the wanted ones of n entries, sorted. */
static int choose(const struct dump_settings *s, struct ipacct_geo *geo,
		  const struct ipacct_entry *entries, size_t n,
		  const struct ipacct_entry ***ret_rows, size_t *ret_n)
{
	const struct ipacct_entry **chosen = calloc(n + 1, sizeof(*chosen));
	size_t n_chosen = 0;

	if (!chosen)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (dump_row_wanted(s, geo, &entries[i]))
			chosen[n_chosen++] = &entries[i];
	if (s->by.axis == DUMP_AXIS_NONE) /* groups are sorted themselves */
		qsort_r(chosen, n_chosen, sizeof(*chosen), compare, (void *)(uintptr_t)s);
	*ret_rows = chosen;
	*ret_n = n_chosen;
	return 0;
}

static void subtract(struct ipacct_counters *sum, const struct ipacct_counters *less)
{
#define SUBTRACT(field, element, help) sum->field -= less->field;
	IPACCT_COUNTERS(SUBTRACT)
#undef SUBTRACT
}

static void sum_up(struct dump_view *view)
{
	const struct ipacct_snapshot *snapshot = view->snapshot;

	for (size_t i = 0; i < snapshot->n_rollups; i++)
		add(&view->rolled, &snapshot->rollups[i].counters);
	for (size_t i = 0; i < snapshot->n_addresses; i++)
		add(&view->hidden, &snapshot->addresses[i].counters);
	view->total = view->hidden;
	add(&view->total, &view->rolled);
	for (size_t i = 0; i < view->n_addresses; i++)
		subtract(&view->hidden, &view->addresses[i]->counters);
	view->left_out = view->hidden;
	add(&view->left_out, &view->rolled);
	for (size_t i = 0; i < view->n_rollups; i++)
		subtract(&view->left_out, &view->rollups[i]->counters);
}

static void list(const struct dump_settings *settings, struct dump_view *view)
{
	if (settings->top && view->n_addresses > settings->top)
		view->n_addresses = settings->top;
	/* --top cuts the list that was asked for: the few roll-ups stay beside the addresses. */
	if (settings->top && settings->rollups && view->n_rollups > settings->top)
		view->n_rollups = settings->top;
	view->n_addresses_hidden = view->snapshot->n_addresses - view->n_addresses;
	view->n_rollups_hidden = view->snapshot->n_rollups - view->n_rollups;
	sum_up(view);
}

/* Groups take the place of the rows they sum up. */
static int group(const struct dump_settings *settings, struct dump_view *view)
{
	size_t n_addresses = 0, n_rollups = 0;

	if (dump_groups_make(settings, view) < 0)
		return -ENOMEM;
	if (settings->top && view->n_groups > settings->top)
		view->n_groups = settings->top;
	view->n_addresses = view->n_rollups = 0;
	sum_up(view);
	for (size_t i = 0; i < view->n_groups; i++) {
		subtract(&view->left_out, &view->groups[i].sum.counters);
		n_addresses += view->groups[i].n_addresses;
		n_rollups += view->groups[i].n_rollups;
	}
	view->n_addresses_hidden = view->snapshot->n_addresses - n_addresses;
	view->n_rollups_hidden = view->snapshot->n_rollups - n_rollups;
	return 0;
}

int dump_view_init(const struct dump_settings *settings, const struct ipacct_snapshot *snapshot,
		   const struct ipacct_snapshot *at, uint64_t interval_ns, struct ipacct_geo *geo,
		   struct dump_view *ret_view)
{
	struct dump_view view = {
		.snapshot = snapshot,
		.at = at,
		.interval_ns = interval_ns,
		.geo = geo,
		.selected = settings->top || settings->device || dump_filters(settings),
	};

	if (choose(settings, geo, snapshot->addresses, snapshot->n_addresses, &view.addresses,
		   &view.n_addresses) < 0 ||
	    choose(settings, geo, snapshot->rollups, snapshot->n_rollups, &view.rollups,
		   &view.n_rollups) < 0 ||
	    (settings->by.axis != DUMP_AXIS_NONE && group(settings, &view) < 0)) {
		dump_view_finish(&view);
		return -ENOMEM;
	}
	if (settings->by.axis == DUMP_AXIS_NONE)
		list(settings, &view);
	*ret_view = view;
	return 0;
}

void dump_view_finish(struct dump_view *view)
{
	free(view->addresses);
	free(view->rollups);
	free(view->groups);
	view->addresses = NULL;
	view->rollups = NULL;
	view->groups = NULL;
}

bool dump_shows_interface(const struct dump_settings *settings,
			  const struct ipacct_interface_totals *slot)
{
	return !settings->device ||
	       strncmp(settings->device, slot->interface.ifname, IPACCT_IFNAME_BYTES) == 0;
}

char *dump_device(const struct dump_settings *settings, const struct ipacct_interface *interface,
		  char buffer[DUMP_NAME_BYTES])
{
	size_t n = strnlen(interface->ifname, IPACCT_IFNAME_BYTES); /* a damaged one has no end */

	if (settings->replay)
		(void)snprintf(buffer, DUMP_NAME_BYTES, "%s", settings->replay->capture);
	else
		(void)snprintf(buffer, DUMP_NAME_BYTES, "%.*s", (int)n, interface->ifname);
	return buffer;
}

char *dump_ifname(const struct dump_settings *settings, const struct ipacct_interface *interface,
		  char buffer[DUMP_NAME_BYTES])
{
	return text_make_safe(dump_device(settings, interface, buffer));
}

struct ipacct_packets_l2 dump_ignored(const struct ipacct_totals *totals)
{
	struct ipacct_packets_l2 sum = { 0 };

	for (unsigned int i = 0; i < IPACCT_REASONS_MAX; i++) {
		sum.packets += totals->ignored[i].packets;
		sum.l2_bytes += totals->ignored[i].l2_bytes;
	}
	return sum;
}

uint64_t dump_accounted_l3_bytes(const struct ipacct_totals *totals)
{
	return totals->ipv4.l3_bytes + totals->ipv6.l3_bytes;
}

const char *dump_mode_of_all(const struct ipacct_snapshot *snapshot)
{
	unsigned int mode = 0;

	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		unsigned int one = snapshot->interfaces[i].interface.mode;

		one = one == IPACCT_MODE_GENERIC || one == IPACCT_MODE_REPLAY ? one
									      : IPACCT_MODE_NATIVE;
		if (mode && one != mode)
			return "mixed";
		mode = one;
	}
	return ipacct_mode_name(mode ? mode : IPACCT_MODE_NATIVE);
}
