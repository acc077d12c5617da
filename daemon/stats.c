/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the collector knows of its own work. */
#include "shared_words.h"
#include "stats.h"

#define N_WORDS (sizeof(struct stats) / sizeof(uint64_t))
_Static_assert(sizeof(struct stats) % sizeof(uint64_t) == 0, "words");

void duration_add(struct duration_histogram *histogram, uint64_t duration_ns)
{
#define BOUND(ns, text) ns,
	static const uint64_t bounds[] = { DURATION_BUCKETS(BOUND) };
#undef BOUND
	unsigned int i = 0;

	while (duration_ns > bounds[i])
		i++;
	histogram->bucket[i]++;
	histogram->sum_ns += duration_ns;
}

void stats_publish(struct stats_shared *shared, const struct stats *stats)
{
	shared_write(&shared->sequence, (uint64_t *)&shared->stats, (const uint64_t *)stats,
		     N_WORDS);
}

bool stats_read(const struct stats_shared *shared, struct stats *ret_stats)
{
	struct stats stats;

	if (!shared_read(&shared->sequence, (const uint64_t *)&shared->stats, (uint64_t *)&stats,
			 N_WORDS))
		return false;
	*ret_stats = stats;
	return true;
}
