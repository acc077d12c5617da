/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole maps by BPF_MAP_LOOKUP_BATCH. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "batch.h"

#define BATCH_ENTRIES_MAX (1u << 22) /* a bucket larger than this is no map of ours */
#define ENOTSUPP_KERNEL   524        /* linux/errno.h ENOTSUPP, which libc does not know */

void ipacct_batch_finish(struct ipacct_batch *batch)
{
	free(batch->buffer);
	memset(batch, 0, sizeof(*batch));
}

static int buffer_reserve(struct ipacct_batch *batch, size_t bytes)
{
	void *buffer;

	if (bytes <= batch->buffer_bytes)
		return 0;
	buffer = realloc(batch->buffer, bytes);
	if (!buffer)
		return -ENOMEM;
	batch->buffer = buffer;
	batch->buffer_bytes = bytes;
	return 0;
}

static int batch_reserve(struct ipacct_batch *batch, uint32_t n_entries, size_t entry_bytes)
{
	int ret = buffer_reserve(batch, n_entries * entry_bytes);

	if (!ret)
		batch->n_entries = n_entries;
	return ret;
}

static int read_per_key(struct ipacct_batch *batch, int map_fd, uint32_t key_bytes,
			uint32_t value_bytes, ipacct_batch_fn function, void *context)
{
	char *key, *next, *value, *spare;
	void *at = NULL;
	int ret;

	ret = batch_reserve(batch, batch->n_entries, 2 * (size_t)key_bytes + value_bytes);
	if (ret)
		return ret;
	key = batch->buffer;
	next = key + key_bytes;
	value = next + key_bytes;
	while (batch->n_syscalls++, !(ret = bpf_map_get_next_key(map_fd, at, next))) {
		batch->n_syscalls++;
		ret = bpf_map_lookup_elem(map_fd, next, value);
		if (!ret)
			ret = function(next, value, 1, context);
		else if (ret == -ENOENT)
			ret = 0; /* went away between the calls: only on a live map */
		if (ret)
			return ret;
		spare = key;
		key = next;
		next = spare;
		at = key;
	}
	return ret == -ENOENT ? 0 : ret;
}

static bool batch_unsupported(int ret)
{
	return ret == -EINVAL || ret == -ENOTSUPP_KERNEL || ret == -EOPNOTSUPP;
}

int ipacct_batch_read(struct ipacct_batch *batch, int map_fd, uint32_t key_bytes,
		      uint32_t value_bytes, ipacct_batch_fn function, void *context)
{
	uint64_t token[2] = { 0, 0 }, next[2]; /* a hash map's token is a u32 bucket number */
	bool begun = false;
	uint32_t count;
	int ret, end;

	ret = batch_reserve(batch, batch->n_entries ? batch->n_entries : IPACCT_BATCH_ENTRIES,
			    (size_t)key_bytes + value_bytes);
	if (ret)
		return ret;
	if (batch->per_key)
		return read_per_key(batch, map_fd, key_bytes, value_bytes, function, context);
	for (;;) {
		char *keys = batch->buffer, *values = keys + (size_t)batch->n_entries * key_bytes;

		count = batch->n_entries;
		batch->n_syscalls++;
		end = bpf_map_lookup_batch(map_fd, begun ? token : NULL, next, keys, values, &count,
					   NULL);
		if (end == -ENOSPC && batch->n_entries < BATCH_ENTRIES_MAX) {
			/* one bucket holds more than the batch: same token, twice the room */
			ret = batch_reserve(batch, batch->n_entries * 2,
					    (size_t)key_bytes + value_bytes);
			if (ret)
				return ret;
			continue;
		}
		if (end && end != -ENOENT)
			return !begun && batch_unsupported(end)
				       ? read_per_key(batch, map_fd, key_bytes, value_bytes,
						      function, context)
				       : end;
		/* −ENOENT is the end of the map, and what came with it counts */
		ret = count ? function(keys, values, count, context) : 0;
		if (ret || end == -ENOENT)
			return ret;
		memcpy(token, next, sizeof(token));
		begun = true;
	}
}

int ipacct_batch_read_array(struct ipacct_batch *batch, int map_fd, uint32_t value_bytes,
			    uint32_t first, uint32_t n, ipacct_batch_fn function, void *context)
{
	uint32_t token = first - 1, next, count; /* an array's token is the last index read */
	int ret, end;

	ret = batch_reserve(batch, batch->n_entries ? batch->n_entries : IPACCT_BATCH_ENTRIES,
			    sizeof(uint32_t) + (size_t)value_bytes);
	while (!ret && n) {
		char *keys = batch->buffer, *values = keys + batch->n_entries * sizeof(uint32_t);

		count = n < batch->n_entries ? n : batch->n_entries;
		batch->n_syscalls++;
		end = bpf_map_lookup_batch(map_fd, first ? &token : NULL, &next, keys, values,
					   &count, NULL);
		if ((end && end != -ENOENT) || !count)
			return end ? end : -EIO;
		ret = function(keys, values, count, context);
		first += count;
		n -= count < n ? count : n;
		token = first - 1;
	}
	return ret;
}

int ipacct_batch_read_element(struct ipacct_batch *batch, int map_fd, uint32_t index,
			      size_t value_bytes, const void **ret_value)
{
	int ret = buffer_reserve(batch, value_bytes);

	if (ret)
		return ret;
	batch->n_syscalls++;
	ret = bpf_map_lookup_elem(map_fd, &index, batch->buffer);
	if (!ret)
		*ret_value = batch->buffer;
	return ret;
}
