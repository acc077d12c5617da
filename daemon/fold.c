/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A full ledger: records that were idle longest are folded into the roll-up of their prefix.
 *
 * The mark. Cut N folds an address record by writing its older version, as it would for traffic, but
 * with all counters 0 and last_seen_ns 0. The other version keeps the counts. A reader at cut N − 1
 * still takes that one; a reader at cut N finds the mark and skips the record, and finds the counts
 * in version N of the prefix. Both become visible by the same store to header.cut: at every cut each
 * count is in exactly one place.
 *
 * The order within cut N: places for all keys; marks; header.fold_cut = N: decided; what is marked is
 * added to the deltas of the prefixes; every record is written, addresses first; the commit; then the
 * marked records leave the index and are free. They are not claimed before cut N + 1.
 *
 * Dying. No roll-up is written before it is decided what the cut folds, so the next attempt obeys
 * what it finds: with fold_cut = N exactly the marks that are there, perhaps none, whatever looks idle
 * by then; with marks but another fold_cut these too, since nothing was added to anything yet. The
 * amounts are still in the other version; which roll-ups have them is told by their own version
 * number. What is free is a property of the file (see record_index_init()), so a process that dies
 * after the commit leaves nothing to repeat.
 *
 * Reuse. A free record gets its new key while its newest committed version is the mark: readers at
 * this cut do not look at the key, and readers of an earlier cut start over because header.cut has
 * moved. The new owner's counts go into the older version, which nobody can want any more.
 *
 * Taking back. ipacct_ledger_forget_uncommitted() zeroes marks like every other version above the
 * committed cut, and the record is its owner's again.
 *
 * Who. Records that did not move in this cut, longest idle first, never protected ones; a 64th of the
 * ledger at a time, when less than that is free. So a flood of new addresses takes over no more than
 * that in a cut, and the work of a cut is bounded: two passes over 4 octets a record, and the
 * marks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"
#include "fold.h"
#include "ledger_version.h"
#define FOLD_SHARE  64u /* of the ledger: folded at once, and kept free for new keys */
#define AGE_EXACT   16u /* idle times below are told apart exactly, from there on eight an octave */
#define AGE_CLASSES 232u /* of 31 bits: age_class(2^31 − 1) + 1 */

static uint32_t batch_of(uint32_t n_records_max)
{
	return (n_records_max + FOLD_SHARE - 1) / FOLD_SHARE;
}

static bool is_mark(const struct ipacct_ledger_version *version, uint64_t cut)
{
	return version->cut == cut && !version->last_seen_ns;
}

static bool is_marked(const struct ipacct_ledger_record *record, uint64_t cut)
{
	return is_mark(&record->version[0], cut) || is_mark(&record->version[1], cut);
}

/* The cut above the committed one that has marks, 0 when none has. There is but one: the next is not
 * begun before. */
static uint64_t cut_of_marks(const struct ipacct_ledger *ledger)
{
	const struct ipacct_ledger_header *header = ledger->header;

	for (uint32_t i = 0; i < header->n_addresses; i++)
		for (int k = 0; k < 2; k++) {
			uint64_t cut = ledger->addresses[i].version[k].cut;

			if (cut > header->cut && is_mark(&ledger->addresses[i].version[k], cut))
				return cut;
		}
	return 0;
}

int fold_init(struct fold *fold, const struct ipacct_ledger *ledger)
{
	uint64_t cut = cut_of_marks(ledger);
	uint32_t n = 0;

	for (uint32_t i = 0; cut && i < ledger->header->n_addresses; i++)
		n += is_marked(&ledger->addresses[i], cut);
	fold->n_allocated = batch_of(ledger->n_addresses_max);
	if (n > fold->n_allocated) /* another version's idea of a batch */
		fold->n_allocated = n;
	fold->marked = reallocarray(NULL, (size_t)fold->n_allocated + 1, sizeof(*fold->marked));
	if (!fold->marked)
		return -ENOMEM;
	fold->cut = cut;
	for (uint32_t i = 0; fold->n_marked < n; i++)
		if (is_marked(&ledger->addresses[i], cut))
			fold->marked[fold->n_marked++] = i;
	return 0;
}

void fold_finish(struct fold *fold)
{
	free(fold->marked);
	memset(fold, 0, sizeof(*fold));
}

void fold_forget(struct fold *fold)
{
	fold->cut = 0;
	fold->n_marked = 0;
}

/* Idle times in cuts → classes, the longer the higher. */
static uint32_t age_class(uint32_t age)
{
	uint32_t shift;

	if (age < AGE_EXACT)
		return age;
	shift = 28 - (uint32_t)__builtin_clz(age); /* leaves four bits: eight classes an octave */
	return shift * 8 + (age >> shift);
}

