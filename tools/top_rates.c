// SPDX-License-Identifier: GPL-2.0-or-later
/* Slots of what moves, and the checkpoints that windows reach back to. */
#include "top_rates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/mix.h"
#include "counters_math.h"

#define SLOTS_MIN 256u
#define NO_SLOT   UINT32_MAX
#define POINTS    10u /* all checkpoints of all windows */

/* A window of n checkpoints reaches back n of its spacings, a little less when they come late. */
static const struct {
	unsigned int first; /* of POINTS */
	unsigned int n;
	uint64_t spacing_ns;
} shapes[TOP_WINDOWS] = {
	{ 0, 2, 1 * NS_PER_S },
	{ 2, 4, 2500 * NS_PER_MS },
	{ 6, 4, 10 * NS_PER_S },
};

struct window {
	unsigned int n_used;
	unsigned int newest; /* of its n */
	unsigned int oldest; /* the one that the window reaches back to */
	uint64_t time_ns[4]; /* by checkpoint, on the clock of the rates */
};

struct slot {
	struct ipacct_key key;
	uint8_t prefix_len;
	uint32_t ledger_index; /* where it was last, IPACCT_INDEX_NONE: nowhere */
};

struct top_rates {
	uint64_t clock_ns; /* the sum of what was covered */
	uint64_t seed;
	uint64_t generation;
	size_t n;
	size_t n_room;
	struct slot *slots;
	struct ipacct_counters *now; /* counted since the slot is there */
	struct ipacct_counters *total;
	struct ipacct_counters *points[POINTS];
	struct window windows[TOP_WINDOWS];
	uint32_t *
		by_record; /* slot of an address by its record, nearly always: the key is compared */
	size_t n_records;
	uint32_t *by_hash; /* of all slots: open addressing, at most half full */
	size_t n_hash;     /* a power of two */
};

int top_rates_create(struct top_rates **ret_rates)
{
	struct top_rates *rates = calloc(1, sizeof(*rates));

	if (!rates)
		return -ENOMEM;
	rates->seed = tool_realtime_ns() ^ (uintptr_t)rates; /* nobody outside knows it */
	*ret_rates = rates;
	return 0;
}

void top_rates_destroy(struct top_rates *rates)
{
	if (!rates)
		return;
	for (unsigned int i = 0; i < POINTS; i++)
		free(rates->points[i]);
	free(rates->slots);
	free(rates->now);
	free(rates->total);
	free(rates->by_record);
	free(rates->by_hash);
	free(rates);
}

static void hash_clear(struct top_rates *rates)
{
	for (size_t i = 0; i < rates->n_hash; i++)
		rates->by_hash[i] = NO_SLOT;
}

void top_rates_reset(struct top_rates *rates)
{
	rates->n = 0;
	rates->clock_ns = 0;
	rates->generation++;
	memset(rates->windows, 0, sizeof(rates->windows));
	for (size_t i = 0; i < rates->n_records; i++)
		rates->by_record[i] = NO_SLOT;
	hash_clear(rates);
}

static int slots_grow(struct top_rates *rates)
{
	size_t n = rates->n_room ? rates->n_room + rates->n_room / 2 : SLOTS_MIN;
	int r = array_resize(&rates->slots, sizeof(*rates->slots), n);

	if (r == 0)
		r = array_resize(&rates->now, sizeof(*rates->now), n);
	if (r == 0)
		r = array_resize(&rates->total, sizeof(*rates->total), n);
	for (unsigned int i = 0; r == 0 && i < POINTS; i++)
		r = array_resize(&rates->points[i], sizeof(*rates->points[i]), n);
	if (r == 0)
		rates->n_room = n;
	return r;
}

static int records_grow(struct top_rates *rates, uint32_t ledger_index)
{
	size_t n = rates->n_records ? rates->n_records : SLOTS_MIN;

	while (n <= ledger_index)
		n += n / 2;
	if (array_resize(&rates->by_record, sizeof(*rates->by_record), n) < 0)
		return -ENOMEM;
	for (size_t i = rates->n_records; i < n; i++)
		rates->by_record[i] = NO_SLOT;
	rates->n_records = n;
	return 0;
}

static bool is_slot(const struct slot *slot, const struct ipacct_entry *entry)
{
	return slot->prefix_len == entry->prefix_len &&
	       memcmp(&slot->key, &entry->key, sizeof(slot->key)) == 0;
}

