/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By which list of groups a cut masks IPv6 addresses. */
#include <string.h>

#include "crash.h"
#include "cut_mask.h"

static const struct ipacct_group_list none;

void cut_mask_init(struct cut_mask *mask, int now_fd, int was_fd)
{
	memset(mask, 0, sizeof(*mask));
	if (now_fd >= 0)
		(void)ipacct_group_list_map(now_fd, &mask->now, NULL); /* groups_init() told why */
	if (was_fd >= 0)
		(void)ipacct_group_list_map(was_fd, &mask->was, NULL); /* cut_mask_known() tells */
}

void cut_mask_finish(struct cut_mask *mask)
{
	ipacct_group_list_unmap(&mask->now);
	ipacct_group_list_unmap(&mask->was);
	ipacct_mask_finish(&mask->mask);
}

static const struct ipacct_group_list *list_of(const struct cut_mask *mask, uint64_t digest)
{
	if (!digest)
		return &none;
	if (ipacct_group_list_mask(&mask->now) == digest)
		return &mask->now;
	return ipacct_group_list_mask(&mask->was) == digest ? &mask->was : NULL;
}

bool cut_mask_known(const struct cut_mask *mask, const struct ipacct_ledger_header *header,
		    uint64_t cut)
{
	return list_of(mask, ipacct_mask_of_cut(header->mask, cut)) != NULL;
}

static void mask_write(struct ipacct_ledger_mask *to, uint64_t from_cut, uint64_t digest)
{
	__atomic_store_n(&to->from_cut, UINT64_MAX, __ATOMIC_SEQ_CST);
	CRASH_POINT(mask_open);
	__atomic_store_n(&to->digest, digest, __ATOMIC_SEQ_CST);
	__atomic_store_n(&to->from_cut, from_cut, __ATOMIC_SEQ_CST);
}

void cut_mask_begin(struct cut_mask *mask, struct ipacct_ledger_header *header)
{
	mask_write(&header->mask[1], UINT64_MAX, 0);
	mask_write(&header->mask[0], 0, ipacct_group_list_mask(&mask->now));
}

void cut_mask_next(struct cut_mask *mask, struct ipacct_ledger_header *header, uint64_t cut)
{
	uint64_t wanted = ipacct_group_list_mask(&mask->now);
	bool second_counts;

	if (ipacct_mask_of_cut(header->mask, cut + 1) == wanted)
		return;
	/* the entry of the epoch that counts stays; the other one is of the past, or of a next epoch
	   that never began */
	second_counts = header->mask[1].from_cut <= cut &&
			(header->mask[0].from_cut > cut ||
			 header->mask[1].from_cut > header->mask[0].from_cut);
	mask_write(&header->mask[!second_counts], cut + 1, wanted);
	CRASH_POINT(masked);
}

int cut_mask_apply(struct cut_mask *mask, const struct ipacct_ledger_header *header, uint64_t cut,
		   struct ipacct_table *addresses)
{
	const struct ipacct_group_list *list = list_of(mask, ipacct_mask_of_cut(header->mask, cut));
	int ret = ipacct_mask_apply(&mask->mask, list ? list : &none, addresses);

	return ret < 0 ? ret : 0;
}
