/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hot tier: the busy addresses, one cache line each, native width per family. */
#ifndef IPACCT_HOT_BPF_H
#define IPACCT_HOT_BPF_H

#include "hot_place.h"

#define HOT_PACKETS_FULL 0x80000000u /* half of what a 32-bit counter holds */

/* Live readers show a single packet only where it is sure to stay: they cannot take it back when it goes to
 * its prefix. So the first new lines of an epoch, which may be all, have a place in the LRU tier. */
static __always_inline __u16 hot_sure(struct ipacct_part *part)
{
	if (part->hot_sure >= part->lru_budget / HOT_SURE_SHARE)
		return 0;
	part->hot_sure++;
	return IPACCT_HOT_SURE;
}

/* Whether the key of a first packet may have a line: it has one, or it has knocked before in this epoch.
 * Where a bit is not set, no line has the key. */
static __always_inline bool hot_door_passes(__u32 index, __u64 hash)
{
	__u32 at = cfg_door_first + (index - IPACCT_EPOCHS) * cfg_door_words +
		   hot_door_word(hash, cfg_door_words);
	__u64 *word, bit = hot_door_bit(hash);

	if (!cfg_door_words || !door_is_closed(index))
		return true;
	word = bpf_map_lookup_elem(&ipacct_hotmap, &at);
	if (!word || *word & bit)
		return true;
	*word |= bit;
	return false;
}

/* The first packet of a stranger goes to its prefix. */
static __always_inline bool hot_door_keeps(const struct account_record *record, __u32 index,
					   __u64 hash)
{
	struct ipacct_part *part;

	if (hot_door_passes(index, hash) ||
	    record->counters.tx_packets + record->counters.rx_packets != 1 ||
	    guard_flag(&record->key))
		return false;
	part = bpf_map_lookup_elem(&ipacct_parts, &index);
	if (part)
		part->hot_rolled++;
	return true;
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
