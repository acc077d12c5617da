/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's view of links: news of changes, and counters, by rtnetlink (libnl). */
#ifndef IPACCT_DAEMON_RTNL_H
#define IPACCT_DAEMON_RTNL_H

#include <stdbool.h>
#include <stdint.h>

struct nl_sock;

struct rtnl {
	struct nl_sock *news;    /* subscribed to RTNLGRP_LINK and RTNLGRP_TC */
	struct nl_sock *request; /* questions and answers */
};

struct rtnl_counters {
	uint64_t packets; /* rtnl_link_stats64: rx, or tx of departures */
	uint64_t bytes;
};

int rtnl_init(struct rtnl *rtnl);
void rtnl_finish(struct rtnl *rtnl); /* accepts zeroed */
int rtnl_fd(const struct rtnl *rtnl);

/* Read everything that waits on rtnl_fd(). The messages only say *that* something changed (and
 * after an overflow not even that is whole): the caller looks at the state itself. Returns whether
 * there was any. */
int rtnl_drain(struct rtnl *rtnl);

/* departures: tx instead of rx. */
int rtnl_counters_read(struct rtnl *rtnl, uint32_t ifindex, bool departures,
		       struct rtnl_counters *ret_counters);

#endif
