/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which address space is not anybody's on the Internet. */
#ifndef IPACCT_DAEMON_GEO_CLASS_H
#define IPACCT_DAEMON_GEO_CLASS_H

#include <stddef.h>
#include <stdint.h>

#include "ipacct/geo.h"

/* One block of the IANA special-purpose registries. */
struct geo_block {
	uint8_t address[16]; /* as struct ipacct_key has it, IPv4 behind ::ffff: */
	uint8_t prefix_len;  /* of 128 bits */
	uint8_t address_class;
	const char *source;
};

/* Row i, longest prefixes first; NULL behind the last one. */
const struct geo_block *geo_block_at(size_t i);

/* Class of an address (enum ipacct_geo_class) by the longest block it is in. */
uint8_t geo_class(const struct ipacct_key *key);

#endif
