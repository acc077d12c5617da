/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of a test's own, one program on them, a ledger in a directory of its own, and the daemon's own
 * cuts: nothing pinned, nothing attached. */
#ifndef IPACCT_TESTS_STAGE_H
#define IPACCT_TESTS_STAGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cut.h"
#include "ipacct/ipacct.h"

#define STAGE_FRAME_BYTES 64u
#define STAGE_L3_BYTES    50u /* of every packet */

struct stage {
	struct ipacct_maps maps;
	struct cutter cutter;
	char dir[64];
	int dir_fd, ledger_fd, prog_fd;
};

/* What sizing makes of the budget, but for the sizes that are not 0. */
struct stage_setup {
	uint64_t memory_bytes;
	bool shared; /* no CPU has a partition of its own */
	bool hot;
	uint32_t lru_entries;
	uint32_t lru_shared;
	uint32_t hot_sets;  /* of each family, … */
	uint32_t hot6_sets; /* … and where IPv6 has others */
	uint32_t n_addresses_max;
};

/* Skips the test when not root. */
void stage_open_setup(struct stage *stage, const struct stage_setup *setup);
void stage_open_hot(struct stage *stage, uint64_t memory_bytes, bool shared, bool hot);
void stage_open(struct stage *stage, uint64_t memory_bytes, bool shared);
void stage_close(struct stage *stage);

/* Load the program anew, as a reload does when the first prefix is protected. */
void stage_program(struct stage *stage);

/* One packet from source to destination, both IPv4 or both 2001:db8::/32 with these last bits. */
void stage_send(const struct stage *stage, uint32_t source, uint32_t destination);
void stage_send6(const struct stage *stage, uint64_t source, uint64_t destination);

/* Cut, which must close. */
void stage_cut(struct stage *stage);

/* What the ledger holds. To be destroyed. */
struct ipacct_snapshot *stage_snapshot(const struct stage *stage);

/* What an address has in the ledger. */
struct ipacct_counters stage_counters(const struct stage *stage, uint32_t address);

/* Which CPU runs must not change between frames of one partition. */
void stage_pin_to(int cpu);

/* xorshift64 (Marsaglia 2003); the state must not be 0. */
uint64_t stage_random(uint64_t *state);

/* An amount of traffic or of rounds, made smaller where the machine is slow (IPACCT_TEST_SLOW, as the
 * guests of tests/vm set it). */
uint32_t stage_scaled(uint32_t amount, uint32_t least);

/* Endless packets of many addresses from one CPU. */
struct stage_load {
	const struct stage *stage;
	int cpu;
	uint32_t n_addresses; /* sources; a power of two */
	atomic_bool stop;
	uint64_t sent;
	pthread_t thread;
};

void stage_load_start(struct stage_load *load, const struct stage *stage, int cpu,
		      uint32_t n_addresses);
/* Returns how many were sent. */
uint64_t stage_load_stop(struct stage_load *load);

/* Keys of the guard in domain 0: an IPv4 prefix, one below 2001:db8:0:0. */
struct ipacct_guard_key stage_prefix4(uint32_t address, uint32_t length);
struct ipacct_guard_key stage_prefix6(uint64_t low, uint32_t length);

/* Exchange what is protected, as the supervisor and the collector do it together. */
void stage_protect(struct stage *stage, const struct ipacct_guard_key *keys, size_t n);

#endif
