// SPDX-License-Identifier: GPL-2.0-or-later
/* What the program under test has counted, by plain look-ups. */
#include "machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ipacct.skel.h"

#define IPV4_BITS 96 /* where the bits of an IPv4 prefix start in a key */

/* Records are made of 64-bit counters only: adding them up needs no list of their fields. */
static void add_words(void *sum, const void *more, size_t n_bytes)
{
	uint64_t *to = sum;
	const uint64_t *from = more;

	for (size_t i = 0; i < n_bytes / sizeof(*to); i++)
		to[i] += from[i];
}

struct hot_line {
	bool used;
	struct ipacct_key key;
	struct ipacct_counters counters;
};

/* Line i of both families and epochs; false behind the last. */
static bool hot_line_at(const struct machine *machine, size_t i, struct hot_line *ret_line)
{
	size_t n4 = (size_t)IPACCT_EPOCHS * machine->setup.hot_sets * IPACCT_HOT4_WAYS;
	size_t n6 = (size_t)IPACCT_EPOCHS * machine->setup.hot_sets * IPACCT_HOT6_WAYS;

	memset(ret_line, 0, sizeof(*ret_line));
	if (i < n4) {
		const struct ipacct_hot4_line *line = &machine->hot4[i];

		ret_line->used = line->flags != 0;
		ret_line->key.addr_be[2] = __builtin_bswap32(0xffff);
		ret_line->key.addr_be[3] = line->addr_be;
		ret_line->key.domain = line->domain;
		ret_line->counters =
			(struct ipacct_counters){ line->tx_packets, line->tx_l3_bytes,
						  line->rx_packets, line->rx_l3_bytes };
	} else if (i < n4 + n6) {
		const struct ipacct_hot6_line *line = &machine->hot6[i - n4];

		ret_line->used = line->flags != 0;
		memcpy(ret_line->key.addr_be, line->addr_be, sizeof(line->addr_be));
		ret_line->key.domain = line->domain;
		ret_line->counters =
			(struct ipacct_counters){ line->tx_packets, line->tx_l3_bytes,
						  line->rx_packets, line->rx_l3_bytes };
	}
	return i < n4 + n6;
}

static int totals_read(struct machine *machine, uint32_t index, struct ipacct_totals *sum)
{
	if (bpf_map_lookup_elem(bpf_map__fd(machine->skeleton->maps.ipacct_totals), &index,
				machine->per_cpu))
		return -errno;
	for (int cpu = 0; cpu < machine->n_cpus; cpu++)
		add_words(sum, &machine->per_cpu[cpu], sizeof(*sum));
	return 0;
}

int machine_totals(struct machine *machine, struct ipacct_totals *ret_totals)
{
	struct ipacct_totals sum = { 0 };
	int ret = totals_read(machine, 2 * machine->setup.slot + machine->setup.epoch, &sum);

	if (!ret)
		*ret_totals = sum;
	return ret;
}

int machine_record(struct machine *machine, const uint8_t address[16],
		   struct ipacct_counters *ret_counters)
{
	struct ipacct_key key = { .domain = machine->setup.domain };
	struct ipacct_counters sum = { 0 };
	struct hot_line line;
	int ret;

	memcpy(key.addr_be, address, sizeof(key.addr_be));
	ret = bpf_map_lookup_elem(machine->lru_fds[machine_index(machine)], &key, &sum);
	for (size_t i = 0; hot_line_at(machine, i, &line); i++)
		if (line.used && !memcmp(&line.key, &key, sizeof(key))) {
			add_words(&sum, &line.counters, sizeof(sum));
			ret = 0;
		}
	if (!ret)
		*ret_counters = sum;
	return ret;
}

