/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole list of protected prefixes: those of the configuration and those of protect_file. */
#ifndef IPACCT_DAEMON_CONFIG_PROTECT_H
#define IPACCT_DAEMON_CONFIG_PROTECT_H

#include "config_groups.h"

#define CONFIG_PROTECT_FILE_BYTES_MAX (8u << 20) /* a larger file is refused */
#define CONFIG_PREFIXES_MAX           IPACCT_GUARD_MAX

/* Parse the text of a protect_file on top of *prefixes (of *n, CONFIG_PREFIXES_MAX allocated): one
 * prefix a line, '#' begins a comment, empty lines are allowed. text is changed; text[text_bytes]
 * is a NUL.
 * Returns 0, -EINVAL or -EFBIG with "NAME:LINE:COL: why" in ret_error. */
int config_protect_parse(const char *name, char *text, size_t text_bytes,
			 struct config_prefix *prefixes, size_t *n, char *ret_error,
			 size_t error_bytes);

/* All prefixes, in no order, doubles included: those of protected groups, too.
 * groups: may be NULL.
 * ret_prefixes: to be freed.
 * Returns 0, or a negative errno with one line in ret_error: also -errno of open and read. */
int config_protect_read(const struct config *config, const struct group_image *groups,
			struct config_prefix **ret_prefixes, size_t *ret_n, char *ret_error,
			size_t error_bytes);

#endif
