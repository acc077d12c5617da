/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a series of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "series_rank.h"

_Static_assert(offsetof(struct candidate, identity) == RANK_LINE_BYTES, "one line");
_Static_assert(sizeof(struct candidate) == 2 * RANK_LINE_BYTES, "two lines");
_Static_assert(sizeof(struct rank_set) == RANK_LINE_BYTES, "one line");

/* Zeroed and on its own cache lines. */
static void *lines_alloc(size_t n, size_t each)
{
	void *at = aligned_alloc(RANK_LINE_BYTES, n * each);

	return at ? memset(at, 0, n * each) : NULL;
}

int rank_init(struct rank *rank, uint32_t top, uint32_t n_candidates, uint64_t seed)
{
	memset(rank, 0, sizeof(*rank));
	rank->top = top;
	rank->n_sets = n_candidates / RANK_WAYS;
	rank->seed = seed;
	rank->random = seed | 1;
	rank->sets = lines_alloc(rank->n_sets, sizeof(*rank->sets));
	rank->candidates = lines_alloc(n_candidates, sizeof(*rank->candidates));
	rank->used = calloc(rank->n_sets, sizeof(*rank->used));
	rank->kept = calloc(rank->n_sets, sizeof(*rank->kept));
	rank->touched = calloc(n_candidates, sizeof(*rank->touched));
	rank->members = calloc(n_candidates, sizeof(*rank->members));
	if (rank->sets && rank->candidates && rank->used && rank->kept && rank->touched &&
	    rank->members)
		return 0;
	rank_finish(rank);
	return -ENOMEM;
}

void rank_finish(struct rank *rank)
{
	free(rank->sets);
	free(rank->candidates);
	free(rank->used);
	free(rank->kept);
	free(rank->touched);
	free(rank->members);
	memset(rank, 0, sizeof(*rank));
}

static float *rate_of(const struct rank *rank, uint32_t at)
{
	return &rank->sets[at / RANK_WAYS].rate[at % RANK_WAYS];
}

static void take(struct rank *rank, uint32_t at, const struct identity *identity, uint32_t slot)
{
	struct candidate *candidate = &rank->candidates[at];
	uint32_t set = at / RANK_WAYS, way = at % RANK_WAYS;

	rank->sets[set].tag[way] = (uint32_t)identity->hash;
	rank->sets[set].rate[way] = 0;
	rank->used[set] |= (uint8_t)(1u << way);
	candidate->hash = identity->hash;
	candidate->slot = slot;
	candidate->challenge = 0;
	candidate->challenge_cut = 0;
	candidate->identity_n = (uint8_t)identity->n;
	memcpy(candidate->identity, identity->bytes, identity->n);
}

/* The way that is missed least: a free one, else the weakest value that is no member. RANK_WAYS: all
 * are members. */
static uint32_t weakest_way(const struct rank *rank, uint32_t set)
{
	uint32_t found = RANK_WAYS;

	if (rank->used[set] != 0xff)
		return (uint32_t)__builtin_ctz(~(unsigned int)rank->used[set]);
	for (uint32_t way = 0; way < RANK_WAYS; way++)
		if (!(rank->kept[set] >> way & 1) &&
		    (found == RANK_WAYS || rank->sets[set].rate[way] < rank->sets[set].rate[found]))
			found = way;
	return found;
}

/* A uniform number from 0 to 1 (Marsaglia's xorshift64). */
static float random_share(struct rank *rank)
{
	rank->random ^= rank->random << 13;
	rank->random ^= rank->random >> 7;
	rank->random ^= rank->random << 17;
	return (float)(rank->random >> 40) / (float)(1 << 24);
}

/* A place for a value that has none. By chance, in proportion to what it brings: so a value of many
 * small addresses comes in as surely as one large address, and a flood of small values pushes nobody
 * out for long (Ben Basat et al., "Randomized Admission Policy", INFOCOM 2017). */
uint32_t rank_admit(struct rank *rank, const struct identity *identity, float weight)
{
	uint32_t set = rank_set_of(rank, identity), way = weakest_way(rank, set);
	uint32_t at = set * RANK_WAYS + way;
	struct candidate *candidate = &rank->candidates[at];

	if (way == RANK_WAYS)
		return SLOT_NONE;
	if (rank->used[set] >> way & 1) {
		if (random_share(rank) * (rank->sets[set].rate[way] + weight) >= weight)
			return SLOT_NONE;
		if (candidate->cut == rank->cut) { /* what the displaced one had so far */
			ipacct_counters_add(&rank->other, &candidate->delta);
			memset(&candidate->delta, 0, sizeof(candidate->delta));
		}
	}
	take(rank, at, identity, SLOT_NONE);
	return at;
}

