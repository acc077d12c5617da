/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the HTTP endpoint listens: "127.0.0.1:9477", "[::1]:9477", "unix:/run/x.sock", "off". */
#ifndef IPACCT_DAEMON_CONFIG_LISTEN_H
#define IPACCT_DAEMON_CONFIG_LISTEN_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct listen_address {
	socklen_t n_bytes; /* of the address; 0: off */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} address;
};

#define LISTEN_UNIX_PREFIX "unix:"
/* Longest legal text without its NUL: a path that fills sun_path but for its NUL. */
#define LISTEN_TEXT_MAX \
	(sizeof(LISTEN_UNIX_PREFIX) - 1 + sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Addresses are numbers, never names: nothing is resolved. The port is 1 … 65535.
 * Returns 0 or -EINVAL. */
int listen_address_parse(const char *text, struct listen_address *ret_address);

#endif
