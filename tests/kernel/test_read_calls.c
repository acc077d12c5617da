/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cuts and live snapshots, call by call: whichever fails is told, and what the
 * next try makes of it is what was sent. */
#include <errno.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "crowd.h"

#define LRU_ENTRIES 1024u

static struct crowd crowd;

static void expect_ledger(unsigned int at)
{
	crowd_expect_snapshot(&crowd, stage_snapshot(&crowd.stage), at);
}

/* A collector that begins and cuts: one call of all that fails, and the next cut has all. */
static void a_cut_fails(enum calls_kind kind, int error, bool membarrier)
{
	struct cutter *cutter = &crowd.stage.cutter;
	unsigned int at = 1;
	bool failed = true;

	crowd_open(&crowd, true, LRU_ENTRIES);
	calls_membarrier_refuse(!membarrier);
	for (; at < CALLS_MAX && failed; at++) {
		int ret;

		crowd_all(&crowd);
		crowd_flood(&crowd);
		crowd_flood(&crowd);
		cutter_finish(cutter);
		calls_fail(kind, at, error);
		ret = cutter_init(cutter, &crowd.stage.maps, crowd.stage.ledger_fd, NULL);
		if (!ret)
			ret = cutter_recover(cutter);
		if (!ret)
			ret = cutter_cut(cutter);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -error : 0, "call %u: %d", at, ret);
		if (!cutter->maps) {
			cr_assert_eq(
				cutter_init(cutter, &crowd.stage.maps, crowd.stage.ledger_fd, NULL),
				0);
			cr_assert_eq(cutter_recover(cutter), 0);
		}
		stage_cut(&crowd.stage);
		expect_ledger(at);
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	calls_membarrier_refuse(false);
	crowd_close(&crowd);
}

Test(cut_calls, whichever_system_call_fails, .timeout = 400)
{
	a_cut_fails(CALLS_BPF, EIO, true);
}

Test(cut_calls, whichever_system_call_fails_where_membarrier_is_refused, .timeout = 400)
{
	a_cut_fails(CALLS_BPF, EIO, false);
}

Test(cut_calls, whichever_allocation_fails, .timeout = 400)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	a_cut_fails(CALLS_ALLOCATION, ENOMEM, true);
}

static int snapshot_read(struct ipacct_snapshot **ret_snapshot)
{
	return ipacct_snapshot_read(crowd.reader, IPACCT_SNAPSHOT_LIVE, ret_snapshot, NULL);
}

static void a_snapshot_fails(enum calls_kind kind, int error)
{
	unsigned int at = 1;
	bool failed = true;

	crowd_open(&crowd, true, LRU_ENTRIES);
	for (; at < CALLS_MAX && failed; at++) {
		struct ipacct_snapshot *snapshot;
		int ret;

		stage_cut(&crowd.stage);
		crowd_all(&crowd);
		crowd_flood(&crowd);
		crowd_flood(&crowd);
		crowd_reader(&crowd);
		calls_fail(kind, at, error);
		ret = snapshot_read(&snapshot);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -error : 0, "call %u: %d", at, ret);
		if (ret)
			cr_assert_eq(snapshot_read(&snapshot), 0);
		crowd_expect_snapshot(&crowd, snapshot, at);
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	crowd_close(&crowd);
}

Test(snapshot_calls, whichever_system_call_fails, .timeout = 400)
{
	a_snapshot_fails(CALLS_BPF, EIO);
}

Test(snapshot_calls, whichever_allocation_fails, .timeout = 400)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	a_snapshot_fails(CALLS_ALLOCATION, ENOMEM);
}

/* Each number lies between what it was at the beginning and at the end. */
static void whatever_comes_between(void (*between)(void *context))
{
	unsigned int at = 1;
	bool happened = true;

	crowd_open(&crowd, true, LRU_ENTRIES);
	for (; at < CALLS_MAX && happened; at++) {
		struct ipacct_counters all = {}, honest[2] = {}, none[2] = {};
		struct ipacct_snapshot *snapshot;
		uint64_t n_before, n_honest;

		crowd_honest(&crowd);
		n_before = crowd.sent;
		n_honest = crowd.honest * CROWD_HONEST;
		calls_between(at, between, &crowd);
		cr_assert_eq(snapshot_read(&snapshot), 0);
		happened = calls_end();
		crowd_sum(snapshot->addresses, snapshot->n_addresses, &all, honest);
		crowd_sum(snapshot->rollups, snapshot->n_rollups, &all, none);
		cr_assert(all.tx_packets >= n_before && all.tx_packets <= crowd.sent,
			  "call %u: %llu of %llu to %llu", at, (unsigned long long)all.tx_packets,
			  (unsigned long long)n_before, (unsigned long long)crowd.sent);
		for (int i = 0; i < 2; i++)
			cr_assert(honest[i].rx_packets >= n_honest &&
					  honest[i].rx_packets <= crowd.honest * CROWD_HONEST,
				  "call %u", at);
		ipacct_snapshot_destroy(snapshot);
		cr_assert_eq(snapshot_read(&snapshot), 0);
		crowd_expect_snapshot(&crowd, snapshot, at);
		if (at % 8 == 0)
			stage_cut(&crowd.stage);
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	crowd_close(&crowd);
}

Test(snapshot_calls, packets_between_any_two, .timeout = 400)
{
	whatever_comes_between(crowd_all);
}

Test(snapshot_calls, a_cut_between_any_two, .timeout = 400)
{
	whatever_comes_between(crowd_cut);
}
