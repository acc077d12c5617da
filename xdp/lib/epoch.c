/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one epoch of the pinned maps holds. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "epoch.h"
#include "epoch_hot.h"

#define PPM 1000000u

int ipacct_epoch_init(struct ipacct_epoch *epoch, bool keep_keys)
{
	memset(epoch, 0, sizeof(*epoch));
	epoch->keep_keys = keep_keys;
	epoch->n_cpus = libbpf_num_possible_cpus();
	if (epoch->n_cpus < 0)
		return epoch->n_cpus;
	epoch->per_cpu = calloc((size_t)epoch->n_cpus, sizeof(*epoch->per_cpu));
	if (keep_keys)
		epoch->strays = calloc(IPACCT_EPOCH_STRAYS, sizeof(*epoch->strays));
	return epoch->per_cpu && (epoch->strays || !keep_keys) ? 0 : -ENOMEM;
}

void ipacct_epoch_finish(struct ipacct_epoch *epoch)
{
	ipacct_table_finish(&epoch->addresses);
	ipacct_table_finish(&epoch->rollups);
	ipacct_table_finish(&epoch->first);
	ipacct_table_finish(&epoch->lines);
	ipacct_table_finish(&epoch->again);
	for (uint32_t i = 0; i < epoch->n_keys; i++)
		free(epoch->keys[i].keys);
	free(epoch->keys);
	free(epoch->strays);
	ipacct_batch_finish(&epoch->batch);
	ipacct_batch_finish(&epoch->batch_again);
	free(epoch->per_cpu);
	memset(epoch, 0, sizeof(*epoch));
}

void ipacct_epoch_reset(struct ipacct_epoch *epoch)
{
	ipacct_table_reset(&epoch->addresses);
	ipacct_table_reset(&epoch->rollups);
	memset(epoch->totals, 0, sizeof(epoch->totals));
	epoch->lru_inserts = epoch->lru_refused = epoch->rollup_updates = 0;
	epoch->lru_fullest_ppm = 0;
	epoch->hot_rolled = epoch->hot_displaced = epoch->guard_rolled = 0;
	epoch->hot_lines_ipv4 = epoch->hot_lines_ipv6 = 0;
	for (uint32_t i = 0; i < epoch->n_keys; i++)
		epoch->keys[i].n_keys = 0;
}

/* The record is nothing but 64-bit counters; abi.h asserts its size. */
void ipacct_totals_add(struct ipacct_totals *sum, const struct ipacct_totals *more)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)more;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

struct read_context {
	struct ipacct_epoch *epoch;
	struct ipacct_key_list *keys;
};

static int keys_remember(struct ipacct_key_list *list, const struct ipacct_key *keys, uint32_t n)
{
	size_t wanted = list->n_keys + n, room = list->n_allocated ? list->n_allocated : 1024;
	int ret = 0;

	while (room < wanted)
		room *= 2;
	if (room != list->n_allocated)
		ret = array_resize(&list->keys, sizeof(*list->keys), room);
	if (ret)
		return ret;
	list->n_allocated = room;
	memcpy(list->keys + list->n_keys, keys, n * sizeof(*keys));
	list->n_keys = wanted;
	return 0;
}

static int addresses_add(const void *keys, const void *values, uint32_t n, void *context)
{
	struct read_context *to = context;
	const struct ipacct_counters *counters = values;
	const struct ipacct_key *key = keys;
	int ret = to->keys ? keys_remember(to->keys, key, n) : 0;

	return ret ? ret : ipacct_table_add_addresses(&to->epoch->addresses, key, counters, n);
}

static int lru_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index)
{
	struct read_context context = { .epoch = epoch };

	if (epoch->keep_keys)
		context.keys = &epoch->keys[index / IPACCT_EPOCHS];
	return ipacct_batch_read(&epoch->batch, maps->lru_fds[index], sizeof(struct ipacct_key),
				 sizeof(struct ipacct_counters), addresses_add, &context);
}

int ipacct_epoch_roll_add(struct ipacct_epoch *epoch, uint32_t line,
			  const struct ipacct_counters *counters)
{
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0x0000ffff), 0 } };
	uint8_t prefix_len = 96 + 16;

	if (line < IPACCT_ROLL4_LINES) {
		key.addr_be[3] = htonl(line << 16);
	} else {
		line -= IPACCT_ROLL4_LINES;
		key.domain = epoch->domains[line / 2].domain;
		prefix_len = line % 2 ? 0 : 96;
		if (line % 2)
			key.addr_be[2] = 0;
	}
	return ipacct_table_add(&epoch->rollups, &key, prefix_len, counters);
}

