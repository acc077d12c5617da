/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the cases of /metrics stand on. */
#ifndef IPACCT_BENCH_METRICS_STAGE_H
#define IPACCT_BENCH_METRICS_STAGE_H

#include <stdio.h>
#include <time.h>

#include "../tests/geo_image.h"
#include "publish.h"
#include "report.h"
#include "series.h"

struct options {
	int runs;
	FILE *json;
};

/* A ledger of its own, and an epoch with n addresses in random order. */
struct stage {
	char dir[64];
	int dir_fd, ledger_fd;
	struct publisher publisher;
	struct ipacct_epoch epoch;
	struct geo_image geo;
	uint64_t cut;
};

_Noreturn void die(const char *what, int error);
double clock_s(clockid_t clock);

void stage_open(struct stage *stage, uint32_t n_addresses);

/* After the first publish: a record in the geo file for each address. */
void geo_make(struct stage *stage);

/* Seconds of CPU of one cut's publishing. */
double publish_s(struct stage *stage);

void stage_close(struct stage *stage);

/* The cases. */
void scrape_cases(const struct options *options);
void crowd_case(const struct options *options);

#endif
