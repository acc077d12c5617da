/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line per figure. */
#include <stdlib.h>
#include <string.h>

#include "report.h"

void samples_add(struct samples *samples, double value)
{
	if (samples->n < REPORT_SAMPLES_MAX)
		samples->value[samples->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static struct samples sorted(const struct samples *samples)
{
	struct samples copy = *samples;

	qsort(copy.value, (size_t)copy.n, sizeof(copy.value[0]), compare);
	return copy;
}

double samples_median(const struct samples *samples)
{
	struct samples order = sorted(samples);

	return order.n ? order.value[order.n / 2] : 0;
}

static double ratio_median(const struct samples *samples, const struct samples *baseline)
{
	struct samples ratios = {};

	for (int i = 0; i < samples->n && i < baseline->n; i++)
		if (baseline->value[i] > 0)
			samples_add(&ratios, samples->value[i] / baseline->value[i]);
	return samples_median(&ratios);
}

void report(FILE *json, const char *name, const char *unit, const struct samples *samples,
	    const char *baseline_name, const struct samples *baseline)
{
	struct samples order = sorted(samples);
	double low = order.n ? order.value[0] : 0, high = order.n ? order.value[order.n - 1] : 0;
	double ratio = baseline ? ratio_median(samples, baseline) : 0;

	printf("%-46s %9.2f %-12s [%.2f … %.2f]", name, samples_median(samples), unit, low, high);
	if (baseline)
		printf("  %.2f x %s", ratio, baseline_name);
	putchar('\n');
	(void)fflush(stdout); /* progress for whoever watches */
	if (!json)
		return;
	(void)fprintf(json,
		      "{\"name\":\"%s\",\"value\":%.4f,\"unit\":\"%s\",\"n\":%d,\"min\":%.4f,"
		      "\"max\":%.4f,",
		      name, samples_median(samples), unit, samples->n, low, high);
	if (baseline)
		(void)fprintf(json, "\"baseline\":\"%s\",\"ratio\":%.4f}\n", baseline_name, ratio);
	else
		(void)fprintf(json, "\"baseline\":null,\"ratio\":null}\n");
}
