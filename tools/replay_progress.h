/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a long replay is: one line on standard error that writes over itself, on a terminal only. */
#ifndef IPACCT_TOOLS_REPLAY_PROGRESS_H
#define IPACCT_TOOLS_REPLAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;
	bool shown;
	uint64_t total_bytes; /* 0 = not known */
	uint64_t begun_ns;    /* CLOCK_MONOTONIC */
	uint64_t next_ns;     /* when the line is due again */
};

#define PROGRESS_EVERY_PACKETS 4096u /* some milliseconds: a caller need not ask more often */

/* total_bytes: of the file, 0 = not known. */
void progress_begin(struct progress *progress, uint64_t total_bytes);
/* Nothing is written before a replay has taken half a second. */
void progress_tick(struct progress *progress, uint64_t n_bytes, uint64_t n_packets);
/* Take the line away. */
void progress_end(struct progress *progress);

#endif
