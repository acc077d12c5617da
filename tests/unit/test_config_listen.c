/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the HTTP endpoint listens. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "config_listen.h"

static struct listen_address parsed(const char *text)
{
	struct listen_address address = { .n_bytes = 77 };

	cr_assert_eq(listen_address_parse(text, &address), 0, "%s", text);
	return address;
}

Test(config_listen, three_kinds_of_address_and_off)
{
	struct listen_address address = parsed("127.0.0.1:9477");

	cr_expect_eq(address.n_bytes, sizeof(struct sockaddr_in));
	cr_expect_eq(address.address.in.sin_family, AF_INET);
	cr_expect_eq(address.address.in.sin_port, htons(9477));
	cr_expect_eq(address.address.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	address = parsed("[2001:db8::7]:65535");
	cr_expect_eq(address.n_bytes, sizeof(struct sockaddr_in6));
	cr_expect_eq(address.address.in6.sin6_family, AF_INET6);
	cr_expect_eq(address.address.in6.sin6_port, htons(65535));
	cr_expect_eq(address.address.in6.sin6_addr.s6_addr[15], 7);
	address = parsed("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:1");
	cr_expect_eq(address.address.in6.sin6_addr.s6_addr[15], 255);
	address = parsed("unix:/run/ipacct/http");
	cr_expect_eq(address.address.un.sun_family, AF_UNIX);
	cr_expect_str_eq(address.address.un.sun_path, "/run/ipacct/http");
	cr_expect_eq(parsed("off").n_bytes, 0);
}

Test(config_listen, anything_else_is_refused_and_writes_nothing)
{
	static const char *const bad[] = {
		"",
		"on",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		"127.0.0.1:+1",
		"127.0.0.1: 1",
		"127.0.0.1:9x",
		"127.1:9477",
		"1.2.3.256:1",
		"localhost:9477",
		":9477",
		"*:9477",
		"::1:9477",
		"[::1]",
		"[::1]9477",
		"[]:1",
		"[127.0.0.1]:1",
		"[::1:1",
		"::1]:1",
		"unix:",
		"unix:run/x",
		"UNIX:/run/x",
		"off ",
		"[fe80::1%lo]:1",
		"127.0.0.1:9477 ",
		"[::1]:99999999999999999999",
		"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555]:1",
	};
	struct listen_address address = { .n_bytes = 77 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(listen_address_parse(bad[i], &address), -EINVAL, "'%s'", bad[i]);
	cr_expect_eq(address.n_bytes, 77);
}

Test(config_listen, path_fills_the_address_and_not_one_octet_more)
{
	struct listen_address address;
	char text[LISTEN_TEXT_MAX + 2];

	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:/", 6);
	text[LISTEN_TEXT_MAX] = '\0';
	cr_expect_eq(listen_address_parse(text, &address), 0);
	cr_expect_eq(strlen(address.address.un.sun_path), sizeof(address.address.un.sun_path) - 1);
	text[LISTEN_TEXT_MAX] = 'x';
	text[LISTEN_TEXT_MAX + 1] = '\0';
	cr_expect_eq(listen_address_parse(text, &address), -EINVAL);
}
