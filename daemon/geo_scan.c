/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses of the ledger need an answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "geo_answer.h"
#include "geo_scan.h"

#define BATCH_LOOKUPS 1024u /* answers between two looks at socket and clock: about a millisecond */
#define BATCH_LOOKS   65536u /* records compared, likewise */
#define ROUND_TICKS   16u    /* in so many ticks every record is compared once … */
#define SLICE_MIN     4096u  /* … and small tables in one */

#define WORD_BITS 64u

int geo_scan_init(struct geo_scan *scan, const struct ipacct_ledger *ledger,
		  struct geo_table *table, struct geo_set *set)
{
	*scan = (struct geo_scan){ .ledger = ledger, .table = table, .set = set };
	scan->n_free_words = (table->n_records_max + WORD_BITS - 1) / WORD_BITS;
	scan->free_places = calloc(scan->n_free_words, sizeof(*scan->free_places));
	scan->free_at = scan->n_free_words;
	return scan->free_places ? 0 : -ENOMEM;
}

void geo_scan_finish(struct geo_scan *scan)
{
	free(scan->free_places);
	memset(scan, 0, sizeof(*scan));
}

/* Addresses that have a record in both files. The collector's numbers are not trusted. */
static uint32_t n_addresses(const struct geo_scan *scan)
{
	uint32_t n = __atomic_load_n(&scan->ledger->header->n_addresses, __ATOMIC_ACQUIRE);

	if (n > scan->ledger->n_addresses_max)
		n = scan->ledger->n_addresses_max;
	return n < scan->table->n_records_max ? n : scan->table->n_records_max;
}

static void pending_put(struct geo_scan *scan, uint32_t n)
{
	scan->table->header->pending = n - scan->n_seen + scan->n_seen - scan->pass_at;
}

void geo_scan_renew(struct geo_scan *scan, uint64_t digest)
{
	struct ipacct_geo_header *header = scan->table->header;

	if (header->generation && header->set_digest == digest)
		return; /* a worker that starts again, a reload without a change */
	header->generation = (uint32_t)header->generation + 1 ? header->generation + 1 : 1;
	header->set_digest = digest;
	scan->pass_at = 0;
	pending_put(scan, n_addresses(scan));
}

static uint64_t folded_records(const struct geo_scan *scan)
{
	const struct ipacct_ledger_header *header = scan->ledger->header;
	int newest =
		ipacct_version_pick(header->version[0].cut, header->version[1].cut, header->cut);

	return newest < 0 ? 0 : header->version[newest].folded_records;
}

void geo_scan_tick(struct geo_scan *scan)
{
	uint64_t folded = folded_records(scan);
	uint32_t n = scan->n_seen / ROUND_TICKS + 1;

	scan->slice_left = n > SLICE_MIN ? n : SLICE_MIN;
	/* places have become free, and some may have been taken at once: find them all */
	if (folded != scan->folded_records || scan->slice_left > scan->n_seen)
		scan->slice_left = scan->n_seen;
	scan->folded_records = folded;
	scan->free_at = 0;
	scan->table->header->updated_ns = ipacct_clock_ns(CLOCK_REALTIME);
}

/* Has the address of this place been folded, or has it none yet that is committed? Then its key may
 * be changing, and what is read of it is worth another look. */
static bool is_free(const struct geo_scan *scan, uint32_t i)
{
	const struct ipacct_ledger_version *versions = scan->ledger->addresses[i].version;
	int newest =
		ipacct_version_pick(versions[0].cut, versions[1].cut, scan->ledger->header->cut);

	return newest < 0 || !versions[newest].last_seen_ns;
}

/* See that record i is the answer for address i. Returns whether it had to be made. */
static bool record_look(struct geo_scan *scan, uint32_t i)
{
	uint32_t generation = (uint32_t)scan->table->header->generation;
	const struct ipacct_geo_record *old = &scan->table->records[i];
	struct ipacct_key key;
	struct ipacct_geo_record record;

	/* before the key: who sees it taken sees the key of the one who took it */
	if (!is_free(scan, i))
		scan->free_places[i / WORD_BITS] &= ~(1ULL << i % WORD_BITS);
	else
		scan->free_places[i / WORD_BITS] |= 1ULL << i % WORD_BITS;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(&key, &scan->ledger->addresses[i].key, sizeof(key));
	if (geo_table_current(scan->table, i, &key, generation))
		return false;
	geo_set_answer(scan->set, &key, old, &record);
	record.generation = generation;
	geo_table_write(scan->table, i, &record);
	return true;
}

/* Move *at towards `to`, as far as one batch goes. */
static void records_look(struct geo_scan *scan, uint32_t *at, uint32_t to, uint32_t *lookups,
			 uint32_t *looks)
{
	while (*at < to && *lookups && *looks) {
		*lookups -= record_look(scan, *at);
		--*looks;
		++*at;
	}
}

/* The places that may be taken, once a tick. */
static void free_look(struct geo_scan *scan, uint32_t *lookups, uint32_t *looks)
{
	for (; scan->free_at < scan->n_free_words && *lookups && *looks; scan->free_at++) {
		uint64_t left = scan->free_places[scan->free_at];

		for (; left; left &= left - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(left);

			*lookups -= record_look(scan, scan->free_at * WORD_BITS + bit) && *lookups;
			*looks -= *looks != 0;
		}
	}
}

bool geo_scan_step(struct geo_scan *scan)
{
	uint32_t lookups = BATCH_LOOKUPS, looks = BATCH_LOOKS;
	uint32_t n = n_addresses(scan), seen = scan->n_seen, slice;

	if (n < scan->n_seen) { /* cannot be, but the file is another process's */
		scan->n_seen = scan->pass_at = scan->slice_at = scan->slice_left = 0;
		seen = 0;
	}
	records_look(scan, &scan->n_seen, n, &lookups, &looks);
	if (scan->pass_at == seen)
		scan->pass_at = scan->n_seen; /* no pass was under way: none is now */
	records_look(scan, &scan->pass_at, scan->n_seen, &lookups, &looks);
	if (scan->slice_at >= scan->n_seen)
		scan->slice_at = 0;
	slice = scan->n_seen - scan->slice_at;
	slice = scan->slice_at + (slice < scan->slice_left ? slice : scan->slice_left);
	scan->slice_left -= slice - scan->slice_at;
	records_look(scan, &scan->slice_at, slice, &lookups, &looks);
	scan->slice_left += slice - scan->slice_at;
	free_look(scan, &lookups, &looks);
	geo_set_asked(scan->set);
	pending_put(scan, n);
	return scan->n_seen < n || scan->pass_at < scan->n_seen || scan->slice_left ||
	       scan->free_at < scan->n_free_words;
}