void rank_begin(struct rank *rank, uint64_t cut)
{
	rank->cut = cut;
	rank->n_touched = 0;
	memset(&rank->other, 0, sizeof(rank->other));
	for (uint32_t set = 0; set < rank->n_sets; set++)
		for (uint32_t way = 0; way < RANK_WAYS; way++)
			rank->sets[set].rate[way] *= 1 - RANK_SMOOTHING;
}

static bool is_member(const struct rank *rank, uint32_t at)
{
	return rank->kept[at / RANK_WAYS] >> at % RANK_WAYS & 1;
}

static void member_add(struct rank *rank, uint32_t at)
{
	rank->kept[at / RANK_WAYS] |= (uint8_t)(1u << at % RANK_WAYS);
	rank->candidates[at].member = rank->n_members;
	rank->members[rank->n_members++] = at;
}

static void member_remove(struct rank *rank, uint32_t at)
{
	uint32_t place = rank->candidates[at].member, last = rank->members[--rank->n_members];

	rank->kept[at / RANK_WAYS] &= (uint8_t) ~(1u << at % RANK_WAYS);
	rank->members[place] = last;
	rank->candidates[last].member = place;
}

bool rank_adopt(struct rank *rank, const struct identity *identity, uint32_t slot)
{
	uint32_t set = rank_set_of(rank, identity), at;

	if (rank->used[set] == 0xff)
		return false;
	at = set * RANK_WAYS + weakest_way(rank, set);
	take(rank, at, identity, slot);
	member_add(rank, at);
	return true;
}

/* There is at least one. */
static uint32_t weakest_member(const struct rank *rank)
{
	uint32_t found = rank->members[0];

	for (uint32_t i = 1; i < rank->n_members; i++)
		if (*rate_of(rank, rank->members[i]) < *rate_of(rank, found))
			found = rank->members[i];
	return found;
}

static void join(struct rank *rank, uint32_t at, struct rank_events *events)
{
	member_add(rank, at);
	rank->n_joined++;
	events->joined[events->n_joined++] = at;
}

static void leave(struct rank *rank, uint32_t at, struct rank_events *events)
{
	member_remove(rank, at);
	rank->n_left++;
	events->left[events->n_left++] = at;
}

/* The busiest value of this cut that is no member, or SLOT_NONE. */
static uint32_t busiest_outside(const struct rank *rank)
{
	uint32_t found = SLOT_NONE;

	for (uint32_t i = 0; i < rank->n_touched; i++) {
		uint32_t at = rank->touched[i];

		if (!is_member(rank, at) &&
		    (found == SLOT_NONE || *rate_of(rank, at) > *rate_of(rank, found)))
			found = at;
	}
	return found;
}

/* Count for how long each value outside has been far above the weakest member; the busiest of those
 * that held out long enough, or SLOT_NONE. */
static uint32_t challenger(struct rank *rank, float weakest)
{
	uint32_t found = SLOT_NONE;

	for (uint32_t i = 0; i < rank->n_touched; i++) {
		uint32_t at = rank->touched[i];
		struct candidate *candidate = &rank->candidates[at];

		if (is_member(rank, at) || *rate_of(rank, at) <= RANK_FACTOR * weakest)
			continue;
		if (candidate->challenge_cut + 1 != rank->cut)
			candidate->challenge = 0;
		if (candidate->challenge < RANK_CHALLENGE)
			candidate->challenge++;
		candidate->challenge_cut = rank->cut;
		if (candidate->challenge == RANK_CHALLENGE &&
		    (found == SLOT_NONE || *rate_of(rank, at) > *rate_of(rank, found)))
			found = at;
	}
	return found;
}

void rank_settle(struct rank *rank, struct rank_events *ret_events)
{
	struct rank_events events = { .n_joined = 0 };
	uint32_t weakest, newcomer;

	while (rank->n_members > rank->top && events.n_left < RANK_LEAVE_MAX)
		leave(rank, weakest_member(rank), &events); /* the setting was lowered */
	while (rank->n_members < rank->top && events.n_joined < RANK_JOIN_MAX) {
		newcomer = busiest_outside(rank);
		if (newcomer == SLOT_NONE)
			break;
		join(rank, newcomer, &events);
	}
	if (rank->n_members == rank->top && !events.n_joined && !events.n_left) {
		weakest = weakest_member(rank);
		newcomer = challenger(rank, *rate_of(rank, weakest));
		if (newcomer != SLOT_NONE) {
			leave(rank, weakest, &events);
			join(rank, newcomer, &events);
		}
	}
	*ret_events = events;
}

void rank_reject(struct rank *rank, uint32_t candidate)
{
	member_remove(rank, candidate);
	rank->n_joined--;
}
