/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line per figure. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void samples_add(struct samples *samples, double value)
{
	if (samples->n == SAMPLES_MAX)
		die("more samples than SAMPLES_MAX", 0);
	samples->value[samples->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double samples_quantile(const struct samples *samples, double q)
{
	static struct samples order; /* one thread reports */
	int rank;

	if (!samples->n)
		return 0;
	order.n = samples->n;
	memcpy(order.value, samples->value, (size_t)order.n * sizeof(order.value[0]));
	qsort(order.value, (size_t)order.n, sizeof(order.value[0]), compare);
	rank = (int)(q * order.n);
	return order.value[rank < order.n ? rank : order.n - 1];
}

static void ratios_of(const struct samples *samples, const struct samples *baseline,
		      struct samples *ret_ratios)
{
	ret_ratios->n = 0;
	for (int i = 0; i < samples->n && i < baseline->n; i++)
		if (baseline->value[i] > 0)
			samples_add(ret_ratios, samples->value[i] / baseline->value[i]);
}

void figure(FILE *json, const char *name, const char *unit, const struct samples *samples,
	    const char *baseline_name, const struct samples *baseline)
{
	double median = samples_quantile(samples, 0.5), min = samples_quantile(samples, 0),
	       max = samples_quantile(samples, 1);
	static struct samples ratios;

	ratios.n = 0;
	if (baseline_name)
		ratios_of(samples, baseline, &ratios);
	printf("%-46s %11.6g %-18s", name, median, unit);
	if (samples->n > 1)
		printf(" [%.4g … %.4g]", min, max);
	if (ratios.n)
		printf("  %.3f x %s [%.3f … %.3f]", samples_quantile(&ratios, 0.5), baseline_name,
		       samples_quantile(&ratios, 0), samples_quantile(&ratios, 1));
	putchar('\n');
	(void)fflush(stdout); /* progress for whoever watches */
	if (!json)
		return;
	(void)fprintf(json,
		      "{\"name\":\"%s\",\"value\":%.9g,\"unit\":\"%s\",\"n\":%d,\"min\":%.9g,"
		      "\"max\":%.9g,",
		      name, median, unit, samples->n, min, max);
	if (ratios.n)
		(void)fprintf(json,
			      "\"baseline\":\"%s\",\"ratio\":%.6g,\"ratio_min\":%.6g,\"ratio_max\":"
			      "%.6g}\n",
			      baseline_name, samples_quantile(&ratios, 0.5),
			      samples_quantile(&ratios, 0), samples_quantile(&ratios, 1));
	else
		(void)fprintf(json, "\"baseline\":null,\"ratio\":null}\n");
	(void)fflush(json); /* what was measured survives a later failure */
}

void figure_value(FILE *json, const char *name, const char *unit, double value)
{
	static struct samples one;

	one.n = 0;
	samples_add(&one, value);
	figure(json, name, unit, &one, NULL, NULL);
}

const char *name_of(char *buffer, const char *first, const char *second)
{
	(void)snprintf(buffer, FIGURE_NAME_BYTES, "%s/%s", first, second);
	return buffer;
}
