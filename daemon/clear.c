/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Empty an epoch at rest. Nothing writes to it, so deleting its keys loses nothing. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "clear.h"
#include "crash.h"
#include "hot_lines.h"

#define CLEAR_BATCH 8192u

static int keys_delete(struct ipacct_epoch *epoch, int map_fd, const struct ipacct_key_list *list)
{
	size_t done = 0;
	int ret = 0;

	while (done < list->n_keys && !ret) {
		size_t left = list->n_keys - done;
		uint32_t n = left < CLEAR_BATCH ? (uint32_t)left : CLEAR_BATCH;

		epoch->batch.n_syscalls++;
		ret = bpf_map_delete_batch(map_fd, list->keys + done, &n, NULL);
		done += n;
		if (ret == -ENOENT) { /* that one is gone already: the next is behind it */
			done++;
			ret = 0;
		}
	}
	return ret;
}

static int totals_clear(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number)
{
	int ret = 0;

	memset(epoch->per_cpu, 0, (size_t)epoch->n_cpus * sizeof(*epoch->per_cpu));
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !ret; slot++) {
		uint32_t index = IPACCT_EPOCHS * slot + number;

		if (!epoch->totals[slot].seen.packets)
			continue;
		epoch->batch.n_syscalls++;
		ret = bpf_map_update_elem(maps->totals_fd, &index, epoch->per_cpu, BPF_ANY);
	}
	return ret;
}

static void roll_clear(const struct ipacct_maps *maps, uint32_t index)
{
	if (!maps->parts[index].rollup_updates)
		return;
	memset(maps->roll + (size_t)index * IPACCT_ROLL_LINES, 0,
	       IPACCT_ROLL_LINES * sizeof(*maps->roll));
	memset(maps->roll6 + (size_t)index * IPACCT_ROLL6_LINES, 0,
	       IPACCT_ROLL6_LINES * sizeof(*maps->roll6));
}

/* Whether a line keeps its key for the next use of this epoch: it came back (two packets), it did so
 * before and is not idle, or it is the operator's own. Otherwise a flood would find the table empty
 * after every cut. */
static uint16_t flags_kept(uint16_t flags, uint64_t n_packets)
{
	bool keep =
		n_packets >= 2 || (n_packets && flags & (IPACCT_HOT_WARM | IPACCT_HOT_PROTECTED));

	return keep ? IPACCT_HOT_USED | IPACCT_HOT_WARM | (flags & IPACCT_HOT_PROTECTED) : 0;
}

#define HOT_SET_CLEAR(set, ways)                                                                \
	({                                                                                      \
		uint16_t any = 0;                                                               \
                                                                                                \
		for (uint32_t way = 0; way < (ways); way++) {                                   \
			(set)->line[way].flags = flags_kept(                                    \
				(set)->line[way].flags, (uint64_t)(set)->line[way].tx_packets + \
								(set)->line[way].rx_packets);   \
			(set)->line[way].tx_packets = (set)->line[way].rx_packets = 0;          \
			(set)->line[way].tx_l3_bytes = (set)->line[way].rx_l3_bytes = 0;        \
			any |= (set)->line[way].flags;                                          \
		}                                                                               \
		any != 0;                                                                       \
	})

static void hot_clear(const struct ipacct_maps *maps, uint32_t index, bool ipv6)
{
	uint32_t n_sets = hot_sets(&maps->meta, ipv6);
	uint32_t first = (index - IPACCT_EPOCHS) * n_sets;
	__u64 *words = maps->hotmap + ipacct_hotmap_first(&maps->meta, index, ipv6) / 64;

	for (uint32_t word = 0; word < n_sets / 64; word++)
		for (__u64 bits = words[word]; bits; bits &= bits - 1) {
			uint32_t set = first + word * 64 + (uint32_t)__builtin_ctzll(bits);
			bool used = ipv6 ? HOT_SET_CLEAR(&maps->hot6[set], IPACCT_HOT6_WAYS)
					 : HOT_SET_CLEAR(&maps->hot4[set], IPACCT_HOT4_WAYS);

			if (!used)
				words[word] &= ~(bits & -bits);
		}
}

/* Last: they say what there is to clear. */
static void parts_clear(const struct ipacct_maps *maps, uint32_t number)
{
	for (uint32_t part = 0; part < maps->meta.n_parts; part++) {
		struct ipacct_part *state = &maps->parts[IPACCT_EPOCHS * part + number];

		state->lru_inserts = 0;
		state->lru_refused = 0;
		state->rollup_updates = 0;
		state->hot_rolled = 0;
		state->hot_displaced = 0;
		state->guard_rolled = 0;
	}
}

int epoch_clear(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number)
{
	int ret = 0;

	for (uint32_t part = 0; part < maps->meta.n_parts && !ret; part++) {
		ret = keys_delete(epoch, maps->lru_fds[IPACCT_EPOCHS * part + number],
				  &epoch->keys[part]);
		CRASH_POINT(clearing);
	}
	if (ret)
		return ret;
	CRASH_POINT(lru_clear);
	for (uint32_t part = 0; part < maps->meta.n_parts; part++)
		roll_clear(maps, IPACCT_EPOCHS * part + number);
	CRASH_POINT(roll_clear);
	for (uint32_t part = 1; part < maps->meta.n_parts && maps->hotmap; part++) {
		hot_clear(maps, IPACCT_EPOCHS * part + number, false);
		hot_clear(maps, IPACCT_EPOCHS * part + number, true);
	}
	CRASH_POINT(hot_clear);
	ret = totals_clear(epoch, maps, number);
	CRASH_POINT(totals_clear);
	if (!ret)
		parts_clear(maps, number);
	return ret;
}

/* The totals are cleared behind everything that has keys. A hot line that is cleared twice would be
 * taken for idle, and every restart would hand half of the table to a flood. */
int epoch_clear_again(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++)
		if (epoch->totals[slot].seen.packets)
			return epoch_clear(epoch, maps, number);
	parts_clear(maps, number);
	return 0;
}
