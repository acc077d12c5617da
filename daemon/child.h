/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every child of the supervisor does first. */
#ifndef IPACCT_DAEMON_CHILD_H
#define IPACCT_DAEMON_CHILD_H

#include <stddef.h>

/* Close all descriptors above standard error but these (sorted in place; none may be −1).
 * Returns 0 or a negative errno. */
int descriptors_keep(int *fds, size_t n_fds);

/* No signal blocked, and those of the terminal ignored. */
void child_signals_reset(void);

#endif
