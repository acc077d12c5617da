/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One MaxMind DB file, copied before it is used: nothing that happens to the file afterwards can
 * reach us, and a SIGBUS in the middle of a look-up cannot be. */
#ifndef IPACCT_DAEMON_GEO_DATABASE_H
#define IPACCT_DAEMON_GEO_DATABASE_H

#include <maxminddb.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "geo_settings.h"
#include "ipacct/ipacct.h"

#define GEO_DATABASE_BYTES_MAX (2ull << 30) /* larger than the largest on sale; a sanity limit */

/* Which content a path had: another file, or another content, differs in one of these. */
struct geo_identity {
	uint64_t device;
	uint64_t inode;
	uint64_t bytes;
	uint64_t changed_ns; /* mtime; all zero: no file */
};

struct geo_database {
	bool open;
	int copy_fd; /* a memfd with its content; the caller's */
	struct geo_identity identity;
	MMDB_s mmdb;
};

/* Identity of the regular file at path; follows symbolic links. Returns 0, -EINVAL for another kind
 * of file, or -errno; *ret_identity is zero then. */
int geo_identity_of(const char *path, struct geo_identity *ret_identity);
bool geo_identity_equal(const struct geo_identity *a, const struct geo_identity *b);

/* Copy the file at path into the memfd copy_fd (whatever it held) and open that.
 * bytes_max:    a larger file is refused.
 * settings:     where fields are: a database that has none of them is refused.
 * ret_database: written on success only; end it with geo_database_close().
 * ret_problem:  what is wrong, without the path.
 * Errors: -ENOENT, -EACCES, … of the file; -EFBIG; -EBADMSG damaged, or not a MaxMind DB; -ENODATA
 * nothing in it that we could use; -EAGAIN it changed while it was read; -ENOMEM. */
int geo_database_open(const char *path, int copy_fd, uint64_t bytes_max,
		      const struct geo_settings *settings, struct geo_database *ret_database,
		      struct ipacct_problem *ret_problem);

/* Accepts a closed or zeroed one. Gives the copy's memory back; the descriptor stays open. */
void geo_database_close(struct geo_database *database);

/* Look an address up. Returns 1 with its entry, 0 when the database does not know it, -EBADMSG. */
int geo_database_find(const struct geo_database *database, const struct ipacct_key *key,
		      MMDB_entry_s *ret_entry);

#endif
