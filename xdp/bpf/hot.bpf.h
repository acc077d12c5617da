/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hot tier: the busy addresses, one cache line each, native width per family. */
#ifndef IPACCT_HOT_BPF_H
#define IPACCT_HOT_BPF_H

#define HOT_PACKETS_FULL 0x80000000u /* half of what a 32-bit counter holds */

/* 64 bits from which the numbers of two sets come: twice times a secret odd number, so that whoever does
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

static __always_inline bool ipacct_hot4_is(const struct ipacct_hot4_line *line, __u64 word)
{
	word = (word ^ *(const __u64 *)line) << (64 - HOT4_WORD_BITS);
	barrier_var(word); /* else clang makes a mask of it, which takes a register */
	return !word;
}

static __always_inline __u64 ipacct_hot4_wanted(const struct ipacct_key *key)
{
	return hot4_word(key->addr_be[3], key->domain);
}

static __always_inline __u64 ipacct_hot4_hash(const struct ipacct_key *key, __u64 seed)
{
	return hot_hash(ipacct_hot4_wanted(key), seed);
}

static __always_inline void ipacct_hot4_key_write(struct ipacct_hot4_line *line,
						  const struct ipacct_key *key)
{
	line->addr_be = key->addr_be[3];
	line->domain = key->domain;
}

static __always_inline void ipacct_hot4_key_read(const struct ipacct_hot4_line *line,
						 struct ipacct_key *ret_key)
{
	ret_key->addr_be[2] = KEY_IPV4_MAPPED;
	ret_key->addr_be[3] = line->addr_be;
	ret_key->domain = line->domain;
}

/* The last 32 bits are the low ones: of words that differ in their top bits only, which a pool of
 * addresses ::1, ::2, … would be, one seed in eight has most in a few sets. */
static __always_inline __u64 ipacct_hot6_hash(const struct ipacct_key *key, __u64 seed)
{
	__u64 high = key->addr_be[0] | (__u64)key->addr_be[1] << 32;
	__u64 low = key->addr_be[3] | (__u64)key->addr_be[2] << 32;

	return hot_hash(low ^ hot_hash(high ^ key->domain, seed), seed);
}

static __always_inline const struct ipacct_key *ipacct_hot6_wanted(const struct ipacct_key *key)
{
	return key;
}

static __always_inline bool ipacct_hot6_is(const struct ipacct_hot6_line *line,
					   const struct ipacct_key *key)
{
	return line->addr_be[3] == key->addr_be[3] && line->addr_be[2] == key->addr_be[2] &&
	       line->addr_be[1] == key->addr_be[1] && line->addr_be[0] == key->addr_be[0] &&
	       line->domain == key->domain && line->flags;
}

static __always_inline void ipacct_hot6_key_write(struct ipacct_hot6_line *line,
						  const struct ipacct_key *key)
{
	__builtin_memcpy(line->addr_be, key->addr_be, sizeof(line->addr_be));
	line->domain = key->domain;
}

static __always_inline void ipacct_hot6_key_read(const struct ipacct_hot6_line *line,
						 struct ipacct_key *ret_key)
{
	__builtin_memcpy(ret_key->addr_be, line->addr_be, sizeof(ret_key->addr_be));
	ret_key->domain = line->domain;
}

#define HOT(name)  ipacct_hot4_##name
#define HOT_LINE   struct ipacct_hot4_line
#define HOT_SET    struct ipacct_hot4_set
#define HOT_WAYS   IPACCT_HOT4_WAYS
#define HOT_WANTED __u64
#define HOT_MAP    ipacct_hot4
#define HOT_SETS   cfg_hot4_sets
#define HOT_BIT    0
#include "hot_set.bpf.h"
#undef HOT
#undef HOT_LINE
#undef HOT_SET
#undef HOT_WAYS
#undef HOT_WANTED
#undef HOT_MAP
#undef HOT_SETS
#undef HOT_BIT

#define HOT(name)  ipacct_hot6_##name
#define HOT_LINE   struct ipacct_hot6_line
#define HOT_SET    struct ipacct_hot6_set
#define HOT_WAYS   IPACCT_HOT6_WAYS
#define HOT_WANTED const struct ipacct_key *
#define HOT_MAP    ipacct_hot6
#define HOT_SETS   cfg_hot6_sets
#define HOT_BIT    cfg_hot6_bit
#include "hot_set.bpf.h"

#endif
