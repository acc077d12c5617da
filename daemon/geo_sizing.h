/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What geo costs in memory, before it is there. */
#ifndef IPACCT_DAEMON_GEO_SIZING_H
#define IPACCT_DAEMON_GEO_SIZING_H

#include <stdbool.h>
#include <stdint.h>

#include "geo_settings.h"

struct geo_sizing {
	bool wanted;
	uint64_t databases_bytes; /* of the copies; files may grow by a quarter */
	uint64_t overrides_bytes;
	uint32_t strings_bytes; /* room for names in the file */
	uint64_t file_bytes;
	uint64_t process_bytes; /* of the worker, with the copies and the list */
};

/* Look at the files that the settings name; nothing is read. */
void geo_sizing_look(const struct geo_settings *settings, struct geo_sizing *ret_sizing);
/* With a record for each of so many addresses. */
void geo_sizing_sum(struct geo_sizing *sizing, uint32_t n_addresses_max);

#endif
