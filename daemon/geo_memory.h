/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker was doing, for the one after it: a database that kills its reader is left alone. */
#ifndef IPACCT_DAEMON_GEO_MEMORY_H
#define IPACCT_DAEMON_GEO_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "geo_database.h"

#define GEO_DEATHS_MAX 2u /* a file that this many workers died of is not opened again */

/* Shared by the workers of one supervisor, which are there one after the other. */
struct geo_memory {
	uint32_t asking; /* 1 + index of the database being opened or asked; 0: none */
	uint32_t reserved;
	struct geo_suspect {
		struct geo_identity file; /* the last one opened as this database */
		uint32_t n_deaths;
		uint32_t reserved;
	} suspects[IPACCT_GEO_DATABASES_MAX];
};

/* At the start of a worker: was it a database that killed the one before? */
void geo_memory_judge(struct geo_memory *memory, bool crashed);
/* Database `index` took all memory: as bad as a death. */
void geo_memory_blame(struct geo_memory *memory, uint32_t index);
/* Has this content killed too many? */
bool geo_memory_refuses(const struct geo_memory *memory, const struct geo_identity *file);
/* Database `index` is about to be opened as this file. */
void geo_memory_open(struct geo_memory *memory, uint32_t index, const struct geo_identity *file);

#endif
