/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may ask. */
#include <crypt.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http_auth.h"
#include "maps.h"

#define SCHEME "Basic "

static int line_parse(const char *line, size_t n, unsigned int number, struct http_auth *auth,
		      struct ipacct_problem *ret_problem)
{
	const char *colon = memchr(line, ':', n);
	size_t name_n = colon ? (size_t)(colon - line) : 0;
	size_t hash_n = colon ? n - name_n - 1 : 0;
	struct auth_user *user = &auth->users[auth->n_users];

	if (!name_n || name_n >= AUTH_NAME_BYTES || !hash_n || hash_n >= AUTH_HASH_BYTES) {
		ipacct_problem_set(ret_problem, "line %u is not USER:HASH", number);
		return -EINVAL;
	}
	if (auth->n_users == AUTH_USERS_MAX) {
		ipacct_problem_set(ret_problem, "more than %u users", AUTH_USERS_MAX);
		return -EINVAL;
	}
	memset(user, 0, sizeof(*user));
	memcpy(user->name, line, name_n);
	memcpy(user->hash, colon + 1, hash_n);
	if (user->hash[0] != '$' || crypt_checksalt(user->hash) != CRYPT_SALT_OK) {
		ipacct_problem_set(ret_problem,
				   "line %u: no hash that crypt(5) calls good; make one with "
				   "'mkpasswd -m yescrypt' or 'htpasswd -B'",
				   number);
		return -EINVAL;
	}
	auth->n_users++;
	return 0;
}

int auth_parse(const char *text, struct http_auth *ret_auth, struct ipacct_problem *ret_problem)
{
	struct http_auth auth = { .n_users = 0 };
	unsigned int number = 0;
	int ret = 0;

	while (*text && !ret) {
		size_t n = strcspn(text, "\n"), used = n;

		number++;
		if (used && text[used - 1] == '\r')
			used--;
		if (used && *text != '#')
			ret = line_parse(text, used, number, &auth, ret_problem);
		text += n + (text[n] != '\0');
	}
	if (!ret && !auth.n_users) {
		ipacct_problem_set(ret_problem, "no line USER:HASH");
		ret = -EINVAL;
	}
	if (!ret)
		*ret_auth = auth;
	return ret;
}

/* RFC 4648 4; −1: not of the alphabet. */
static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Returns the number of octets, or −1. */
static int base64_decode(const char *text, char *to, size_t room)
{
	size_t n = strlen(text), used = 0;
	uint32_t bits = 0;

	if (n % 4 || n / 4 * 3 > room)
		return -1;
	while (n && text[n - 1] == '=' && n + 2 > strlen(text))
		n--;
	for (size_t i = 0; i < n; i++) {
		int value = sextet(text[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4)
			to[used++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return (int)used;
}

bool auth_decode(const char *authorization, char ret_name[AUTH_NAME_BYTES],
		 char ret_password[AUTH_PASSWORD_BYTES])
{
	char plain[AUTH_NAME_BYTES + AUTH_PASSWORD_BYTES + 4];
	const char *colon;
	size_t name_n, password_n;
	int n;

	if (strncasecmp(authorization, SCHEME, strlen(SCHEME)))
		return false;
	authorization += strlen(SCHEME);
	n = base64_decode(authorization + strspn(authorization, " "), plain, sizeof(plain));
	colon = n < 0 ? NULL : memchr(plain, ':', (size_t)n);
	if (!colon || memchr(plain, '\0', (size_t)n))
		return false;
	name_n = (size_t)(colon - plain);
	password_n = (size_t)n - name_n - 1;
	if (name_n >= AUTH_NAME_BYTES || password_n >= AUTH_PASSWORD_BYTES)
		return false;
	/* filled up with NULs, so that all of the buffers can be compared */
	memset(ret_name, 0, AUTH_NAME_BYTES);
	memset(ret_password, 0, AUTH_PASSWORD_BYTES);
	memcpy(ret_name, plain, name_n);
	memcpy(ret_password, colon + 1, password_n);
	return true;
}

/* Takes as long whatever the octets are. */
static bool same(const char *a, const char *b, size_t n)
{
	unsigned char differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return !differ;
}

/* An unknown name costs one hash, too: it is not to be told from a wrong password. */
static bool password_is(const struct http_auth *auth, const char *name, const char *password)
{
	static struct crypt_data data; /* 32 kB, used by the HTTP thread alone */
	const struct auth_user *user = &auth->users[0];
	char hash[AUTH_HASH_BYTES] = "";
	bool known = false;
	const char *made;

	for (size_t i = 0; i < auth->n_users; i++)
		if (same(auth->users[i].name, name, AUTH_NAME_BYTES)) {
			user = &auth->users[i];
			known = true;
		}
	made = crypt_r(password, user->hash, &data);
	if (!made || strlen(made) >= sizeof(hash))
		return false;
	memcpy(hash, made, strlen(made));
	return same(hash, user->hash, sizeof(hash)) && known;
}

enum auth_answer auth_check(struct http_auth *auth, const char *authorization, uint64_t now_ms)
{
	char name[AUTH_NAME_BYTES], password[AUTH_PASSWORD_BYTES];

	if (!authorization || !auth_decode(authorization, name, password))
		return AUTH_BAD;
	if (auth->name[0] && same(auth->name, name, sizeof(name)) &&
	    same(auth->password, password, sizeof(password)))
		return AUTH_GOOD;
	if (now_ms < auth->retry_ms)
		return AUTH_LATER;
	if (!password_is(auth, name, password)) {
		auth->retry_ms = now_ms + AUTH_RETRY_MS;
		return AUTH_BAD;
	}
	memcpy(auth->name, name, sizeof(name));
	memcpy(auth->password, password, sizeof(password));
	return AUTH_GOOD;
}
