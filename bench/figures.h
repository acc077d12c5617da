/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples, medians, and one line per figure: a table on stdout, JSON lines where asked. */
#ifndef IPACCT_BENCH_FIGURES_H
#define IPACCT_BENCH_FIGURES_H

#include <stdio.h>

#define SAMPLES_MAX 1024 /* the thousand cuts of a p999 */

struct samples {
	double value[SAMPLES_MAX];
	int n;
};

/* Ends the program when there are too many: none may vanish. */
void samples_add(struct samples *samples, double value);

/* q of 0 … 1, the nearest rank; 0 without samples. */
double samples_quantile(const struct samples *samples, double q);

/* name: parts with slashes, as in README.md. unit: see compare.py, which must know it.
 * baseline: NULL, or the samples this was paired with, in the same order: the ratio is the median of
 * the ratios pair by pair, ratio_min and ratio_max their extremes. */
void figure(FILE *json, const char *name, const char *unit, const struct samples *samples,
	    const char *baseline_name, const struct samples *baseline);

/* A figure of one value. */
void figure_value(FILE *json, const char *name, const char *unit, double value);

/* name_of(buffer, "a", "b") = "a/b" */
#define FIGURE_NAME_BYTES 128
const char *name_of(char *buffer, const char *first, const char *second);

#endif
