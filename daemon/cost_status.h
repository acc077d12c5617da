/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of `ipacctctl status` about what ipacct costs. */
#ifndef IPACCT_DAEMON_COST_STATUS_H
#define IPACCT_DAEMON_COST_STATUS_H

#include <jansson.h>

struct cost;

/* NULL: no memory. */
json_t *cost_status_json(const struct cost *cost);

#endif
