/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening what is ours in the runtime directory, and nothing that was put in its place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "maps.h"
#include "runtime_file.h"

static const char *what_it_is(int error)
{
	switch (error) {
	case -ELOOP:
		return "a symbolic link";
	case -EISDIR:
		return "a directory";
	case -EMLINK:
		return "a file that has other names, too";
	case -EINVAL:
		return "not a regular file";
	default:
		return NULL;
	}
}

static void problem_tell(int dir_fd, const char *name, int error,
			 struct ipacct_problem *ret_problem)
{
	const char *what = what_it_is(error);
	char link[sizeof("/proc/self/fd/-2147483648")], dir[PATH_MAX];
	ssize_t n;

	if (!what || !ret_problem)
		return;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd); /* fits */
	n = readlink(link, dir, sizeof(dir));
	ipacct_problem_set(ret_problem, "%.*s/%s is %s: remove it", n > 0 ? (int)n : 1,
			   n > 0 ? dir : ".", name, what);
}

int runtime_file_open(int dir_fd, const char *name, int flags, mode_t mode,
		      struct ipacct_problem *ret_problem)
{
	int fd __cleanup(cleanup_fd) = -1;
	struct stat st;
	int ret;

	/* O_NONBLOCK: a fifo must not hold us */
	fd = beneath_open(dir_fd, name, flags | O_NOCTTY | O_NONBLOCK, mode);
	ret = fd < 0 ? fd : fstat(fd, &st) ? -errno : 0;
	if (!ret && !S_ISREG(st.st_mode))
		ret = -EINVAL;
	if (!ret && st.st_nlink > 1)
		ret = -EMLINK;
	if (!ret)
		return take_fd(&fd);
	problem_tell(dir_fd, name, ret, ret_problem);
	return ret;
}
