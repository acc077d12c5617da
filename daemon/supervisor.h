/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The privileged process: attaches, watches links, keeps the collector alive, answers `control`. */
#ifndef IPACCT_DAEMON_SUPERVISOR_H
#define IPACCT_DAEMON_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector.h"
#include "config_groups.h"
#include "control.h"
#include "cost.h"
#include "geo_process.h"
#include "guard.h"
#include "http_listen.h"
#include "http_secrets.h"
#include "pin_watch.h"
#include "place.h"
#include "ports.h"
#include "reload.h"
#include "rtnl.h"
#include "sizing.h"
#include "takeover.h"
#include "watchdog.h"

#define RETRY_MS 1000 /* something that failed is tried again after this */

struct supervisor {
	struct config config;
	int argc; /* the command line, read again by a reload */
	char **argv;
	struct place place;
	struct sizing sizing;
	struct ipacct_maps maps;
	bool maps_made;           /* by this process (to undo a failed start) */
	struct takeover takeover; /* maps of earlier versions, until they are drained */
	bool ledger_converted;    /* from an earlier version, by this process */
	bool upgrade_final; /* a program was replaced or a collector ran: nothing is put back */
	struct rtnl rtnl;
	struct ports ports;
	struct pin_watch pins;
	struct guard_set guard;             /* protected prefixes */
	struct guard_set guard_before;      /* those that the start found (to undo a failed one) */
	bool guard_begun;                   /* the start has changed them */
	struct group_image group_image;     /* of the start, until it is in its file */
	struct ipacct_groups_header groups; /* of the list in use; magic 0: none */
	struct control control;
	struct reload reload;
	struct http_listener http;
	struct http_secrets secrets;
	struct dispatcher_use dispatcher;
	struct geo_process geo;
	struct cost cost;     /* what all of this takes */
	pid_t collector_pid;  /* 0: none */
	int collector_fd;     /* −1: none */
	bool collector_ready; /* one has recovered and cut */
	bool ready_pending;   /* it said so, and nothing was done about it yet */
	bool ledger_made;     /* by this process */
	int collector_exit;   /* exit status of one that cannot run at all; −1: none */
	uint64_t collector_started_ms;
	uint64_t started_ms;  /* CLOCK_MONOTONIC */
	uint64_t deadline_ms; /* --duration; 0 = none */
	uint64_t confirm_ms;  /* --confirm; 0 = none or confirmed */
	uint64_t retry_ms;    /* next try of something that failed; 0 = none */
	struct watchdog watchdog;
	int signal_fd;
	bool stop;
	int exit_code;
};

/* Run to the end; returns the exit code. */
int supervisor_run(int argc, char **argv, const struct config *config);

/* Ask the collector and wait for its answer. −ETIMEDOUT after 10 s; −EPIPE when it is not there. */
int supervisor_ask(struct supervisor *supervisor, uint32_t command, uint64_t value,
		   struct collector_answer *ret_answer);

/* What `control` may ask for. Returns 0 or a negative errno, with words in ret_problem. */
int supervisor_detach(struct supervisor *supervisor, const char *const *ifnames, size_t n_ifnames,
		      struct ipacct_problem *ret_problem);

/* Try again what failed at at_ms of CLOCK_MONOTONIC. The earlier wish wins: news of links must not put
 * a dead collector's restart off. */
void supervisor_retry_at(struct supervisor *supervisor, uint64_t at_ms);

#endif
