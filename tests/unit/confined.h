/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child under a filter of system calls: how does it end? */
#ifndef IPACCT_TESTS_CONFINED_H
#define IPACCT_TESTS_CONFINED_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/* One thing that the child must not get away with, and a row of its table. */
struct confined_attempt {
	const char *name;
	void (*run)(void);
};

#define CONFINED_TRY(name, ...) \
	static void name(void)  \
	{                       \
		__VA_ARGS__;    \
	}
#define CONFINED_ROW(name)  \
	{                   \
#name, name \
	}

/* A file that attempts may try to harm: its name goes to path, its descriptor is returned. */
static inline int confined_file_make(char *path, size_t path_bytes)
{
	int fd;

	(void)snprintf(path, path_bytes, "/tmp/ipacct-unit.XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "0123456789", 10), 10);
	return fd;
}

/* Every attempt is killed by the filter before it does anything. */
static inline void confined_kills_all(int (*load)(void), const struct confined_attempt *attempts,
				      size_t n, const char *path, int file_fd)
{
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		int status = confined_outcome(load, attempts[i].run);

		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x",
			  attempts[i].name, status);
	}
	cr_assert_eq(fstat(file_fd, &st), 0);
	cr_expect_eq(st.st_size, 10, "nothing touched the file");
	cr_expect_eq(st.st_mode & 0777, 0600);
	(void)unlink(path); /* ours, in /tmp */
}

/* A child does this and is left alone. */
static inline void confined_works(int (*load)(void), void (*work)(void), const char *path)
{
	int status = confined_outcome(load, work);

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ALLOWED, "status %x", status);
	(void)unlink(path); /* ours, in /tmp */
}

static inline void require(bool condition)
{
	if (!condition)
		_exit(1);
}

#endif
