/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labelled steps of a cut. In the test build (-Dcrash_points=true) IPACCT_CRASH_AT=step kills the
 * process there; in every other build they are nothing. The list is the one place to add a step. */
#ifndef IPACCT_DAEMON_CRASH_H
#define IPACCT_DAEMON_CRASH_H

/* X(label): in the order in which a cut passes them */
#define CRASH_STEPS(X)                                                   \
	X(begin)      /* nothing done */                                 \
	X(numbered)   /* the other epoch has its cut number */           \
	X(switched)   /* packets count in the other epoch */             \
	X(grace)      /* no program uses the old epoch any more */       \
	X(read)       /* the old epoch is folded in memory */            \
	X(claiming)   /* one new ledger record claimed */                \
	X(claimed)    /* all new records claimed */                      \
	X(unstamped)  /* in one record: old version's number is 0 */     \
	X(added)      /* in one record: counters written, not stamped */ \
	X(stamped)    /* one record done */                              \
	X(applied)    /* all records done, totals not */                 \
	X(totals)     /* totals of one interface done */                 \
	X(facts)      /* everything but the commit */                    \
	X(committed)  /* header.cut is written */                        \
	X(clearing)   /* the LRU maps of one partition are empty */      \
	X(lru_clear)  /* all LRU maps are empty */                       \
	X(roll_clear) /* roll-ups are zero */                            \
	X(hot_clear)  /* hot lines are zero */                           \
	X(totals_clear)                                                  \
	X(cleared) /* done */

#ifdef IPACCT_CRASH_POINTS
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline bool crash_wanted(const char *step)
{
	const char *at = getenv("IPACCT_CRASH_AT");

	return at && !strcmp(at, step);
}
#define CRASH_POINT(step)                        \
	do {                                     \
		if (crash_wanted(#step))         \
			kill(getpid(), SIGKILL); \
	} while (0)
#else
#define CRASH_POINT(step) ((void)0)
#endif

#endif
