/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What geo costs in memory, before it is there: the sizes of what it will read. */
#ifndef IPACCT_DAEMON_GEO_SIZING_H
#define IPACCT_DAEMON_GEO_SIZING_H

#include "geo_settings.h"
#include "geo_sizes.h"

/* Look at the files that the settings name: their sizes, and the lines of the list. */
void geo_sizing_look(const struct geo_settings *settings, struct geo_sizing *ret_sizing);

#endif
