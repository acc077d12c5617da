/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What groups cost in memory. */
#include "group_sizes.h"

#include "group_list.h"
#include "group_mask.h"

/* A group: its record in the ledger, the collector's total and the order of the records. Records of
 * groups that left and room for more are not counted: 168 octets each. */
#define GROUP_BYTES  (sizeof(struct ipacct_ledger_series) + 44u + 2 * sizeof(uint32_t))
#define NOTE_BYTES   sizeof(uint32_t) /* of the collector, per ledger record: whose it is */
#define SHARED_BYTES (sizeof(struct ipacct_table_entry) + 16u) /* and its index, at most */
#define ROOM_BYTES   (256u << 10) /* for a first list: 4,000 prefixes of 400 groups */

static uint64_t list_bytes(const struct group_sizing *sizing)
{
	return sizing->n_groups || sizing->n_prefixes
		       ? ipacct_group_list_bytes(sizing->n_groups, sizing->n_prefixes)
		       : 0;
}

void group_sizing_room(struct group_sizing *sizing)
{
	uint64_t bytes = list_bytes(sizing);

	sizing->other_bytes = bytes + bytes / 4 + ROOM_BYTES;
}

/* As group_mask.c makes its cache for as many entries. */
static uint64_t cache_bytes(uint64_t n_entries)
{
	uint64_t n = IPACCT_MASK_LINES_MIN;

	while (n < n_entries && n < IPACCT_MASK_LINES_MAX)
		n *= 2;
	return n * IPACCT_MASK_LINE_BYTES;
}

void group_sizing_sum(struct group_sizing *sizing, uint64_t n_entries, uint32_t n_addresses_max)
{
	sizing->list_bytes = list_bytes(sizing);
	/* the notes also without a list: so a first one finds room */
	sizing->record_bytes =
		sizing->n_groups * (uint64_t)GROUP_BYTES + (uint64_t)n_addresses_max * NOTE_BYTES;
	sizing->mask_bytes =
		sizing->n_masked ? cache_bytes(n_entries) + n_entries * SHARED_BYTES : 0;
	sizing->bytes = sizing->list_bytes + sizing->record_bytes + sizing->mask_bytes +
			sizing->other_bytes;
}
