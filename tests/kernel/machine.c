// SPDX-License-Identifier: GPL-2.0-or-later
/* The program under test in the kernel. */
#include "machine.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "hot_lines.h"
#include "ipacct.skel.h"
#include "ipacct_tc.skel.h"

#define ROLL_BYTES  (MACHINE_INNER * IPACCT_ROLL_LINES * sizeof(struct ipacct_counters))
#define ROLL6_BYTES (MACHINE_INNER * IPACCT_ROLL6_LINES * sizeof(struct ipacct_roll6_line))
#define OUT_BYTES   (1u << 17) /* more than any frame */
#define LRU_UNUSED  256u       /* capacity of the inner maps that no test looks at */

/* Of partition 1 only, one element an epoch. */
static int hot_size_set(struct bpf_map *map, uint32_t sets)
{
	int ret = bpf_map__set_max_entries(map, IPACCT_EPOCHS);

	return ret ? ret : bpf_map__set_value_size(map, sets * IPACCT_HOT_SET_BYTES);
}

static int sizes_set(struct machine *machine)
{
	struct ipacct_bpf *skeleton = machine->skeleton;
	uint32_t n_cpus = (uint32_t)machine->n_cpus;
	int ret = bpf_map__set_max_entries(skeleton->maps.ipacct_cpus, n_cpus);

	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_parts, MACHINE_INNER);
	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_lru, MACHINE_INNER);
	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_roll,
					       MACHINE_INNER * IPACCT_ROLL_LINES);
	if (!ret)
		ret = bpf_map__set_max_entries(skeleton->maps.ipacct_roll6,
					       MACHINE_INNER * IPACCT_ROLL6_LINES);
	if (ret || !machine->setup.hot_sets)
		return ret;
	ret = hot_size_set(skeleton->maps.ipacct_hot4, machine->setup.hot_sets);
	if (!ret)
		ret = hot_size_set(skeleton->maps.ipacct_hot6, machine->setup.hot_sets);
	if (!ret)
		ret = bpf_map__set_max_entries(
			skeleton->maps.ipacct_hotmap,
			IPACCT_EPOCHS *
				(2 * machine->setup.hot_sets / 64 +
				 hot_door_words(machine->setup.hot_sets, machine->setup.hot_sets)));
	return ret;
}

/* Kernel 6.1 wants the BTF of an inner map to be the template's. By name: libbpf 1.1 forgets the
 * template when it loads, and bpf_map__inner_map() then answers NULL. */
static int lru_make(struct machine *machine)
{
	const struct bpf_map *outer = machine->skeleton->maps.ipacct_lru;
	const struct btf *btf = bpf_object__btf(machine->skeleton->obj);
	int key_id = btf__find_by_name_kind(btf, "ipacct_key", BTF_KIND_STRUCT);
	int value_id = btf__find_by_name_kind(btf, "ipacct_counters", BTF_KIND_STRUCT);
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .btf_fd = (uint32_t)bpf_object__btf_fd(machine->skeleton->obj),
		    .btf_key_type_id = (uint32_t)key_id, .btf_value_type_id = (uint32_t)value_id);

	if (key_id < 0 || value_id < 0)
		return -ENOENT;
	for (uint32_t i = 0; i < MACHINE_INNER; i++) {
		uint32_t entries =
			i == machine_index(machine) ? machine->setup.lru_entries : LRU_UNUSED;

		machine->lru_fds[i] =
			bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "test_lru", sizeof(struct ipacct_key),
				       sizeof(struct ipacct_counters), entries, &opts);
		if (machine->lru_fds[i] < 0 ||
		    bpf_map_update_elem(bpf_map__fd(outer), &i, &machine->lru_fds[i], BPF_ANY))
			return -errno;
	}
	return 0;
}

static int maps_fill(struct machine *machine)
{
	const struct machine_setup *setup = &machine->setup;
	struct ipacct_part part = { .lru_budget = setup->lru_budget };
	uint32_t zero = 0, partition = setup->shared ? 0 : 1, index = machine_index(machine);

	if (bpf_map_update_elem(bpf_map__fd(machine->skeleton->maps.ipacct_cpus), &zero, &partition,
				0) ||
	    bpf_map_update_elem(bpf_map__fd(machine->skeleton->maps.ipacct_parts), &index, &part,
				0))
		return -errno;
	return 0;
}

static size_t hot_bytes(const struct machine *machine)
{
	return (size_t)IPACCT_EPOCHS * machine->setup.hot_sets * IPACCT_HOT_SET_BYTES;
}

