/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an epoch of maps of another version holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "counters_math.h"
#include "drain_read.h"
#include "hot_lines.h"

struct drain_context {
	struct ipacct_epoch *epoch;
	const struct layout *layout;
	uint32_t first; /* index of the first roll-up line of this partition and epoch */
};

static bool is_sized(int fd, uint32_t key_bytes, uint64_t value_bytes, uint64_t n_entries)
{
	struct bpf_map_info info = {};
	uint32_t bytes = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &bytes) &&
	       info.key_size == key_bytes && info.value_size == value_bytes &&
	       info.max_entries >= n_entries;
}

static bool arrays_fit(const struct drain_set *set)
{
	const struct ipacct_maps *maps = &set->maps;
	const struct layout *layout = set->layout;
	uint64_t n = (uint64_t)maps->meta.n_parts * IPACCT_EPOCHS;
	const struct {
		int fd;
		uint64_t value_bytes;
		uint64_t n_entries;
	} arrays[] = {
		{ maps->ctl_fd, sizeof(struct ipacct_ctl), 1 },
		{ maps->ifs_fd, layout->interface.bytes, layout->ifs_max },
		{ maps->doms_fd, layout->domain.bytes, layout->domains_max },
		{ maps->vlans_fd, layout->vlans.bytes, layout->ifs_max },
		{ maps->parts_fd, layout->part.bytes, n },
		{ maps->totals_fd, layout->totals.bytes, IPACCT_EPOCHS * layout->ifs_max },
		{ maps->roll_fd, layout->counters.bytes, n * layout->roll_lines },
		{ maps->roll6_fd, layout->roll6_line.bytes, n * layout->roll6_lines },
	};

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (!is_sized(arrays[i].fd, sizeof(uint32_t), arrays[i].value_bytes,
			      arrays[i].n_entries))
			return false;
	return true;
}

/* n: elements of the map, 0 where there is one partition. */
static bool hot_fits(const struct layout *layout, int fd, uint64_t n_sets, uint64_t n)
{
	return !n_sets || !n || is_sized(fd, sizeof(uint32_t), n_sets * layout->hot_set_bytes, n);
}

bool drain_set_fits(const struct drain_set *set)
{
	const struct ipacct_maps *maps = &set->maps;
	uint32_t n = maps->meta.n_parts * IPACCT_EPOCHS;
	bool fits = arrays_fit(set) &&
		    hot_fits(set->layout, maps->hot4_fd, maps->meta.hot4_sets, n - IPACCT_EPOCHS) &&
		    hot_fits(set->layout, maps->hot6_fd, maps->meta.hot6_sets, n - IPACCT_EPOCHS);

	for (uint32_t i = 0; i < n && fits; i++)
		fits = is_sized(maps->lru_fds[i], set->layout->key.bytes,
				set->layout->counters.bytes, 1);
	return fits;
}

/* Entry i of n that lie one behind the other; those of a map at multiples of 8 octets. */
static const void *at(const void *values, uint32_t bytes, uint32_t i)
{
	return (const char *)values + (size_t)i * bytes;
}

/* Element `slot` of an array map as a record of ours. */
static int slot_read(int fd, const struct layout_record *record, uint32_t slot, void *ret_record)
{
	void *value __cleanup(cleanup_free) = malloc(record->bytes);

	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &slot, value))
		return -errno;
	layout_convert(record, value, ret_record);
	return 0;
}

int drain_interface(const struct drain_set *set, uint32_t slot, struct ipacct_interface *ret_record)
{
	return slot_read(set->maps.ifs_fd, &set->layout->interface, slot, ret_record);
}

static int lru_lines_add(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct drain_context *from = context;
	const struct layout *layout = from->layout;
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++) {
		struct ipacct_counters counters;
		struct ipacct_key key;

		layout_convert(&layout->key, at(keys, layout->key.bytes, i), &key);
		layout_convert(&layout->counters, at(values, layout->counters.bytes, i), &counters);
		ret = ipacct_table_add(&from->epoch->addresses, &key, 128, &counters);
	}
	return ret;
}

static int roll_lines_add(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct drain_context *from = context;
	const struct layout_record *record = &from->layout->counters;
	const uint32_t *index = keys;
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++) {
		struct ipacct_counters counters;

		layout_convert(record, at(values, record->bytes, i), &counters);
		if (ipacct_counters_moved(&counters))
			ret = ipacct_epoch_roll_add(from->epoch, index[i] - from->first, &counters);
	}
	return ret;
}

