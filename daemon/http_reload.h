/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other settings of the HTTP endpoint while the daemon runs: all that can fail comes before anything is
 * given up. */
#ifndef IPACCT_DAEMON_HTTP_RELOAD_H
#define IPACCT_DAEMON_HTTP_RELOAD_H

#include "http_listen.h"
#include "http_secrets.h"

struct supervisor;

struct http_reload {
	const struct config *fresh;
	struct http_listener listener; /* fd −1: the old one stays */
	struct http_secrets secrets;
};

/* Listen where `fresh` says and read what it names, beside what is there.
 * Returns 0 or a negative errno with words in ret_problem; then there is nothing to drop. */
int http_reload_prepare(const struct supervisor *supervisor, const struct config *fresh,
			struct http_reload *ret_reload, struct ipacct_problem *ret_problem);
void http_reload_drop(struct http_reload *reload);

/* Take it over into the supervisor and its configuration. True: the collector must be replaced. */
bool http_reload_commit(struct supervisor *supervisor, struct http_reload *reload);

#endif
