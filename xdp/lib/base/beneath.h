/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open what lies in a directory, never what something in it points at. */
#ifndef IPACCT_BASE_BENEATH_H
#define IPACCT_BASE_BENEATH_H

#include <sys/types.h>

/* Open one name in that directory, close-on-exec; no link of any kind is followed.
 * flags, mode:  as of open(2).
 * Returns the descriptor, or a negative errno: −ELOOP for a symbolic link, whatever it leads to (also
 * with O_PATH), −EXDEV for a name that is no name in a directory: empty, with a slash, "." or "..".
 * The kernel sees to it by openat2(2); where a filter of system calls refuses that one (ENOSYS, or
 * EPERM), openat(2) with O_NOFOLLOW says the same of one name. Thread-safe, keeps nothing. */
int beneath_open(int dir_fd, const char *name, int flags, mode_t mode);

/* The last name of a path, by beneath_open() in the directory before it. That one may be reached by
 * links (/var/run): who named it decided so. −ENAMETOOLONG from PATH_MAX on. */
int beneath_open_path(const char *path, int flags);

#endif
