/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may ask: HTTP Basic (RFC 7617) against hashes of crypt(5). */
#ifndef IPACCT_DAEMON_HTTP_AUTH_H
#define IPACCT_DAEMON_HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/ipacct.h"

#define AUTH_USERS_MAX      64u
#define AUTH_NAME_BYTES     65u  /* with its NUL */
#define AUTH_HASH_BYTES     129u /* crypt(5): the longest is 119, of gost-yescrypt */
#define AUTH_PASSWORD_BYTES 129u
#define AUTH_RETRY_MS       1000u /* after a wrong password: hashing is dear, and it is one thread */

struct auth_user {
	char name[AUTH_NAME_BYTES];
	char hash[AUTH_HASH_BYTES];
};

struct http_auth {
	struct auth_user users[AUTH_USERS_MAX];
	size_t n_users;
	/* what was right last time: asked again and again, it is not hashed again */
	char name[AUTH_NAME_BYTES];
	char password[AUTH_PASSWORD_BYTES];
	uint64_t retry_ms; /* before that, nothing else is hashed */
};

enum auth_answer {
	AUTH_GOOD = 0,
	AUTH_BAD,
	AUTH_LATER, /* a wrong password came a moment ago */
};

/* Lines "user:hash"; empty ones and those that begin with # are left out. Clear text and the hashes
 * that crypt(5) calls too weak are refused.
 * Returns 0 or -EINVAL with the line in ret_problem. */
int auth_parse(const char *text, struct http_auth *ret_auth, struct ipacct_problem *ret_problem);

/* authorization: the field of the request, or NULL. */
enum auth_answer auth_check(struct http_auth *auth, const char *authorization, uint64_t now_ms);

/* "Basic dXNlcjpwYXNz" → "user", "pass". False: it is no such thing, or too long. */
bool auth_decode(const char *authorization, char ret_name[AUTH_NAME_BYTES],
		 char ret_password[AUTH_PASSWORD_BYTES]);

#endif
