/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program under test in the kernel, with maps of its own, nothing pinned and nothing attached:
 * frames go in by BPF_PROG_TEST_RUN, everything it counted comes out by plain look-ups. */
#ifndef IPACCT_TESTS_MACHINE_H
#define IPACCT_TESTS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"

#define MACHINE_PARTITIONS 2u /* 0 is shared; CPU 0, where the tests run, may own 1 */
#define MACHINE_INNER      (MACHINE_PARTITIONS * IPACCT_EPOCHS) /* of each kind of map */

struct machine_setup {
	uint32_t slot;
	uint16_t domain;
	uint32_t domain_slot;
	uint32_t epoch;
	uint32_t doors;       /* as in struct ipacct_ctl */
	bool inner;           /* account: inner */
	bool shared;          /* CPU 0 uses partition 0 instead of its own */
	uint32_t plain;       /* enum ipacct_plain; others than the first need hot_sets */
	uint32_t hot_sets;    /* of each family, 0 = no hot tier; at least 64, a power of two */
	uint32_t lru_entries; /* capacity of the LRU map that the tests use */
	uint64_t lru_budget;  /* inserts allowed there */
	bool tc; /* the program of the tc hooks instead; machine_run() still says XDP_PASS */
};

struct machine {
	struct machine_setup setup;
	struct ipacct_bpf *skeleton;
	struct ipacct_tc_bpf *tc; /* on the maps of the other, NULL without setup.tc */
	int prog_fd;
	int lru_fds[MACHINE_INNER];
	const struct ipacct_counters *roll; /* mapped read-only */
	const struct ipacct_roll6_line *roll6;
	const struct ipacct_hot4_line *hot4; /* NULL without a hot tier */
	const struct ipacct_hot6_line *hot6;
	struct ipacct_totals *per_cpu; /* scratch, n_cpus of them */
	int n_cpus;
	bool splits; /* this kernel takes a short linear part (ctx_in.data_end) */
	uint8_t *out;
};

/* One line of what was counted: an address or, with prefix_len below 128, a roll-up. */
struct machine_entry {
	struct ipacct_key key;
	uint8_t prefix_len;
	struct ipacct_counters counters;
};

struct machine_dump {
	struct machine_entry *entries;
	size_t n, n_allocated;
	size_t n_lru;                      /* how many of them are records of LRU maps */
	struct ipacct_part part;           /* sums over partitions and epochs, but for lru_budget */
	struct ipacct_totals other_totals; /* sum of all slots and epochs that should not move */
};

/* Number of the inner maps that the setup uses. */
static inline uint32_t machine_index(const struct machine *machine)
{
	return 2 * (machine->setup.shared ? 0 : 1) + machine->setup.epoch;
}

/* Load and pin the thread to CPU 0. Returns 0 or a negative errno; finish() takes both. */
int machine_start(struct machine *machine, const struct machine_setup *setup);
void machine_finish(struct machine *machine);

/* Run one frame. linear_bytes: how much of it is in the first buffer, 0 = what the kernel wants;
 * 14 … n_bytes. Returns the program's verdict or a negative errno: -EIO when the frame that came
 * out is not the one that went in. */
int machine_run(struct machine *machine, const uint8_t *frame, size_t n_bytes, size_t linear_bytes);

/* Run one frame of the tc program as a super-packet. Returns as machine_run(). */
int machine_run_bundle(struct machine *machine, const uint8_t *frame, size_t n_bytes,
		       uint32_t gso_size, uint32_t gso_segs, uint32_t wire_len);

/* Totals of the slot and epoch of the setup, summed over CPUs. */
int machine_totals(struct machine *machine, struct ipacct_totals *ret_totals);
/* The record of an address (-ENOENT when there is none) in the partition and epoch of the setup. */
int machine_record(struct machine *machine, const uint8_t address[16],
		   struct ipacct_counters *ret_counters);

/* Everything that all maps hold, in no order. finish() takes a zeroed one. */
int machine_dump(struct machine *machine, struct machine_dump *ret_dump);
void machine_dump_finish(struct machine_dump *dump);

#endif