struct roll_context {
	struct ipacct_epoch *epoch;
	uint32_t first; /* index of the first line of this partition and epoch */
};

static int roll_lines_add(const void *keys, const void *values, uint32_t n, void *context)
{
	struct roll_context *from = context;
	const struct ipacct_counters *counters = values;
	const uint32_t *at = keys;
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++)
		if (ipacct_counters_moved(&counters[i]))
			ret = ipacct_epoch_roll_add(from->epoch, at[i] - from->first, &counters[i]);
	return ret;
}

static int roll_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index)
{
	struct roll_context context = { epoch, index * IPACCT_ROLL_LINES };
	const struct ipacct_counters *lines;
	int ret = 0;

	if (!maps->roll)
		return ipacct_batch_read_array(&epoch->batch, maps->roll_fd, sizeof(*lines),
					       context.first, IPACCT_ROLL_LINES, roll_lines_add,
					       &context);
	lines = maps->roll + context.first;
	for (uint32_t i = 0; i < IPACCT_ROLL_LINES && !ret; i++)
		if (ipacct_counters_moved(&lines[i]))
			ret = ipacct_epoch_roll_add(epoch, i, &lines[i]);
	return ret;
}

int ipacct_epoch_roll6_add(struct ipacct_epoch *epoch, const struct ipacct_roll6_line *line)
{
	struct ipacct_key key = { .addr_be = { (uint32_t)line->key },
				  .domain = (uint16_t)(line->key >> 32) };

	return line->key && ipacct_counters_moved(&line->counters)
		       ? ipacct_table_add(&epoch->rollups, &key, 32, &line->counters)
		       : 0;
}

static int roll6_lines_add(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct ipacct_roll6_line *lines = values;
	int ret = 0;

	(void)keys; /* a line carries its prefix */
	for (uint32_t i = 0; i < n && !ret; i++)
		ret = ipacct_epoch_roll6_add(context, &lines[i]);
	return ret;
}

static int roll6_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index)
{
	uint32_t first = index * IPACCT_ROLL6_LINES;

	if (maps->roll6)
		return roll6_lines_add(NULL, maps->roll6 + first, IPACCT_ROLL6_LINES, epoch);
	return ipacct_batch_read_array(&epoch->batch, maps->roll6_fd,
				       sizeof(struct ipacct_roll6_line), first, IPACCT_ROLL6_LINES,
				       roll6_lines_add, epoch);
}

int ipacct_epoch_rollups_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			      uint32_t index)
{
	int ret = roll_read(epoch, maps, index);

	return ret ? ret : roll6_read(epoch, maps, index);
}

int ipacct_epoch_part_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			   uint32_t index, struct ipacct_part *ret_part)
{
	if (maps->parts) {
		*ret_part = maps->parts[index];
		return 0;
	}
	epoch->batch.n_syscalls++;
	return bpf_map_lookup_elem(maps->parts_fd, &index, ret_part);
}

int ipacct_epoch_record_again(const struct ipacct_maps *maps, uint32_t index,
			      const struct ipacct_key *key, bool *waited,
			      struct ipacct_counters *record)
{
	int ret;

	if (!*waited)
		ipacct_wait_for_programs();
	*waited = true;
	ret = bpf_map_lookup_elem(maps->lru_fds[index], key, record);
	return ret == -ENOENT ? 0 : ret; /* a cut has cleared it, and this reading is for nothing */
}

/* A record that came beyond its first reading had its key's line emptied into it since: it counts alone. */
static int record_join(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index,
		       const struct ipacct_table_entry *again, bool *waited)
{
	uint32_t at = ipacct_table_find(&epoch->first, &again->key, 128);
	uint32_t line_at = ipacct_table_find(&epoch->lines, &again->key, 128);
	struct ipacct_counters had = {}, line = {}, record = again->counters, more;
	int ret = 0;

	if (at != IPACCT_TABLE_NONE)
		had = epoch->first.entries[at].counters;
	more = ipacct_counters_minus(&record, &had);
	if (!ipacct_counters_moved(&more))
		return 0;
	if (line_at != IPACCT_TABLE_NONE) {
		line = epoch->lines.entries[line_at].counters;
		epoch->lines.entries[line_at].counters = (struct ipacct_counters){};
	}
	if (!ipacct_counters_hold(&more, &line))
		ret = ipacct_epoch_record_again(maps, index, &again->key, waited, &record);
	more = ipacct_counters_minus(&record, &had);
	return ret ? ret : ipacct_table_add(&epoch->addresses, &again->key, 128, &more);
}

static int table_join(struct ipacct_table *sum, const struct ipacct_table *part)
{
	int ret = 0;

	for (uint32_t i = 0; i < part->n_entries && !ret; i++)
		if (ipacct_counters_moved(&part->entries[i].counters))
			ret = ipacct_table_add(sum, &part->entries[i].key, 128,
					       &part->entries[i].counters);
	return ret;
}

