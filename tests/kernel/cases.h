/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet table: one row per shape, its bytes and what accounting must make of it, by hand. */
#ifndef IPACCT_TESTS_CASES_H
#define IPACCT_TESTS_CASES_H

#include <stdbool.h>

#include "frames.h"
#include "outcome.h"

struct packet_expect {
	int ignored; /* OUTCOME_ACCOUNTED or enum ipacct_ignored_reason */
	int family;
	int protocol;
	uint32_t l3_bytes;
	int fragment;
	int tunnel;         /* enum outcome_tunnel */
	const char *source; /* NULL: the address that the builder writes when a row names none */
	const char *destination;
};

struct packet_case {
	const char *name;
	size_t l2_bytes; /* checked against the built frame: guards the row itself */
	struct layer layers[FRAME_LAYERS_MAX];
	struct packet_expect expect;
	struct packet_expect inner; /* with account: inner; .tunnel 0: the same */
};

/* Expectations: V4(protocol class, l3_bytes, more fields), V6(…), IGNORED(reason). */
#define EXPECT_IP(family_, class, l3, ...)                                           \
	{                                                                            \
		.ignored = OUTCOME_ACCOUNTED, .family = (family_),                   \
		.protocol = IPACCT_PROTOCOL_##class, .l3_bytes = (l3), ##__VA_ARGS__ \
	}
#define V4(class, l3, ...) EXPECT_IP(4, class, l3, ##__VA_ARGS__)
#define V6(class, l3, ...) EXPECT_IP(6, class, l3, ##__VA_ARGS__)
#define IGNORED(reason)                            \
	{                                          \
		.ignored = IPACCT_IGNORED_##reason \
	}
#define INNER(family, class, l3, ...) \
	EXPECT_IP(family, class, l3, .tunnel = OUTCOME_INNER, ##__VA_ARGS__)
#define OPAQUE(family, class, l3, ...) \
	EXPECT_IP(family, class, l3, .tunnel = OUTCOME_TUNNEL_OUTER, ##__VA_ARGS__)
#define FIRST          .fragment = OUTCOME_FIRST_FRAGMENT
#define OTHER_FRAGMENT .fragment = OUTCOME_OTHER_FRAGMENT

extern const struct packet_case cases_ethernet[];
extern const size_t n_cases_ethernet;
extern const struct packet_case cases_ipv4[];
extern const size_t n_cases_ipv4;
extern const struct packet_case cases_ipv6[];
extern const size_t n_cases_ipv6;

extern const struct packet_case cases_tunnel[];
extern const size_t n_cases_tunnel;

size_t n_cases(void);
/* index < n_cases(). */
const struct packet_case *case_at(size_t index);
/* The row's expectation as an outcome, with account: inner or outer. Returns 0 or -EINVAL (an address that is none). */
int case_outcome(const struct packet_case *row, bool inner, struct outcome *ret_outcome);

#endif
