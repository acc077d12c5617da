/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The unprivileged, network-less process that knows who and where: it writes the geo file. */
#ifndef IPACCT_DAEMON_GEO_WORKER_H
#define IPACCT_DAEMON_GEO_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "geo_memory.h"
#include "geo_settings.h"

#define GEO_EXIT_FRESH \
	4 /* the file is of no use (damaged, or full of old names): make an empty one */

struct geo_start {
	pid_t supervisor_pid;
	uid_t uid;
	gid_t gid;
	int socket_fd;        /* its end is the order to end; a struct geo_settings is a reload */
	int ledger_fd;        /* read only */
	int geo_fd;           /* read, write; closed once it is mapped */
	uint64_t interval_ns; /* while no collector says one */
	uint64_t databases_bytes_max; /* of the copies together */
	uint64_t memory_bytes;        /* planned for all of this process */
	bool crashed;                 /* the worker before this one */
	struct geo_memory *memory;
	const struct geo_settings *settings;
};

/* Run until the other end of socket_fd closes; the result is the exit status of the process. */
int geo_worker_run(const struct geo_start *start);

#endif
