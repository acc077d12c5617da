/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of groups, mapped: which group an address is of. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "group_list.h"
#include "maps.h"

static int header_check(const struct ipacct_groups_header *header, uint64_t bytes,
			struct ipacct_problem *ret_problem)
{
	if (header->magic != IPACCT_GROUPS_MAGIC) {
		ipacct_problem_set(ret_problem, "the file of groups does not begin like one");
		return -EBADMSG;
	}
	if (header->abi_version != IPACCT_GROUPS_VERSION) {
		ipacct_problem_set(ret_problem,
				   "the file of groups has version %u, this program reads "
				   "version %u",
				   header->abi_version, IPACCT_GROUPS_VERSION);
		return -EPROTO;
	}
	if (header->header_bytes != sizeof(*header) ||
	    header->name_bytes != sizeof(struct ipacct_groups_name) ||
	    header->prefix_bytes != sizeof(struct ipacct_groups_prefix) ||
	    header->n_groups > IPACCT_GROUPS_MAX ||
	    header->n_prefixes > IPACCT_GROUP_PREFIXES_MAX ||
	    ipacct_group_list_bytes(header->n_groups, header->n_prefixes) > bytes) {
		ipacct_problem_set(ret_problem, "the file of groups is not what its header says");
		return -EBADMSG;
	}
	return 0;
}

