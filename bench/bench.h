/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every case of the bench knows: how long to measure, and where figures go. */
#ifndef IPACCT_BENCH_BENCH_H
#define IPACCT_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "figures.h"

#define BENCH_SCRATCH "/dev/shm" /* a tmpfs of our own there, gone with the process */

#define BENCH_ONLY_MAX 16

struct bench {
	bool quick;
	int n_runs;      /* pairs of a ratio: at least 5 */
	uint32_t repeat; /* frames of a run: at least 10^6 (FAULTS §5: 2 … 10^5 can stall) */
	int n_cpus;      /* CPUs that send, 1 or 2 */
	int cpus[2];
	const char *only[BENCH_ONLY_MAX]; /* shell patterns of case names */
	int n_only;                       /* none: all cases */
	const char *dump;                 /* path of ipacct-dump, NULL = not measured */
	const char *top;                  /* the same of ipacct-top */
	FILE *json;
	int n_failed; /* assertions that did not hold: the exit status is 1 */
};

/* For what makes measuring impossible: prints and ends. */
void die(const char *what, int error) __attribute__((noreturn));

/* An assertion of a case: prints and is remembered. */
void fail(struct bench *bench, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether --only wants this case; prints a heading if so. */
bool wanted(const struct bench *bench, const char *case_name);

double clock_s(clockid_t clock);
void pin_to(int cpu);
void pin_to_any(const struct bench *bench); /* undoes it */

/* The cases, one function a file or two. */
void datapath_cases(struct bench *bench);
void floor_case(struct bench *bench);
void scaling_cases(struct bench *bench);
void loss_case(struct bench *bench);
void egress_cases(struct bench *bench);
void features_cases(struct bench *bench);
void planned_cases(struct bench *bench);
void inner_cases(struct bench *bench);
void honest_cases(struct bench *bench);
void reading_cases(struct bench *bench);
void slowed_cases(struct bench *bench);
void cutting_cases(struct bench *bench);
void ledger_case(struct bench *bench);
void groups_cases(struct bench *bench);
void live_case(struct bench *bench);
void micro_cases(struct bench *bench);
void shapes_case(struct bench *bench);
void render_case(struct bench *bench);
void top_cases(struct bench *bench);

#endif
