/* SPDX-License-Identifier: GPL-2.0-or-later */
/* News of the directories in which the databases are. */
#ifndef IPACCT_DAEMON_GEO_WATCH_H
#define IPACCT_DAEMON_GEO_WATCH_H

#include <stdbool.h>

#include "geo_settings.h"

/* A descriptor to poll, or a negative errno. */
int geo_watch_open(void);

/* Watch the directory of every database, now and when it comes into being or is another one: cheap
 * enough for every tick. A directory that cannot be watched is looked at by ticks alone. */
void geo_watch_set(int fd, const struct geo_settings *settings);

/* Read all news. Returns whether one is about a database: it was moved there, or its writer closed
 * it. */
bool geo_watch_drain(int fd, const struct geo_settings *settings);

#endif
