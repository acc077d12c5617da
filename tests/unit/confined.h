/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child under a filter of system calls: how does it end? */
#ifndef IPACCT_TESTS_CONFINED_H
#define IPACCT_TESTS_CONFINED_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define EXIT_ALLOWED 42

/* The wait status of a child that loads the filter and then does this. */
static inline int confined_outcome(int (*load)(void), void (*run)(void))
{
	struct rlimit core = {};
	int status;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &core);
		signal(SIGSYS, SIG_DFL); /* not the test framework's */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || load())
			_exit(1);
		run();
		_exit(EXIT_ALLOWED);
	}
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

#endif
