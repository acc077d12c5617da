/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger file: where things lie, opening it for reading, and the rule for versions. */
#ifndef IPACCT_LIB_LEDGER_H
#define IPACCT_LIB_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipacct/abi.h"
#include "ipacct/ipacct.h"

/* What is more is damage: ten cuts a second for 29 billion years. The next number must not wrap to 0,
 * with which everything counted so far would be hidden. */
#define IPACCT_LEDGER_CUTS_MAX (UINT64_MAX / 2)

struct ipacct_ledger {
	void *at; /* the mapped file, NULL when closed */
	size_t bytes;
	dev_t device; /* which file it is: a new one is renamed over it when it grows */
	ino_t inode;
	/* copied and checked once: the file may be any bytes */
	uint32_t n_interfaces_max;
	uint32_t n_rollups_max;
	uint32_t n_addresses_max;
	uint32_t n_groups_max;
	struct ipacct_ledger_header *header;
	struct ipacct_ledger_interface *interfaces;
	struct ipacct_ledger_series *series; /* IPACCT_SERIES_MAX */
	struct ipacct_ledger_record *rollups;
	struct ipacct_ledger_record *addresses;
	struct ipacct_ledger_series *groups; /* n_groups_max */
};

/* Octets of a ledger with room for so many records, and for none of a group. */
static inline uint64_t ipacct_ledger_bytes(uint32_t n_rollups_max, uint32_t n_addresses_max)
{
	return IPACCT_LEDGER_HEADER_BYTES +
	       (uint64_t)IPACCT_IFS_MAX * sizeof(struct ipacct_ledger_interface) +
	       (uint64_t)IPACCT_SERIES_MAX * sizeof(struct ipacct_ledger_series) +
	       ((uint64_t)n_rollups_max + n_addresses_max) * sizeof(struct ipacct_ledger_record);
}

/* Map the file behind fd; the descriptor stays the caller's.
 * Errors: -EBADMSG not a ledger or shorter than it says; -EPROTO other ABI version; -errno. */
int ipacct_ledger_map(int fd, bool writable, struct ipacct_ledger *ret_ledger,
		      struct ipacct_problem *ret_problem);

/* Take back what carries a number above the committed cut, so that it can be applied again: needed
 * where the next attempt may place keys otherwise (a larger file) or number cuts otherwise. The
 * other version of each record is at or before the committed cut. Needs a writable mapping. */
void ipacct_ledger_forget_uncommitted(struct ipacct_ledger *ledger);

/* Accepts a closed or zeroed one. */
void ipacct_ledger_unmap(struct ipacct_ledger *ledger);

/* Which of two versions is the newest at or before `cut`: 0, 1, or −1 for neither. */
static inline int ipacct_version_pick(uint64_t cut0, uint64_t cut1, uint64_t cut)
{
	bool valid0 = cut0 && cut0 <= cut, valid1 = cut1 && cut1 <= cut;

	if (valid0 && valid1)
		return cut1 > cut0;
	return valid1 ? 1 : valid0 ? 0 : -1;
}

/* The same of versions that the collector may be writing. version: two of any kind. */
#define IPACCT_VERSION_READ(version, at_cut)                                           \
	({                                                                             \
		uint64_t cut0_ = __atomic_load_n(&(version)[0].cut, __ATOMIC_ACQUIRE); \
		uint64_t cut1_ = __atomic_load_n(&(version)[1].cut, __ATOMIC_ACQUIRE); \
                                                                                       \
		ipacct_version_pick(cut0_, cut1_, at_cut);                             \
	})

#define IPACCT_LEDGER_LOOK_RECORDS 1024u /* some 50 us of copying */

/* For a walk over records as of a cut, at each of them: whether another cut is committed by now, looked up now
 * and then. Who begins again at once has all the time between two cuts. */
static inline bool ipacct_ledger_overtaken(const struct ipacct_ledger *ledger, uint32_t record,
					   uint64_t cut)
{
	return record % IPACCT_LEDGER_LOOK_RECORDS == 0 &&
	       __atomic_load_n(&ledger->header->cut, __ATOMIC_RELAXED) != cut;
}

/* How many records are claimed; the file may say anything. */
static inline uint32_t ipacct_ledger_used(const __u32 *n, uint32_t max)
{
	uint32_t used = __atomic_load_n(n, __ATOMIC_ACQUIRE);

	return used < max ? used : max;
}

#endif