static int hot_map(struct machine *machine)
{
	int hot4_fd = bpf_map__fd(machine->skeleton->maps.ipacct_hot4);
	int hot6_fd = bpf_map__fd(machine->skeleton->maps.ipacct_hot6);
	void *hot4, *hot6;

	if (!machine->setup.hot_sets)
		return 0;
	hot4 = mmap(NULL, hot_bytes(machine), PROT_READ, MAP_SHARED, hot4_fd, 0);
	hot6 = mmap(NULL, hot_bytes(machine), PROT_READ, MAP_SHARED, hot6_fd, 0);
	machine->hot4 = hot4 == MAP_FAILED ? NULL : hot4;
	machine->hot6 = hot6 == MAP_FAILED ? NULL : hot6;
	return machine->hot4 && machine->hot6 ? 0 : -errno;
}

static int rolls_map(struct machine *machine)
{
	int roll_fd = bpf_map__fd(machine->skeleton->maps.ipacct_roll);
	int roll6_fd = bpf_map__fd(machine->skeleton->maps.ipacct_roll6);
	void *roll = mmap(NULL, ROLL_BYTES, PROT_READ, MAP_SHARED, roll_fd, 0);
	void *roll6 = mmap(NULL, ROLL6_BYTES, PROT_READ, MAP_SHARED, roll6_fd, 0);

	machine->roll = roll == MAP_FAILED ? NULL : roll;
	machine->roll6 = roll6 == MAP_FAILED ? NULL : roll6;
	return machine->roll && machine->roll6 ? 0 : -errno;
}

static int pin_to_cpu0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* Does a small ctx_in.data_end make a short linear part? What comes out says what it was. */
static bool kernel_splits(int prog_fd, uint8_t *out)
{
	uint8_t frame[64] = { 0 };
	struct xdp_md context = { .data_end = 14 }, context_out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = OUT_BYTES, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .ctx_out = &context_out,
		    .ctx_size_out = sizeof(context_out), .repeat = 1);

	return !bpf_prog_test_run_opts(prog_fd, &opts) && context_out.data_end == 14;
}

static int totals_clear(struct machine *machine)
{
	uint32_t slot = 2 * machine->setup.slot + machine->setup.epoch;

	memset(machine->per_cpu, 0, (size_t)machine->n_cpus * sizeof(*machine->per_cpu));
	return bpf_map_update_elem(bpf_map__fd(machine->skeleton->maps.ipacct_totals), &slot,
				   machine->per_cpu, BPF_ANY)
		       ? -errno
		       : 0;
}

/* The other program on the same maps, in place of the first. */
static int tc_load(struct machine *machine)
{
	const struct machine_setup *setup = &machine->setup;
	struct bpf_map *map;
	int ret = 0;

	machine->tc = ipacct_tc_bpf__open();
	if (!machine->tc)
		return -errno;
	machine->tc->rodata->cfg_slot = setup->slot;
	machine->tc->rodata->cfg_domain = setup->domain;
	machine->tc->rodata->cfg_domain_slot = setup->domain_slot;
	machine->tc->rodata->cfg_inner = setup->inner;
	machine->tc->rodata->cfg_hot4_sets = setup->hot_sets;
	machine->tc->rodata->cfg_hot6_sets = setup->hot_sets;
	machine->tc->rodata->cfg_hot6_bit = IPACCT_EPOCHS * setup->hot_sets;
	machine->tc->rodata->cfg_door_first = 2 * IPACCT_EPOCHS * setup->hot_sets / 64;
	machine->tc->rodata->cfg_door_words = hot_door_words(setup->hot_sets, setup->hot_sets);
	machine->tc->rodata->cfg_plain = setup->plain;
	bpf_object__for_each_map(map, machine->tc->obj) {
		const struct bpf_map *same =
			bpf_object__find_map_by_name(machine->skeleton->obj, bpf_map__name(map));

		if (!ret && same &&
		    (!bpf_map__is_internal(map) || map == machine->tc->maps.data_ctl))
			ret = bpf_map__reuse_fd(map, bpf_map__fd(same));
	}
	if (!ret)
		ret = ipacct_tc_bpf__load(machine->tc);
	machine->prog_fd = bpf_program__fd(machine->tc->progs.ipacct_tc);
	return ret;
}

