/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the collector knows of its own work, for the HTTP thread. Since this process began. */
#ifndef IPACCT_DAEMON_STATS_H
#define IPACCT_DAEMON_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* X(upper bound in ns, the same in seconds as Prometheus writes floats): powers of two of µs */
#define DURATION_BUCKETS(X)        \
	X(64000u, "6.4e-05")       \
	X(128000u, "0.000128")     \
	X(256000u, "0.000256")     \
	X(512000u, "0.000512")     \
	X(1024000u, "0.001024")    \
	X(2048000u, "0.002048")    \
	X(4096000u, "0.004096")    \
	X(8192000u, "0.008192")    \
	X(16384000u, "0.016384")   \
	X(32768000u, "0.032768")   \
	X(65536000u, "0.065536")   \
	X(131072000u, "0.131072")  \
	X(262144000u, "0.262144")  \
	X(524288000u, "0.524288")  \
	X(1048576000u, "1.048576") \
	X(2097152000u, "2.097152") \
	X(UINT64_MAX, "+Inf")

#define DURATION_COUNT(ns, text) +1
#define N_DURATION_BUCKETS       (0 DURATION_BUCKETS(DURATION_COUNT))

struct duration_histogram {
	uint64_t bucket[N_DURATION_BUCKETS]; /* not cumulative */
	uint64_t sum_ns;
};

void duration_add(struct duration_histogram *histogram, uint64_t duration_ns);

/* Nothing but 64-bit words. */
struct stats {
	struct duration_histogram cut;     /* from the switch of the epoch to the end of clearing */
	struct duration_histogram read;    /* reading and folding the epoch at rest */
	struct duration_histogram publish; /* adding it to the ledger */
	uint64_t cut_errors;               /* cuts that could not be published yet */
	uint64_t last_commit_ns;           /* CLOCK_BOOTTIME */
	uint64_t effective_interval_ns;
	uint64_t interval_ns;
	uint64_t interval_since_ns; /* CLOCK_BOOTTIME of the last time that somebody set it */
	uint64_t last_duration_ns;
	uint64_t n_syscalls; /* the rest: of the last cut */
	uint64_t n_addresses;
	uint64_t lru_inserts;
	uint64_t lru_budget;
	uint64_t hot_rolled;
	uint64_t hot_displaced;
	uint64_t hot_lines_ipv4; /* in use, and how many there are */
	uint64_t hot_lines_ipv4_max;
	uint64_t hot_lines_ipv6;
	uint64_t hot_lines_ipv6_max;
	uint64_t cut_cpu_ns; /* of all cuts */
};

/* Written by the cutting thread, read by the other; zeroed storage is valid. */
struct stats_shared {
	uint32_t sequence;
	uint32_t reserved;
	struct stats stats;
};

void stats_publish(struct stats_shared *shared, const struct stats *stats);
/* False: no whole state could be had, *ret_stats is what it was. */
bool stats_read(const struct stats_shared *shared, struct stats *ret_stats);

#endif
