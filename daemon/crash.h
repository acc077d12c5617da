/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labelled steps of a cut. In the test build (-Dcrash_points=true) IPACCT_CRASH_AT=step kills the
 * process there, step#n when it comes by for the nth time; in every other build they are nothing. The
 * list is the one place to add a step. */
#ifndef IPACCT_DAEMON_CRASH_H
#define IPACCT_DAEMON_CRASH_H

/* X(label): in the order in which a cut passes them; fold_* only when it folds */
#define CRASH_STEPS(X)                                                           \
	X(begin)         /* nothing done */                                      \
	X(mask_open)     /* another list begins to mask: its entry is invalid */ \
	X(masked)        /* the next epoch will go by it */                      \
	X(numbered)      /* the other epoch has its cut number */                \
	X(switched)      /* packets count in the other epoch */                  \
	X(grace)         /* no program uses the old epoch any more */            \
	X(read)          /* the old epoch is folded in memory */                 \
	X(claiming)      /* one new ledger record claimed */                     \
	X(fold_marking)  /* one record is marked as folded */                    \
	X(fold_marked)   /* all marks are written */                             \
	X(fold_decided)  /* and header.fold_cut says so */                       \
	X(claimed)       /* all new records claimed */                           \
	X(unstamped)     /* in one record: old version's number is 0 */          \
	X(added)         /* in one record: counters written, not stamped */      \
	X(stamped)       /* one record done */                                   \
	X(group)         /* the record of one group done */                      \
	X(taken_back)    /* first: one series without what was not committed */  \
	X(series)        /* one series done */                                   \
	X(fold_rolled)   /* one roll-up of a cut that folds is done */           \
	X(applied)       /* all records done, totals not */                      \
	X(totals)        /* totals of one interface done */                      \
	X(facts)         /* everything but the commit */                         \
	X(committed)     /* header.cut is written */                             \
	X(fold_released) /* one folded record is free in memory */               \
	X(clearing)      /* the LRU maps of one partition are empty */           \
	X(lru_clear)     /* all LRU maps are empty */                            \
	X(roll_clear)    /* roll-ups are zero */                                 \
	X(hot_clear)     /* hot lines are zero */                                \
	X(door)          /* who may have one at once is decided */               \
	X(totals_clear)                                                          \
	X(cleared) /* done */

/* The same of an upgrade that finds another layout (IPACCT_CRASH_AT=list_upgrade prints them). Those
 * of a cut are passed by each drained epoch, too, from `claiming` to `committed`. */
#define CRASH_STEPS_UPGRADE(X)                                                   \
	X(takeover_moving)   /* one map of the old set has a second name */      \
	X(takeover_moved)    /* all of them, ipacct_meta is moved */             \
	X(takeover_carried)  /* new maps with the slots of before, not pinned */ \
	X(takeover_pinned)   /* the new set is complete */                       \
	X(ledger_filled)     /* a new ledger under another name */               \
	X(ledger_kept)       /* the old one has a second name */                 \
	X(ledger_converted)  /* the new one has its name */                      \
	X(takeover_replaced) /* every program counts into the new set */         \
	X(drain_begin)       /* the collector: nothing done */                   \
	X(drain_joined)      /* the ledger names the old set */                  \
	X(drain_read)        /* an epoch is in memory */                         \
	X(drain_published)   /* it is in the ledger */                           \
	X(drain_marked)      /* the old set says so itself */                    \
	X(takeover_drained)  /* the supervisor knows */                          \
	X(takeover_removing) /* ipacct_meta of the old set is gone, a pin follows */

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

/* n_met: how often this step was met while it was wanted. */
static inline void crash_maybe(const char *step, unsigned long *n_met)
{
	const char *at = getenv("IPACCT_CRASH_AT");
	size_t bytes = strlen(step);
	unsigned long wanted;

	if (!at || strncmp(at, step, bytes) || (at[bytes] && at[bytes] != '#'))
		return;
	wanted = at[bytes] ? strtoul(at + bytes + 1, NULL, 10) : 1;
	if (++*n_met == wanted)
		kill(getpid(), SIGKILL);
}

#define CRASH_POINT(step)                   \
	do {                                \
		static unsigned long n_met; \
		crash_maybe(#step, &n_met); \
	} while (0)
#else
#define CRASH_POINT(step) ((void)0)
#endif

#endif
