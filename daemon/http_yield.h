/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who scrapes waits for a cut. One word: the thread that cuts writes it and waits for nobody. */
#ifndef IPACCT_DAEMON_HTTP_YIELD_H
#define IPACCT_DAEMON_HTTP_YIELD_H

#include <stdbool.h>
#include <stdint.h>

/* Half of the shortest interval (config_table.c: 100 ms): however long cuts take, the other half is
 * for answers. */
#define HTTP_YIELD_MS 50u

/* Zeroed storage is valid: nobody cuts. */
struct http_yield {
	uint64_t begun_ms; /* CLOCK_MONOTONIC */
	uint32_t word;     /* futex(2): which cut, and whether it goes on */
};

/* The thread that cuts: a cut begins, ends. */
void http_yield_begin(struct http_yield *yield);
void http_yield_end(struct http_yield *yield);

/* The HTTP thread: wait until the cut is over, but not beyond HTTP_YIELD_MS after its begin. Returns
 * whether it waited. */
bool http_yield_wait(struct http_yield *yield);

#endif
