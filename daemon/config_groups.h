/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of groups: lines of CIDR NAME, made into the file that everybody maps. */
#ifndef IPACCT_DAEMON_CONFIG_GROUPS_H
#define IPACCT_DAEMON_CONFIG_GROUPS_H

#include "config.h"

#define CONFIG_GROUPS_FILE_BYTES_MAX (128u << 20) /* a larger file is refused */
#define CONFIG_GROUPS_LINE_MAX       1023u        /* octets of a line */

#define GROUPS_PREFIX_PROTECTED 1u /* in flags of struct ipacct_groups_prefix: our own use */

/* What the file of abi.h will be, in memory. */
struct group_image {
	struct ipacct_groups_header *header; /* NULL: no groups are configured */
	struct ipacct_groups_name *names;
	struct ipacct_groups_prefix *prefixes;
};

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

/* Accepts a zeroed one. */
void group_image_finish(struct group_image *image);

/* Append the prefixes that are to be protected, too; room for *n + header->n_protected. */
void group_image_protected(const struct group_image *image, struct config_prefix *prefixes,
			   size_t *n);

static inline bool group_image_equal(const struct group_image *a, const struct group_image *b)
{
	return !a->header == !b->header &&
	       (!a->header || (a->header->digest == b->header->digest &&
			       a->header->file_bytes == b->header->file_bytes));
}

#endif
