/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole file into memory, and the messages when that fails. */
#ifndef IPACCT_DAEMON_CONFIG_FILE_H
#define IPACCT_DAEMON_CONFIG_FILE_H

#include <stddef.h>

/* Read a regular file of any content.
 * bytes_max: one octet more is read, so that the caller sees that the file is larger.
 * ret_text:  to be freed; a NUL behind the content.
 * Returns 0, or -errno with "PATH: why" in ret_error; -EINVAL: not a regular file. */
int config_file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
		     char *ret_error, size_t error_bytes);

/* Its two steps, for a process that may open the file and one that reads it. The first returns a
 * descriptor of a regular file, or -errno as above. */
int config_file_open(const char *path, char *ret_error, size_t error_bytes);
int config_file_take(int fd, const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
		     char *ret_error, size_t error_bytes);

#endif
