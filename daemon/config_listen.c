/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the HTTP endpoint listens. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "config_listen.h"

static int parse_unix(const char *path, struct listen_address *address)
{
	struct sockaddr_un *un = &address->address.un;

	if (*path != '/' || strlen(path) >= sizeof(un->sun_path))
		return -EINVAL;
	un->sun_family = AF_UNIX;
	(void)snprintf(un->sun_path, sizeof(un->sun_path), "%s", path); /* fits */
	address->n_bytes = sizeof(*un);
	return 0;
}

static int parse_in6(const char *host, in_port_t port_be, struct listen_address *address)
{
	struct sockaddr_in6 *in6 = &address->address.in6;

	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = port_be;
	address->n_bytes = sizeof(*in6);
	return 0;
}

static int parse_in(const char *host, in_port_t port_be, struct listen_address *address)
{
	struct sockaddr_in *in = &address->address.in;

	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -EINVAL;
	in->sin_family = AF_INET;
	in->sin_port = port_be;
	address->n_bytes = sizeof(*in);
	return 0;
}

int listen_address_parse(const char *text, struct listen_address *ret_address)
{
	struct listen_address address = { 0 };
	char host[INET6_ADDRSTRLEN + 2]; /* with brackets */
	const char *colon = strrchr(text, ':');
	uint64_t port;
	size_t n;
	int ret = -EINVAL;

	if (!strcmp(text, "off")) {
		*ret_address = address;
		return 0;
	}
	if (!strncmp(text, LISTEN_UNIX_PREFIX, strlen(LISTEN_UNIX_PREFIX))) {
		ret = parse_unix(text + strlen(LISTEN_UNIX_PREFIX), &address);
	} else if (colon && !parse_u64(colon + 1, 1, UINT16_MAX, &port)) {
		n = (size_t)(colon - text);
		if (n < 2 || n >= sizeof(host))
			return -EINVAL;
		memcpy(host, text, n);
		host[n] = '\0';
		if (host[0] == '[' && host[n - 1] == ']') {
			host[n - 1] = '\0';
			ret = parse_in6(host + 1, htons((uint16_t)port), &address);
		} else {
			ret = parse_in(host, htons((uint16_t)port), &address);
		}
	}
	if (!ret)
		*ret_address = address;
	return ret;
}