static int load(struct machine *machine)
{
	const struct machine_setup *setup = &machine->setup;
	int ret;

	machine->skeleton = ipacct_bpf__open();
	if (!machine->skeleton)
		return -errno;
	machine->skeleton->rodata->cfg_slot = setup->slot;
	machine->skeleton->rodata->cfg_domain = setup->domain;
	machine->skeleton->rodata->cfg_domain_slot = setup->domain_slot;
	machine->skeleton->rodata->cfg_inner = setup->inner;
	machine->skeleton->rodata->cfg_hot4_sets = setup->hot_sets;
	machine->skeleton->rodata->cfg_hot6_sets = setup->hot_sets;
	machine->skeleton->rodata->cfg_hot6_bit = IPACCT_EPOCHS * setup->hot_sets;
	machine->skeleton->rodata->cfg_door_first = 2 * IPACCT_EPOCHS * setup->hot_sets / 64;
	machine->skeleton->rodata->cfg_door_words =
		hot_door_words(setup->hot_sets, setup->hot_sets);
	machine->skeleton->rodata->cfg_plain = setup->plain;
	/* what the program reads: a map of its own here, the pinned one in the daemon */
	machine->skeleton->data_ctl->ipacct_ctl_value.epoch = setup->epoch;
	machine->skeleton->data_ctl->ipacct_ctl_value.doors = setup->doors;
	machine->skeleton->data_ctl->ipacct_ctl_value.seed = 0x9234567887654321; /* odd */
	ret = sizes_set(machine);
	if (!ret)
		ret = ipacct_bpf__load(machine->skeleton);
	if (!ret)
		ret = lru_make(machine);
	if (!ret)
		ret = maps_fill(machine);
	if (!ret)
		ret = rolls_map(machine);
	if (!ret)
		ret = hot_map(machine);
	if (ret)
		return ret;
	if (setup->tc)
		return tc_load(machine);
	machine->prog_fd = bpf_program__fd(machine->skeleton->progs.ipacct_xdp);
	/* 50 zero octets of LLC: ignored, so that only the totals have to be cleared. */
	machine->splits = kernel_splits(machine->prog_fd, machine->out);
	return totals_clear(machine);
}

int machine_start(struct machine *machine, const struct machine_setup *setup)
{
	int ret;

	*machine = (struct machine){ .setup = *setup, .prog_fd = -1 };
	memset(machine->lru_fds, 0xff, sizeof(machine->lru_fds)); /* -1 */
	machine->n_cpus = libbpf_num_possible_cpus();
	if (machine->n_cpus < 0)
		return machine->n_cpus;
	machine->per_cpu = calloc((size_t)machine->n_cpus, sizeof(*machine->per_cpu));
	machine->out = malloc(OUT_BYTES);
	if (!machine->per_cpu || !machine->out)
		return -ENOMEM;
	ret = pin_to_cpu0();
	return ret ? ret : load(machine);
}

void machine_finish(struct machine *machine)
{
	for (uint32_t i = 0; i < MACHINE_INNER; i++)
		if (machine->lru_fds[i] >= 0)
			close(machine->lru_fds[i]);
	if (machine->roll)
		munmap((void *)machine->roll, ROLL_BYTES);
	if (machine->roll6)
		munmap((void *)machine->roll6, ROLL6_BYTES);
	if (machine->hot4)
		munmap((void *)machine->hot4, hot_bytes(machine));
	if (machine->hot6)
		munmap((void *)machine->hot6, hot_bytes(machine));
	ipacct_tc_bpf__destroy(machine->tc);
	if (machine->skeleton)
		ipacct_bpf__destroy(machine->skeleton);
	free(machine->per_cpu);
	free(machine->out);
	*machine = (struct machine){ .prog_fd = -1 };
	memset(machine->lru_fds, 0xff, sizeof(machine->lru_fds)); /* -1 */
}

int machine_run(struct machine *machine, const uint8_t *frame, size_t n_bytes, size_t linear_bytes)
{
	struct xdp_md context = { .data_end = (uint32_t)linear_bytes };
	/* repeat: 2 … 10^5 can stall for minutes in some kernels */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)n_bytes,
		    .data_out = machine->out, .data_size_out = OUT_BYTES, .repeat = 1);

	if (linear_bytes) {
		opts.ctx_in = &context;
		opts.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(machine->prog_fd, &opts))
		return -errno;
	if (opts.data_size_out != n_bytes || memcmp(machine->out, frame, n_bytes))
		return -EIO;
	if (machine->setup.tc && opts.retval == (uint32_t)TC_ACT_UNSPEC)
		return XDP_PASS;
	return machine->setup.tc ? -EBADE : (int)opts.retval;
}

int machine_run_bundle(struct machine *machine, const uint8_t *frame, size_t n_bytes,
		       uint32_t gso_size, uint32_t gso_segs, uint32_t wire_len)
{
	struct __sk_buff context = { .gso_size = gso_size,
				     .gso_segs = gso_segs,
				     .wire_len = wire_len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)n_bytes,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	if (bpf_prog_test_run_opts(machine->prog_fd, &opts))
		return -errno;
	return opts.retval == (uint32_t)TC_ACT_UNSPEC ? XDP_PASS : -EBADE;
}