/* LRU record and hot line of a key are one sum, unless the record's second reading says more. */
static int tiers_join(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index)
{
	bool waited = false;
	int ret = 0;

	for (uint32_t i = 0; i < epoch->again.n_entries && !ret; i++)
		ret = record_join(epoch, maps, index, &epoch->again.entries[i], &waited);
	if (!ret)
		ret = table_join(&epoch->addresses, &epoch->first);
	return ret ? ret : table_join(&epoch->addresses, &epoch->lines);
}

/* Read a tier into another table than that of all partitions. */
static int read_aside(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index,
		      struct ipacct_table *aside,
		      int (*tier)(struct ipacct_epoch *, const struct ipacct_maps *, uint32_t))
{
	struct ipacct_table all = epoch->addresses;
	int ret;

	epoch->addresses = *aside;
	ret = tier(epoch, maps, index);
	*aside = epoch->addresses;
	epoch->addresses = all;
	return ret;
}

/* The program runs below rcu_read_lock(). Where membarrier(2) is refused the system calls themselves take
 * longer than that, unless a CPU is interrupted in the middle of a packet. */
void ipacct_wait_for_programs(void)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* While lines are displaced, a key's counts may have left its hot line before that was read and have
 * come to the LRU tier after that was read, or the other way round: then it would lack them or have
 * them twice. Each displacement is told in hot_displaced before it begins. Those told before we begin
 * are waited for; then LRU, hot, LRU are read. A key whose LRU record did not grow in between was not
 * displaced, and the first two are right; of one whose record grew the last reading has all that it had
 * then. None of them has more than all. ../README.md has what was searched for falls. */
static int tiers_read_live(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			   uint32_t index, const struct ipacct_part *before)
{
	struct ipacct_part after;
	int ret;

	ipacct_table_reset(&epoch->first);
	ipacct_table_reset(&epoch->lines);
	ipacct_table_reset(&epoch->again);
	epoch->first.seed = epoch->lines.seed = epoch->again.seed = epoch->addresses.seed;
	if (before->hot_displaced)
		ipacct_wait_for_programs();
	ret = read_aside(epoch, maps, index, &epoch->first, lru_read);
	if (!ret)
		ret = read_aside(epoch, maps, index, &epoch->lines, ipacct_epoch_hot_read);
	if (!ret)
		ret = ipacct_epoch_part_read(epoch, maps, index, &after);
	if (!ret && after.hot_displaced != before->hot_displaced) {
		ipacct_wait_for_programs();
		ret = read_aside(epoch, maps, index, &epoch->again, lru_read);
	}
	return ret ? ret : tiers_join(epoch, maps, index);
}

/* Each partition fills alone: one receive queue fills one, and the sum over all tells nothing of it. */
static void fullness_note(struct ipacct_epoch *epoch, const struct ipacct_part *part)
{
	uint64_t ppm = part->lru_budget ? part->lru_inserts * PPM / part->lru_budget : 0;

	if (ppm > epoch->lru_fullest_ppm)
		epoch->lru_fullest_ppm = ppm;
}

void ipacct_epoch_part_add(struct ipacct_epoch *epoch, const struct ipacct_part *part)
{
	epoch->lru_inserts += part->lru_inserts;
	epoch->lru_refused += part->lru_refused;
	epoch->rollup_updates += part->rollup_updates;
	epoch->hot_rolled += part->hot_rolled;
	epoch->hot_displaced += part->hot_displaced;
	epoch->guard_rolled += part->guard_rolled;
}

static int part_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t index)
{
	struct ipacct_part part;
	int ret = ipacct_epoch_part_read(epoch, maps, index, &part);

	if (ret)
		return ret;
	fullness_note(epoch, &part);
	ipacct_epoch_part_add(epoch, &part);
	/* Roll-ups first: a packet that displaces a single one into them takes its place in the line, so
	 * that a sum with the lines read later never lacks it. */
	if (part.rollup_updates)
		ret = ipacct_epoch_rollups_read(epoch, maps, index);
	if (!ret && epoch->live)
		return tiers_read_live(epoch, maps, index, &part);
	if (!ret)
		ret = ipacct_epoch_hot_read(epoch, maps, index);
	if (!ret && part.lru_inserts)
		ret = lru_read(epoch, maps, index);
	return ret;
}

