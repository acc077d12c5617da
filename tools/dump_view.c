// SPDX-License-Identifier: GPL-2.0-or-later
/* Choose and order the rows of a snapshot; keep the sums of what is left out. */
#include "dump.h"

#include <errno.h>
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

static bool wanted(const struct dump_settings *s, const struct ipacct_entry *e)
{
	return in_family(s, e) && (s->domain == DUMP_ANY_DOMAIN || s->domain == e->key.domain) &&
	       in_prefixes(s, e);
}

static void add(struct ipacct_counters *sum, const struct ipacct_counters *more)
{
#define ADD(field, element, help) sum->field += more->field;
	IPACCT_COUNTERS(ADD)
#undef ADD
}

static uint64_t sort_value(enum dump_sort sort, const struct ipacct_entry *e)
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

/* IPv4 first, then by address, the shorter prefix first, then by domain: no two rows are equal. */
static int compare_keys(const struct ipacct_entry *a, const struct ipacct_entry *b)
{
	bool a4 = ipacct_key_is_ipv4(&a->key), b4 = ipacct_key_is_ipv4(&b->key);
	int order;

	if (a4 != b4)
		return a4 ? -1 : 1;
	order = memcmp(a->key.addr_be, b->key.addr_be, sizeof(a->key.addr_be));
	if (order)
		return order;
	if (a->prefix_len != b->prefix_len)
		return a->prefix_len < b->prefix_len ? -1 : 1;
	return (a->key.domain > b->key.domain) - (a->key.domain < b->key.domain);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct ipacct_entry *a = *(const struct ipacct_entry *const *)left;
	const struct ipacct_entry *b = *(const struct ipacct_entry *const *)right;
	const struct dump_settings *s = context;
	uint64_t x = sort_value(s->sort, a), y = sort_value(s->sort, b);

	if (x != y)
		return (x > y) == s->reverse ? 1 : -1;
	if (s->sort == DUMP_SORT_ADDRESS && s->reverse)
		return compare_keys(b, a);
	return compare_keys(a, b);
}

/* Collect the wanted ones of n entries, sorted. */
static int choose(const struct dump_settings *s, const struct ipacct_entry *entries, size_t n,
		  const struct ipacct_entry ***ret_rows, size_t *ret_n)
{
	const struct ipacct_entry **chosen = calloc(n + 1, sizeof(*chosen));
	size_t n_chosen = 0;

	if (!chosen)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (wanted(s, &entries[i]))
			chosen[n_chosen++] = &entries[i];
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

int dump_view_init(const struct dump_settings *settings, const struct ipacct_snapshot *snapshot,
		   const struct ipacct_snapshot *at, uint64_t interval_ns,
		   struct dump_view *ret_view)
{
	struct dump_view view = {
		.snapshot = snapshot,
		.at = at,
		.interval_ns = interval_ns,
		.selected = settings->top || settings->family || settings->n_prefixes ||
			    settings->device || settings->domain != DUMP_ANY_DOMAIN,
	};

	if (choose(settings, snapshot->addresses, snapshot->n_addresses, &view.addresses,
		   &view.n_addresses) < 0 ||
	    choose(settings, snapshot->rollups, snapshot->n_rollups, &view.rollups,
		   &view.n_rollups) < 0) {
		dump_view_finish(&view);
		return -ENOMEM;
	}
	if (settings->top && view.n_addresses > settings->top)
		view.n_addresses = settings->top;
	/* --top cuts the list that was asked for: the few roll-ups stay beside the addresses. */
	if (settings->top && settings->rollups && view.n_rollups > settings->top)
		view.n_rollups = settings->top;
	view.n_addresses_hidden = snapshot->n_addresses - view.n_addresses;
	view.n_rollups_hidden = snapshot->n_rollups - view.n_rollups;
	sum_up(&view);
	*ret_view = view;
	return 0;
}

void dump_view_finish(struct dump_view *view)
{
	free(view->addresses);
	free(view->rollups);
	view->addresses = NULL;
	view->rollups = NULL;
}

bool dump_shows_interface(const struct dump_settings *settings,
			  const struct ipacct_interface_totals *slot)
{
	return !settings->device ||
	       strncmp(settings->device, slot->interface.ifname, IPACCT_IFNAME_BYTES) == 0;
}

char *dump_ifname(const struct ipacct_interface *interface, char buffer[IPACCT_IFNAME_BYTES + 1])
{
	memcpy(buffer, interface->ifname, IPACCT_IFNAME_BYTES);
	buffer[IPACCT_IFNAME_BYTES] = '\0'; /* a damaged record may lack it */
	return text_make_safe(buffer);
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
	bool native = false, generic = false;

	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		if (snapshot->interfaces[i].interface.mode == IPACCT_MODE_GENERIC)
			generic = true;
		else
			native = true;
	}
	if (native && generic)
		return "mixed";
	return generic ? "generic" : "native";
}
