/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listening socket of the HTTP endpoint: opened by the supervisor, used by every collector. */
#ifndef IPACCT_DAEMON_HTTP_LISTEN_H
#define IPACCT_DAEMON_HTTP_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "ipacct/ipacct.h"

struct http_listener {
	int fd;         /* −1: none */
	bool activated; /* handed to us by the service manager: `listen` does not choose it */
};

/* Listen where config->listen says, or take the socket of the service manager (sd_listen_fds(3)).
 * gid: may connect to a socket in the file system. wait_ms: how long a port may be somebody's before it is
 * an error: a collector that outlived its supervisor has it until its cut is made.
 * Returns 0 or a negative errno with words in ret_problem; *ret_listener is then not written. */
int http_listen_open(const struct config *config, gid_t gid, int wait_ms,
		     struct http_listener *ret_listener, struct ipacct_problem *ret_problem);

/* The name of a socket in the file system goes, too. */
void http_listen_close(const struct config *config, struct http_listener *listener);

#endif