static int roll6_lines_add(const void *keys, const void *values, uint32_t n, void *context)
{
	const struct drain_context *from = context;
	const struct layout_record *record = &from->layout->roll6_line;
	int ret = 0;

	(void)keys; /* a line carries its prefix */
	for (uint32_t i = 0; i < n && !ret; i++) {
		struct ipacct_roll6_line line;

		layout_convert(record, at(values, record->bytes, i), &line);
		ret = ipacct_epoch_roll6_add(from->epoch, &line);
	}
	return ret;
}

static int hot_line_add(struct ipacct_epoch *epoch, const struct layout *layout, const void *from,
			bool ipv6)
{
	struct ipacct_counters counters;
	struct ipacct_key key;
	union {
		struct ipacct_hot4_line line4;
		struct ipacct_hot6_line line6;
	} line;

	layout_convert(ipv6 ? &layout->hot6_line : &layout->hot4_line, from, &line);
	if (!hot_line_counts(&line, ipv6))
		return 0;
	key = hot_line_key(&line, ipv6);
	counters = hot_line_counters(&line, ipv6);
	return ipacct_table_add(&epoch->addresses, &key, 128, &counters);
}

static int hot_read(struct ipacct_epoch *epoch, const struct drain_set *set, uint32_t index,
		    bool ipv6)
{
	const struct layout *layout = set->layout;
	uint32_t n_sets = ipv6 ? set->maps.meta.hot6_sets : set->maps.meta.hot4_sets;
	uint32_t n_ways = ipv6 ? layout->hot6_ways : layout->hot4_ways;
	uint32_t bytes = ipv6 ? layout->hot6_line.bytes : layout->hot4_line.bytes;
	const char *sets = NULL;
	int ret;

	if (index < IPACCT_EPOCHS || !n_sets)
		return 0; /* partition 0 has no hot tier */
	ret = ipacct_batch_read_element(
		&epoch->batch, ipv6 ? set->maps.hot6_fd : set->maps.hot4_fd, index - IPACCT_EPOCHS,
		(size_t)n_sets * layout->hot_set_bytes, (const void **)&sets);
	for (uint32_t i = 0; i < n_sets && !ret; i++)
		for (uint32_t way = 0; way < n_ways && !ret; way++) {
			const void *line = sets + (size_t)i * layout->hot_set_bytes + way * bytes;

			ret = hot_line_add(epoch, layout, line, ipv6);
		}
	return ret;
}

static int part_read(struct ipacct_epoch *epoch, const struct drain_set *set, uint32_t index)
{
	const struct layout *layout = set->layout;
	struct drain_context context = { epoch, layout, index * layout->roll_lines };
	struct ipacct_part part;
	int ret = slot_read(set->maps.parts_fd, &layout->part, index, &part);

	if (ret)
		return ret;
	ipacct_epoch_part_add(epoch, &part);
	ret = ipacct_batch_read_array(&epoch->batch, set->maps.roll_fd, layout->counters.bytes,
				      context.first, layout->roll_lines, roll_lines_add, &context);
	if (!ret)
		ret = ipacct_batch_read_array(&epoch->batch, set->maps.roll6_fd,
					      layout->roll6_line.bytes, index * layout->roll6_lines,
					      layout->roll6_lines, roll6_lines_add, &context);
	if (!ret)
		ret = hot_read(epoch, set, index, false);
	if (!ret)
		ret = hot_read(epoch, set, index, true);
	if (!ret)
		ret = ipacct_batch_read(&epoch->batch, set->maps.lru_fds[index], layout->key.bytes,
					layout->counters.bytes, lru_lines_add, &context);
	return ret;
}

/* per_cpu: room for one value of every CPU. */
static int totals_read(const struct drain_set *set, uint32_t slot, uint32_t number, int n_cpus,
		       void *per_cpu, struct ipacct_totals *sum)
{
	const struct layout_record *record = &set->layout->totals;
	uint32_t index = IPACCT_EPOCHS * slot + number;
	int ret = bpf_map_lookup_elem(set->maps.totals_fd, &index, per_cpu);

	for (int cpu = 0; cpu < n_cpus && !ret; cpu++) {
		struct ipacct_totals totals;

		layout_convert(record, at(per_cpu, record->bytes, (uint32_t)cpu), &totals);
		ipacct_totals_add(sum, &totals);
	}
	return ret;
}

