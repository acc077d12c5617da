/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of groups: lines of CIDR NAME, made into the file that everybody maps. */
#ifndef IPACCT_DAEMON_CONFIG_GROUPS_H
#define IPACCT_DAEMON_CONFIG_GROUPS_H

#include "group_image.h"

#define CONFIG_GROUPS_FILE_BYTES_MAX (128u << 20) /* a larger file is refused */
#define CONFIG_GROUPS_LINE_MAX       1023u        /* octets of a line */

/* Read a list.
 * name: how messages call the file. text: its content, any bytes.
 * ret_image: on success the caller's, to be given back with group_image_finish().
 * ret_error: on failure "NAME:LINE:COLUMN: what is wrong", one line; the column counts octets.
 * Returns 0, or -EINVAL (content), -EFBIG, -ENOMEM. */
int config_groups_parse(const char *name, const char *text, size_t text_bytes,
			struct group_image *ret_image, char *ret_error, size_t error_bytes);

/* The same for the groups_file of the settings, if there is one; also -errno of open and read. */
int config_groups_read(const struct config *config, struct group_image *ret_image, char *ret_error,
		       size_t error_bytes);

/* The same of a descriptor that config_file_open() returned. */
int config_groups_take(const char *name, int fd, struct group_image *ret_image, char *ret_error,
		       size_t error_bytes);

#endif
