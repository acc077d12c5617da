/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples, medians, and one line per figure: a table on stdout, JSON lines where asked. */
#ifndef IPACCT_BENCH_REPORT_H
#define IPACCT_BENCH_REPORT_H

#include <stdio.h>

#define REPORT_SAMPLES_MAX 64

struct samples {
	double value[REPORT_SAMPLES_MAX];
	int n;
};

void samples_add(struct samples *samples, double value);
double samples_median(const struct samples *samples);

/* json: NULL or a stream. baseline: NULL or the samples this was paired with, in the same order; the
 * ratio printed is the median of the ratios pair by pair. */
void report(FILE *json, const char *name, const char *unit, const struct samples *samples,
	    const char *baseline_name, const struct samples *baseline);

#endif
