/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificate, key and users of the HTTP endpoint: read by the supervisor, which may, and inherited
 * by the collector, which may not. */
#ifndef IPACCT_DAEMON_HTTP_SECRETS_H
#define IPACCT_DAEMON_HTTP_SECRETS_H

#include <stdbool.h>

#include "config.h"
#include "http_auth.h"
#include "ipacct/ipacct.h"

#define SECRET_BYTES_MAX 65536u /* of one file: a chain of certificates takes some 10 kB */

struct http_secrets {
	char *cert; /* PEM; NULL: no TLS */
	char *key;
	struct http_auth *auth; /* NULL: everybody may ask */
};

/* Read the files that the configuration names, and see that they can be used.
 * Returns 0 or a negative errno with words in ret_problem; *ret_secrets is then not written. */
int http_secrets_read(const struct config *config, struct http_secrets *ret_secrets,
		      struct ipacct_problem *ret_problem);
void http_secrets_finish(struct http_secrets *secrets);

/* Nothing changed. */
bool http_secrets_equal(const struct http_secrets *a, const struct http_secrets *b);

#endif
