/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may have a line of the hot tier at once. */
#include "door.h"

#include <stdbool.h>
#include <string.h>

#include "epoch.h"
#include "hot_lines.h"
#include "hot_place.h"

static bool is_closed(const struct ipacct_maps *maps, uint32_t number)
{
	return maps->ctl->doors >> number & 1;
}

/* Before an open door single packets are rolled up when neither lines nor LRU tier have room for them
 * (hot_set.bpf.h), behind a closed one each stranger's first. */
static bool part_is_flooded(const struct ipacct_maps *maps, uint32_t index)
{
	const struct ipacct_part *part = &maps->parts[index];
	uint64_t lines = hot_lines(&maps->meta, false) + hot_lines(&maps->meta, true);

	return part->hot_rolled > lines / (is_closed(maps, index % IPACCT_EPOCHS)
						   ? HOT_DOOR_OPEN_SHARE
						   : HOT_DOOR_CLOSE_SHARE);
}

/* A bit for each key of a set that has a line. */
static ALWAYS_INLINE void set_enter(const struct ipacct_maps *maps, __u64 *door,
				    const uint8_t *line, bool ipv6)
{
	uint32_t words = ipacct_door_words(&maps->meta);

	for (uint32_t way = 0; way < hot_ways(ipv6); way++, line += hot_line_bytes(ipv6)) {
		struct ipacct_key key = hot_line_key(line, ipv6);
		uint64_t hash = hot_key_hash(&key, maps->ctl->seed, ipv6);

		if (hot_line_flags(line, ipv6))
			door[hot_door_word(hash, words)] |= hot_door_bit(hash);
	}
}

static ALWAYS_INLINE void lines_enter(const struct ipacct_maps *maps, uint32_t index, bool ipv6)
{
	const __u64 *words = maps->hotmap + ipacct_hotmap_first(&maps->meta, index, ipv6) / 64;
	__u64 *door = maps->hotmap + ipacct_door_first(&maps->meta, index);
	const uint8_t *sets = ipacct_hot_table(maps, index, ipv6);

	for (uint32_t word = 0; word < hot_sets(&maps->meta, ipv6) / 64; word++)
		for (__u64 bits = words[word]; bits; bits &= bits - 1) {
			size_t set = word * 64 + (uint32_t)__builtin_ctzll(bits);

			set_enter(maps, door, sets + set * IPACCT_HOT_SET_BYTES, ipv6);
		}
}

void door_set(const struct ipacct_maps *maps, uint32_t number)
{
	struct ipacct_ctl *ctl = maps->ctl;
	bool flooded = false;

	for (uint32_t part = 1; part < maps->meta.n_parts; part++)
		flooded |= part_is_flooded(maps, IPACCT_EPOCHS * part + number);
	/* nobody counts in this epoch: its bit is not asked for now */
	__atomic_store_n(&ctl->doors, ctl->doors & ~(1u << number), __ATOMIC_RELAXED);
	if (!flooded)
		return;
	for (uint32_t part = 1; part < maps->meta.n_parts; part++) {
		uint32_t index = IPACCT_EPOCHS * part + number;

		memset(maps->hotmap + ipacct_door_first(&maps->meta, index), 0,
		       ipacct_door_words(&maps->meta) * sizeof(*maps->hotmap));
		lines_enter(maps, index, false);
		lines_enter(maps, index, true);
	}
	__atomic_store_n(&ctl->doors, ctl->doors | 1u << number, __ATOMIC_RELEASE);
}
