/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says of its own cost, asked now and then, never waited for. */
#ifndef IPACCT_TOOLS_TOP_DAEMON_H
#define IPACCT_TOOLS_TOP_DAEMON_H

#include "top.h"

enum top_daemon_state {
	TOP_DAEMON_UNKNOWN = 0, /* not asked yet, or no answer yet */
	TOP_DAEMON_RUNS,
	TOP_DAEMON_NOT_RUNNING, /* nothing listens: counting goes on all the same */
	TOP_DAEMON_SILENT,      /* it listens and does not answer, or not to us */
};

struct top_daemon {
	const struct tool_paths *paths;
	enum top_daemon_state state;
	int fd; /* a request under way, −1 without */
	uint64_t asked_ns;
	int error; /* while silent */
	uint64_t pid;
	uint64_t cut_p99_ns;
	uint64_t collector_bytes;
	uint64_t maps_bytes;
	uint64_t n_runs, run_ns; /* of all programs, while BPF statistics are on */
	double ns_per_run;       /* between the last two answers; 0: not known */
	bool over_budget;
};

void top_daemon_init(struct top_daemon *daemon, const struct tool_paths *paths);
void top_daemon_finish(struct top_daemon *daemon);

/* Once a refresh: take an answer that is there, ask again when it is time. */
void top_daemon_step(struct top_daemon *daemon);

#endif
