/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long our programs run: BPF statistics (bpf_enable_stats), on while a window is open. */
#ifndef IPACCT_DAEMON_PROGRAM_TIME_H
#define IPACCT_DAEMON_PROGRAM_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"

struct program_time {
	int stats_fd; /* statistics are on while it is open; −1: closed */
	size_t n;
	struct {
		int fd;
		uint64_t ns, runs; /* when the window was opened */
	} program[IPACCT_IFS_MAX];
	uint64_t clock_ps; /* what reading the clock adds to the time of a run; 0: not known yet */
};

void program_time_init(struct program_time *time);

/* Open a window over these programs. Returns 0 or a negative errno: -EPERM without CAP_SYS_ADMIN.
 * The first one also finds out, with an empty program, what measuring adds. */
int program_time_open(struct program_time *time, const uint32_t *prog_ids, size_t n_progs);

/* Close it. ret_ns: time of the runs in it without what measuring adds, never below zero. */
void program_time_close(struct program_time *time, uint64_t *ret_ns, uint64_t *ret_runs);

#endif
