/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct costs, as JSON: the same in `ipacctctl status` and in /api/v1/status. */
#ifndef IPACCT_DAEMON_COST_STATUS_H
#define IPACCT_DAEMON_COST_STATUS_H

#include "base/json.h"
#include "cost_facts.h"

/* key: as of json_open(). Any thread. */
void cost_status_write(struct json_writer *json, const char *key, const struct cost_facts *facts);

#endif
