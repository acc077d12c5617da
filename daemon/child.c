/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every child of the supervisor does first. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

static int compare_fd(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Nothing is moved, so no limit of descriptors is in the way. */
int descriptors_keep(int *fds, size_t n_fds)
{
	unsigned int from = STDERR_FILENO + 1;

	qsort(fds, n_fds, sizeof(*fds), compare_fd);
	for (size_t i = 0; i < n_fds; i++) {
		unsigned int fd = (unsigned int)fds[i];

		if (fd > from && syscall(SYS_close_range, from, fd - 1, 0))
			return -errno;
		from = fd + 1;
	}
	return syscall(SYS_close_range, from, ~0U, 0) ? -errno : 0;
}

void child_signals_reset(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	/* the terminal's Ctrl-C is for the supervisor, which tells us by closing the socket */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
}
