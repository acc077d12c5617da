// SPDX-License-Identifier: GPL-2.0-or-later
/* How far a long replay is. */
#include "replay_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common.h"
#include "common_text.h"

#define FIRST_NS    (500 * NS_PER_MS) /* what a person waits for without asking */
#define EACH_NS     (200 * NS_PER_MS)
#define CLEAR_RIGHT "\033[K" /* ECMA-48 EL */

void progress_begin(struct progress *progress, uint64_t total_bytes)
{
	uint64_t now_ns = tool_monotonic_ns();

	*progress = (struct progress){
		.wanted = isatty(STDERR_FILENO) == 1,
		.total_bytes = total_bytes,
		.begun_ns = now_ns,
		.next_ns = now_ns + FIRST_NS,
	};
}

void progress_tick(struct progress *progress, uint64_t n_bytes, uint64_t n_packets)
{
	char packets[TEXT_NUMBER_BYTES], rate[TEXT_NUMBER_BYTES], left[TEXT_TIME_BYTES];
	uint64_t now_ns = progress->wanted ? tool_monotonic_ns() : 0, spent_ns;
	double share;

	if (now_ns < progress->next_ns || !progress->wanted)
		return;
	spent_ns = now_ns - progress->begun_ns;
	fprintf(stderr, "\r%s packets, %s/s", text_count(n_packets, TEXT_SI, packets),
		text_rate((double)n_packets * (double)NS_PER_S / (double)spent_ns, TEXT_SI, rate));
	if (progress->total_bytes && n_bytes) {
		share = (double)n_bytes / (double)progress->total_bytes;
		share = share > 1 ? 1 : share; /* the file may be growing */
		fprintf(stderr, ", %.0f %%, %s left", 100 * share,
			text_age((uint64_t)((double)spent_ns / share * (1 - share)), left));
	}
	fputs(CLEAR_RIGHT, stderr);
	progress->shown = true;
	progress->next_ns = now_ns + EACH_NS;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r" CLEAR_RIGHT, stderr);
	progress->shown = false;
}