/* The place in by_hash that holds the key, or the free one where it belongs. */
static size_t hash_place(const struct top_rates *rates, const struct ipacct_key *key,
			 uint8_t prefix_len)
{
	size_t at = ipacct_key_hash(rates->seed, key, prefix_len) & (rates->n_hash - 1);

	for (; rates->by_hash[at] != NO_SLOT; at = (at + 1) & (rates->n_hash - 1)) {
		const struct slot *slot = &rates->slots[rates->by_hash[at]];

		if (slot->prefix_len == prefix_len && memcmp(&slot->key, key, sizeof(*key)) == 0)
			break;
	}
	return at;
}

static void hash_fill(struct top_rates *rates)
{
	hash_clear(rates);
	for (size_t i = 0; i < rates->n; i++) {
		const struct slot *slot = &rates->slots[i];

		rates->by_hash[hash_place(rates, &slot->key, slot->prefix_len)] = (uint32_t)i;
	}
}

static int hash_room(struct top_rates *rates)
{
	size_t n = rates->n_hash ? 2 * rates->n_hash : 2 * SLOTS_MIN;

	if (2 * (rates->n + 1) <= rates->n_hash)
		return 0;
	if (array_resize(&rates->by_hash, sizeof(*rates->by_hash), n) < 0)
		return -ENOMEM;
	rates->n_hash = n;
	hash_fill(rates);
	return 0;
}

/* A new slot that has counted nothing. Returns its number, or NO_SLOT without memory. */
static uint32_t slot_make(struct top_rates *rates, const struct ipacct_entry *entry)
{
	static const struct ipacct_counters nothing;

	if (rates->n == rates->n_room && slots_grow(rates) < 0)
		return NO_SLOT;
	rates->slots[rates->n] = (struct slot){ .key = entry->key,
						.prefix_len = entry->prefix_len,
						.ledger_index = entry->ledger_index };
	rates->now[rates->n] = nothing;
	for (unsigned int i = 0; i < POINTS; i++)
		rates->points[i][rates->n] = nothing;
	rates->generation++;
	return (uint32_t)rates->n++;
}

static uint32_t slot_hashed(struct top_rates *rates, const struct ipacct_entry *entry)
{
	size_t at;

	if (hash_room(rates) < 0)
		return NO_SLOT;
	at = hash_place(rates, &entry->key, entry->prefix_len);
	if (rates->by_hash[at] != NO_SLOT)
		return rates->by_hash[at];
	rates->by_hash[at] = slot_make(rates, entry);
	return rates->by_hash[at];
}

static uint32_t slot_of(struct top_rates *rates, const struct ipacct_entry *entry)
{
	uint32_t at;

	if (entry->ledger_index == IPACCT_INDEX_NONE)
		return slot_hashed(rates, entry);
	if (entry->ledger_index >= rates->n_records && records_grow(rates, entry->ledger_index) < 0)
		return NO_SLOT;
	at = rates->by_record[entry->ledger_index];
	if (at != NO_SLOT && at < rates->n && is_slot(&rates->slots[at], entry))
		return at;
	/* It is new, or its counts were folded and it has come back to another record: then the slot goes
	 * on, as it does when an address gets its first record. */
	at = slot_hashed(rates, entry);
	if (at != NO_SLOT)
		rates->slots[at].ledger_index = entry->ledger_index;
	rates->by_record[entry->ledger_index] = at;
	return at;
}

static void slot_move(struct top_rates *rates, size_t from, size_t to)
{
	rates->slots[to] = rates->slots[from];
	rates->now[to] = rates->now[from];
	rates->total[to] = rates->total[from];
	for (unsigned int i = 0; i < POINTS; i++)
		rates->points[i][to] = rates->points[i][from];
}

/* Drop what did not move since checkpoint `point`, the oldest of all. */
static void drop_idle(struct top_rates *rates, unsigned int point)
{
	size_t kept = 0;

	for (size_t i = 0; i < rates->n; i++) {
		uint32_t record = rates->slots[i].ledger_index;
		bool named = record != IPACCT_INDEX_NONE && rates->by_record[record] == i;

		if (memcmp(&rates->now[i], &rates->points[point][i], sizeof(rates->now[i])) == 0) {
			if (named)
				rates->by_record[record] = NO_SLOT;
			continue;
		}
		if (named)
			rates->by_record[record] = (uint32_t)kept;
		if (kept != i)
			slot_move(rates, i, kept);
		kept++;
	}
	if (kept == rates->n)
		return;
	rates->n = kept;
	rates->generation++;
	hash_fill(rates);
}

