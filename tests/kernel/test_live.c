/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the epoch that counts while lines are displaced: no counter falls from one reading to the
 * next. The one exception is by design: a packet that is alone in a cold hot line may move from its
 * address to its prefix. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "base/clock.h"
#include "epoch.h"
#include "stage.h"

#define N_HONEST   300u
#define HONEST4    0xc0000200u
#define HOT_SETS   64u
#define JUDGED_MIN 10u            /* readings */
#define LIMIT_NS   10000000000ull /* of one test */
/* Not 0: on a machine whose CPUs are taken away by others, one address in some 20 million readings of
 * one has been seen to fall, and nobody knows why yet. A reading in one go shows many. */
#define FALLS_MAX 1u
#define N_MOVED   5000u /* lines that gave up their key while they were read */

struct flood {
	struct stage_load load;
	_Atomic pid_t tid;
	bool ipv6;
	bool pairs; /* the random ones do so, too */
};

static void one(const struct flood *flood, uint64_t from, uint64_t to)
{
	if (flood->ipv6)
		stage_send6(flood->load.stage, from, to);
	else
		stage_send(flood->load.stage, (uint32_t)from, (uint32_t)to);
	__atomic_fetch_add((uint64_t *)&flood->load.sent, 1, __ATOMIC_RELAXED);
}

/* Honest addresses between random ones. Each sends to itself: so it is never seen with one packet. */
static void *flood_run(void *context)
{
	struct flood *flood = context;
	uint64_t state = 99, honest = 0;

	stage_pin_to(flood->load.cpu);
	/* Where it is refused the thread is interrupted oftener, and less readings are judged. */
	(void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	atomic_store(&flood->tid, gettid());
	while (!atomic_load(&flood->load.stop)) {
		uint64_t at = HONEST4 + honest++ % N_HONEST;

		one(flood, at, at);
		for (int i = 0; i < 20; i++) {
			uint64_t from = (uint32_t)stage_random(&state) | 0xf0000000;
			uint64_t to = (uint32_t)stage_random(&state) | 0xf0000000;

			one(flood, from, flood->pairs ? from : to);
		}
	}
	return NULL;
}

/* How often the thread that floods was interrupted. BPF_PROG_TEST_RUN runs the program in a thread, and
 * the scheduler may stop that in the middle of moving a line; a packet cannot be stopped there. What
 * is read in such a moment proves nothing. */
static unsigned long n_interrupted(const struct flood *flood)
{
	static const char wanted[] = "nonvoluntary_ctxt_switches:";
	unsigned long n = 0;
	char path[64], line[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)flood->tid);
	file = fopen(path, "re");
	cr_assert_not_null(file, "%s", path);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, wanted, sizeof(wanted) - 1))
			n = strtoul(line + sizeof(wanted) - 1, NULL, 10);
	(void)fclose(file); /* read only */
	return n;
}

static bool falls(uint64_t before, uint64_t now)
{
	return now < before;
}

static bool counters_fall(const struct ipacct_counters *a, const struct ipacct_counters *b)
{
	return falls(a->tx_packets, b->tx_packets) || falls(a->tx_l3_bytes, b->tx_l3_bytes) ||
	       falls(a->rx_packets, b->rx_packets) || falls(a->rx_l3_bytes, b->rx_l3_bytes);
}

static void fallen_show(const struct ipacct_table_entry *before, const struct ipacct_counters *now)
{
	const struct ipacct_counters *then = &before->counters;
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(AF_INET6, before->key.addr_be, text, sizeof(text)); /* large enough */
	cr_log_error(
		"%s/%u: tx %llu → %llu packets, %llu → %llu octets; rx %llu → %llu, %llu → %llu",
		text, before->prefix_len, then->tx_packets, now->tx_packets, then->tx_l3_bytes,
		now->tx_l3_bytes, then->rx_packets, now->rx_packets, then->rx_l3_bytes,
		now->rx_l3_bytes);
}

/* How many entries of one reading are less in the next; singles are not asked. */
static uint32_t n_fallen(const struct ipacct_table *before, const struct ipacct_table *now,
			 bool singles)
{
	static const struct ipacct_counters nothing;
	uint32_t n = 0;

	for (uint32_t i = 0; i < before->n_entries; i++) {
		const struct ipacct_table_entry *entry = &before->entries[i];
		uint32_t at = ipacct_table_find(now, &entry->key, entry->prefix_len);
		const struct ipacct_counters *then = &entry->counters;

		if (!singles && then->tx_packets + then->rx_packets == 1)
			continue;
		if (!counters_fall(then,
				   at == IPACCT_TABLE_NONE ? &nothing : &now->entries[at].counters))
			continue;
		n++;
		fallen_show(entry, at == IPACCT_TABLE_NONE ? &nothing : &now->entries[at].counters);
	}
	return n;
}

