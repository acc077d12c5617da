/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Users and passwords of the HTTP endpoint. */
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "http_auth.h"

static struct http_auth auth;
static struct ipacct_problem problem;

/* A hash made here, of the cheapest method that is good: sha512crypt with 1,000 rounds. */
static const char *hash_of(const char *password)
{
	static struct crypt_data data;
	const char *hash = crypt_r(password, "$6$rounds=1000$saltsalt$", &data);

	cr_assert_not_null(hash);
	return hash;
}

static void users_set(void)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "# users\n\nprometheus:%s\r\n", hash_of("secret"));

	(void)snprintf(text + n, sizeof(text) - (size_t)n, "backup:%s", hash_of("p:w"));
	cr_assert_eq(auth_parse(text, &auth, &problem), 0, "%s", problem.text);
	cr_assert_eq(auth.n_users, 2);
}

TestSuite(http_auth, .init = users_set);

/* base64 of "name:password", by another hand: coreutils. */
#define PROMETHEUS_SECRET "Basic cHJvbWV0aGV1czpzZWNyZXQ="
#define BACKUP_PW         "basic YmFja3VwOnA6dw=="
#define PROMETHEUS_WRONG  "Basic cHJvbWV0aGV1czp3cm9uZw=="
#define NOBODY_SECRET     "Basic bm9ib2R5OnNlY3JldA=="

Test(http_auth, right_password_of_either_user)
{
	cr_expect_eq(auth_check(&auth, PROMETHEUS_SECRET, 0), AUTH_GOOD);
	cr_expect_eq(auth_check(&auth, BACKUP_PW, 0), AUTH_GOOD);
	cr_expect_eq(auth_check(&auth, PROMETHEUS_SECRET, 0), AUTH_GOOD);
}

Test(http_auth, wrong_ones_are_told_apart_from_nothing)
{
	cr_expect_eq(auth_check(&auth, NULL, 0), AUTH_BAD);
	cr_expect_eq(auth_check(&auth, "", 0), AUTH_BAD);
	cr_expect_eq(auth_check(&auth, PROMETHEUS_WRONG, 0), AUTH_BAD);
	/* the next hash a second later, whoever asks; nothing is hashed for what has no form */
	cr_expect_eq(auth_check(&auth, PROMETHEUS_SECRET, AUTH_RETRY_MS - 1), AUTH_LATER);
	cr_expect_eq(auth_check(&auth, "Bearer x", AUTH_RETRY_MS - 1), AUTH_BAD);
	cr_expect_eq(auth_check(&auth, NOBODY_SECRET, AUTH_RETRY_MS), AUTH_BAD);
	cr_expect_eq(auth_check(&auth, PROMETHEUS_SECRET, 2 * AUTH_RETRY_MS), AUTH_GOOD);
	cr_expect_eq(auth_check(&auth, PROMETHEUS_WRONG, 2 * AUTH_RETRY_MS), AUTH_BAD);
	cr_expect_eq(auth_check(&auth, PROMETHEUS_SECRET, 2 * AUTH_RETRY_MS), AUTH_GOOD,
		     "who was right is not held up by who is not");
}

Test(http_auth, decoding)
{
	static const char *const bad[] = {
		"",
		"Basic",
		"Basic ",
		"Basic YQ==",  /* no colon */
		"Basic YTpi=", /* not a multiple of four */
		"Basic YTp=i", /* = inside */
		"Basic ====",
		"Basic YT!i",
		"Basic YTo\xc3\xa9",
		"Basic YTpiAA==", /* NUL in the password */
		"BasicYTpi",
		"Digest YTpi",
	};
	char name[AUTH_NAME_BYTES], password[AUTH_PASSWORD_BYTES];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not(auth_decode(bad[i], name, password), "%s", bad[i]);
	cr_expect(auth_decode("Basic YTpi", name, password));
	cr_expect_str_eq(name, "a");
	cr_expect_str_eq(password, "b");
	cr_expect(auth_decode("BASIC   Ojo=", name, password));
	cr_expect_str_eq(name, "");
	cr_expect_str_eq(password, ":");
	cr_expect(auth_decode("Basic /+8/Og==", name, password));
	cr_expect_str_eq(name, "\xff\xef?");
}

