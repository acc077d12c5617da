/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of groups in memory, as its file has it. */
#ifndef IPACCT_DAEMON_GROUP_IMAGE_H
#define IPACCT_DAEMON_GROUP_IMAGE_H

#include "config.h"

#define GROUPS_PREFIX_PROTECTED 1u /* in flags of struct ipacct_groups_prefix: our own use */

/* What the file of abi.h will be. */
struct group_image {
	struct ipacct_groups_header *header; /* NULL: no groups are configured */
	struct ipacct_groups_name *names;
	struct ipacct_groups_prefix *prefixes;
	size_t mapped_bytes; /* 0: allocated */
};

/* Take a list that another process made, out of a sealed memfd; fd stays the caller's. Nothing is
 * believed: seals, sizes, every name and every prefix are looked at.
 * ret_why: on failure what is wrong with it.
 * Returns 0, -EBADMSG or -errno of mmap. */
int group_image_map(int fd, struct group_image *ret_image, const char **ret_why);

/* Is that a list as config_groups_parse() makes them? Returns NULL, or what is wrong. */
const char *group_image_fault(const void *at, size_t bytes);

/* Write all of it where the descriptor stands. Returns 0 or -errno; -EIO when nothing more goes in. */
int group_image_write(const struct group_image *image, int fd);

/* Accepts a zeroed one. */
void group_image_finish(struct group_image *image);

/* Append the prefixes that are to be protected, too; room for *n + header->n_protected. */
void group_image_protected(const struct group_image *image, struct config_prefix *prefixes,
			   size_t *n);

/* Their order in a list: domain, address, length; of two that are the same by `parent`, in which the
 * line is kept until they are sorted. For qsort(). */
int group_prefix_compare(const void *a, const void *b);
/* Does one hold all of the other? */
bool group_prefix_around(const struct ipacct_groups_prefix *outer,
			 const struct ipacct_groups_prefix *inner);
bool group_prefix_is_ipv4(const void *address, uint8_t prefix_len);

/* Is that what the records are called that are no group's? */
bool group_name_is_collective(const char *name);

static inline bool group_image_equal(const struct group_image *a, const struct group_image *b)
{
	return !a->header == !b->header &&
	       (!a->header || (a->header->digest == b->header->digest &&
			       a->header->file_bytes == b->header->file_bytes));
}

#endif
