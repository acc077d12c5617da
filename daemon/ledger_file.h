/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger as a file: made, enlarged and handed over by the supervisor. */
#ifndef IPACCT_DAEMON_LEDGER_FILE_H
#define IPACCT_DAEMON_LEDGER_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "ledger.h"

/* Open for reading and writing below the runtime directory, never through a symbolic link.
 * Returns a descriptor or a negative errno (-ENOENT: none there). */
int ledger_file_open(int runtime_dir_fd);

/* See that a ledger with at least this room is there, owned by uid:gid with mode 0640.
 * A new one begins at the given instance. A smaller one is copied into a larger and renamed over
 * it (the old one stays when there is no space). A damaged one is moved aside as ledger.damaged.
 * The caller holds the daemon's lock and no collector runs. Sizes of what is there afterwards are
 * returned. Errors: -EPROTO other ABI version (nothing changed); -ENOSPC; -errno. */
int ledger_file_prepare(int runtime_dir_fd, uid_t uid, gid_t gid, uint32_t *n_rollups_max,
			uint32_t *n_addresses_max, struct ipacct_problem *ret_problem);

/* Make an empty file (of a directory, or of memory) an empty ledger with this room. */
int ledger_file_init(int fd, uint32_t n_rollups_max, uint32_t n_addresses_max);

/* The same with room for so many groups. */
int ledger_file_init_groups(int fd, uint32_t n_rollups_max, uint32_t n_addresses_max,
			    uint32_t n_groups_max);

/* The ledger of a directory anew: what `old` has committed, with room for so many groups. No collector
 * runs. change: may change the copy before it gets the ledger's name; NULL: it stays a copy.
 * -ENOSPC, -errno: the old file stays. */
int ledger_file_groups(int runtime_dir_fd, uid_t uid, gid_t gid, const struct ipacct_ledger *old,
		       uint32_t n_groups_max, void (*change)(void *context, struct ipacct_ledger *),
		       void *context);

/* An empty file of full length under a name that only the other two know: one gives it the ledger's,
 * one removes it. They return a descriptor, 0 or a negative errno. */
int ledger_file_create(int dir_fd, uid_t uid, gid_t gid, uint32_t n_rollups_max,
		       uint32_t n_addresses_max, uint32_t n_groups_max);
int ledger_file_publish(int dir_fd);
void ledger_file_discard(int dir_fd);

/* Copy what `from` has committed into an empty ledger with at least its room. */
int ledger_file_copy(int fd, const struct ipacct_ledger *from);

#endif
