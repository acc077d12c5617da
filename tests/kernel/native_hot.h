/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program's own choice of hot sets, compiled for this machine: what whoever knew the seed could
 * compute. */
#ifndef IPACCT_TESTS_NATIVE_HOT_H
#define IPACCT_TESTS_NATIVE_HOT_H

#include <stdint.h>

#include "ipacct/abi.h"

/* The numbers of the two sets where a key may be, of n_sets (of its family, one partition and epoch). */
void native_hot4_sets(const struct ipacct_key *key, uint64_t seed, uint64_t n_sets,
		      uint32_t ret_sets[2]);
void native_hot6_sets(const struct ipacct_key *key, uint64_t seed, uint64_t n_sets,
		      uint32_t ret_sets[2]);

#endif
