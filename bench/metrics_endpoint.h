/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP endpoint over a ledger with every series there may be. */
#ifndef IPACCT_BENCH_METRICS_ENDPOINT_H
#define IPACCT_BENCH_METRICS_ENDPOINT_H

#include <netinet/in.h>

#include "http_server.h"
#include "metrics_stage.h"
#include "series_limits.h"

struct endpoint {
	struct stage stage;
	struct series *series;
	struct stats_shared shared;
	struct metrics_source source;
	struct http_server *server;
	struct sockaddr_in address;
	int listen_fd;
};

void endpoint_open(struct endpoint *endpoint);
void endpoint_close(struct endpoint *endpoint);

#endif
