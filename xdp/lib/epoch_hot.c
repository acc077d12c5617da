/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hot tier of one partition and epoch: by mmap, or copied by who may only read. */
#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>

#include "epoch_hot.h"

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

/* again: the same set, looked at after all of `set` was copied, while it counts; NULL: it is at rest. A
 * line that has another key there may have been copied while it was handed over: key of one, counters
 * of the other. What its key had is in the LRU tier by then, and the new key's packets came later. */
static int hot4_add(struct hot_run *run, const struct ipacct_hot4_set *set,
		    const struct ipacct_hot4_set *again)
{
	int ret = hot_run_reserve(run);
	uint32_t before = run->n;

	for (uint32_t i = 0; i < IPACCT_HOT4_WAYS && !ret; i++) {
		const struct ipacct_hot4_line *line = &set->line[i];

		if (!line->tx_packets && !line->rx_packets)
			continue;
		if (again && (again->line[i].addr_be != line->addr_be ||
			      again->line[i].domain != line->domain))
			continue;
		run->keys[run->n] =
			(struct ipacct_key){ .addr_be = { 0, 0, htonl(0x0000ffff), line->addr_be },
					     .domain = line->domain };
		run->counters[run->n++] =
			(struct ipacct_counters){ line->tx_packets, line->tx_l3_bytes,
						  line->rx_packets, line->rx_l3_bytes };
	}
	run->epoch->hot_lines_ipv4 += run->n - before;
	return ret;
}

static int hot6_add(struct hot_run *run, const struct ipacct_hot6_set *set,
		    const struct ipacct_hot6_set *again)
{
	int ret = hot_run_reserve(run);
	uint32_t before = run->n;

	for (uint32_t i = 0; i < IPACCT_HOT6_WAYS && !ret; i++) {
		const struct ipacct_hot6_line *line = &set->line[i];

		if (!line->tx_packets && !line->rx_packets)
			continue;
		if (again &&
		    (memcmp(again->line[i].addr_be, line->addr_be, sizeof(line->addr_be)) ||
		     again->line[i].domain != line->domain))
			continue;
		run->keys[run->n] = (struct ipacct_key){ .domain = line->domain };
		memcpy(run->keys[run->n].addr_be, line->addr_be, sizeof(line->addr_be));
		run->counters[run->n++] =
			(struct ipacct_counters){ line->tx_packets, line->tx_l3_bytes,
						  line->rx_packets, line->rx_l3_bytes };
	}
	run->epoch->hot_lines_ipv6 += run->n - before;
	return ret;
}

uint32_t ipacct_hotmap_first(const struct ipacct_meta *meta, uint32_t index, bool ipv6)
{
	uint32_t n_epochs = (meta->n_parts - 1) * IPACCT_EPOCHS, at = index - IPACCT_EPOCHS;

	return ipv6 ? n_epochs * meta->hot4_sets + at * meta->hot6_sets : at * meta->hot4_sets;
}

/* One set of the mapped table. */
static int hot_set_add(struct hot_run *run, const struct ipacct_maps *maps, uint32_t set, bool ipv6)
{
	struct ipacct_hot4_set copy4;
	struct ipacct_hot6_set copy6;

	if (!run->epoch->live)
		return ipv6 ? hot6_add(run, &maps->hot6[set], NULL)
			    : hot4_add(run, &maps->hot4[set], NULL);
	if (ipv6)
		memcpy(&copy6, &maps->hot6[set], sizeof(copy6));
	else
		memcpy(&copy4, &maps->hot4[set], sizeof(copy4));
	atomic_thread_fence(memory_order_acquire);
	return ipv6 ? hot6_add(run, &copy6, &maps->hot6[set])
		    : hot4_add(run, &copy4, &maps->hot4[set]);
}

/* Sets that hold no key are not looked at: the bitmap tells, 64 at a time. */
static int hot_scan(struct hot_run *run, const struct ipacct_maps *maps, uint32_t index, bool ipv6)
{
	uint32_t first =
		(index - IPACCT_EPOCHS) * (ipv6 ? maps->meta.hot6_sets : maps->meta.hot4_sets);
	uint32_t n_words = (ipv6 ? maps->meta.hot6_sets : maps->meta.hot4_sets) / 64;
	const __u64 *words = maps->hotmap + ipacct_hotmap_first(&maps->meta, index, ipv6) / 64;
	int ret = 0;

	for (uint32_t word = 0; word < n_words; word++)
		for (__u64 bits = words[word]; bits && !ret; bits &= bits - 1)
			ret = hot_set_add(run, maps,
					  first + word * 64 + (uint32_t)__builtin_ctzll(bits),
					  ipv6);
	return ret;
}

/* mmap needs a read-write descriptor, so whoever only reads has the table copied; twice while it
 * counts. */
static int hot_copy(struct hot_run *run, const struct ipacct_maps *maps, uint32_t at, bool ipv6)
{
	uint32_t n_sets = ipv6 ? maps->meta.hot6_sets : maps->meta.hot4_sets;
	size_t bytes = (size_t)n_sets * IPACCT_HOT_SET_BYTES;
	int fd = ipv6 ? maps->hot6_fd : maps->hot4_fd;
	struct ipacct_epoch *epoch = run->epoch;
	const void *sets = NULL, *again = NULL;
	int ret = ipacct_batch_read_element(&epoch->batch, fd, at, bytes, &sets);

	if (!ret && epoch->live)
		ret = ipacct_batch_read_element(&epoch->batch_again, fd, at, bytes, &again);
	for (uint32_t i = 0; i < n_sets && !ret; i++)
		ret = ipv6 ? hot6_add(run, (const struct ipacct_hot6_set *)sets + i,
				      again ? (const struct ipacct_hot6_set *)again + i : NULL)
			   : hot4_add(run, (const struct ipacct_hot4_set *)sets + i,
				      again ? (const struct ipacct_hot4_set *)again + i : NULL);
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