static int dump_add(struct machine_dump *dump, const struct ipacct_key *key, int prefix_len,
		    const struct ipacct_counters *counters)
{
	if (dump->n == dump->n_allocated) {
		size_t n = dump->n_allocated ? 2 * dump->n_allocated : 4096;
		struct machine_entry *entries = realloc(dump->entries, n * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		dump->entries = entries;
		dump->n_allocated = n;
	}
	dump->entries[dump->n++] = (struct machine_entry){
		.key = *key,
		.prefix_len = (uint8_t)prefix_len,
		.counters = *counters,
	};
	return 0;
}

static int dump_lru(const struct machine *machine, struct machine_dump *dump)
{
	for (uint32_t i = 0; i < MACHINE_INNER; i++) {
		struct ipacct_key key, *before = NULL;
		struct ipacct_counters counters;
		int ret = 0;

		while (!ret && !bpf_map_get_next_key(machine->lru_fds[i], before, &key)) {
			if (bpf_map_lookup_elem(machine->lru_fds[i], &key, &counters))
				return -errno;
			ret = dump_add(dump, &key, 128, &counters);
			dump->n_lru++;
			before = &key;
		}
		if (ret)
			return ret;
	}
	return 0;
}

static int dump_hot(const struct machine *machine, struct machine_dump *dump)
{
	struct hot_line line;
	int ret = 0;

	for (size_t i = 0; hot_line_at(machine, i, &line) && !ret; i++)
		if (line.used)
			ret = dump_add(dump, &line.key, 128, &line.counters);
	return ret;
}

/* Key of a line of ipacct_roll; its prefix length is returned. */
static int roll_key(const struct machine_setup *setup, uint32_t line, struct ipacct_key *ret_key)
{
	struct ipacct_key mapped = { .addr_be = { 0, 0, __builtin_bswap32(0xffff), 0 } };

	*ret_key = mapped;
	if (line < IPACCT_ROLL4_LINES) {
		ret_key->addr_be[3] = __builtin_bswap32(line << 16);
		return IPV4_BITS + 16;
	}
	line -= IPACCT_ROLL4_LINES;
	/* Only the setup's domain has a slot here; any other one shows as a domain of no packet. */
	ret_key->domain = line / 2 == setup->domain_slot ? setup->domain : UINT16_MAX;
	if (line % 2 == 0)
		return IPV4_BITS;
	ret_key->addr_be[2] = 0;
	return 0;
}

static int dump_roll(const struct machine *machine, struct machine_dump *dump)
{
	static const struct ipacct_counters zero;

	for (uint32_t i = 0; i < MACHINE_INNER * IPACCT_ROLL_LINES; i++) {
		struct ipacct_key key;
		int prefix_len, ret;

		if (!memcmp(&machine->roll[i], &zero, sizeof(zero)))
			continue;
		prefix_len = roll_key(&machine->setup, i % IPACCT_ROLL_LINES, &key);
		ret = dump_add(dump, &key, prefix_len, &machine->roll[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static int dump_roll6(const struct machine *machine, struct machine_dump *dump)
{
	for (uint32_t i = 0; i < MACHINE_INNER * IPACCT_ROLL6_LINES; i++) {
		const struct ipacct_roll6_line *line = &machine->roll6[i];
		struct ipacct_key key = { .addr_be = { (uint32_t)line->key } };
		int ret;

		if (!line->key)
			continue;
		key.domain = (uint16_t)(line->key >> 32);
		ret = dump_add(dump, &key, 32, &line->counters);
		if (ret)
			return ret;
	}
	return 0;
}

static int dump_parts(const struct machine *machine, struct machine_dump *dump)
{
	for (uint32_t i = 0; i < MACHINE_INNER; i++) {
		struct ipacct_part part;

		if (bpf_map_lookup_elem(bpf_map__fd(machine->skeleton->maps.ipacct_parts), &i,
					&part))
			return -errno;
		part.lru_budget = 0;
		add_words(&dump->part, &part, sizeof(part));
	}
	return 0;
}

static int dump_totals(struct machine *machine, struct machine_dump *dump)
{
	int ret = 0;

	for (uint32_t i = 0; i < 2 * IPACCT_IFS_MAX && !ret; i++)
		if (i != 2 * machine->setup.slot + machine->setup.epoch)
			ret = totals_read(machine, i, &dump->other_totals);
	return ret;
}

int machine_dump(struct machine *machine, struct machine_dump *ret_dump)
{
	struct machine_dump dump = { 0 };
	int ret = dump_lru(machine, &dump);

	if (!ret)
		ret = dump_hot(machine, &dump);
	if (!ret)
		ret = dump_roll(machine, &dump);
	if (!ret)
		ret = dump_roll6(machine, &dump);
	if (!ret)
		ret = dump_parts(machine, &dump);
	if (!ret)
		ret = dump_totals(machine, &dump);
	if (ret)
		machine_dump_finish(&dump);
	else
		*ret_dump = dump;
	return ret;
}

void machine_dump_finish(struct machine_dump *dump)
{
	free(dump->entries);
	*dump = (struct machine_dump){ 0 };
}
