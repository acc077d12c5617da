/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program does on another CPU when it displaces an address, step by step, on the real maps
 * and in its order (hot_set.bpf.h, lru.bpf.h). */
#ifndef IPACCT_TESTS_DISPLACE_H
#define IPACCT_TESTS_DISPLACE_H

#include "crowd.h"

/* An address on its way from its line to its record. */
struct displaced {
	struct ipacct_key key;
	struct ipacct_counters record; /* that it has in the end */
};

/* Partition of CPU 0 and epoch that counts: 2 * partition + epoch. */
uint32_t displace_index(const struct crowd *crowd);

/* The displacement is told, and nobody has the line any more. */
void displaced_take(struct displaced *displaced, const struct crowd *crowd, struct ipacct_key key);

/* It has that record in the LRU tier; if that is a new one it is told. */
void displaced_put(const struct crowd *crowd, const struct displaced *displaced,
		   const struct ipacct_counters *record);

/* Both. */
void displace(const struct crowd *crowd, struct ipacct_key key);

#endif
