/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An HTTP client of the tests' own: every octet of a request is chosen, every wait has a deadline. */
#ifndef IPACCT_TESTS_HTTP_COMMON_H
#define IPACCT_TESTS_HTTP_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"

#define HTTP_LIMIT_MS 10000

/* A listening socket on a free port of 127.0.0.1. */
static inline int http_listen(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, bytes), 0);
	cr_assert_eq(listen(fd, 128), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	*ret_address = address;
	return fd;
}

/* from: the last octet of a client address in 127.0.0.0/24. */
static inline int http_connect_from(const struct sockaddr_in *address, int from)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)from) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	cr_assert_eq(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0, "%s",
		     strerror(errno));
	return fd;
}

static inline int http_connect(const struct sockaddr_in *address)
{
	return http_connect_from(address, 1);
}

static inline void http_send(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent < 0)
			return; /* refused in the middle: the answer tells */
		text += sent;
		n -= (size_t)sent;
	}
}

struct http_answer {
	int status; /* 0: the connection ended without one */
	char *header;
	char *body;
	size_t body_n;
	char text[1 << 20];
};

/* The value of a header field, or NULL. Cuts the header into pieces. */
static inline const char *http_field(struct http_answer *answer, const char *name)
{
	size_t n = strlen(name);

	for (char *line = answer->header; line; line = strstr(line, "\r\n")) {
		line += line == answer->header ? 0 : 2;
		if (!strncasecmp(line, name, n) && line[n] == ':') {
			static char value[256];
			size_t value_n = strcspn(line + n + 1, "\r\n");

			(void)snprintf(value, sizeof(value), "%.*s", (int)value_n - 1,
				       line + n + 2);
			return value;
		}
	}
	return NULL;
}

/* Read one answer, whose length Content-Length tells. head: the request was HEAD. */
static inline void http_read(int fd, bool head, struct http_answer *answer)
{
	uint64_t deadline = ipacct_monotonic_ms() + HTTP_LIMIT_MS;
	size_t n = 0, wanted = SIZE_MAX;

	answer->status = 0;
	answer->header = answer->text;
	answer->body = answer->text;
	answer->body_n = 0;
	while (n < wanted) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint64_t now = ipacct_monotonic_ms();
		const char *length;
		ssize_t got;
		char *end;

		cr_assert_lt(n, sizeof(answer->text) - 1);
		cr_assert(now < deadline && poll(&wait, 1, (int)(deadline - now)) == 1,
			  "no answer in time");
		got = recv(fd, answer->text + n, sizeof(answer->text) - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		answer->text[n] = '\0';
		end = strstr(answer->text, "\r\n\r\n");
		if (!end || wanted != SIZE_MAX)
			continue;
		length = http_field(answer, "Content-Length");
		wanted = (size_t)(end + 4 - answer->text);
		answer->body = end + 4;
		if (length && !head)
			wanted += strtoul(length, NULL, 10);
	}
	if (n && sscanf(answer->text, "HTTP/1.1 %d", &answer->status) != 1)
		answer->status = -1;
	answer->body_n = n - (size_t)(answer->body - answer->text);
}

/* One request on an open connection. */
static inline void http_ask(int fd, const char *request, struct http_answer *answer)
{
	http_send(fd, request, strlen(request));
	http_read(fd, !strncmp(request, "HEAD", 4), answer);
}

#define HTTP_GET(path, fields) "GET " path " HTTP/1.1\r\nHost: x\r\n" fields "\r\n"

#endif
