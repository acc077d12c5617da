/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between reading the operator's list and looking it up. Private to geo_overrides*.c. */
#ifndef IPACCT_DAEMON_GEO_OVERRIDES_READ_H
#define IPACCT_DAEMON_GEO_OVERRIDES_READ_H

#include "geo_overrides.h"

/* Sort and find each one's parent. Returns the index of the second of two equal prefixes (then the
 * list is of no use), else GEO_NO_OVERRIDE. */
uint32_t geo_overrides_sort(struct geo_overrides *overrides);

#endif
