/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What groups cost in memory: arithmetic only. */
#ifndef IPACCT_LIB_GROUP_SIZES_H
#define IPACCT_LIB_GROUP_SIZES_H

#include <stdint.h>

struct group_sizing {
	/* the list */
	uint32_t n_groups, n_prefixes;
	uint32_t n_masked; /* prefixes with ipv6_len */
	/* another one that lies beside it: the one of before while cuts may need it, the one that is
	 * about to go, or room for the one that comes */
	uint64_t other_bytes;
	/* the sum, in octets */
	uint64_t list_bytes;
	uint64_t
		record_bytes; /* of the ledger, and what the collector has for each group and address */
	uint64_t
		mask_bytes; /* of the collector: what it knows of /64s, and the records they share */
	uint64_t bytes;     /* all of it, with the other list */
};

/* Room for a list by which this one could be replaced, a quarter larger. */
void group_sizing_room(struct group_sizing *sizing);

/* With so many entries of an epoch and addresses of the ledger. */
void group_sizing_sum(struct group_sizing *sizing, uint64_t n_entries, uint32_t n_addresses_max);

/* Without the other list. */
static inline uint64_t group_sizing_own(const struct group_sizing *sizing)
{
	return sizing->bytes - sizing->other_bytes;
}

#endif
