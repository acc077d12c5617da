/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between keeping the databases and asking them. Private to geo_set.c and geo_answer.c. */
#ifndef IPACCT_DAEMON_GEO_ANSWER_H
#define IPACCT_DAEMON_GEO_ANSWER_H

#include "geo_set.h"

/* Decoded entries, by their place in the database: 1 MiB. Direct mapped, a clash is decoded again. */
#define GEO_CACHE_SLOTS 32768u

/* Around everything that a database may kill us with. Until geo_set_asked() one limit of processor
 * time holds for all questions to the same database. */
void geo_set_asking(struct geo_set *set, uint32_t index);
void geo_set_asked(struct geo_set *set);

#endif
