/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of groups in memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mix.h"
#include "base/text.h"
#include "group_image.h"
#include "group_list.h"

#define DOMAIN_BITS 16u
#define IPV4_BIT    96u                      /* RFC 4291 2.5.5.2: the address begins there */
#define NAME_SLOTS  (4u * IPACCT_GROUPS_MAX) /* at most a quarter full */
#define SEALS       (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int group_prefix_compare(const void *a, const void *b)
{
	const struct ipacct_groups_prefix *x = a, *y = b;
	int order;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	order = memcmp(x->addr_be, y->addr_be, sizeof(x->addr_be));
	if (!order)
		order = (int)x->prefix_len - (int)y->prefix_len;
	return order ? order : (x->parent > y->parent) - (x->parent < y->parent);
}

bool group_prefix_around(const struct ipacct_groups_prefix *outer,
			 const struct ipacct_groups_prefix *inner)
{
	const uint8_t *a = (const uint8_t *)outer->addr_be, *b = (const uint8_t *)inner->addr_be;
	unsigned int whole = outer->prefix_len / 8, rest = outer->prefix_len % 8;

	if (outer->domain != inner->domain || outer->prefix_len > inner->prefix_len ||
	    memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

bool group_prefix_is_ipv4(const void *address, uint8_t prefix_len)
{
	static const uint8_t mapped[IPV4_BIT / 8] = { [10] = 0xff, [11] = 0xff };

	return prefix_len >= IPV4_BIT && !memcmp(address, mapped, sizeof(mapped));
}

bool group_name_is_collective(const char *name)
{
	static const char *const names[] = { "unknown", "rolled_up", "earlier", "other",
					     "pending" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

int group_image_write(const struct group_image *image, int fd)
{
	const char *at = (const char *)image->header;
	uint64_t left = image->header->file_bytes;

	while (left) {
		ssize_t n = write(fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		left -= (uint64_t)n;
	}
	return 0;
}

void group_image_finish(struct group_image *image)
{
	if (image->mapped_bytes)
		(void)munmap(image->header, image->mapped_bytes); /* our own mapping */
	else
		free(image->header);
	memset(image, 0, sizeof(*image));
}

void group_image_protected(const struct group_image *image, struct config_prefix *prefixes,
			   size_t *n)
{
	for (uint32_t i = 0; image->header && i < image->header->n_prefixes; i++) {
		const struct ipacct_groups_prefix *from = &image->prefixes[i];
		struct config_prefix *to = &prefixes[*n];

		if (!(from->flags & GROUPS_PREFIX_PROTECTED))
			continue;
		memset(to, 0, sizeof(*to)); /* guard_set_make() compares all octets */
		to->every_domain = from->domain == IPACCT_GROUPS_EVERY_DOMAIN;
		to->key.prefixlen = from->prefix_len + DOMAIN_BITS;
		if (!to->every_domain)
			to->key.domain_be = htons((uint16_t)from->domain);
		memcpy(to->key.address, from->addr_be, sizeof(to->key.address));
		++*n;
	}
}

/* ---- A list that somebody else made ------------------------------------------------------------ */

static const char *header_fault(const struct ipacct_groups_header *header, size_t bytes)
{
	if (header->magic != IPACCT_GROUPS_MAGIC || header->abi_version != IPACCT_GROUPS_VERSION ||
	    header->header_bytes != sizeof(*header) ||
	    header->name_bytes != sizeof(struct ipacct_groups_name) ||
	    header->prefix_bytes != sizeof(struct ipacct_groups_prefix))
		return "it does not begin like one";
	if (header->n_groups > IPACCT_GROUPS_MAX || header->n_prefixes > IPACCT_GROUP_PREFIXES_MAX)
		return "it is too long";
	if (header->file_bytes != bytes ||
	    ipacct_group_list_bytes(header->n_groups, header->n_prefixes) != bytes)
		return "its size is not what its header says";
	return NULL;
}

/* A name that is there twice would let two groups write one record. */
static const char *name_fault(const struct ipacct_groups_name *names, uint32_t i, uint32_t *slots)
{
	char name[IPACCT_SERIES_NAME_BYTES];
	uint64_t hash = 0;

	if (!names[i].name[0] || names[i].name[sizeof(name) - 1])
		return "a name is empty, or has no end";
	memcpy(name, names[i].name, sizeof(name));
	if (strcmp(text_make_safe(name), names[i].name) || group_name_is_collective(name))
		return "a name is none";
	for (const char *c = name; *c; c++)
		hash = ipacct_mix64(hash ^ (unsigned char)*c);
	for (; slots[hash % NAME_SLOTS]; hash++)
		if (!strcmp(names[slots[hash % NAME_SLOTS] - 1].name, name))
			return "a name is there twice";
	slots[hash % NAME_SLOTS] = i + 1;
	return NULL;
}

static const char *names_fault(const struct ipacct_groups_name *names, uint32_t n)
{
	uint32_t *slots __cleanup(cleanup_free) = calloc(NAME_SLOTS, sizeof(*slots));
	const char *fault = slots ? NULL : "no memory to look at it";

	for (uint32_t i = 0; i < n && !fault; i++)
		fault = name_fault(names, i, slots);
	return fault;
}

static bool has_bits_behind(const struct ipacct_groups_prefix *prefix)
{
	const uint8_t *octets = (const uint8_t *)prefix->addr_be;
	unsigned int at = prefix->prefix_len / 8;

	if (prefix->prefix_len % 8 && octets[at++] & (0xffu >> prefix->prefix_len % 8))
		return true;
	for (; at < sizeof(prefix->addr_be); at++)
		if (octets[at])
			return true;
	return false;
}

static const char *prefix_fault(const struct ipacct_groups_header *header,
				const struct ipacct_groups_prefix *prefixes, uint32_t i)
{
	const struct ipacct_groups_prefix *prefix = &prefixes[i];
	uint32_t at = i ? i - 1 : IPACCT_GROUPS_NO_PARENT;

	if (prefix->prefix_len > 128 || prefix->domain > IPACCT_GROUPS_EVERY_DOMAIN ||
	    prefix->group >= header->n_groups || (prefix->flags & ~GROUPS_PREFIX_PROTECTED) ||
	    prefix->reserved || has_bits_behind(prefix))
		return "a prefix is none";
	if (prefix->mask_len && (prefix->mask_len < IPACCT_MASK_LEN_MIN || prefix->mask_len > 127 ||
				 prefix->mask_len < prefix->prefix_len ||
				 group_prefix_is_ipv4(prefix->addr_be, prefix->prefix_len)))
		return "a prefix has no such ipv6_len";
	if (i && (group_prefix_compare(&prefixes[at], prefix) >= 0 ||
		  (prefixes[at].prefix_len == prefix->prefix_len &&
		   group_prefix_around(&prefixes[at], prefix))))
		return "its prefixes are in no order";
	while (at != IPACCT_GROUPS_NO_PARENT && !group_prefix_around(&prefixes[at], prefix))
		at = prefixes[at].parent; /* was looked at: smaller, or none */
	return prefix->parent == at ? NULL : "a prefix is not in the one around it";
}

static const char *prefixes_fault(const struct ipacct_groups_header *header,
				  const struct ipacct_groups_name *names,
				  const struct ipacct_groups_prefix *prefixes)
{
	uint32_t *n_of __cleanup(cleanup_free) =
		calloc((size_t)header->n_groups + 1, sizeof(*n_of));
	uint32_t n_protected = 0, n_masked = 0;
	const char *fault = n_of ? NULL : "no memory to look at it";

	for (uint32_t i = 0; i < header->n_prefixes && !fault; i++) {
		fault = prefix_fault(header, prefixes, i);
		n_protected += prefixes[i].flags;
		n_masked += prefixes[i].mask_len != 0;
		if (!fault)
			n_of[prefixes[i].group]++;
	}
	if (!fault && (n_protected != header->n_protected || n_masked != header->n_masked))
		fault = "its header has other sums";
	for (uint32_t i = 0; i < header->n_groups && !fault; i++)
		if (n_of[i] != names[i].n_prefixes || !n_of[i])
			fault = "a group has not as many prefixes as it says";
	return fault;
}

const char *group_image_fault(const void *at, size_t bytes)
{
	const struct ipacct_groups_header *header = at;
	const struct ipacct_groups_name *names = (const void *)(header + 1);
	const char *fault =
		bytes < sizeof(*header) ? "it is too short" : header_fault(header, bytes);

	if (!fault)
		fault = names_fault(names, header->n_groups);
	if (!fault)
		fault = prefixes_fault(header, names, (const void *)(names + header->n_groups));
	return fault;
}

int group_image_map(int fd, struct group_image *ret_image, const char **ret_why)
{
	struct group_image image = {};
	struct stat st;
	void *at;

	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st)) {
		*ret_why = "it is not sealed";
		return -EBADMSG;
	}
	if (st.st_size < (off_t)sizeof(*image.header) ||
	    (uint64_t)st.st_size >
		    ipacct_group_list_bytes(IPACCT_GROUPS_MAX, IPACCT_GROUP_PREFIXES_MAX)) {
		*ret_why = "it is too short or too long";
		return -EBADMSG;
	}
	/* the time when it was made is written into a page of our own */
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED) {
		*ret_why = "it cannot be mapped";
		return -errno;
	}
	image.mapped_bytes = (size_t)st.st_size;
	image.header = at;
	*ret_why = group_image_fault(at, image.mapped_bytes);
	if (*ret_why) {
		group_image_finish(&image);
		return -EBADMSG;
	}
	image.names = (struct ipacct_groups_name *)(image.header + 1);
	image.prefixes = (struct ipacct_groups_prefix *)(image.names + image.header->n_groups);
	*ret_image = image;
	return 0;
}
