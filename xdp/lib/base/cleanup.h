/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Release a variable's resource when it leaves its scope (GNU C attribute cleanup). */
#ifndef IPACCT_BASE_CLEANUP_H
#define IPACCT_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* int fd __cleanup(cleanup_fd) = -1; the variable is initialised where it is declared. */
#define __cleanup(fn) __attribute__((cleanup(fn)))

/* Hand the descriptor over: the variable forgets it, so the cleanup leaves it open. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Hand the pointer over: the variable becomes NULL, so the cleanup does nothing. */
#define take_ptr(p)                            \
	(__extension__({                       \
		__typeof__(&(p)) from_ = &(p); \
		__typeof__(p) taken_ = *from_; \
		*from_ = NULL;                 \
		taken_;                        \
	}))

/* Close once and forget; errno is kept so that an error path reports its own cause.
 * Linux releases the descriptor even when close() returns EINTR (close(2)): no retry. */
static inline void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void cleanup_fd(int *fd)
{
	close_fd(fd);
}

/* For any object pointer: the attribute passes the address of the variable. */
static inline void cleanup_free(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_file(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	*file = NULL;
	errno = saved;
}

static inline void cleanup_dir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		closedir(*dir);
	*dir = NULL;
	errno = saved;
}

#endif
