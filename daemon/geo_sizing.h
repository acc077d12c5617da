/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What geo costs in memory, before it is there. */
#ifndef IPACCT_DAEMON_GEO_SIZING_H
#define IPACCT_DAEMON_GEO_SIZING_H

#include <stdbool.h>
#include <stdint.h>

#include "geo_settings.h"

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

/* Look at the files that the settings name: their sizes, and the lines of the list. */
void geo_sizing_look(const struct geo_settings *settings, struct geo_sizing *ret_sizing);
/* Give up to so many octets of the room to grow back. */
void geo_sizing_shrink(struct geo_sizing *sizing, uint64_t bytes);

/* Has a worker that was started with this room enough for what there is now? */
bool geo_sizing_suffices(const struct geo_sizing *room, const struct geo_sizing *now);

/* With a record for each of so many addresses. */
void geo_sizing_sum(struct geo_sizing *sizing, uint32_t n_addresses_max);

#endif
