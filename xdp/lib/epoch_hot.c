/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hot tier of one partition and epoch: by mmap, or copied by who may only read. */
#include <stdatomic.h>
#include <string.h>

#include "epoch_hot.h"
#include "hot_lines.h"

#define HOT_RUN_LINES 256u /* added to the table at once: 14 KiB of stack */

/* Lines of the hot tier on their way into the table, as many at a time as are worth it. */
struct hot_run {
	struct ipacct_epoch *epoch;
	struct ipacct_key keys[HOT_RUN_LINES];
	struct ipacct_counters counters[HOT_RUN_LINES];
	uint32_t n;
};

static int hot_run_end(struct hot_run *run)
{
	uint32_t n = run->n;

	run->n = 0;
	return ipacct_table_add_addresses(&run->epoch->addresses, run->keys, run->counters, n);
}

/* Room for a whole set. */
static int hot_run_reserve(struct hot_run *run)
{
	return run->n + IPACCT_HOT4_WAYS > HOT_RUN_LINES ? hot_run_end(run) : 0;
}

/* again: the same set, copied after all of `set` was, while it counts; NULL: it is at rest. */
static ALWAYS_INLINE int lines_add(struct hot_run *run, const char *set, const char *again,
				   bool ipv6)
{
	int ret = hot_run_reserve(run);
	uint32_t before = run->n;

	for (uint32_t i = 0; i < hot_ways(ipv6) && !ret; i++) {
		size_t at = i * hot_line_bytes(ipv6);
		const char *line = again ? again + at : set + at;

		if (again ? !hot_line_believed(set + at, line, ipv6) : !hot_line_counts(line, ipv6))
			continue;
		run->keys[run->n] = hot_line_key(line, ipv6);
		run->counters[run->n++] = hot_line_counters(line, ipv6);
	}
	*(ipv6 ? &run->epoch->hot_lines_ipv6 : &run->epoch->hot_lines_ipv4) += run->n - before;
	return ret;
}

static int set_add(struct hot_run *run, const char *set, const char *again, bool ipv6)
{
	return ipv6 ? lines_add(run, set, again, true) : lines_add(run, set, again, false);
}

uint32_t ipacct_hotmap_first(const struct ipacct_meta *meta, uint32_t index, bool ipv6)
{
	uint32_t n_epochs = (meta->n_parts - 1) * IPACCT_EPOCHS, at = index - IPACCT_EPOCHS;

	return ipv6 ? n_epochs * meta->hot4_sets + at * meta->hot6_sets : at * meta->hot4_sets;
}

uint32_t ipacct_door_words(const struct ipacct_meta *meta)
{
	return hot_door_words(meta->hot4_sets, meta->hot6_sets);
}

uint32_t ipacct_door_first(const struct ipacct_meta *meta, uint32_t index)
{
	uint32_t n_epochs = (meta->n_parts - 1) * IPACCT_EPOCHS;

	return n_epochs * (meta->hot4_sets + meta->hot6_sets) / 64 +
	       (index - IPACCT_EPOCHS) * ipacct_door_words(meta);
}

/* A set of the mapped table. */
static int mapped_add(struct hot_run *run, const char *set, bool ipv6)
{
	union {
		struct ipacct_hot4_set set4;
		struct ipacct_hot6_set set6;
	} copy, again;

	if (!run->epoch->live)
		return set_add(run, set, NULL, ipv6);
	memcpy(&copy, set, sizeof(copy));
	atomic_thread_fence(memory_order_acquire);
	memcpy(&again, set, sizeof(again));
	return set_add(run, (const char *)&copy, (const char *)&again, ipv6);
}

/* Sets that hold no key are not looked at: the bitmap tells, 64 at a time. */
static int hot_scan(struct hot_run *run, const struct ipacct_maps *maps, uint32_t index, bool ipv6)
{
	uint32_t n_sets = hot_sets(&maps->meta, ipv6);
	const char *sets = (const char *)ipacct_hot_table(maps, index, ipv6);
	const __u64 *words = maps->hotmap + ipacct_hotmap_first(&maps->meta, index, ipv6) / 64;
	int ret = 0;

	for (uint32_t word = 0; word < n_sets / 64; word++)
		for (__u64 bits = words[word]; bits && !ret; bits &= bits - 1) {
			size_t set = word * 64 + (uint32_t)__builtin_ctzll(bits);

			ret = mapped_add(run, sets + set * IPACCT_HOT_SET_BYTES, ipv6);
		}
	return ret;
}

/* mmap needs a read-write descriptor, so whoever only reads has the table copied; twice while it
 * counts. */
static int hot_copy(struct hot_run *run, const struct ipacct_maps *maps, uint32_t at, bool ipv6)
{
	size_t bytes = (size_t)hot_sets(&maps->meta, ipv6) * IPACCT_HOT_SET_BYTES;
	int fd = ipv6 ? maps->hot6_fd : maps->hot4_fd;
	struct ipacct_epoch *epoch = run->epoch;
	const void *sets = NULL, *again = NULL;
	int ret = ipacct_batch_read_element(&epoch->batch, fd, at, bytes, &sets);

	if (!ret && epoch->live)
		ret = ipacct_batch_read_element(&epoch->batch_again, fd, at, bytes, &again);
	for (size_t set = 0; set < bytes && !ret; set += IPACCT_HOT_SET_BYTES)
		ret = set_add(run, (const char *)sets + set,
			      again ? (const char *)again + set : NULL, ipv6);
	return ret;
}

static int hot_run_fill(struct hot_run *run, const struct ipacct_maps *maps, uint32_t index)
{
	int ret;

	if (maps->hotmap) {
		ret = hot_scan(run, maps, index, false);
		return ret ? ret : hot_scan(run, maps, index, true);
	}
	ret = hot_copy(run, maps, index - IPACCT_EPOCHS, false);
	return ret ? ret : hot_copy(run, maps, index - IPACCT_EPOCHS, true);
}

int ipacct_epoch_hot_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			  uint32_t index)
{
	struct hot_run run;
	int ret;

	if (index < IPACCT_EPOCHS || !maps->meta.hot4_sets)
		return 0;
	run.epoch = epoch;
	run.n = 0;
	ret = hot_run_fill(&run, maps, index);
	return ret ? ret : hot_run_end(&run);
}
