/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read a whole map with BPF_MAP_LOOKUP_BATCH; per key where the kernel has no batch for it. */
#ifndef IPACCT_LIB_BATCH_H
#define IPACCT_LIB_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPACCT_BATCH_ENTRIES 8192u /* entries asked for in one system call, at first */

/* Reused from read to read; zeroed storage is valid. */
struct ipacct_batch {
	uint32_t n_entries; /* how many the buffers hold; 0 = IPACCT_BATCH_ENTRIES at first use */
	size_t buffer_bytes;
	void *buffer;
	uint64_t n_syscalls; /* made so far, for whoever watches the cost */
	bool per_key;        /* never batch (tests and benches compare both) */
};

void ipacct_batch_finish(struct ipacct_batch *batch);

/* Called for each run of entries: n keys (key_bytes apart) and n values (value_bytes apart). The
 * memory is the batch's own, valid during the call. Non-zero ends the read and is its result. */
typedef int (*ipacct_batch_fn)(const void *keys, const void *values, uint32_t n, void *context);

/* Read every entry of a hash map once (of an epoch at rest; of a live map, each key that stays at
 * least once). value_bytes as user space sees it (per-CPU maps: all possible CPUs).
 * Returns 0, what the function returned, or a negative errno. */
int ipacct_batch_read(struct ipacct_batch *batch, int map_fd, uint32_t key_bytes,
		      uint32_t value_bytes, ipacct_batch_fn function, void *context);

/* Read entries first … first + n − 1 of an array map, in order. */
int ipacct_batch_read_array(struct ipacct_batch *batch, int map_fd, uint32_t value_bytes,
			    uint32_t first, uint32_t n, ipacct_batch_fn function, void *context);

/* One element of an array map, whatever its size, into the batch's memory.
 * ret_value: valid until the next call with this batch. */
int ipacct_batch_read_element(struct ipacct_batch *batch, int map_fd, uint32_t index,
			      size_t value_bytes, const void **ret_value);

#endif