static int totals_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t slot,
		       uint32_t number)
{
	uint32_t index = IPACCT_EPOCHS * slot + number;
	int ret;

	epoch->batch.n_syscalls++;
	ret = bpf_map_lookup_elem(maps->totals_fd, &index, epoch->per_cpu);
	for (int cpu = 0; cpu < epoch->n_cpus && !ret; cpu++)
		ipacct_totals_add(&epoch->totals[slot], &epoch->per_cpu[cpu]);
	return ret;
}

static int interfaces_copy(const void *keys, const void *values, uint32_t n, void *context)
{
	const uint32_t *slots = keys;
	struct ipacct_epoch *epoch = context;

	memcpy(&epoch->interfaces[slots[0]], values, n * sizeof(*epoch->interfaces));
	return 0;
}

static int domains_copy(const void *keys, const void *values, uint32_t n, void *context)
{
	const uint32_t *slots = keys;
	struct ipacct_epoch *epoch = context;

	memcpy(&epoch->domains[slots[0]], values, n * sizeof(*epoch->domains));
	return 0;
}

static int keys_reserve(struct ipacct_epoch *epoch, uint32_t n_parts)
{
	int ret;

	if (!epoch->keep_keys || epoch->n_keys >= n_parts)
		return 0;
	ret = array_resize(&epoch->keys, sizeof(*epoch->keys), n_parts);
	if (ret)
		return ret;
	memset(epoch->keys + epoch->n_keys, 0, (n_parts - epoch->n_keys) * sizeof(*epoch->keys));
	epoch->n_keys = n_parts;
	return 0;
}

int ipacct_epoch_totals_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			     uint32_t number)
{
	int ret = ipacct_batch_read_array(&epoch->batch, maps->ifs_fd,
					  sizeof(struct ipacct_interface), 0, IPACCT_IFS_MAX,
					  interfaces_copy, epoch);

	if (!ret)
		ret = ipacct_batch_read_array(&epoch->batch, maps->doms_fd,
					      sizeof(struct ipacct_domain), 0, IPACCT_DOMAINS_MAX,
					      domains_copy, epoch);
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !ret; slot++)
		if (epoch->interfaces[slot].hook)
			ret = totals_read(epoch, maps, slot, number);
	return ret;
}

int ipacct_epoch_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number)
{
	int ret = keys_reserve(epoch, maps->meta.n_parts);

	if (!ret)
		ret = ipacct_epoch_totals_read(epoch, maps, number);
	for (uint32_t part = 0; part < maps->meta.n_parts && !ret; part++)
		ret = part_read(epoch, maps, IPACCT_EPOCHS * part + number);
	return ret;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void ipacct_totals_error(const struct ipacct_totals *totals, struct ipacct_conservation *error)
{
	struct ipacct_packets_l2 sum = totals->accounted;

	for (int i = 0; i < (int)IPACCT_REASONS_MAX; i++) {
		sum.packets += totals->ignored[i].packets;
		sum.l2_bytes += totals->ignored[i].l2_bytes;
	}
	error->error_packets += distance(totals->seen.packets, sum.packets);
	error->error_packets +=
		distance(totals->accounted.packets, totals->ipv4.packets + totals->ipv6.packets);
	error->error_l2_bytes += distance(totals->seen.l2_bytes, sum.l2_bytes);
}

void ipacct_sums_error(const struct ipacct_counters *sums, uint64_t accounted_packets,
		       uint64_t accounted_l3_bytes, struct ipacct_conservation *error)
{
	error->error_packets += distance(sums->tx_packets, accounted_packets);
	error->error_packets += distance(sums->rx_packets, accounted_packets);
	error->error_l3_bytes += distance(sums->tx_l3_bytes, accounted_l3_bytes);
	error->error_l3_bytes += distance(sums->rx_l3_bytes, accounted_l3_bytes);
}

static void table_sum(const struct ipacct_table *table, struct ipacct_counters *sum)
{
	for (uint32_t i = 0; i < table->n_entries; i++)
		ipacct_counters_add(sum, &table->entries[i].counters);
}

void ipacct_epoch_conservation(const struct ipacct_epoch *epoch,
			       struct ipacct_conservation *ret_conservation)
{
	struct ipacct_conservation error = {};
	struct ipacct_counters sums = {};
	uint64_t packets = 0, l3_bytes = 0;

	for (int slot = 0; slot < (int)IPACCT_IFS_MAX; slot++) {
		const struct ipacct_totals *totals = &epoch->totals[slot];

		ipacct_totals_error(totals, &error);
		packets += totals->accounted.packets;
		l3_bytes += totals->ipv4.l3_bytes + totals->ipv6.l3_bytes;
	}
	table_sum(&epoch->addresses, &sums);
	table_sum(&epoch->rollups, &sums);
	ipacct_sums_error(&sums, packets, l3_bytes, &error);
	*ret_conservation = error;
}
