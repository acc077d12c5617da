/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the bench's programs and its user space share. */
#ifndef IPACCT_BENCH_SHARED_H
#define IPACCT_BENCH_SHARED_H

#include <linux/types.h>

#define BENCH_FRAME_BYTES 64u
#define BENCH_L3_BYTES    50u        /* a frame without Ethernet */
#define BENCH_PAIRS       (1u << 21) /* drawn in advance: more than one run sends */
#define BENCH_PLAIN_SLOT  63u        /* interface slot of the baselines' totals: no cut reads it */

/* Kinds of addresses. IPv4: a range each. IPv6: 3fff:<low 11 bits of the number>:<kind>::<number>
 * (RFC 9637), so that they spread over 2,048 /32; the protected ones over another 2,048. Numbers have
 * at most 24 bits, those of a flood 25. */
#define BENCH_KIND_SOURCE      10u  /* 10.0.0.0/8 */
#define BENCH_KIND_DESTINATION 11u  /* 11.0.0.0/8 */
#define BENCH_KIND_GUARDED     12u  /* 12.0.0.0/8: sources in a protected prefix */
#define BENCH_KIND_APART       100u /* 100.0.0.0/7: protected, never seen */
#define BENCH_KIND_FLOOD       240u /* 240.0.0.0/7: spoofed, always an even number */

#define BENCH_GUARDED_IPV6_BITS 21u /* length of the prefix of the protected ones */
#define BENCH_IPV6_WORD(kind, number) \
	(0x3fff0000u | ((kind) == BENCH_KIND_GUARDED) << 11 | ((number)&0x7ffu))

/* Of one CPU: where the generator stands, and what it counted. */
struct bench_state {
	__u64 random; /* xorshift64 */
	__u64 cursor; /* into bench_pairs */
	__u64 n_honest;
	__u64 n_guarded; /* of them protected */
	__u64 n_failed;  /* updates that a baseline's map refused */
	__u64 reserved[3];
};

#endif
