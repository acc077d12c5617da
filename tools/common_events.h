/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tool that goes on waits for: its interval, signals, standard output that closes. */
#ifndef IPACCT_TOOLS_COMMON_EVENTS_H
#define IPACCT_TOOLS_COMMON_EVENTS_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>

struct tool_events {
	int timer_fd;
	int signal_fd;
};

/* A timer and SIGINT, SIGTERM (and what `more` holds; may be NULL) as descriptors.
 * Returns 0 or a negative errno; storage with -1 in both is finished. */
int tool_events_open(uint64_t interval_ns, const sigset_t *more, struct tool_events *events);
void tool_events_close(struct tool_events *events);

/* Expire once after first_ns, then each interval_ns. Returns 0 or a negative errno. */
int tool_events_arm(const struct tool_events *events, uint64_t first_ns, uint64_t interval_ns);

/* 1 when the interval is over, 0 when a signal came or standard output closed, or a negative errno. */
int tool_events_wait(const struct tool_events *events);

#endif
