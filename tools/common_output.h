/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output of a tool that goes on: a signal ends it also while nobody reads what it writes. */
#ifndef IPACCT_TOOLS_COMMON_OUTPUT_H
#define IPACCT_TOOLS_COMMON_OUTPUT_H

#include "common_events.h"

/* From now on `stdout` waits for its reader and for the signals of events together. After a signal a
 * reader that takes nothing for a second is as good as one that closed its pipe; who reads gets the rest.
 * events: open; once in a program. Not for what writes to a screen by itself. Returns 0 or -errno. */
int tool_output_open(const struct tool_events *events);

#endif
