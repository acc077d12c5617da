// SPDX-License-Identifier: GPL-2.0-or-later
/* What the ipacct tools share: what an error says, and the end of standard output. */
#include "common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void tool_complain(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static const char *advice(int error)
{
	switch (error) {
	case -ENOENT:
		return "is ipacctd running? It writes this directory; another one is named with "
		       "--runtime-dir and --bpffs";
	case -EACCES:
	case -EPERM:
		return "reading needs root or the group ipacct: usermod -aG ipacct USER, then log "
		       "in again";
	case -EPROTO:
		return "these tools and the running ipacctd are of different versions: install "
		       "both from one build";
	case -EAGAIN:
		return "cuts come faster than they can be read: try again";
	default:
		return NULL;
	}
}

int tool_explain(int error, const struct ipacct_problem *problem, const struct tool_paths *paths)
{
	const char *text = problem->text[0] ? problem->text : strerror(-error);
	const char *hint = advice(error);

	/* The library names its file in most texts; the directory is said when it does not. */
	if (strchr(text, '/'))
		tool_complain("%s", text);
	else
		tool_complain("%s: %s",
			      paths->runtime_dir ? paths->runtime_dir : IPACCT_RUNTIME_DIR_DEFAULT,
			      text);
	if (hint)
		tool_complain("%s", hint);
	return error == -EPROTO ? TOOL_ABI : TOOL_ERROR;
}

bool tool_output_failed(void)
{
	return ferror(stdout) != 0;
}

int tool_finish_output(int exit_code)
{
	/* errno of the write that failed first is still there when nothing else ran since; a later
	 * flush of a broken pipe fails with EPIPE again, so asking once more is reliable. */
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	if (errno == 0) {
		clearerr(stdout);
		if (fputc('\n', stdout) != EOF && fflush(stdout) == 0)
			errno = EIO;
	}
	if (errno == EPIPE)
		return exit_code;
	tool_complain("cannot write the output: %s", strerror(errno));
	return TOOL_ERROR;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	(void)clock_gettime(clock, &now); /* cannot fail with a clock that exists */
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t tool_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t tool_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int tool_compare_keys(const struct ipacct_key *a, uint8_t a_prefix_len, const struct ipacct_key *b,
		      uint8_t b_prefix_len)
{
	bool a4 = ipacct_key_is_ipv4(a), b4 = ipacct_key_is_ipv4(b);
	int order;

	if (a4 != b4)
		return a4 ? -1 : 1;
	order = memcmp(a->addr_be, b->addr_be, sizeof(a->addr_be));
	if (order)
		return order;
	if (a_prefix_len != b_prefix_len)
		return a_prefix_len < b_prefix_len ? -1 : 1;
	return (a->domain > b->domain) - (a->domain < b->domain);
}
