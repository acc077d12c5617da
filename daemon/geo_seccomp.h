/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the geo worker may make. */
#ifndef IPACCT_DAEMON_GEO_SECCOMP_H
#define IPACCT_DAEMON_GEO_SECCOMP_H

#include <stddef.h>

/* From now on this process is killed when it makes a call that is not on the list: no socket, no
 * program, no process, nothing opened for writing, no size of a file changed, no text written but
 * to standard error. memfds may be resized: they are the copies of databases, and only those.
 * Needs PR_SET_NO_NEW_PRIVS. Returns 0 or a negative errno. */
int geo_seccomp_load(const int *memfds, size_t n_memfds);

#endif
