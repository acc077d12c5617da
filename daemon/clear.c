/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Empty an epoch at rest. Nothing writes to it, so deleting its keys loses nothing. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "clear.h"
#include "crash.h"
#include "door.h"
#include "hot_clear.h"

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
		state->hot_sure = 0;
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
		hot_clear(epoch, maps, IPACCT_EPOCHS * part + number, false);
		hot_clear(epoch, maps, IPACCT_EPOCHS * part + number, true);
	}
	CRASH_POINT(hot_clear);
	if (maps->hotmap)
		door_set(maps, number);
	CRASH_POINT(door);
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
