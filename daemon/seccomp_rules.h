/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lists of allowed system calls have in common. */
#ifndef IPACCT_DAEMON_SECCOMP_RULES_H
#define IPACCT_DAEMON_SECCOMP_RULES_H

#include <stddef.h>

#include <seccomp.h>

/* Allow a call by name, because not every architecture has each of them; under conditions that all
 * have to hold, or always (n_conditions 0). Returns 0 or a negative errno; 0 for unknown names. */
int seccomp_allow(scmp_filter_ctx filter, const char *name, unsigned int n_conditions,
		  const struct scmp_arg_cmp *conditions);

int seccomp_allow_all(scmp_filter_ctx filter, const char *const *names, size_t n_names);

/* What every process needs: memory that is not executable, and ending, but for tgkill(2).
 * Returns 0 or a negative errno. */
int seccomp_allow_common(scmp_filter_ctx filter);

/* That, and files to read. Returns 0 or a negative errno. */
int seccomp_allow_reading(scmp_filter_ctx filter);

#endif
