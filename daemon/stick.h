/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A router on a stick: what it forwards comes and goes by one device, and both directions count it. */
#ifndef IPACCT_DAEMON_STICK_H
#define IPACCT_DAEMON_STICK_H

#include "config.h"

/* Warn of each interface that counts both directions in one domain, on a host that forwards and has
 * no device that does not lie above it, unless `forwarded_twice: yes` says that it is meant. */
void stick_warn(const struct config *config);

#endif
