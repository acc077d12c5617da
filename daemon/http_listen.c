/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listening socket of the HTTP endpoint. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "config_listen.h"
#include "http_listen.h"
#include "log.h"
#include "maps.h"
#include "place.h"

#define LISTEN_BACKLOG  128 /* connections that wait while a collector is being replaced */
#define ACTIVATED_FIRST 3   /* systemd/sd-daemon.h SD_LISTEN_FDS_START */

static uint64_t number_of(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t value;

	return text && !parse_u64(text, 0, INT32_MAX, &value) ? value : 0;
}

/* Sockets that the service manager opened for us and nobody else. */
static int activated_take(struct http_listener *listener, struct ipacct_problem *ret_problem)
{
	int listening = 0, fd = ACTIVATED_FIRST;
	socklen_t bytes = sizeof(listening);
	uint64_t n = number_of("LISTEN_PID") == (uint64_t)getpid() ? number_of("LISTEN_FDS") : 0;

	if (!n)
		return -ENOENT;
	if (n > 1 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) || !listening) {
		ipacct_problem_set(ret_problem, "LISTEN_FDS: one listening stream socket is what "
						"socket activation may hand over");
		return -EINVAL;
	}
	/* the library accepts until there is nobody left */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))
		return -errno;
	listener->fd = fd;
	listener->activated = true;
	return 0;
}

/* A name left by a daemon that was killed; anything but a socket stays. */
static void unix_remove(const struct sockaddr_un *un)
{
	struct stat st;

	if (!lstat(un->sun_path, &st) && S_ISSOCK(st.st_mode))
		(void)unlink(un->sun_path); /* bind() tells when it could not */
}

static int options_set(int fd, const struct listen_address *address)
{
	int one = 1, zero = 0;

	if (address->address.any.sa_family == AF_UNIX)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -errno;
	if (address->address.any.sa_family == AF_INET6)
		/* [::] is for both families, whatever net.ipv6.bindv6only says */
		return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) ||
				       setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one,
						  sizeof(one))
			       ? -errno
			       : 0;
	/* counting begins before addresses are configured: the address may come later */
	return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) ? -errno : 0;
}

static int socket_open(const struct listen_address *address, gid_t gid)
{
	int fd __cleanup(cleanup_fd) = socket(address->address.any.sa_family,
					      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_unix = address->address.any.sa_family == AF_UNIX;
	int ret = fd < 0 ? -errno : options_set(fd, address);

	if (ret)
		return ret;
	if (is_unix)
		unix_remove(&address->address.un);
	if (bind(fd, &address->address.any, address->n_bytes))
		return -errno;
	if (is_unix && (lchown(address->address.un.sun_path, 0, gid) ||
			chmod(address->address.un.sun_path, 0660)))
		return -errno;
	return listen(fd, LISTEN_BACKLOG) ? -errno : take_fd(&fd);
}

static int socket_open_wait(const struct config *config, const struct listen_address *address,
			    gid_t gid, int wait_ms)
{
	for (int waited = 0;; waited += WAIT_STEP_MS) {
		int fd = socket_open(address, gid);

		if (fd != -EADDRINUSE || waited >= wait_ms)
			return fd;
		if (!waited)
			log_info("%s is in use: waiting up to %d s for it", config->listen,
				 wait_ms / 1000);
		(void)poll(NULL, 0, WAIT_STEP_MS); /* nothing tells when a port becomes free */
	}
}

int http_listen_open(const struct config *config, gid_t gid, int wait_ms,
		     struct http_listener *ret_listener, struct ipacct_problem *ret_problem)
{
	struct http_listener listener = { .fd = -1 };
	struct listen_address address;
	int ret = listen_address_parse(config->listen, &address);

	if (!ret && address.n_bytes) {
		ret = activated_take(&listener, ret_problem);
		if (ret == -ENOENT) {
			listener.fd = socket_open_wait(config, &address, gid, wait_ms);
			ret = listener.fd < 0 ? listener.fd : 0;
		}
	}
	if (ret) {
		if (!ret_problem->text[0])
			ipacct_problem_set(ret_problem, "cannot listen on %s: %s%s", config->listen,
					   strerror(-ret),
					   ret == -EADDRINUSE ? " (choose another with --listen)"
							      : "");
		return ret;
	}
	*ret_listener = listener;
	return 0;
}

void http_listen_close(const struct config *config, struct http_listener *listener)
{
	struct listen_address address;

	if (listener->fd >= 0 && !listener->activated &&
	    !listen_address_parse(config->listen, &address) && address.n_bytes &&
	    address.address.any.sa_family == AF_UNIX)
		unix_remove(&address.address.un);
	close_fd(&listener->fd);
}
