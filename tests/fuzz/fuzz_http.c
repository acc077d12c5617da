/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: what the HTTP endpoint reads of a request by itself, and the users' file. The first
 * octet chooses the parser. Corpus: tests/fuzz/http. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config_listen.h"
#include "http_auth.h"
#include "http_query.h"
#include "http_request.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void fuzz_accept(const char *text)
{
	int format = http_accept_format(text);

	require(format == -1 || format == METRICS_TEXT || format == METRICS_OPENMETRICS);
	require(format != METRICS_OPENMETRICS || strcasestr(text, "application/openmetrics-text") ||
		strchr(text, '*'));
	require(format != -1 || strstr(text, "0"));
	require(!http_accepts_gzip(text) || strcasestr(text, "gzip"));
}

/* name=value&name=value…, as the library takes them apart. */
static void fuzz_query(char *text)
{
	char why[QUERY_WHY_BYTES], *pair, *rest = text;
	struct top_query query;
	bool good = true;

	top_query_init(&query);
	while (good && (pair = strsep(&rest, "&"))) {
		char *value = strchr(pair, '=');

		if (value)
			*value++ = '\0';
		memset(why, 'x', sizeof(why));
		good = top_query_set(&query, pair, value, why);
		if (good)
			continue;
		require(memchr(why, '\0', sizeof(why)) && strstr(why, "legal: "));
		for (const char *c = why; *c; c++)
			require((*c >= ' ' && *c < 0x7f && *c != '<' && *c != '"') || *c == '\n');
	}
	require(!good || (query.n >= 1 && query.n <= TOP_ROWS_MAX && query.sort < TOP_SORTS_N &&
			  query.by > IPACCT_SERIES_FREE && query.by < IPACCT_SERIES_KINDS));
}

static void fuzz_auth(const char *text)
{
	char name[AUTH_NAME_BYTES], password[AUTH_PASSWORD_BYTES];

	if (!auth_decode(text, name, password))
		return;
	require(strnlen(name, sizeof(name)) < sizeof(name));
	require(strnlen(password, sizeof(password)) < sizeof(password));
	require(!strchr(name, ':'));
}

static void fuzz_users(const char *text)
{
	static struct http_auth auth;
	struct ipacct_problem problem = { "" };

	if (auth_parse(text, &auth, &problem)) {
		require(problem.text[0]);
		return;
	}
	require(auth.n_users >= 1 && auth.n_users <= AUTH_USERS_MAX);
	for (size_t i = 0; i < auth.n_users; i++)
		require(auth.users[i].name[0] && auth.users[i].hash[0] == '$' &&
			!strchr(auth.users[i].name, ':') && !strchr(auth.users[i].name, '\n'));
}

static void fuzz_listen(const char *text)
{
	struct listen_address address;

	if (listen_address_parse(text, &address))
		return;
	require(address.n_bytes <= sizeof(address.address));
	require(strlen(text) <= LISTEN_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	char *text = n_bytes ? strndup((const char *)data + 1, n_bytes - 1) : NULL;

	if (!text)
		return 0;
	switch (data[0]) {
	case 'a':
		fuzz_accept(text);
		break;
	case 'q':
		fuzz_query(text);
		break;
	case 'b':
		fuzz_auth(text);
		break;
	case 'u':
		fuzz_users(text);
		break;
	case 'l':
		fuzz_listen(text);
		break;
	default:
		require(http_path_find(text) <= HTTP_API_TOP);
	}
	free(text);
	return 0;
}
