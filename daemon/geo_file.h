/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo file made and handed over by the supervisor; the worker fills it. */
#ifndef IPACCT_DAEMON_GEO_FILE_H
#define IPACCT_DAEMON_GEO_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Descriptor (read, write) of a geo file of exactly this size, mode 0640 and gid: the one that is
 * there, or an empty one renamed into its place. All blocks are allocated, so that no reader is hit
 * by SIGBUS on a full file system; nobody but its owner (who called this) can change its size.
 * fresh: an empty one whatever is there. Returns a negative errno on failure (-ENOSPC); then the
 * old file stays. */
int geo_file_take(int runtime_dir_fd, gid_t gid, uint32_t n_records_max, uint32_t strings_bytes_max,
		  bool fresh);

/* Absent is fine. */
void geo_file_remove(int runtime_dir_fd);

#endif
