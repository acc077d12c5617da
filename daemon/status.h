/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ipacctctl status` shows. */
#ifndef IPACCT_DAEMON_STATUS_H
#define IPACCT_DAEMON_STATUS_H

#include <jansson.h>

struct supervisor;

/* {"exit":0,"status":{…}}; a new reference, NULL when memory is short. */
json_t *status_reply(struct supervisor *supervisor);

#endif
