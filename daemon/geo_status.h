/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ipacctctl status` shows of geo. */
#ifndef IPACCT_DAEMON_GEO_STATUS_H
#define IPACCT_DAEMON_GEO_STATUS_H

#include <jansson.h>

struct supervisor;

/* An object, or JSON null when nothing is configured; a new reference. */
json_t *geo_status_json(const struct supervisor *supervisor);

#endif
