/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The total rate of the last minute, as a line of blocks. */
#ifndef IPACCT_TOOLS_TOP_HISTORY_H
#define IPACCT_TOOLS_TOP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_HISTORY_S   60u
#define TOP_SPARK_BYTES (3u * TOP_HISTORY_S + 1) /* U+2581 … U+2588 have three octets in UTF-8 */

/* Zeroed storage is an empty one. */
struct top_history {
	double rate[TOP_HISTORY_S]; /* of each second, newest last */
	size_t n;                   /* seconds that are known */
	uint64_t rest_ns;           /* of the second that has begun … */
	double rest;                /* … and what it has so far */
};

/* A step covered so long and had so much. */
void top_history_add(struct top_history *history, uint64_t covered_ns, double amount);
double top_history_peak(const struct top_history *history);

/* The newest `columns` seconds (60 at most) from left to right; the highest is the peak of those known.
 * What is not known is blank. ascii: " .,:-=+*#", else U+2581 … U+2588 and a blank for nothing. */
char *top_history_text(const struct top_history *history, size_t columns, bool ascii,
		       char buffer[TOP_SPARK_BYTES]);

#endif
