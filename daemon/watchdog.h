/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signs of life for the service manager (systemd.service(5) WatchdogSec=). */
#ifndef IPACCT_DAEMON_WATCHDOG_H
#define IPACCT_DAEMON_WATCHDOG_H

#include <stdint.h>

struct supervisor;

struct watchdog {
	uint64_t period_ms; /* 0: nobody asked for signs */
	uint64_t due_ms;    /* CLOCK_MONOTONIC, 0 = none */
};

/* From the first cut on; what came before has the start's own time limit. */
void watchdog_start(struct supervisor *supervisor);

/* When one is due: give it if the collector answers. A supervisor alone is no sign of life. */
void watchdog_serve(struct supervisor *supervisor);

#endif
