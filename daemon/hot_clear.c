/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Empty a table of the hot tier at rest, and put the keys that it keeps in their places. */
#include "hot_clear.h"

#include <string.h>

#include "hot_lines.h"
#include "hot_place.h"

/* What a table is while it is cleared. */
struct clearing {
	uint32_t *strays; /* line numbers */
	uint8_t *lines;
	__u64 *words; /* a bit for each set that may hold a key */
	uint64_t seed;
	uint32_t n_lines;
	uint32_t n_strays;
};

static ALWAYS_INLINE uint16_t *flags_at(const struct clearing *table, uint32_t number, bool ipv6)
{
	void *line = table->lines + number * hot_line_bytes(ipv6);

	return ipv6 ? &((struct ipacct_hot6_line *)line)->flags
		    : &((struct ipacct_hot4_line *)line)->flags;
}

/* Whether a line keeps its key for the next use of this epoch: it came back (two packets), it did so
 * before and is not idle, or it is the operator's own. Otherwise a flood would find the table empty
 * after every cut. Where keys are missing from their places is said anew in each epoch. */
static uint16_t flags_kept(uint16_t flags, uint64_t n_packets)
{
	bool keep =
		n_packets >= 2 || (n_packets && flags & (IPACCT_HOT_WARM | IPACCT_HOT_PROTECTED));

	flags &= IPACCT_HOT_PROTECTED | IPACCT_HOT_STRAY;
	return keep ? IPACCT_HOT_USED | IPACCT_HOT_WARM | flags : 0;
}

/* One too many stays where it is, and gets a line of its own when it comes back. */
static void stray_remember(struct clearing *table, uint32_t number)
{
	if (table->n_strays < IPACCT_EPOCH_STRAYS)
		table->strays[table->n_strays++] = number;
}

#define LINE_CLEAR(line)                                                                       \
	({                                                                                     \
		(line)->flags = flags_kept((line)->flags,                                      \
					   (uint64_t)(line)->tx_packets + (line)->rx_packets); \
		(line)->tx_packets = (line)->rx_packets = 0;                                   \
		(line)->tx_l3_bytes = (line)->rx_l3_bytes = 0;                                 \
		(line)->flags;                                                                 \
	})

/* Returns whether the set keeps a key. */
static ALWAYS_INLINE bool set_clear(struct clearing *table, uint32_t set, bool ipv6)
{
	uint32_t first = set * hot_ways(ipv6);
	uint16_t any = 0;

	for (uint32_t number = first; number < first + hot_ways(ipv6); number++) {
		void *line = table->lines + number * hot_line_bytes(ipv6);
		uint16_t flags = ipv6 ? LINE_CLEAR((struct ipacct_hot6_line *)line)
				      : LINE_CLEAR((struct ipacct_hot4_line *)line);

		if (flags & IPACCT_HOT_STRAY)
			stray_remember(table, number);
		any |= flags;
	}
	return any;
}

/* To a place of the key's that is free now; else the line at home says where to look. Nobody adds to the
 * table, and nothing is counted in it: a reader or a crash in the middle finds zeros twice. */
static ALWAYS_INLINE void stray_place(const struct clearing *table, uint32_t number, bool ipv6)
{
	size_t bytes = hot_line_bytes(ipv6);
	struct ipacct_key key = hot_line_key(table->lines + number * bytes, ipv6);
	uint64_t hash = hot_key_hash(&key, table->seed, ipv6);
	uint32_t home = hot_home(hash, table->n_lines), away = hot_away(hash, table->n_lines);

	for (uint32_t n = 0; n < HOT_PLACES; n++) {
		uint32_t place = (n < 2 ? home : away) ^ (n & 1), set = place / hot_ways(ipv6);

		if (*flags_at(table, place, ipv6))
			continue;
		memcpy(table->lines + place * bytes, table->lines + number * bytes, bytes);
		*flags_at(table, place, ipv6) &= (uint16_t)~IPACCT_HOT_STRAY;
		*flags_at(table, number, ipv6) = 0;
		table->words[set / 64] |= 1ULL << (set % 64);
		return;
	}
	*flags_at(table, home, ipv6) |= IPACCT_HOT_BEYOND;
}

static ALWAYS_INLINE void table_clear(struct clearing *table, uint32_t n_sets, bool ipv6)
{
	for (uint32_t word = 0; word < n_sets / 64; word++)
		for (__u64 bits = table->words[word]; bits; bits &= bits - 1)
			if (!set_clear(table, word * 64 + (uint32_t)__builtin_ctzll(bits), ipv6))
				table->words[word] &= ~(bits & -bits);
	for (uint32_t i = 0; i < table->n_strays; i++)
		stray_place(table, table->strays[i], ipv6);
}

void hot_clear(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index,
	       bool ipv6)
{
	uint32_t n_sets = hot_sets(&maps->meta, ipv6);
	struct clearing table = {
		.strays = epoch->strays,
		.lines = ipacct_hot_table(maps, index, ipv6),
		.words = maps->hotmap + ipacct_hotmap_first(&maps->meta, index, ipv6) / 64,
		.seed = maps->ctl->seed,
		.n_lines = hot_lines(&maps->meta, ipv6),
	};

	if (ipv6)
		table_clear(&table, n_sets, true);
	else
		table_clear(&table, n_sets, false);
}