/* The class of a record's idle time; 0: it is free or moves in this very cut. */
static uint32_t state_class(uint32_t state, uint32_t now)
{
	return state & RECORD_FREE ? 0 : age_class((now - state) % RECORD_FREE);
}

/* The lowest class that the n oldest records reach down to, and how many of that class are wanted. */
static uint32_t oldest_class(const struct record_index *addresses, uint32_t now, uint32_t n,
			     uint32_t *ret_n_lowest)
{
	uint32_t n_of_class[AGE_CLASSES] = {}, at = AGE_CLASSES - 1;

	for (uint32_t i = 0; i < *addresses->n_records; i++)
		n_of_class[state_class(addresses->state[i], now)]++;
	for (; at > 1 && n_of_class[at] < n; at--)
		n -= n_of_class[at];
	*ret_n_lowest = n;
	return at;
}

static bool is_protected(const struct fold *fold, const struct ipacct_ledger_record *record)
{
	return fold->is_protected(fold->context, &record->key, record->prefix_len);
}

/* A protected record counts as just moved, so that the next choice does not meet it again. */
static void choose(struct fold *fold, struct record_index *addresses, uint32_t n_open, uint64_t cut)
{
	uint32_t now = record_index_moment(cut), batch = batch_of(addresses->n_records_max);
	uint32_t n_lowest, lowest;

	fold->cut = cut;
	fold->n_marked = 0;
	if ((uint64_t)record_index_used(addresses) + batch <= n_open)
		return;
	lowest = oldest_class(addresses, now, batch, &n_lowest);
	for (uint32_t i = 0; i < *addresses->n_records && fold->n_marked < batch; i++) {
		uint32_t class = state_class(addresses->state[i], now);

		if (!class || class < lowest || (class == lowest && !n_lowest))
			continue;
		n_lowest -= class == lowest;
		if (is_protected(fold, &addresses->records[i]))
			addresses->state[i] = now;
		else
			fold->marked[fold->n_marked++] = i;
	}
}

static void mark_write(struct ipacct_ledger_record *record, uint64_t cut)
{
	int newest,
		at = version_to_write(record->version[0].cut, record->version[1].cut, cut, &newest);
	struct ipacct_ledger_version *to;

	if (at < 0)
		return;
	to = &record->version[at];
	version_open(&to->cut);
	memset(&to->counters, 0, sizeof(to->counters));
	to->last_seen_ns = 0;
	version_close(&to->cut, cut);
	CRASH_POINT(fold_marking);
}

/* What is marked is still in the other version. */
static int amounts_add(const struct fold *fold, const struct ipacct_ledger_record *records,
		       struct ipacct_table *prefixes, struct ipacct_ledger_cut *facts)
{
	int ret = 0;

	for (uint32_t i = 0; i < fold->n_marked && !ret; i++) {
		const struct ipacct_ledger_record *record = &records[fold->marked[i]];
		int newest = ipacct_version_pick(record->version[0].cut, record->version[1].cut,
						 fold->cut - 1);
		struct ipacct_key prefix;
		uint8_t prefix_len;

		if (newest < 0)
			continue; /* claimed and never counted */
		prefix_len = ipacct_key_prefix(&record->key, 0, &prefix);
		ret = ipacct_table_add(prefixes, &prefix, prefix_len,
				       &record->version[newest].counters);
		ipacct_counters_add(&facts->folded, &record->version[newest].counters);
		facts->folded_records++;
	}
	return ret;
}

int fold_place(struct fold *fold, const struct ipacct_ledger *ledger,
	       struct record_index *addresses, uint32_t n_open, struct ipacct_table *prefixes,
	       struct ipacct_ledger_cut *facts)
{
	struct ipacct_ledger_header *header = ledger->header;

	if (fold->cut != facts->cut) {
		fold_forget(fold);
		if (header->fold_cut != facts->cut)
			choose(fold, addresses, n_open, facts->cut);
	}
	for (uint32_t i = 0; i < fold->n_marked; i++)
		mark_write(&ledger->addresses[fold->marked[i]], facts->cut);
	if (fold->n_marked)
		CRASH_POINT(fold_marked);
	__atomic_store_n(&header->fold_cut, facts->cut, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* and only then a roll-up */
	if (fold->n_marked)
		CRASH_POINT(fold_decided);
	return amounts_add(fold, ledger->addresses, prefixes, facts);
}

void fold_release(struct fold *fold, struct record_index *addresses)
{
	for (uint32_t i = 0; i < fold->n_marked; i++) {
		record_index_release(addresses, fold->marked[i]);
		CRASH_POINT(fold_released);
	}
	fold_forget(fold);
}
