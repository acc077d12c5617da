// SPDX-License-Identifier: GPL-2.0-or-later
/* A minute of rates, second by second, however long the steps are. */
#include "top_history.h"

#include <string.h>

#include "common.h"

#define LEVELS 8u

static void push(struct top_history *history, double rate)
{
	memmove(history->rate, history->rate + 1, (TOP_HISTORY_S - 1) * sizeof(history->rate[0]));
	history->rate[TOP_HISTORY_S - 1] = rate;
	history->n += history->n < TOP_HISTORY_S;
}

void top_history_add(struct top_history *history, uint64_t covered_ns, double amount)
{
	double per_ns = covered_ns ? amount / (double)covered_ns : 0;

	/* a tenth early is a second, as for the windows: steps of 999 ms must not skip one */
	if (history->rest_ns == 0 && covered_ns > NS_PER_S - NS_PER_S / 10 &&
	    covered_ns < NS_PER_S + NS_PER_S / 10) {
		push(history, per_ns * (double)NS_PER_S);
		return;
	}
	while (covered_ns) {
		uint64_t part_ns = NS_PER_S - history->rest_ns;

		if (part_ns > covered_ns)
			part_ns = covered_ns;
		history->rest += per_ns * (double)part_ns;
		history->rest_ns += part_ns;
		covered_ns -= part_ns;
		if (covered_ns > 2 * (uint64_t)TOP_HISTORY_S * NS_PER_S)
			covered_ns = 2 * (uint64_t)TOP_HISTORY_S * NS_PER_S; /* all are the same */
		if (history->rest_ns < NS_PER_S)
			continue;
		push(history, history->rest);
		history->rest_ns = 0;
		history->rest = 0;
	}
}

double top_history_peak(const struct top_history *history)
{
	double peak = 0;

	for (size_t i = TOP_HISTORY_S - history->n; i < TOP_HISTORY_S; i++)
		if (history->rate[i] > peak)
			peak = history->rate[i];
	return peak;
}

/* 0: nothing; 1 … 8: eighths of the peak, upwards: a little is seen, too. */
static unsigned int level(double rate, double peak)
{
	double eighths = peak > 0 ? rate * LEVELS / peak : 0;
	unsigned int whole = (unsigned int)eighths;

	if (rate <= 0)
		return 0;
	whole += eighths > (double)whole;
	return whole > LEVELS ? LEVELS : whole;
}

char *top_history_text(const struct top_history *history, size_t columns, bool ascii,
		       char buffer[TOP_SPARK_BYTES])
{
	double peak = top_history_peak(history);
	char *to = buffer;

	if (columns > TOP_HISTORY_S)
		columns = TOP_HISTORY_S;
	for (size_t i = TOP_HISTORY_S - columns; i < TOP_HISTORY_S; i++) {
		bool known = i >= TOP_HISTORY_S - history->n;
		unsigned int eighths = known ? level(history->rate[i], peak) : 0;

		if (ascii || eighths == 0) {
			*to++ = " .,:-=+*#"[eighths];
			continue;
		}
		*to++ = '\xe2'; /* U+2580 is E2 96 80 */
		*to++ = '\x96';
		*to++ = (char)(0x80 + eighths);
	}
	*to = '\0';
	return buffer;
}
