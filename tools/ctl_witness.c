// SPDX-License-Identifier: GPL-2.0-or-later
/* The second witness: kernel counters against ours, and the known causes of a difference. */
#include "ctl_witness.h"

#include <stddef.h>
#include <stdlib.h>

#include "counters_math.h"

/* Octets that a driver counts more (or less) for each packet than the frame without FCS. */
static const struct {
	int per_packet;
	const char *cause;
} byte_causes[] = {
	{ 0, "the same octets" },
	/* linux/if_ether.h ETH_HLEN; linux/if_vlan.h VLAN_HLEN; linux/if_ether.h ETH_FCS_LEN */
	{ -14, "the driver (veth does so) counts without the Ethernet header" },
	{ -18, "the driver counts without the Ethernet header and a VLAN tag" },
	{ 4, "the driver counts the FCS" },
};

/* How far x is outside the interval. */
static uint64_t outside(uint64_t x, const struct witness_interval *interval)
{
	return ipacct_minus(interval->least, x) + ipacct_minus(x, interval->most);
}

static const char *why_not(const struct ipacct_interface *interface, uint64_t ledger_created_ns,
			   const struct link_reading *before, const struct link_reading *after)
{
	if (interface->state == IPACCT_IF_DETACHED)
		return "detached: nothing is counted any more";
	if (interface->state != IPACCT_IF_ATTACHED)
		return "the device is gone; its counters went with it";
	if (interface->mode == IPACCT_MODE_GENERIC)
		return "mode=generic: GRO merges packets before the program: the witness does not "
		       "apply";
	if (!before->present || !after->present)
		return "the kernel knows no such device here (gone, or in another network "
		       "namespace)";
	/* drivers/net/wireguard/receive.c update_rx_stats(): message_data_len(), handshakes too */
	if (before->encrypts)
		return "the kernel counts handshakes and keepalives of WireGuard, too, and octets "
		       "as "
		       "they are encrypted: the witness does not apply";
	if (ledger_created_ns > interface->attached_ns)
		return "the ledger was begun anew after the attach: it lacks what came before";
	if (before->packets < interface->base_rx_packets_before ||
	    after->packets < before->packets || before->bytes < interface->base_rx_bytes_before)
		return "the kernel's counters went back since the attach: the driver was reset";
	return NULL;
}

/* The interval of what was counted since the attach, which lies between two readings itself. */
static struct witness_interval since(uint64_t before, uint64_t after, uint64_t base_before,
				     uint64_t base_after)
{
	return (struct witness_interval){ .least = ipacct_minus(before, base_after),
					  .most = ipacct_minus(after, base_before) };
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return ipacct_minus(a, b) + ipacct_minus(b, a);
}

/* What the kernel should say, by how its device counts. */
struct expectation {
	uint64_t packets;
	uint64_t bytes;
};

/* A device that cuts super-packets itself may count each as one; one that gets them cut counts what is on
 * the wire; and some may have come both ways when that was changed meanwhile. */
static struct expectation expect(struct witness *w, const struct ipacct_totals *totals)
{
	uint64_t merged = ipacct_minus(totals->bundled_packets, totals->bundles);
	uint64_t least = ipacct_minus(w->seen_packets, merged);
	struct expectation e = { w->seen_packets, w->seen_l2_bytes };

	w->merged_packets = merged;
	if (!merged || !outside(w->seen_packets, &w->kernel_packets) ||
	    w->kernel_packets.least > w->seen_packets)
		return e;
	/* the last branch: somewhere in between, said as the kernel has it */
	if (w->kernel_packets.most <= least || !outside(least, &w->kernel_packets)) {
		w->packets_cause = "the device counts a super-packet as one";
		e.packets = least;
		e.bytes -= totals->bundled_added_l2_bytes;
	} else {
		w->packets_cause =
			"some super-packets were counted as one, some after they were cut";
		e.packets = w->kernel_packets.least;
		e.bytes -= totals->bundled_added_l2_bytes * (w->seen_packets - e.packets) / merged;
	}
	return e;
}

/* Find the constant that explains the octets; of several the one nearest to the middle. */
static void explain_bytes(struct witness *w, const struct expectation *e, uint64_t slack)
{
	uint64_t middle =
		w->kernel_bytes.least + (w->kernel_bytes.most - w->kernel_bytes.least) / 2;
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < sizeof(byte_causes) / sizeof(byte_causes[0]); i++) {
		int k = byte_causes[i].per_packet;
		uint64_t shift = e->packets * (uint64_t)abs(k);
		uint64_t expected = k < 0 ? ipacct_minus(e->bytes, shift) : e->bytes + shift;
		uint64_t from_middle = distance(expected, middle);

		if (from_middle >= best)
			continue;
		best = from_middle;
		w->bytes_per_packet = k;
		w->bytes_cause = byte_causes[i].cause;
		w->bytes_unexplained = outside(expected, &w->kernel_bytes);
	}
	w->bytes_explained = w->bytes_unexplained <= slack;
}

void witness_compare(const struct ipacct_interface *interface, const struct ipacct_totals *totals,
		     uint64_t ledger_created_ns, const struct link_reading *before,
		     const struct link_reading *after, bool flowing, struct witness *ret_witness)
{
	struct witness w = { .not_applicable =
				     why_not(interface, ledger_created_ns, before, after) };
	uint64_t in_flight = (uint64_t)WITNESS_IN_FLIGHT_PER_QUEUE * after->n_queues;
	struct expectation e;
	uint64_t far;

	w.seen_packets = ipacct_minus(totals->seen.packets, interface->base_seen_packets);
	w.seen_l2_bytes = ipacct_minus(totals->seen.l2_bytes, interface->base_seen_l2_bytes);
	if (w.not_applicable) {
		*ret_witness = w;
		return;
	}
	w.kernel_packets = since(before->packets, after->packets, interface->base_rx_packets_before,
				 interface->base_rx_packets_after);
	w.kernel_bytes = since(before->bytes, after->bytes, interface->base_rx_bytes_before,
			       interface->base_rx_bytes_after);
	e = expect(&w, totals);
	w.residue_packets_least = (int64_t)(e.packets - w.kernel_packets.most);
	w.residue_packets_most = (int64_t)(e.packets - w.kernel_packets.least);
	w.attach_packets =
		ipacct_minus(interface->base_rx_packets_after, interface->base_rx_packets_before);
	w.reading_packets = after->packets - before->packets;
	/* The statistics lag behind the program at both moments: now, and when it was attached. */
	w.allowed_packets = (flowing ? in_flight : 0) + (w.attach_packets ? in_flight : 0);
	far = outside(e.packets, &w.kernel_packets);
	w.closes = far <= w.allowed_packets;
	if (!w.closes && interface->hook == IPACCT_HOOK_TC_EGRESS &&
	    e.packets > w.kernel_packets.most) {
		w.closes = true;
		w.packets_cause =
			"what a qdisc or the driver dropped or still holds behind the hook "
			"(tc -s qdisc, ip -s link)";
	}
	/* A packet in flight has at most 65,535 octets (linux/if_ether.h ETH_MAX_MTU). */
	explain_bytes(&w, &e, far * UINT16_MAX);
	*ret_witness = w;
}
