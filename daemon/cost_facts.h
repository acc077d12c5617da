/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct costs, on a page that supervisor and collector share: each writes its half. */
#ifndef IPACCT_DAEMON_COST_FACTS_H
#define IPACCT_DAEMON_COST_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_words.h"

/* X(enum, word in labels) */
#define COST_PROCESSES(X)                \
	X(COST_SUPERVISOR, "supervisor") \
	X(COST_COLLECTOR, "collector")   \
	X(COST_GEO, "geo")

enum cost_process {
#define COST_ENUM(name, word) name,
	COST_PROCESSES(COST_ENUM)
#undef COST_ENUM
	COST_PROCESSES_MAX
};

/* From the supervisor, after each window. Nothing but 64-bit words. */
struct cost_facts {
	/* settings */
	uint64_t profile;
	uint64_t n_cpus; /* online */
	uint64_t cpu_budget_ppb;
	uint64_t memory_budget_bytes;
	uint64_t interval_longest_ns;
	/* measured over the time since the window before */
	uint64_t n_windows;
	uint64_t program_ppb; /* of all CPUs; 0 when it is not measured */
	uint64_t process_ppb[COST_PROCESSES_MAX];
	uint64_t process_bytes[COST_PROCESSES_MAX]; /* memory of its own */
	uint64_t voluntary[COST_PROCESSES_MAX];     /* context switches since it began */
	uint64_t involuntary[COST_PROCESSES_MAX];
	uint64_t maps_bytes; /* computed */
	uint64_t files_bytes;
	/* BPF statistics: sums over all windows, and of the last one that saw a packet */
	uint64_t program_error; /* why there are none: errno, 0 = there are */
	uint64_t sampled_ns;    /* what measuring itself takes is left out */
	uint64_t sampled_runs;
	uint64_t run_ps;   /* picoseconds of one run */
	uint64_t clock_ps; /* what measuring adds to a run, twice: found out at start */
	/* the state */
	uint64_t cpu_ppb; /* all of it */
	uint64_t memory_bytes;
	uint64_t cpu_over, cpu_since_ns;
	uint64_t memory_over, memory_since_ns;
};

/* From the collector, after each cut. */
struct cost_cuts {
	uint64_t seen_packets; /* since it began, over all interfaces */
	uint64_t cut_time_ns;  /* CLOCK_MONOTONIC */
	uint64_t voluntary;    /* context switches of all its threads */
	uint64_t involuntary;
};

struct cost_shared {
	uint32_t facts_sequence;
	uint32_t cuts_sequence;
	struct cost_facts facts;
	struct cost_cuts cuts;
};

#define COST_WORDS(member) (sizeof(((struct cost_shared *)0)->member) / sizeof(uint64_t))
_Static_assert(sizeof(struct cost_facts) % sizeof(uint64_t) == 0, "words");
_Static_assert(sizeof(struct cost_cuts) % sizeof(uint64_t) == 0, "words");

static inline void cost_facts_write(struct cost_shared *shared, const struct cost_facts *facts)
{
	shared_write(&shared->facts_sequence, (uint64_t *)&shared->facts, (const uint64_t *)facts,
		     COST_WORDS(facts));
}

/* False: no whole state could be had, *ret_facts may be anything. */
static inline bool cost_facts_read(const struct cost_shared *shared, struct cost_facts *ret_facts)
{
	return shared_read(&shared->facts_sequence, (const uint64_t *)&shared->facts,
			   (uint64_t *)ret_facts, COST_WORDS(facts));
}

static inline void cost_cuts_write(struct cost_shared *shared, const struct cost_cuts *cuts)
{
	shared_write(&shared->cuts_sequence, (uint64_t *)&shared->cuts, (const uint64_t *)cuts,
		     COST_WORDS(cuts));
}

static inline bool cost_cuts_read(const struct cost_shared *shared, struct cost_cuts *ret_cuts)
{
	return shared_read(&shared->cuts_sequence, (const uint64_t *)&shared->cuts,
			   (uint64_t *)ret_cuts, COST_WORDS(cuts));
}

#endif
