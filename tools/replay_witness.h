/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The independent account of a capture: every frame through tools/reference.c, summed in a way of its
 * own. It shares no code with the program, with the maps, or with libipacct's tables. */
#ifndef IPACCT_TOOLS_REPLAY_WITNESS_H
#define IPACCT_TOOLS_REPLAY_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"

struct witness_row {
	uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint64_t sent_packets, sent_l3_bytes;
	uint64_t received_packets, received_l3_bytes;
	uint32_t next; /* row of the same chain, WITNESS_END behind the last */
};

#define WITNESS_END UINT32_MAX

struct witness {
	struct witness_row *rows; /* in the order in which they were met */
	size_t n_rows, n_allocated;
	uint32_t *chains; /* first row of each */
	size_t n_chains;  /* a power of two, 0 at first */
	uint64_t secret[2];
	struct ipacct_totals totals;
	bool inner; /* tunnels by the addresses inside; the caller's */
};

/* Zeroed storage is a witness that saw nothing; the secret keeps captures from choosing addresses that
 * meet in one chain. */
int witness_init(struct witness *ret_witness);
void witness_finish(struct witness *witness);

/* One frame without FCS. Returns 0 or -ENOMEM. */
int witness_frame(struct witness *witness, const uint8_t *frame, size_t n_bytes);

#endif
