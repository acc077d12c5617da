/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a series of its own: the values of one kind (countries, say), how busy each is, and who
 * joins and leaves. Bounded: what is not remembered counts as "other". */
#ifndef IPACCT_DAEMON_SERIES_RANK_H
#define IPACCT_DAEMON_SERIES_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "counters_math.h"
#include "ipacct/abi.h"
#include "series_slots.h"

#define RANK_WAYS         8u  /* places that a value may have: one set of the table */
#define RANK_JOIN_MAX     16u /* newcomers of one cut while there is room */
#define RANK_LEAVE_MAX    4u  /* who leaves in one cut when there are too many */
#define RANK_CHALLENGE    10u /* cuts in a row … */
#define RANK_FACTOR       2.0f /* … with more than so many times the weakest's rate: it is replaced */
#define RANK_SMOOTHING    0.125f /* of the new cut in the smoothed rate: a memory of some 8 cuts */
#define RANK_IDENTITY_MAX (IPACCT_SERIES_NAME_BYTES - 1u)
#define RANK_ODD          0x9e3779b97f4a7c15u /* 2^64 / golden ratio: odd, its bits are mixed */
#define RANK_LINE_BYTES   64u /* of a cache: what is looked at together lies in one */

/* What a value is, in the form in which it can be compared at once. */
struct identity {
	uint64_t hash; /* identity_of() */
	size_t n;
	const void *bytes; /* at most RANK_IDENTITY_MAX */
};

struct candidate {
	/* one cache line: all that an addition touches */
	struct ipacct_counters delta; /* of the cut `cut` */
	uint64_t hash;
	uint64_t cut;    /* of the last addition */
	uint32_t slot;   /* its series; SLOT_NONE: it has none */
	uint32_t member; /* place in members[]; only then it means something */
	uint8_t identity_n;
	char reserved[7];
	/* the other */
	char identity[RANK_IDENTITY_MAX];
	uint8_t challenge;      /* cuts in a row … */
	uint64_t challenge_cut; /* … up to this one */
};

/* All that is needed to find a value, or to see that it is not worth a place. */
struct rank_set {
	uint32_t tag[RANK_WAYS]; /* low half of the hash */
	float rate[RANK_WAYS];   /* smoothed l3 bytes a cut, tx + rx; of this cut so far */
};

struct rank {
	uint32_t top;    /* members at most */
	uint32_t n_sets; /* a power of two */
	uint64_t seed;
	uint64_t cut;
	uint64_t random;
	struct rank_set *sets;
	uint8_t *used;                /* of each set: which ways hold a value … */
	uint8_t *kept;                /* … and which of them is a member's */
	struct candidate *candidates; /* [set][way] */
	uint32_t *touched;            /* candidates of this cut */
	uint32_t n_touched;
	uint32_t *members;
	uint32_t n_members;
	struct ipacct_counters other; /* of this cut: what has no place */
	uint64_t n_joined, n_left;    /* since this process began */
};

/* What changed by rank_settle(): numbers of candidates. */
struct rank_events {
	uint32_t joined[RANK_JOIN_MAX]; /* they need a slot */
	uint32_t n_joined;
	uint32_t left[RANK_LEAVE_MAX]; /* they lose it: `slot` is still there */
	uint32_t n_left;
};

/* n_candidates: values remembered, a power of two and at least RANK_WAYS. 0 or −ENOMEM. */
int rank_init(struct rank *rank, uint32_t top, uint32_t n_candidates, uint64_t seed);
void rank_finish(struct rank *rank);

/* Every step can be undone: no two words give one hash. */
static inline uint64_t rank_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * RANK_ODD;
	return hash ^ hash >> 32;
}

/* bytes: not copied. */
static inline struct identity identity_of(const struct rank *rank, const void *bytes, size_t n)
{
	struct identity identity = { .n = n, .bytes = bytes };
	const char *at = bytes;
	uint64_t word, hash = rank->seed ^ n;

	for (; n > sizeof(word); n -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = rank_mix(hash, word);
	}
	word = 0;
	memcpy(&word, at, n);
	identity.hash = rank_mix(hash, word);
	return identity;
}

/* A member from the ledger. False: its set has no place. */
bool rank_adopt(struct rank *rank, const struct identity *identity, uint32_t slot);

/* Before the first addition of a cut. */
void rank_begin(struct rank *rank, uint64_t cut);

/* A place for a value that has none, or SLOT_NONE. */
uint32_t rank_admit(struct rank *rank, const struct identity *identity, float weight);

static inline uint32_t rank_set_of(const struct rank *rank, const struct identity *identity)
{
	return (uint32_t)(identity->hash >> 32) & (rank->n_sets - 1);
}

/* Up to eight octets the hash is the value itself in disguise: each of its steps can be undone. */
static inline bool rank_is_it(const struct candidate *candidate, const struct identity *identity)
{
	return candidate->hash == identity->hash && candidate->identity_n == identity->n &&
	       (identity->n <= sizeof(uint64_t) ||
		!memcmp(candidate->identity, identity->bytes, identity->n));
}

/* The candidate's number, or SLOT_NONE. */
static inline uint32_t rank_find(const struct rank *rank, const struct identity *identity)
{
	uint32_t set = rank_set_of(rank, identity);
	const uint32_t *tags = rank->sets[set].tag;

	for (uint32_t way = 0; way < RANK_WAYS; way++)
		if (tags[way] == (uint32_t)identity->hash &&
		    rank_is_it(&rank->candidates[set * RANK_WAYS + way], identity))
			return set * RANK_WAYS + way;
	return SLOT_NONE;
}

/* Add the counts of one address. Returns where they went; NULL: to `other`. Here, because it is what
 * every address of a cut costs. */
static inline struct candidate *rank_add(struct rank *rank, const struct identity *identity,
					 const struct ipacct_counters *delta)
{
	float weight = RANK_SMOOTHING * (float)(int64_t)(delta->tx_l3_bytes + delta->rx_l3_bytes);
	uint32_t at = rank_find(rank, identity);
	struct candidate *candidate;

	if (at == SLOT_NONE)
		at = rank_admit(rank, identity, weight);
	if (at == SLOT_NONE) {
		ipacct_counters_add(&rank->other, delta);
		return NULL;
	}
	rank->sets[at / RANK_WAYS].rate[at % RANK_WAYS] += weight;
	candidate = &rank->candidates[at];
	if (candidate->cut == rank->cut) {
		ipacct_counters_add(&candidate->delta, delta);
		return candidate;
	}
	candidate->cut = rank->cut;
	candidate->delta = *delta;
	rank->touched[rank->n_touched++] = at;
	return candidate;
}

/* After the last addition: decide who joins and leaves. Newcomers are members from then on, here; what
 * slot they have is the caller's business. */
void rank_settle(struct rank *rank, struct rank_events *ret_events);

/* The newcomer found no slot: it stays outside. */
void rank_reject(struct rank *rank, uint32_t candidate);

#endif
