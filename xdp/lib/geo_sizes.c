/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What geo costs in memory, by the sizes of what it reads. */
#include "geo_sizes.h"

#include "geofile.h"

#define PROCESS_BYTES       (4u << 20)  /* measured: worker with an empty list and no database */
#define STRINGS_PER_ADDRESS 24u         /* most share a city and an AS with others */
#define STRINGS_MIN         (64u << 10) /* the names of the countries alone take 4 KiB */
#define STRINGS_MAX         (16u << 20) /* all cities and AS names of a large database */

static uint64_t room_take(uint64_t *room_bytes, uint64_t now_bytes, uint64_t bytes)
{
	uint64_t spare = *room_bytes - now_bytes, taken = spare < bytes ? spare : bytes;

	*room_bytes -= taken;
	return bytes - taken;
}

void geo_sizing_shrink(struct geo_sizing *sizing, uint64_t bytes)
{
	bytes = room_take(&sizing->overrides_bytes, sizing->overrides_now_bytes, bytes);
	(void)room_take(&sizing->databases_bytes, sizing->databases_now_bytes, bytes);
}

bool geo_sizing_suffices(const struct geo_sizing *room, const struct geo_sizing *now)
{
	return now->databases_now_bytes <= room->databases_bytes &&
	       now->overrides_now_bytes <= room->overrides_bytes;
}

static uint32_t strings_bytes(uint32_t n_addresses_max)
{
	uint64_t bytes = (uint64_t)n_addresses_max * STRINGS_PER_ADDRESS;

	return bytes < STRINGS_MIN   ? STRINGS_MIN
	       : bytes > STRINGS_MAX ? STRINGS_MAX
				     : (uint32_t)bytes;
}

void geo_sizing_sum(struct geo_sizing *sizing, uint32_t n_addresses_max)
{
	sizing->strings_bytes = sizing->file_bytes = sizing->process_bytes = 0;
	if (!sizing->wanted)
		return;
	sizing->strings_bytes = strings_bytes(n_addresses_max);
	sizing->file_bytes = geo_file_bytes(n_addresses_max, sizing->strings_bytes);
	/* the index of the strings: a word for each 4 octets at most */
	sizing->process_bytes = PROCESS_BYTES + sizing->databases_bytes + sizing->overrides_bytes +
				sizing->strings_bytes;
}
