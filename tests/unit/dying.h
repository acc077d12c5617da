/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process of its own that dies at a step of a cut (daemon/crash.h). */
#ifndef IPACCT_TESTS_DYING_H
#define IPACCT_TESTS_DYING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "crash.h"

/* Run it in a child that dies when it comes to the step for the n-th time. run: returns 0, or what went
 * wrong. Returns whether it died there; it may have ended before. */
static inline bool dies_at(const char *step, uint32_t n, int (*run)(void))
{
	char at[64];
	int status;
	pid_t pid;

	(void)snprintf(at, sizeof(at), "%s#%u", step, n);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (!pid) {
		(void)setenv("IPACCT_CRASH_AT", at, 1);
		_exit(run() != 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !WEXITSTATUS(status));
	return WIFSIGNALED(status);
}

#endif
