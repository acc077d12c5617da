/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hash of a key, for the indexes of user space. */
#ifndef IPACCT_BASE_MIX_H
#define IPACCT_BASE_MIX_H

#include <stdint.h>
#include <string.h>

#include "ipacct/abi.h"

/* The finaliser of MurmurHash3: every input bit reaches every output bit. */
static inline uint64_t ipacct_mix64(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

/* seed: a number nobody outside knows, so that nobody can choose keys that collide. */
static inline uint64_t ipacct_key_hash(uint64_t seed, const struct ipacct_key *key,
				       uint8_t prefix_len)
{
	uint64_t high, low;

	memcpy(&high, &key->addr_be[0], sizeof(high));
	memcpy(&low, &key->addr_be[2], sizeof(low));
	return ipacct_mix64(ipacct_mix64(high ^ seed) ^ low ^ (uint64_t)key->domain << 40 ^
			    prefix_len);
}

#endif
