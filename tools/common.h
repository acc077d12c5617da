/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ipacct tools share: exit codes, what an error says, and the end of standard output. */
#ifndef IPACCT_TOOLS_COMMON_H
#define IPACCT_TOOLS_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

/* Exit codes of every ipacct program. 75 and 78 are EX_TEMPFAIL and EX_CONFIG of sysexits.h. */
enum tool_exit {
	TOOL_OK = 0,
	TOOL_ERROR = 1,
	TOOL_USAGE = 2,
	TOOL_NOT_CONSERVED = 3,
	TOOL_ABI = 78,
};

#define NS_PER_S  1000000000ULL /* 10^9 */
#define NS_PER_MS 1000000ULL    /* 10^6 */

/* Where the ledger, the control socket and the pins are; options of every tool. */
struct tool_paths {
	const char *runtime_dir;
	const char *bpffs_dir;
};

/* "PROGRAM: text" on standard error, one line. */
void tool_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say why the counters cannot be read and what to do about it.
 * error: negative errno from libipacct. problem: its own words, may be "".
 * Returns the exit code: 78 for another ABI, else 1. */
int tool_explain(int error, const struct ipacct_problem *problem, const struct tool_paths *paths);

/* True when standard output failed: nothing more needs to be written. */
bool tool_output_failed(void);

/* Flush standard output at the end. A closed pipe is no error (the reader has what it wants).
 * Returns exit_code, or 1 after one message when the output could not be written. */
int tool_finish_output(int exit_code);

/* Order of addresses and prefixes: IPv4 before IPv6, by address, the shorter prefix first, by domain. */
int tool_compare_keys(const struct ipacct_key *a, uint8_t a_prefix_len, const struct ipacct_key *b,
		      uint8_t b_prefix_len);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in ns; neither can fail on Linux. */
uint64_t tool_monotonic_ns(void);
uint64_t tool_realtime_ns(void);

#endif
