/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scrape that writes a line for every address, made in two ways. */
#ifndef IPACCT_BENCH_GEO_PEER_H
#define IPACCT_BENCH_GEO_PEER_H

#include <maxminddb.h>

#include "base/buffer.h"
#include "ipacct/ipacct.h"

struct scene {
	uint32_t n;
	struct ipacct_key *keys;
	uint32_t *order; /* a random permutation */
	MMDB_s mmdb;
	char dir[64];
	char path[80];
};

void die(const char *what);

struct peer; /* another program's state */

struct peer *peer_create(const struct scene *scene);
void peer_destroy(struct peer *peer);

/* Its scrape: under one lock, for every address a look-up, copies of its strings, a text of its labels.
 * warm: found in its cache of answers, else in the database. */
void peer_scrape(struct peer *peer, bool warm, struct buffer *out);

/* The same text from the geo file. */
void our_scrape(const struct scene *scene, struct ipacct_geo *geo, struct buffer *out);

#endif
