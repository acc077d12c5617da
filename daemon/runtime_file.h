/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening what is ours in the runtime directory, and nothing that was put in its place. */
#ifndef IPACCT_DAEMON_RUNTIME_FILE_H
#define IPACCT_DAEMON_RUNTIME_FILE_H

#include <sys/types.h>

#include "ipacct/ipacct.h"

/* Open a file by its name in that directory, close-on-exec: a regular file that has no other name. No
 * link is followed and nothing is waited for.
 * flags, mode:  as of open(2).
 * ret_problem:  may be NULL.
 * Returns the descriptor, or a negative errno: −ELOOP, −EISDIR, −EMLINK and −EINVAL for what is no
 * such file, with words in ret_problem; −EXDEV for what is no name in a directory. */
int runtime_file_open(int dir_fd, const char *name, int flags, mode_t mode,
		      struct ipacct_problem *ret_problem);

#endif
