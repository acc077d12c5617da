/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct costs, measured by the supervisor: BPF statistics for a fraction of the time, CPU time
 * and memory of its processes; and whether that is over a budget. */
#ifndef IPACCT_DAEMON_COST_H
#define IPACCT_DAEMON_COST_H

#include <stdint.h>
#include <sys/types.h>

#include "budget.h"
#include "cost_facts.h"
#include "program_time.h"

struct supervisor;

/* CPU time of a process that may be another one next time. */
struct cost_process_time {
	pid_t pid;
	uint64_t ns; /* when it was looked at */
};

struct cost {
	struct cost_shared *shared; /* with the collector; NULL: not begun */
	struct cost_facts facts;
	struct program_time program;
	struct budget_watch cpu, memory;
	uint64_t due_ms;    /* when to open or close the window; 0: not begun */
	bool open;          /* a window is … */
	uint64_t window_ns; /* … since, CLOCK_MONOTONIC */
	uint64_t looked_ns; /* CLOCK_MONOTONIC of the last evaluation */
	struct cost_process_time process[COST_PROCESSES_MAX];
	struct cost_cuts cuts; /* as of then */
};

/* Make the page; before the collector is started. Returns 0 or a negative errno. */
int cost_begin(struct supervisor *supervisor);
/* The configuration is another one. */
void cost_settings(struct supervisor *supervisor);
/* Counting began: windows from now on. */
void cost_start(struct supervisor *supervisor);
/* When due_ms has come. */
void cost_serve(struct supervisor *supervisor, uint64_t now_ms);
void cost_finish(struct cost *cost);

#endif
