/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compare what a slot has seen with what the kernel counted for its device. Arithmetic only. */
#ifndef IPACCT_TOOLS_CTL_WITNESS_H
#define IPACCT_TOOLS_CTL_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include <ipacct/abi.h>

#include "ctl_links.h"

/* A driver adds its packets to the statistics at the end of a poll: NAPI_POLL_WEIGHT,
 * linux/netdevice.h, for each receive queue. */
#define WITNESS_IN_FLIGHT_PER_QUEUE 64u

struct witness_interval {
	uint64_t least;
	uint64_t most;
};

struct witness {
	const char *not_applicable; /* why the kernel's counters say nothing; NULL = they do */
	bool closes;                /* no packet is unexplained */
	const char *packets_cause;  /* why the kernel's number is another one, or NULL: it is not */
	uint64_t merged_packets;    /* fewer, when a super-packet counts as one (up to) */
	uint64_t seen_packets;      /* by us since the last attach */
	uint64_t seen_l2_bytes;
	struct witness_interval kernel_packets; /* since the last attach */
	struct witness_interval kernel_bytes;
	int64_t residue_packets_least; /* seen − kernel; both 0 or around 0 when equal */
	int64_t residue_packets_most;
	uint64_t attach_packets;  /* counted while the program was being attached: either side */
	uint64_t reading_packets; /* counted between the two readings around ours */
	uint64_t allowed_packets; /* may be in flight between program and driver statistics */
	bool bytes_explained;
	int bytes_per_packet;       /* kernel − ours for each packet */
	const char *bytes_cause;    /* the name of that constant */
	uint64_t bytes_unexplained; /* distance to the nearest explanation */
};

/* interface, totals: the slot in a live snapshot that was read between `before` and `after`.
 * ledger_created_ns: CLOCK_REALTIME, as struct ipacct_snapshot has it.
 * flowing: the device received packets while it was observed. Cannot fail. */
void witness_compare(const struct ipacct_interface *interface, const struct ipacct_totals *totals,
		     uint64_t ledger_created_ns, const struct link_reading *before,
		     const struct link_reading *after, bool flowing, struct witness *ret_witness);

#endif