int drain_slot_pending(const struct drain_set *set, const struct ipacct_ledger_header *header,
		       uint32_t slot, struct ipacct_totals *sum)
{
	int n_cpus = libbpf_num_possible_cpus();
	void *per_cpu __cleanup(cleanup_free) =
		n_cpus < 0 ? NULL : calloc((size_t)n_cpus, set->layout->totals.bytes);
	uint32_t zero = 0;
	struct ipacct_ctl ctl;
	uint64_t committed;
	int ret = 0;

	if (!per_cpu)
		return n_cpus < 0 ? n_cpus : -ENOMEM;
	if (bpf_map_lookup_elem(set->maps.ctl_fd, &zero, &ctl))
		return -errno;
	committed = ctl.instance == header->instance ? header->cut : 0;
	for (uint32_t number = 0; number < IPACCT_EPOCHS && !ret; number++)
		if (ctl.cut[number] > committed && ctl.cut[number] <= ctl.cut[ctl.epoch & 1])
			ret = totals_read(set, slot, number, n_cpus, per_cpu, sum);
	return ret;
}

static int slots_read(struct ipacct_epoch *epoch, const struct drain_set *set)
{
	const struct layout *layout = set->layout;
	int ret = 0;

	memset(epoch->interfaces, 0, sizeof(epoch->interfaces));
	memset(epoch->domains, 0, sizeof(epoch->domains));
	if (layout->ifs_max > IPACCT_IFS_MAX || layout->domains_max > IPACCT_DOMAINS_MAX)
		return -E2BIG;
	for (uint32_t slot = 0; slot < layout->ifs_max && !ret; slot++)
		ret = drain_interface(set, slot, &epoch->interfaces[slot]);
	for (uint32_t slot = 0; slot < layout->domains_max && !ret; slot++)
		ret = slot_read(set->maps.doms_fd, &layout->domain, slot, &epoch->domains[slot]);
	return ret;
}

int drain_read(struct ipacct_epoch *epoch, const struct drain_set *set, uint32_t number)
{
	void *per_cpu __cleanup(cleanup_free) =
		calloc((size_t)epoch->n_cpus, set->layout->totals.bytes);
	int ret = per_cpu ? slots_read(epoch, set) : -ENOMEM;

	for (uint32_t slot = 0; slot < set->layout->ifs_max && !ret; slot++)
		if (epoch->interfaces[slot].hook)
			ret = totals_read(set, slot, number, epoch->n_cpus, per_cpu,
					  &epoch->totals[slot]);
	for (uint32_t part = 0; part < set->maps.meta.n_parts && !ret; part++)
		ret = part_read(epoch, set, IPACCT_EPOCHS * part + number);
	return ret;
}

static int slot_carry(int from_fd, const struct layout_record *record, uint32_t slot, int to_fd)
{
	void *value __cleanup(cleanup_free) = calloc(1, record->bytes_here);
	int ret = value ? slot_read(from_fd, record, slot, value) : -ENOMEM;

	if (!ret && bpf_map_update_elem(to_fd, &slot, value, BPF_ANY))
		ret = -errno;
	return ret;
}

int drain_carry(const struct drain_set *set, const struct ipacct_maps *to)
{
	const struct layout *layout = set->layout;
	int ret = 0;

	if (layout->ifs_max > IPACCT_IFS_MAX || layout->domains_max > IPACCT_DOMAINS_MAX)
		return -E2BIG;
	for (uint32_t slot = 0; slot < layout->domains_max && !ret; slot++)
		ret = slot_carry(set->maps.doms_fd, &layout->domain, slot, to->doms_fd);
	for (uint32_t slot = 0; slot < layout->ifs_max && !ret; slot++)
		ret = slot_carry(set->maps.vlans_fd, &layout->vlans, slot, to->vlans_fd);
	for (uint32_t slot = 0; slot < layout->ifs_max && !ret; slot++)
		ret = slot_carry(set->maps.ifs_fd, &layout->interface, slot, to->ifs_fd);
	return ret;
}
