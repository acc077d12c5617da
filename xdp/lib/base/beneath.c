/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open what lies in a directory, never what something in it points at. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "beneath.h"
#include "cleanup.h"

static bool is_one_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

/* O_PATH opens the link itself where O_NOFOLLOW forbids to follow it. */
static int plain_open(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd __cleanup(cleanup_fd) = openat(dir_fd, name, flags | O_NOFOLLOW, mode);
	struct stat st;

	if (fd < 0 || (flags & O_PATH && fstat(fd, &st)))
		return -errno;
	return flags & O_PATH && S_ISLNK(st.st_mode) ? -ELOOP : take_fd(&fd);
}

int beneath_open(int dir_fd, const char *name, int flags, mode_t mode)
{
	struct open_how how = { .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	long fd;

	if (!is_one_name(name))
		return -EXDEV;
	flags |= O_CLOEXEC;
	how.flags = (uint32_t)(flags & ~O_NOFOLLOW); /* openat2(2): with O_PATH it opens links */
	how.mode = flags & O_CREAT ? mode : 0;       /* openat2(2): EINVAL else */
	fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
	if (fd >= 0)
		return (int)fd;
	/* The flags lie in memory, where no filter sees them, so filters refuse all of it: that of
	 * systemd's RestrictSUIDSGID=, the collector's. An EPERM of the file comes again. */
	if (errno == ENOSYS || errno == EPERM)
		return plain_open(dir_fd, name, flags, mode);
	return -errno;
}

int beneath_open_path(const char *path, int flags)
{
	const char *slash = strrchr(path, '/');
	int dir_fd __cleanup(cleanup_fd) = -1;
	char dir[PATH_MAX];

	if (!slash)
		return beneath_open(AT_FDCWD, path, flags, 0);
	if ((size_t)(slash - path) + sizeof("/") > sizeof(dir))
		return -ENAMETOOLONG;
	/* with its slash: of "/x" it is the root, and else it has to be a directory. O_DIRECTORY would
	 * say the same, but is a bit of O_TMPFILE, for which the collector is killed */
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path) + 1, path); /* fits */
	dir_fd = open(dir, O_PATH | O_CLOEXEC);
	return dir_fd < 0 ? -errno : beneath_open(dir_fd, slash + 1, flags, 0);
}
