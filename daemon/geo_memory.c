/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker was doing, for the one after it. */
#include "geo_memory.h"

void geo_memory_judge(struct geo_memory *memory, bool crashed)
{
	uint32_t asking = memory->asking;

	memory->asking = 0;
	if (crashed && asking && asking <= IPACCT_GEO_DATABASES_MAX)
		memory->suspects[asking - 1].n_deaths++;
}

void geo_memory_blame(struct geo_memory *memory, uint32_t index)
{
	memory->suspects[index].n_deaths++;
}

bool geo_memory_refuses(const struct geo_memory *memory, const struct geo_identity *file)
{
	for (uint32_t i = 0; i < IPACCT_GEO_DATABASES_MAX; i++)
		if (memory->suspects[i].n_deaths >= GEO_DEATHS_MAX &&
		    geo_identity_equal(&memory->suspects[i].file, file))
			return true;
	return false;
}

void geo_memory_open(struct geo_memory *memory, uint32_t index, const struct geo_identity *file)
{
	struct geo_suspect *suspect = &memory->suspects[index];

	if (geo_identity_equal(&suspect->file, file))
		return;
	suspect->file = *file;
	suspect->n_deaths = 0;
}
