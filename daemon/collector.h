/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The unprivileged process that cuts and publishes, and what it says to the supervisor. */
#ifndef IPACCT_DAEMON_COLLECTOR_H
#define IPACCT_DAEMON_COLLECTOR_H

#include <stdint.h>

#include "cost_facts.h"
#include "drain_read.h"
#include "http_server.h"
#include "maps.h"
#include "place.h"
#include "series.h"

enum collector_command {
	COLLECTOR_READY = 1, /* from the collector: recovered, first cut committed */
	COLLECTOR_CUT,       /* cut now */
	COLLECTOR_INTERVAL,  /* value: ns */
	COLLECTOR_STATUS,
	COLLECTOR_GUARD, /* other prefixes are protected: cut, so that it holds for kept keys too */
};

/* One message each way per command, over a SOCK_SEQPACKET pair; the answer repeats the command. */
struct collector_message {
	uint32_t command;
	int32_t error; /* of the answer: 0 or negative errno */
	uint64_t value;
};

struct collector_status {
	uint64_t cut;
	uint64_t effective_interval_ns;
	uint64_t duration_last_ns, duration_p50_ns, duration_p99_ns, duration_max_ns;
	uint64_t resident_bytes;
	uint64_t n_syscalls; /* BPF calls of the last cut */
	uint64_t n_entries;
	uint64_t n_cuts; /* since this process began */
	uint64_t
		hot_lines_ipv4; /* in use at the last cut, over partitions, and how many there are */
	uint64_t hot_lines_ipv4_max;
	uint64_t hot_lines_ipv6;
	uint64_t hot_lines_ipv6_max;
	uint64_t guard_rolled; /* since the ledger began, as struct ipacct_ledger_cut */
	uint64_t guard_unrecorded;
};

struct collector_answer {
	struct collector_message message;
	struct collector_status status;
};

struct collector_settings {
	uint64_t interval_ns;
	struct http_settings http;
	struct series_settings series;
	struct cost_shared *cost;       /* the supervisor's page */
	const struct drain_set *drains; /* maps of earlier versions, to be emptied first */
	size_t n_drains;
};

/* Run until the other end of socket_fd closes (one last cut) or something cannot go on. Never
 * returns into the supervisor's code: the result is the exit status of the process.
 * Descriptors: only socket_fd, those of all maps, place->runtime_dir_fd and the one of HTTP may be
 * open, and stderr. */
int collector_run(struct ipacct_maps *maps, const struct place *place,
		  const struct collector_settings *settings, int socket_fd);

#endif
