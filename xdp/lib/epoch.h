/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one epoch of the pinned maps holds, folded over CPUs, partitions and tiers. */
#ifndef IPACCT_LIB_EPOCH_H
#define IPACCT_LIB_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "batch.h"
#include "maps.h"
#include "table.h"

/* Keys read from one inner map, for whoever clears it afterwards. */
struct ipacct_key_list {
	struct ipacct_key *keys;
	size_t n_keys;
	size_t n_allocated;
};

/* Hot lines that whoever clears a table may put in their places (daemon/hot_clear.c); more stay. */
#define IPACCT_EPOCH_STRAYS 65536u

struct ipacct_epoch {
	struct ipacct_table addresses;
	struct ipacct_table rollups;
	struct ipacct_totals totals[IPACCT_IFS_MAX]; /* by interface slot */
	struct ipacct_interface interfaces[IPACCT_IFS_MAX];
	struct ipacct_domain domains[IPACCT_DOMAINS_MAX];
	uint64_t lru_inserts; /* sums over partitions, as struct ipacct_part */
	uint64_t lru_refused;
	uint64_t lru_fullest_ppm; /* of its budget, in the partition that is fullest */
	uint64_t rollup_updates;
	uint64_t hot_rolled;
	uint64_t hot_displaced;
	uint64_t hot_lines_ipv4; /* lines of the hot tier that held an address, over partitions */
	uint64_t hot_lines_ipv6;
	uint64_t guard_rolled;
	bool keep_keys;
	bool live; /* the epoch counts while it is read: no counter may fall from reading to reading */
	struct ipacct_table first, lines, again; /* of one partition, while live */
	struct ipacct_key_list *keys;            /* by partition, when keep_keys */
	uint32_t n_keys;
	uint32_t *strays; /* IPACCT_EPOCH_STRAYS, when keep_keys */
	struct ipacct_batch batch;
	struct ipacct_batch batch_again; /* a second look, while live */
	struct ipacct_totals *per_cpu;   /* n_cpus of them, scratch */
	int n_cpus;
};

/* keep_keys: remember which keys each inner map held (needed to clear it).
 * Returns 0 or a negative errno; zeroed storage may be finished. */
int ipacct_epoch_init(struct ipacct_epoch *epoch, bool keep_keys);
void ipacct_epoch_finish(struct ipacct_epoch *epoch);

/* Forget the contents, keep the memory. */
void ipacct_epoch_reset(struct ipacct_epoch *epoch);

/* Add what epoch number `number` (0 or 1) of the maps holds to *epoch, and read the interface and
 * domain tables. Reads by mmap where the maps are mapped, else by batch look-up.
 * Exact for an epoch at rest. For the active one set `live` before: then every counter is between what
 * it was when reading began and what it is when that ends, but that a single packet which may still be
 * rolled up is left out until it is known where it stays. */
int ipacct_epoch_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps, uint32_t number);

/* Parts of that, for who remembers what was read before (live.c): interfaces, domains and totals of an
 * epoch; the state of partition and epoch `index` (2 * partition + epoch); its roll-up lines. */
int ipacct_epoch_totals_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			     uint32_t number);
int ipacct_epoch_part_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			   uint32_t index, struct ipacct_part *ret_part);
int ipacct_epoch_rollups_read(struct ipacct_epoch *epoch, const struct ipacct_maps *maps,
			      uint32_t index);

/* What they add to the sums, for who reads maps of another version (daemon/drain_read.c): the state of a
 * partition; line number `line` of its roll-ups (of one partition and epoch); one of IPv6, which adds
 * nothing while it is free or empty. Return 0 or -ENOMEM. */
void ipacct_epoch_part_add(struct ipacct_epoch *epoch, const struct ipacct_part *part);
int ipacct_epoch_roll_add(struct ipacct_epoch *epoch, uint32_t line,
			  const struct ipacct_counters *counters);
int ipacct_epoch_roll6_add(struct ipacct_epoch *epoch, const struct ipacct_roll6_line *line);

/* What was on its way from a line to a record has arrived when this returns. */
void ipacct_wait_for_programs(void);

/* One LRU record of partition and epoch `index`, which grew by less than its key's line had: one of the two
 * was read in the middle of a displacement. *waited: false at first; what was on its way when all of them
 * were read has arrived when it is true. Returns 0 or a negative errno; −ENOENT leaves it as it was. */
int ipacct_epoch_record_again(const struct ipacct_maps *maps, uint32_t index,
			      const struct ipacct_key *key, bool *waited,
			      struct ipacct_counters *record);

/* First bit in ipacct_hotmap of the sets of partition and epoch `index` (2 * partition + epoch). */
uint32_t ipacct_hotmap_first(const struct ipacct_meta *meta, uint32_t index, bool ipv6);

/* The mapped table of partition and epoch `index`, of a partition that has the tier. */
static inline uint8_t *ipacct_hot_table(const struct ipacct_maps *maps, uint32_t index, bool ipv6)
{
	size_t at = index - IPACCT_EPOCHS;

	return ipv6 ? (uint8_t *)(maps->hot6 + at * maps->meta.hot6_sets)
		    : (uint8_t *)(maps->hot4 + at * maps->meta.hot4_sets);
}

/* The door of partition and epoch `index`: its first word in ipacct_hotmap, and how many it has. */
uint32_t ipacct_door_first(const struct ipacct_meta *meta, uint32_t index);
uint32_t ipacct_door_words(const struct ipacct_meta *meta);

/* Do the sums of this epoch agree? As struct ipacct_conservation in ipacct.h. */
void ipacct_epoch_conservation(const struct ipacct_epoch *epoch,
			       struct ipacct_conservation *ret_conservation);

/* Totals of one interface: sum over CPUs, and the error seen − accounted − Σ ignored. */
void ipacct_totals_add(struct ipacct_totals *sum, const struct ipacct_totals *more);
void ipacct_totals_error(const struct ipacct_totals *totals, struct ipacct_conservation *error);

/* The sums over addresses and roll-ups, to hold against accounted. */
void ipacct_sums_error(const struct ipacct_counters *sums, uint64_t accounted_packets,
		       uint64_t accounted_l3_bytes, struct ipacct_conservation *error);

#endif
