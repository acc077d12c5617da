/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What geo costs in memory, by the sizes of what it reads. */
#ifndef IPACCT_LIB_GEO_SIZES_H
#define IPACCT_LIB_GEO_SIZES_H

#include <stdbool.h>
#include <stdint.h>

struct geo_sizing {
	bool wanted;
	/* what there is now, and the room for it: files may grow by a quarter */
	uint64_t databases_now_bytes;
	uint64_t databases_bytes;
	uint64_t overrides_now_bytes;
	uint64_t overrides_bytes;
	uint32_t strings_bytes; /* room for names in the file */
	uint64_t file_bytes;
	uint64_t process_bytes; /* of the worker, with the copies and the list */
};

/* Give up to so many octets of the room to grow back. */
void geo_sizing_shrink(struct geo_sizing *sizing, uint64_t bytes);

/* Has a worker that was started with this room enough for what there is now? */
bool geo_sizing_suffices(const struct geo_sizing *room, const struct geo_sizing *now);

/* With a record for each of so many addresses. */
void geo_sizing_sum(struct geo_sizing *sizing, uint32_t n_addresses_max);

#endif