/* Before a step: make checkpoints where they are due. A tenth early is in time, else a step of
 * 999 ms would make a spacing of one second two. */
static void checkpoints(struct top_rates *rates)
{
	for (unsigned int w = 0; w < TOP_WINDOWS; w++) {
		struct window *window = &rates->windows[w];
		uint64_t spacing_ns = shapes[w].spacing_ns;
		unsigned int point;

		if (window->n_used && rates->clock_ns - window->time_ns[window->newest] <
					      spacing_ns - spacing_ns / 10)
			continue;
		window->newest = window->n_used ? (window->newest + 1) % shapes[w].n : 0;
		point = shapes[w].first + window->newest;
		if (w == TOP_WINDOWS - 1 && window->n_used == shapes[w].n)
			drop_idle(rates, point); /* it is the oldest, and about to be overwritten */
		if (rates->n)
			memcpy(rates->points[point], rates->now, rates->n * sizeof(*rates->now));
		window->time_ns[window->newest] = rates->clock_ns;
		window->n_used += window->n_used < shapes[w].n;
	}
}

/* After a step: the oldest checkpoint that is not older than the window and a quarter; the newest one
 * where steps are longer than that. */
static void windows_end(struct top_rates *rates)
{
	for (unsigned int w = 0; w < TOP_WINDOWS; w++) {
		struct window *window = &rates->windows[w];
		uint64_t limit_ns = shapes[w].spacing_ns * shapes[w].n * 5 / 4;

		window->oldest = window->newest;
		for (unsigned int i = 0; i < window->n_used; i++)
			if (rates->clock_ns - window->time_ns[i] <= limit_ns &&
			    window->time_ns[i] < window->time_ns[window->oldest])
				window->oldest = i;
	}
}

static int entries_add(struct top_rates *rates, const struct ipacct_entry *entries, size_t n,
		       const struct ipacct_counters *totals)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t at = slot_of(rates, &entries[i]);

		if (at == NO_SLOT)
			return -ENOMEM;
		ipacct_counters_add(&rates->now[at], &entries[i].counters);
		rates->total[at] = totals[i];
	}
	return 0;
}

int top_rates_step(struct top_rates *rates, const struct ipacct_moves *moves)
{
	const struct ipacct_snapshot *delta = &moves->delta;
	int r;

	if (moves->first || moves->covered_ns == 0)
		return 0;
	checkpoints(rates);
	r = entries_add(rates, delta->addresses, delta->n_addresses, moves->address_totals);
	if (r == 0)
		r = entries_add(rates, delta->rollups, delta->n_rollups, moves->rollup_totals);
	rates->clock_ns += moves->covered_ns;
	windows_end(rates);
	return r;
}

uint64_t top_rates_window_ns(const struct top_rates *rates, unsigned int window)
{
	const struct window *w = &rates->windows[window];

	return w->n_used ? rates->clock_ns - w->time_ns[w->oldest] : 0;
}

size_t top_rates_n(const struct top_rates *rates)
{
	return rates->n;
}

uint64_t top_rates_generation(const struct top_rates *rates)
{
	return rates->generation;
}

void top_rates_entry(const struct top_rates *rates, size_t at, struct ipacct_entry *ret_entry)
{
	*ret_entry = (struct ipacct_entry){
		.key = rates->slots[at].key,
		.prefix_len = rates->slots[at].prefix_len,
		.ledger_index = rates->slots[at].ledger_index,
		.counters = rates->total[at],
	};
}

void top_rates_sum(const struct top_rates *rates, size_t at, struct top_sum *ret_sum)
{
	const struct ipacct_counters *now = &rates->now[at];

	for (unsigned int w = 0; w < TOP_WINDOWS; w++) {
		const struct ipacct_counters *was =
			&rates->points[shapes[w].first + rates->windows[w].oldest][at];

		ret_sum->window[w] = *now;
		ipacct_counters_take(&ret_sum->window[w], was);
	}
	ret_sum->total = rates->total[at];
}

double top_per_second(uint64_t count, uint64_t window_ns)
{
	return window_ns ? (double)count * (double)NS_PER_S / (double)window_ns : 0;
}
