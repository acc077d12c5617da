/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a ledger that folds must show, kept by somebody who never forgets anything. */
#ifndef IPACCT_TESTS_FOLD_MODEL_H
#define IPACCT_TESTS_FOLD_MODEL_H

#include "ledger_common.h"

#define MODEL_KEYS     400u /* v4 in three /16, v6 in one /32, and v4 of domain 5 */
#define MODEL_CUTS_MAX 4000u
#define MODEL_ROLLUPS  (ROLLUPS_MAX + 4) /* room for every prefix of them */

struct model {
	struct bench *bench;
	uint64_t cut; /* the last one applied */
	uint64_t random;
	bool protects;     /* the first of each ten keys */
	bool any_idle_may; /* be folded, not only the longest idle */
	/* of each key: what it ever sent and received, when it last moved, whether it had a record */
	struct ipacct_counters now[MODEL_KEYS];
	uint64_t moved[MODEL_KEYS];
	bool present[MODEL_KEYS];
	struct ipacct_counters own[MODEL_KEYS]; /* on its record, when it had one */
	struct ipacct_ledger_cut facts;
	struct ipacct_counters (*history)[MODEL_KEYS]; /* `now` after each cut */
};

void model_init(struct model *model, struct bench *bench, uint64_t seed);
void model_finish(struct model *model);

struct ipacct_key model_key(uint32_t number);
uint32_t model_number(const struct ipacct_key *key);
uint32_t model_random(struct model *model, uint32_t below);

/* One packet between two keys, in the epoch and in the model. */
void model_packet(struct model *model, uint32_t from, uint32_t to);

/* The traffic of cut model->cut + 1: packets among `n` keys from `first` on, in the epoch too. */
void model_traffic(struct model *model, uint32_t first, uint32_t n, uint32_t n_packets);

/* The cut is committed: hold what a reader sees against the model. */
void model_check(struct model *model, const struct ipacct_snapshot *snapshot);

/* For struct fold. */
bool model_protected(const void *context, const struct ipacct_key *key, uint8_t prefix_len);

#endif
