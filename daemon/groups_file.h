/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of groups as a file of the runtime directory, and room for their records in the ledger. */
#ifndef IPACCT_DAEMON_GROUPS_FILE_H
#define IPACCT_DAEMON_GROUPS_FILE_H

#include <sys/types.h>

#include "config_groups.h"
#include "ipacct/ipacct.h"

/* Write the list under a temporary name, uid:gid 0640. Returns 0 or -errno. */
int groups_file_write(int runtime_dir_fd, uid_t uid, gid_t gid, struct group_image *image);
/* Give it its name; -errno. Before: groups_file_keep(). */
int groups_file_publish(int runtime_dir_fd);
/* Another list comes, or none: what is not in the ledger yet may be masked by the one of now, which
 * stays under a second name then. No collector runs. Returns 0 or -errno: then those counts will have a
 * record for each address. */
int groups_file_keep(int runtime_dir_fd);
/* Take it back. */
void groups_file_drop(int runtime_dir_fd);
/* There are no groups; after groups_file_keep(). */
void groups_file_remove(int runtime_dir_fd);
/* There is no ledger either. */
void groups_file_remove_all(int runtime_dir_fd);

/* A descriptor for reading, or a negative errno; -ENOENT: there are no groups. */
int groups_file_open(int runtime_dir_fd, struct ipacct_problem *ret_problem);
/* The same for the one that was kept, and its size; 0: it is the one of now, or there is none. */
int groups_file_open_kept(int runtime_dir_fd);
uint64_t groups_file_kept_bytes(int runtime_dir_fd);

/* See that every group of the list has a record in the ledger or finds room for one: else the ledger is
 * copied into a larger one. Groups that left the list keep their records until there are more than
 * n_records_most (IPACCT_GROUP_RECORDS_MAX); then the counts of all those go to "other".
 * No collector runs. Returns 0 or a negative errno: the ledger stays as it was, and groups without a
 * record will count as "other". */
int groups_ledger_prepare(int runtime_dir_fd, uid_t uid, gid_t gid, const struct group_image *image,
			  uint32_t n_records_most, struct ipacct_problem *ret_problem);

#endif