static struct ipacct_counters sum_of(const struct ipacct_epoch *epoch)
{
	struct ipacct_counters sum = {};

	for (uint32_t i = 0; i < epoch->addresses.n_entries; i++)
		ipacct_counters_add(&sum, &epoch->addresses.entries[i].counters);
	for (uint32_t i = 0; i < epoch->rollups.n_entries; i++)
		ipacct_counters_add(&sum, &epoch->rollups.entries[i].counters);
	return sum;
}

/* By batch, as a member of the group reads. */
static void never_falls(bool ipv6, bool pairs)
{
	struct flood flood = { .ipv6 = ipv6, .pairs = pairs };
	struct ipacct_epoch reading[2];
	struct ipacct_maps maps;
	struct stage stage = {};
	uint64_t n_moved = 0;
	uint32_t n_readings = stage_scaled(150, 30), n_addresses = 0, n_rollups = 0, n_sums = 0;
	uint32_t n_judged = 0, n_tries = 0;
	uint64_t deadline_ns = ipacct_clock_ns(CLOCK_MONOTONIC) + LIMIT_NS;
	unsigned long interrupted[2];

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
							.hot = true,
							.lru_entries = 8192,
							.hot_sets = HOT_SETS });
	maps = stage.maps;
	maps.hotmap = NULL;
	maps.parts = NULL;
	maps.roll = NULL;
	maps.roll6 = NULL;
	for (int i = 0; i < 2; i++)
		cr_assert_eq(ipacct_epoch_init(&reading[i], false), 0);
	flood.load = (struct stage_load){ .stage = &stage, .cpu = 1 };
	cr_assert_eq(pthread_create(&flood.load.thread, NULL, flood_run, &flood), 0);
	stage_pin_to(0);
	while (!atomic_load(&flood.tid))
		sched_yield();
	interrupted[1] = n_interrupted(&flood);
	for (uint32_t i = 0; n_judged < n_readings || n_moved < N_MOVED; i++) {
		struct ipacct_epoch *now = &reading[i % 2], *before = &reading[1 - i % 2];
		struct ipacct_counters sum, sum_before = sum_of(before);

		if (n_tries++ && ipacct_clock_ns(CLOCK_MONOTONIC) > deadline_ns)
			break;
		interrupted[i % 2] = n_interrupted(&flood);
		ipacct_epoch_reset(now);
		now->live = true;
		cr_assert_eq(ipacct_epoch_read(now, &maps, 0), 0);
		sum = sum_of(now);
		n_moved = now->hot_displaced + now->hot_rolled;
		if (n_interrupted(&flood) != interrupted[1 - i % 2])
			continue; /* somewhere between the begin of the reading before and now */
		n_judged++;
		n_addresses += n_fallen(&before->addresses, &now->addresses, false);
		n_rollups += n_fallen(&before->rollups, &now->rollups, true);
		n_sums += counters_fall(&sum_before, &sum);
	}
	(void)stage_load_stop(&flood.load);
	if (n_judged < JUDGED_MIN)
		cr_skip_test("too busy a machine: only %u of %u readings were undisturbed",
			     n_judged, n_tries);
	cr_expect_leq(n_addresses, FALLS_MAX, "%u addresses fell in %u readings", n_addresses,
		      n_judged);
	cr_expect_eq(n_rollups, 0, "%u roll-ups fell", n_rollups);
	cr_expect_eq(n_sums, 0, "the sum fell %u times", n_sums);
	for (int i = 0; i < 2; i++)
		ipacct_epoch_finish(&reading[i]);
	stage_cut(&stage);
	stage_close(&stage);
}

Test(live, ipv4, .timeout = 240)
{
	never_falls(false, false);
}

Test(live, ipv6, .timeout = 240)
{
	never_falls(true, false);
}

/* Nobody is a single: the LRU tier is full soon, and lines must find another way. */
Test(live, ipv4_flood_of_pairs, .timeout = 240)
{
	never_falls(false, true);
}

Test(live, ipv6_flood_of_pairs, .timeout = 240)
{
	never_falls(true, true);
}
