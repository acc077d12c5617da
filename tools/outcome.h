/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What accounting one frame has to end in, and the independent reader that says so: for
 * ipacct-replay --prove, and for the packet tables of tests/kernel. */
#ifndef IPACCT_TOOLS_OUTCOME_H
#define IPACCT_TOOLS_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"

#define OUTCOME_ACCOUNTED (-1) /* of outcome.ignored */

enum outcome_fragment {
	OUTCOME_WHOLE = 0,
	OUTCOME_FIRST_FRAGMENT,
	OUTCOME_OTHER_FRAGMENT,
};

/* Whose addresses a tunnel's packet is accounted by. */
enum outcome_tunnel {
	OUTCOME_NO_TUNNEL = 0, /* or nobody asked for what is inside */
	OUTCOME_INNER,         /* those of the packet inside */
	OUTCOME_TUNNEL_OUTER,  /* the tunnel's own: nothing inside can be read */
};

struct outcome {
	int ignored;  /* OUTCOME_ACCOUNTED or enum ipacct_ignored_reason; then the rest is zero */
	int family;   /* 4 or 6 */
	int protocol; /* enum ipacct_protocol */
	int fragment; /* enum outcome_fragment */
	int tunnel;   /* enum outcome_tunnel */
	uint32_t l3_bytes;
	uint8_t source[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t destination[16];
};

/* The rules of accounting once more, written apart from the program under test.
 * n_bytes: the whole frame without FCS. Cannot fail; never reads outside of the frame. */
void reference_account(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome);

/* The same with `account: inner`: a tunnel's packet is the one inside. */
void reference_account_inner(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome);

#endif
