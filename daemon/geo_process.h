/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo worker as a child of the supervisor: start, tell, stop, and start again when it dies. */
#ifndef IPACCT_DAEMON_GEO_PROCESS_H
#define IPACCT_DAEMON_GEO_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "geo_settings.h"
#include "geo_sizing.h"
#include "ipacct/ipacct.h"

struct config;
struct geo_memory;
struct supervisor;

struct geo_process {
	pid_t pid;                 /* 0: none */
	int socket_fd;             /* −1: none */
	int file_fd;               /* the geo file, for its header; −1: none */
	struct geo_memory *memory; /* outlives workers: what one was doing when it died */
	struct geo_sizing room;    /* what this one was started with */
	bool crashed;              /* the last one, by a signal that it caused itself */
	bool fresh;                /* it asked for an empty file */
	uint32_t n_deaths;         /* in a row, without a long life in between */
	uint64_t n_restarts;
	uint64_t started_ms;
	uint64_t retry_ms; /* when to start it again; 0: not wanted */
};

void geo_process_init(struct geo_process *process);

/* File and worker as the configuration wants them; without databases and overrides neither is
 * there. What fails is said in the log and tried again: counting does not depend on it. */
void geo_process_start(struct supervisor *supervisor);
/* End it and wait (at most 2 s, then it is killed; records half written are repaired later). */
void geo_process_stop(struct supervisor *supervisor);
/* After SIGCHLD. */
void geo_process_reap(struct supervisor *supervisor);
/* When retry_ms has come. */
void geo_process_retry(struct supervisor *supervisor, uint64_t now_ms);
/* Could these settings be taken: is the operator's list without errors, and is there room in the
 * budget? Returns 0, or -EINVAL, -ENOSPC, … with words. */
int geo_process_check(const struct supervisor *supervisor, const struct config *config,
		      struct ipacct_problem *ret_problem);
/* The configuration was read again: the worker looks at its files again, too. */
void geo_process_reload(struct supervisor *supervisor);

#endif
