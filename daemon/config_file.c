/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole file into memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config_file.h"

static int fail(char *ret_error, size_t error_bytes, const char *path, int err, const char *why)
{
	(void)snprintf(ret_error, error_bytes, "%s: %s", path, why); /* cut to the buffer */
	return err;
}

static ssize_t read_whole(int fd, char *buffer, size_t buffer_bytes)
{
	size_t n_read = 0;

	while (n_read < buffer_bytes) {
		ssize_t n = read(fd, buffer + n_read, buffer_bytes - n_read);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		n_read += (size_t)n;
	}
	return (ssize_t)n_read;
}

int config_file_open(const char *path, char *ret_error, size_t error_bytes)
{
	/* A FIFO must not block a reload for ever: non-blocking open, then regular files only. */
	int fd __cleanup(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(ret_error, error_bytes, path, -errno, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(ret_error, error_bytes, path, -EINVAL, "not a regular file");
	return take_fd(&fd);
}

int config_file_take(int fd, const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
		     char *ret_error, size_t error_bytes)
{
	char *buffer __cleanup(cleanup_free) = malloc(bytes_max + 2);
	ssize_t n;

	if (!buffer)
		return fail(ret_error, error_bytes, path, -ENOMEM, "out of memory");
	n = read_whole(fd, buffer, bytes_max + 1);
	if (n < 0)
		return fail(ret_error, error_bytes, path, (int)n, strerror((int)-n));
	buffer[n] = '\0';
	*ret_text = take_ptr(buffer);
	*ret_bytes = (size_t)n;
	return 0;
}

int config_file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
		     char *ret_error, size_t error_bytes)
{
	int fd __cleanup(cleanup_fd) = config_file_open(path, ret_error, error_bytes);

	return fd < 0 ? fd
		      : config_file_take(fd, path, bytes_max, ret_text, ret_bytes, ret_error,
					 error_bytes);
}
