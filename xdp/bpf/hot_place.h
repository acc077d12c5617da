/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the hot tier has a key: for the program, for who puts a key in its place while the epoch is at rest
 * (daemon/hot_clear.c, door.c), and for the model of `ipacctctl plan`. A line's number within a table is that
 * of its set times the ways of one, and its way. */
#ifndef IPACCT_HOT_PLACE_H
#define IPACCT_HOT_PLACE_H

#include "ipacct/abi.h"

#define HOT_SURE_SHARE 4u /* of the LRU budget: all that sure lines may take of it */

/* Singles rolled up in an epoch, as a share of the lines, above which the door is closed: as many are no
 * accident. Closed it stays above the other: as many strangers find free lines, or some that were not
 * needed twice. */
#define HOT_DOOR_CLOSE_SHARE 64u
#define HOT_DOOR_OPEN_SHARE  2u

#define HOT_PLACES 4u /* home, beside it, away, beside that: two cache lines (IPv6: four) */

/* The door of a partition and epoch: a bit by hash, set when a key knocks, and for each key that has a line.
 * By bits that do not choose the line at home. words: a power of two. */
static __always_inline __u32 hot_door_word(__u64 hash, __u32 words)
{
	return hash >> 47 & (words - 1);
}

static __always_inline __u64 hot_door_bit(__u64 hash)
{
	return 1ULL << (hash >> 41 & 63);
}

/* 64 bits from which the numbers of two lines come: twice times a secret odd number, so that whoever does
 * not know the seed cannot choose keys that meet. Why both: README.md. */
static __always_inline __u64 hot_hash(__u64 x, __u64 seed)
{
	x *= seed;
	return (x ^ x >> 32) * seed;
}

/* Address, domain and flags of a v4 line are one word, whose flags besides USED do not matter when
 * a key is looked for. */
#define HOT4_WORD_BITS 49 /* address, domain, IPACCT_HOT_USED */

static __always_inline __u64 hot4_word(__be32 addr_be, __u16 domain)
{
	return addr_be | (__u64)domain << 32 | (__u64)IPACCT_HOT_USED << 48;
}

static __always_inline __u64 ipacct_hot4_hash(const struct ipacct_key *key, __u64 seed)
{
	return hot_hash(hot4_word(key->addr_be[3], key->domain), seed);
}

/* The last 32 bits are the low ones: of words that differ in their top bits only, which a pool of
 * addresses ::1, ::2, … would be, one seed in eight has most in a few sets. */
static __always_inline __u64 ipacct_hot6_hash(const struct ipacct_key *key, __u64 seed)
{
	__u64 high = key->addr_be[0] | (__u64)key->addr_be[1] << 32;
	__u64 low = key->addr_be[3] | (__u64)key->addr_be[2] << 32;

	return hot_hash(low ^ hot_hash(high ^ key->domain, seed), seed);
}

/* For who walks tables of either family, with a constant `ipv6`. */
static __always_inline __u64 hot_key_hash(const struct ipacct_key *key, __u64 seed, int ipv6)
{
	return ipv6 ? ipacct_hot6_hash(key, seed) : ipacct_hot4_hash(key, seed);
}

/* lines: of a table, a power of two. (Made of one mask each: the verifier of 6.1 forgets the bounds of what
 * is put together with an OR.) */
static __always_inline __u32 hot_home(__u64 hash, __u64 lines)
{
	return hash >> 32 & (lines - 1);
}

static __always_inline __u64 hot_away_bits(__u64 hash)
{
	return hash ^ hash >> 29;
}

static __always_inline __u32 hot_away(__u64 hash, __u64 lines)
{
	return hot_away_bits(hash) & (lines - 1);
}

#endif