/* n octets of "a", then a colon, then m of "b", in base64. */
static char *encoded(size_t n, size_t m)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static char text[1024];
	char plain[512] = "";
	size_t used = 6, all = n + 1 + m;

	memset(plain, 'a', n);
	plain[n] = ':';
	memset(plain + n + 1, 'b', m);
	strcpy(text, "Basic ");
	for (size_t i = 0; i < all; i += 3) {
		uint32_t bits = (uint32_t)(unsigned char)plain[i] << 16 |
				(uint32_t)(unsigned char)plain[i + 1] << 8 |
				(unsigned char)plain[i + 2];

		for (int k = 0; k < 4; k++)
			text[used++] =
				i + (size_t)k > all ? '=' : alphabet[bits >> (18 - 6 * k) & 63];
	}
	text[used] = '\0';
	return text;
}

Test(http_auth, lengths_end_at_the_limit)
{
	char name[AUTH_NAME_BYTES], password[AUTH_PASSWORD_BYTES];

	cr_expect(auth_decode(encoded(AUTH_NAME_BYTES - 1, 3), name, password));
	cr_expect_eq(strlen(name), AUTH_NAME_BYTES - 1);
	cr_expect_not(auth_decode(encoded(AUTH_NAME_BYTES, 3), name, password));
	cr_expect(auth_decode(encoded(3, AUTH_PASSWORD_BYTES - 1), name, password));
	cr_expect_eq(strlen(password), AUTH_PASSWORD_BYTES - 1);
	cr_expect_not(auth_decode(encoded(3, AUTH_PASSWORD_BYTES), name, password));
	cr_expect(
		auth_decode(encoded(AUTH_NAME_BYTES - 1, AUTH_PASSWORD_BYTES - 1), name, password));
	cr_expect_not(auth_decode(encoded(200, 200), name, password));
}

Test(http_auth, files_that_are_refused_name_the_line)
{
	static const struct {
		const char *text, *problem;
	} bad[] = {
		{ "", "no line USER:HASH" },
		{ "# nobody\n", "no line USER:HASH" },
		{ "a:$6$x$y\nb\n", "line 2 is not USER:HASH" },
		{ ":$5$x$y\n", "line 1 is not USER:HASH" },
		{ "a:\n", "line 1 is not USER:HASH" },
		{ "a:secret\n", "line 1: no hash" },
		{ "a:$apr1$x$y\n", "line 1: no hash" },
		{ "a:$1$saltsalt$1111111111111111111111\n", "line 1: no hash" },
		{ "a:ab01FAX.bQRSU\n", "line 1: no hash" },
	};
	struct http_auth kept = auth;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(auth_parse(bad[i].text, &auth, &problem), -EINVAL, "%s", bad[i].text);
		cr_expect_not_null(strstr(problem.text, bad[i].problem), "%s: %s", bad[i].text,
				   problem.text);
	}
	cr_expect_arr_eq(&auth, &kept, sizeof(auth));
}

Test(http_auth, one_user_more_than_there_is_room_for)
{
	char *text = malloc(AUTH_USERS_MAX * 160 + 160), *at = text;

	cr_assert_not_null(text);
	for (unsigned int i = 0; i < AUTH_USERS_MAX; i++)
		at += sprintf(at, "user%u:%s\n", i, hash_of("x"));
	cr_expect_eq(auth_parse(text, &auth, &problem), 0);
	cr_expect_eq(auth.n_users, AUTH_USERS_MAX);
	(void)sprintf(at, "last:%s\n", hash_of("x"));
	cr_expect_eq(auth_parse(text, &auth, &problem), -EINVAL);
	free(text);
}
