/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hooks go together: by default nothing is counted twice. */
#ifndef IPACCT_DAEMON_CONFIG_HOOKS_H
#define IPACCT_DAEMON_CONFIG_HOOKS_H

#include <stddef.h>

#include "config.h"

/* A packet that is forwarded arrives at one interface and leaves by another. So arrivals here and
 * departures there, in one accounting domain, would add it to its addresses twice: refused, unless one of
 * both interfaces says `forwarded_twice: yes`. Both hooks of one device are legal (each packet to and
 * from its clients once), but of the loopback device; xdp and tc-ingress of one device are not. Hooks are resolved.
 * file: how an error calls the file, which is named only for an interface of the file.
 * Returns 0 or -EINVAL with "FILE:LINE:COL: what and two ways out". */
int config_hooks_check(const struct config *config, const char *file, char *ret_error,
		       size_t error_bytes);

/* Of two interfaces, the one whose departures the other may have counted as arrivals; or NULL. */
const struct config_interface *config_hooks_twice(const struct config_interface *a,
						  const struct config_interface *b);

/* How many slots an interface takes. */
unsigned int config_hooks_count(const struct config_interface *interface);

#endif