/* The first prefix without a domain. */
static uint32_t domains_end(const struct ipacct_group_list *list)
{
	uint32_t from = 0, to = list->n_prefixes;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (list->prefixes[middle].domain < IPACCT_GROUPS_EVERY_DOMAIN)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

int ipacct_group_list_map(int fd, struct ipacct_group_list *ret_list,
			  struct ipacct_problem *ret_problem)
{
	struct ipacct_group_list list = {};
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < sizeof(struct ipacct_groups_header)) {
		ipacct_problem_set(ret_problem, "the file of groups is too short to be one");
		return -EBADMSG;
	}
	list.bytes = (size_t)st.st_size;
	list.at = mmap(NULL, list.bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (list.at == MAP_FAILED)
		return -errno;
	list.device = st.st_dev;
	list.inode = st.st_ino;
	list.header = list.at;
	ret = header_check(list.header, list.bytes, ret_problem);
	if (ret) {
		ipacct_group_list_unmap(&list);
		return ret;
	}
	list.n_groups = list.header->n_groups;
	list.n_prefixes = list.header->n_prefixes;
	list.names = (const struct ipacct_groups_name *)(list.header + 1);
	list.prefixes = (const struct ipacct_groups_prefix *)(list.names + list.n_groups);
	list.n_in_domains = domains_end(&list);
	*ret_list = list;
	return 0;
}

void ipacct_group_list_unmap(struct ipacct_group_list *list)
{
	if (list->at)
		munmap(list->at, list->bytes);
	memset(list, 0, sizeof(*list));
}

static int compare(const struct ipacct_groups_prefix *prefix, uint32_t domain,
		   const struct ipacct_key *key)
{
	if (prefix->domain != domain)
		return prefix->domain < domain ? -1 : 1;
	return memcmp(prefix->addr_be, key->addr_be, sizeof(key->addr_be));
}

static bool holds(const struct ipacct_groups_prefix *prefix, uint32_t domain,
		  const struct ipacct_key *key)
{
	const uint8_t *a = (const uint8_t *)prefix->addr_be, *b = (const uint8_t *)key->addr_be;
	unsigned int whole = prefix->prefix_len / 8, rest = prefix->prefix_len % 8;

	if (prefix->domain != domain || prefix->prefix_len > 128 || memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

/* The number of the first prefix of from … to − 1 that begins after the key, or to. */
static uint32_t after(const struct ipacct_group_list *list, uint32_t from, uint32_t to,
		      uint32_t domain, const struct ipacct_key *key)
{
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (compare(&list->prefixes[middle], domain, key) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Prefixes are nested or apart. The longest around the address is the last one that begins at or
 * before it, or lies around that one. */
static const struct ipacct_groups_prefix *longest(const struct ipacct_group_list *list,
						  uint32_t from, uint32_t to, uint32_t domain,
						  const struct ipacct_key *key, uint8_t bits)
{
	uint32_t at = after(list, from, to, domain, key);

	if (at == from)
		return NULL;
	at--;
	while (list->prefixes[at].prefix_len > bits || !holds(&list->prefixes[at], domain, key)) {
		uint32_t parent = list->prefixes[at].parent;

		if (parent >= at)
			return NULL; /* none; and nothing goes round in circles */
		at = parent;
	}
	return &list->prefixes[at];
}

/* Among those of at most so many bits. */
static const struct ipacct_groups_prefix *prefix_find(const struct ipacct_group_list *list,
						      const struct ipacct_key *key, uint8_t bits)
{
	const struct ipacct_groups_prefix *own = NULL, *every;

	if (list->n_in_domains)
		own = longest(list, 0, list->n_in_domains, key->domain, key, bits);
	every = longest(list, list->n_in_domains, list->n_prefixes, IPACCT_GROUPS_EVERY_DOMAIN, key,
			bits);
	if (!own || (every && every->prefix_len > own->prefix_len))
		own = every;
	return own;
}

uint32_t ipacct_group_list_find_prefix(const struct ipacct_group_list *list,
				       const struct ipacct_key *key, uint8_t prefix_len)
{
	const struct ipacct_groups_prefix *prefix = prefix_find(list, key, prefix_len);

	return prefix && prefix->group < list->n_groups ? prefix->group : IPACCT_GROUP_NONE;
}

uint32_t ipacct_group_list_find(const struct ipacct_group_list *list, const struct ipacct_key *key)
{
	return ipacct_group_list_find_prefix(list, key, 128);
}

/* Whether a prefix longer than /64 lies in the /64 of the key: the last one that begins there then is
 * such a one. */
static bool inside_64(const struct ipacct_group_list *list, uint32_t from, uint32_t to,
		      uint32_t domain, const struct ipacct_key *key)
{
	struct ipacct_key last = *key;
	const struct ipacct_groups_prefix *prefix;
	uint32_t at;

	last.addr_be[2] = last.addr_be[3] = UINT32_MAX;
	at = after(list, from, to, domain, &last);
	if (at == from)
		return false;
	prefix = &list->prefixes[at - 1];
	return prefix->prefix_len > 64 && prefix->domain == domain &&
	       !memcmp(prefix->addr_be, key->addr_be, 8);
}

uint8_t ipacct_group_list_bits(const struct ipacct_group_list *list, const struct ipacct_key *key,
			       bool *ret_all)
{
	const struct ipacct_groups_prefix *prefix = prefix_find(list, key, 128);

	*ret_all =
		!inside_64(list, list->n_in_domains, list->n_prefixes, IPACCT_GROUPS_EVERY_DOMAIN,
			   key) &&
		(!list->n_in_domains || !inside_64(list, 0, list->n_in_domains, key->domain, key));
	if (!prefix || prefix->mask_len < IPACCT_MASK_LEN_MIN ||
	    prefix->mask_len < prefix->prefix_len || prefix->mask_len > 128)
		return 128;
	return prefix->mask_len;
}

uint64_t ipacct_group_list_mask(const struct ipacct_group_list *list)
{
	if (!list->at || !list->header->n_masked)
		return 0;
	return list->header->digest ? list->header->digest : 1;
}

void ipacct_group_list_name(const struct ipacct_group_list *list, uint32_t group,
			    char ret_name[IPACCT_SERIES_NAME_BYTES])
{
	memcpy(ret_name, list->names[group].name, IPACCT_SERIES_NAME_BYTES);
	ret_name[IPACCT_SERIES_NAME_BYTES - 1] = '\0';
}

static int open_again(struct ipacct_groups *groups, struct ipacct_problem *ret_problem)
{
	/* O_NONBLOCK: a fifo of that name must not hold us */
	int fd __cleanup(cleanup_fd) = beneath_open_path(groups->path, O_RDONLY | O_NONBLOCK);
	struct ipacct_group_list fresh;
	int ret = fd < 0 ? fd : 0;

	if (ret == -ENOENT)
		ipacct_problem_set(ret_problem, "no groups are configured: there is no %s",
				   groups->path);
	else if (ret)
		ipacct_problem_set(ret_problem, "cannot open %s: %s", groups->path, strerror(-ret));
	else
		ret = ipacct_group_list_map(fd, &fresh, ret_problem);
	if (ret)
		return ret;
	ipacct_group_list_unmap(&groups->list);
	groups->list = fresh;
	return 0;
}

int ipacct_groups_open(const char *runtime_dir, struct ipacct_groups **ret_groups,
		       struct ipacct_problem *ret_problem)
{
	struct ipacct_groups *groups;
	int ret;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	runtime_dir = runtime_dir ? runtime_dir : IPACCT_RUNTIME_DIR_DEFAULT;
	if (strlen(runtime_dir) + sizeof("/" IPACCT_GROUPS_NAME) > GROUPS_PATH_BYTES)
		return -ENAMETOOLONG;
	groups = calloc(1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	(void)snprintf(groups->path, sizeof(groups->path), "%s/%s", runtime_dir,
		       IPACCT_GROUPS_NAME); /* the length was checked */
	ret = open_again(groups, ret_problem);
	if (ret) {
		ipacct_groups_close(groups);
		return ret;
	}
	*ret_groups = groups;
	return 0;
}

void ipacct_groups_close(struct ipacct_groups *groups)
{
	if (!groups)
		return;
	ipacct_group_list_unmap(&groups->list);
	free(groups);
}

int ipacct_groups_reload(struct ipacct_groups *groups, struct ipacct_problem *ret_problem)
{
	struct stat st;

	if (groups->list.at && !stat(groups->path, &st) && st.st_ino == groups->list.inode &&
	    st.st_dev == groups->list.device)
		return 0;
	return open_again(groups, ret_problem);
}

int ipacct_groups_refresh(struct ipacct_groups *groups)
{
	return ipacct_groups_reload(groups, NULL);
}

const struct ipacct_groups_header *ipacct_groups_header(const struct ipacct_groups *groups)
{
	return groups->list.header;
}

int ipacct_groups_find_prefix(const struct ipacct_groups *groups, const struct ipacct_key *key,
			      uint8_t prefix_len, char ret_name[IPACCT_SERIES_NAME_BYTES])
{
	uint32_t group = ipacct_group_list_find_prefix(&groups->list, key, prefix_len);

	if (group == IPACCT_GROUP_NONE)
		return -ENOENT;
	ipacct_group_list_name(&groups->list, group, ret_name);
	return (int)group;
}

int ipacct_groups_find(const struct ipacct_groups *groups, const struct ipacct_key *key,
		       char ret_name[IPACCT_SERIES_NAME_BYTES])
{
	return ipacct_groups_find_prefix(groups, key, 128, ret_name);
}
