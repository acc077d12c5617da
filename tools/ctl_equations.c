// SPDX-License-Identifier: GPL-2.0-or-later
/* Conservation, computed here once more from the single counters: verify trusts no stored sum. */
#include "ctl_equations.h"

#include <string.h>

#include "counters_math.h"

static void add(struct equations *to, const struct ipacct_interface *interface, const char *text,
		const char *unit, uint64_t left, uint64_t right)
{
	if (to->n < EQUATIONS_MAX)
		to->equation[to->n++] = (struct equation){ interface, text, unit, left, right };
}

static void add_slot(struct equations *to, const struct ipacct_interface_totals *slot)
{
	const struct ipacct_interface *i = &slot->interface;
	const struct ipacct_totals *t = &slot->totals;
	uint64_t ignored_packets = 0, ignored_l2 = 0, binned = 0, packets = 0, l3_bytes = 0;

	for (unsigned int r = 0; r < IPACCT_REASONS_MAX; r++) {
		ignored_packets += t->ignored[r].packets;
		ignored_l2 += t->ignored[r].l2_bytes;
	}
	for (unsigned int b = 0; b < IPACCT_SIZE_BINS; b++)
		binned += t->size_histogram[b];
	for (unsigned int p = 0; p < IPACCT_PROTOCOLS_MAX; p++) {
		packets += t->protocol[p].packets;
		l3_bytes += t->protocol[p].l3_bytes;
	}
	add(to, i, "seen = accounted + ignored", "packets", t->seen.packets,
	    t->accounted.packets + ignored_packets);
	add(to, i, "seen = accounted + ignored", "l2_bytes", t->seen.l2_bytes,
	    t->accounted.l2_bytes + ignored_l2);
	add(to, i, "seen = size histogram", "packets", t->seen.packets, binned);
	add(to, i, "accounted = IPv4 + IPv6", "packets", t->accounted.packets,
	    t->ipv4.packets + t->ipv6.packets);
	add(to, i, "IPv4 + IPv6 = protocols", "packets", t->ipv4.packets + t->ipv6.packets,
	    packets);
	add(to, i, "IPv4 + IPv6 = protocols", "l3_bytes", t->ipv4.l3_bytes + t->ipv6.l3_bytes,
	    l3_bytes);
}

static void sum(const struct ipacct_entry *entries, size_t n, struct ipacct_counters *total)
{
	for (size_t i = 0; i < n; i++)
		ipacct_counters_add(total, &entries[i].counters);
}

/* With a list of groups: theirs, and those without an address in one, are what was accounted. */
static void add_groups(struct equations *to, const struct ipacct_snapshot *snapshot,
		       uint64_t packets, uint64_t l3_bytes)
{
	struct ipacct_counters all = { 0 };

	if (!snapshot->groups)
		return;
	for (size_t i = 0; i < snapshot->n_groups; i++)
		ipacct_counters_add(&all, &snapshot->groups[i].counters);
	add(to, NULL, "accounted = tx of groups", "packets", packets, all.tx_packets);
	add(to, NULL, "accounted = tx of groups", "l3_bytes", l3_bytes, all.tx_l3_bytes);
	add(to, NULL, "accounted = rx of groups", "packets", packets, all.rx_packets);
	add(to, NULL, "accounted = rx of groups", "l3_bytes", l3_bytes, all.rx_l3_bytes);
}

void equations_collect(const struct ipacct_snapshot *snapshot, struct equations *ret_equations)
{
	struct ipacct_counters all = { 0 };
	uint64_t packets = 0, l3_bytes = 0;

	ret_equations->n = 0;
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_totals *t = &snapshot->interfaces[i].totals;

		add_slot(ret_equations, &snapshot->interfaces[i]);
		packets += t->accounted.packets;
		l3_bytes += t->ipv4.l3_bytes + t->ipv6.l3_bytes;
	}
	sum(snapshot->addresses, snapshot->n_addresses, &all);
	sum(snapshot->rollups, snapshot->n_rollups, &all);
	add(ret_equations, NULL, "accounted = tx", "packets", packets, all.tx_packets);
	add(ret_equations, NULL, "accounted = tx", "l3_bytes", l3_bytes, all.tx_l3_bytes);
	add(ret_equations, NULL, "accounted = rx", "packets", packets, all.rx_packets);
	add(ret_equations, NULL, "accounted = rx", "l3_bytes", l3_bytes, all.rx_l3_bytes);
	add_groups(ret_equations, snapshot, packets, l3_bytes);
	/* A cut that did not close shows here for ever, even if a later one hides it in the sums. */
	add(ret_equations, NULL, "error of all cuts = 0", "packets", snapshot->facts.error_packets,
	    0);
	add(ret_equations, NULL, "error of all cuts = 0", "l3_bytes",
	    snapshot->facts.error_l3_bytes, 0);
}

bool equations_hold(const struct equations *equations)
{
	for (size_t i = 0; i < equations->n; i++)
		if (equations->equation[i].left != equations->equation[i].right)
			return false;
	return true;
}
