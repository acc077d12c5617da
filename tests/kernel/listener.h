/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A live reader of a crowd, and all that it has told. */
#ifndef IPACCT_TESTS_LISTENER_H
#define IPACCT_TESTS_LISTENER_H

#include "crowd.h"

struct listener {
	struct crowd crowd;
	struct ipacct_live *live;
	uint64_t sent_before; /* what the ledger had when the reader began */
	uint64_t honest_before;
	struct ipacct_counters told;           /* since then */
	struct ipacct_counters told_honest[2]; /* of these, IPv4 and IPv6 */
	uint64_t told_seen;                    /* of the interface */
	const struct ipacct_moves *moves;      /* of the last step that was one */
	struct ipacct_problem problem;
};

/* Skips the test when not root. It begins at the ledger's cut, where everything is. */
void listener_open(struct listener *listener, bool hot, uint32_t lru_entries);
void listener_close(struct listener *listener);

/* Begin anew: there is a cut, and nothing was told. */
void listener_begin(struct listener *listener);

/* One step, and what it tells on top. As ipacct_live_step(). */
int listener_step(struct listener *listener);

/* A step that must tell everything that was sent; nothing comes any more. `at` names what was
 * done. */
void listener_expect_all(struct listener *listener, unsigned int at);

#endif
