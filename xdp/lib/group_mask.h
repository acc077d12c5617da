/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IPv6 addresses of groups with a length share a record: masking what an epoch holds.
 *
 * The kernel counts addresses. Whoever reads an epoch masks it before anything of it is shown or added
 * to the ledger: the collector and live readers by the same list, which the ledger names for each cut. */
#ifndef IPACCT_LIB_GROUP_MASK_H
#define IPACCT_LIB_GROUP_MASK_H

#include "group_list.h"
#include "ledger.h"
#include "table.h"

/* Lines of the cache, powers of two: as many as the table has entries. 4 MiB at most. */
#define IPACCT_MASK_LINES_MIN  8192u
#define IPACCT_MASK_LINES_MAX  (1u << 18)
#define IPACCT_MASK_LINE_BYTES 16u

struct mask_line;

struct ipacct_mask {
	struct ipacct_table shared; /* scratch: the shared records of one pass */
	struct mask_line *cache;    /* bits by /64 */
	uint32_t n_lines;
	uint64_t cached_of; /* digest of the list that the cache is of */
	uint64_t n_lookups; /* in the list, ever; the others were known */
};

/* Zeroed storage is ready to use, and may be finished. */
void ipacct_mask_finish(struct ipacct_mask *mask);

/* Join the entries of a table of addresses that share a record. A closed list masks nothing.
 * The entries are right afterwards, the table's index is not: ipacct_table_reindex() or _reset().
 * Returns how many entries fewer there are, or -ENOMEM: the table is good for nothing but a reset. */
int ipacct_mask_apply(struct ipacct_mask *mask, const struct ipacct_group_list *list,
		      struct ipacct_table *table);

/* The same for one address, whose key becomes that of its record. Returns how many of its 128 bits are
 * left, or -ENOMEM. mask->shared.seed must be set. */
int ipacct_mask_key(struct ipacct_mask *mask, const struct ipacct_group_list *list,
		    struct ipacct_key *key);

/* Digest of the list by which the cut is masked, 0: by none. */
uint64_t ipacct_mask_of_cut(const struct ipacct_ledger_mask masks[2], uint64_t cut);

#endif
