/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside a struct ipacct_groups: the list of groups as its file has it. */
#ifndef IPACCT_LIB_GROUP_LIST_H
#define IPACCT_LIB_GROUP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipacct/abi.h"
#include "ipacct/ipacct.h"

#define GROUPS_PATH_BYTES 1100u      /* as reader.h */
#define IPACCT_GROUP_NONE UINT32_MAX /* no group holds the address */

/* A mapped list. The file may be any bytes: sizes are copied and checked once, numbers in it whenever
 * they are used. Nobody changes it once it has its name; root alone could. */
struct ipacct_group_list {
	void *at; /* NULL: closed */
	size_t bytes;
	dev_t device;
	ino_t inode;
	uint32_t n_groups;
	uint32_t n_prefixes;
	uint32_t n_in_domains; /* prefixes with a domain: they come first */
	const struct ipacct_groups_header *header;
	const struct ipacct_groups_name *names;
	const struct ipacct_groups_prefix *prefixes;
};

/* Map the file behind fd; the descriptor stays the caller's.
 * Errors: -EBADMSG no list or shorter than it says; -EPROTO other ABI version; -errno. */
int ipacct_group_list_map(int fd, struct ipacct_group_list *ret_list,
			  struct ipacct_problem *ret_problem);
/* Accepts a closed or zeroed one. */
void ipacct_group_list_unmap(struct ipacct_group_list *list);

/* The group of the longest prefix that holds the address, or IPACCT_GROUP_NONE. A prefix of the key's
 * own domain wins over one of the same length for every domain. */
uint32_t ipacct_group_list_find(const struct ipacct_group_list *list, const struct ipacct_key *key);

/* The same among prefixes of at most so many bits: that hold all of key/prefix_len. */
uint32_t ipacct_group_list_find_prefix(const struct ipacct_group_list *list,
				       const struct ipacct_key *key, uint8_t prefix_len);

/* By how many bits the record of an IPv6 address is known: IPACCT_MASK_LEN_MIN … 128.
 * ret_all: so are those of all addresses of its /64. */
uint8_t ipacct_group_list_bits(const struct ipacct_group_list *list, const struct ipacct_key *key,
			       bool *ret_all);

/* What the ledger calls the list when it masks by it; 0: it masks nothing (nor does a closed one). */
uint64_t ipacct_group_list_mask(const struct ipacct_group_list *list);

/* Copy the name of a group, always terminated. */
void ipacct_group_list_name(const struct ipacct_group_list *list, uint32_t group,
			    char ret_name[IPACCT_SERIES_NAME_BYTES]);

static inline uint64_t ipacct_group_list_bytes(uint32_t n_groups, uint32_t n_prefixes)
{
	return sizeof(struct ipacct_groups_header) +
	       (uint64_t)n_groups * sizeof(struct ipacct_groups_name) +
	       (uint64_t)n_prefixes * sizeof(struct ipacct_groups_prefix);
}

struct ipacct_groups {
	char path[GROUPS_PATH_BYTES];
	struct ipacct_group_list list;
};

/* Map the list again if another file has its name now, or if it is closed. */
int ipacct_groups_reload(struct ipacct_groups *groups, struct ipacct_problem *ret_problem);

#endif
