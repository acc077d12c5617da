/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of a ledger at one cut. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ledger_copy.h"

void ledger_copy_finish(struct ledger_copy *copy)
{
	free(copy->entries);
	free(copy->cuts);
	memset(copy, 0, sizeof(*copy));
}

static int copy_room(struct ledger_copy *copy, uint32_t n)
{
	int ret = 0;

	if (n > copy->n_allocated || !copy->entries) {
		ret = array_resize(&copy->entries, sizeof(*copy->entries), (size_t)n + 1);
		if (!ret)
			ret = array_resize(&copy->cuts, sizeof(*copy->cuts), (size_t)n + 1);
		if (!ret)
			copy->n_allocated = n;
	}
	return ret;
}

/* Versions of cut H are overwritten only after H + 1 was committed, and get a larger number than H
 * then: a copy that was disturbed is never taken for one of the next walk's cut. */
static void record_copy(struct ledger_copy *copy, const struct ipacct_ledger_record *record,
			uint32_t at, bool addresses, uint64_t cut)
{
	int newest = IPACCT_VERSION_READ(record->version, cut);
	const struct ipacct_ledger_version *version = &record->version[newest < 0 ? 0 : newest];
	uint64_t version_cut = newest < 0 ? 0 : __atomic_load_n(&version->cut, __ATOMIC_RELAXED);

	if (version_cut == copy->cuts[at])
		return;
	copy->cuts[at] = 0;
	if (newest < 0 || version_cut > cut || !version->last_seen_ns)
		return; /* claimed and not committed yet, or folded */
	copy->n_copied++;
	copy->cuts[at] = version_cut;
	copy->entries[at] = (struct ipacct_entry){
		.key = record->key,
		.prefix_len = record->prefix_len,
		.counters = version->counters,
		.first_seen_ns = record->first_seen_ns,
		.last_seen_ns = version->last_seen_ns,
		.ledger_index = addresses ? at : IPACCT_INDEX_NONE,
	};
}

int ledger_copy_walk(struct ledger_copy *copy, const struct ipacct_ledger *ledger,
		     const struct ipacct_ledger_record *records, uint32_t n, bool addresses,
		     uint64_t cut)
{
	int ret = copy_room(copy, n);

	copy->n = copy->n < n ? copy->n : n;
	for (uint32_t i = 0; i < n && !ret; i++) {
		if (ipacct_ledger_overtaken(ledger, i, cut))
			return -EAGAIN;
		if (i >= copy->n) {
			copy->cuts[i] = 0;
			copy->n = i + 1;
		}
		record_copy(copy, &records[i], i, addresses, cut);
	}
	return ret;
}

int ledger_copy_take(struct ledger_copy *copy, size_t n_more, struct ipacct_entry **ret_entries,
		     size_t *ret_n)
{
	size_t used = 0;
	int ret;

	for (uint32_t i = 0; i < copy->n; i++)
		if (copy->cuts[i])
			copy->entries[used++] = copy->entries[i];
	ret = array_resize(&copy->entries, sizeof(*copy->entries), used + n_more + 1);
	if (ret)
		return ret;
	*ret_entries = copy->entries;
	*ret_n = used;
	copy->entries = NULL;
	ledger_copy_finish(copy);
	return 0;
}
