/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two sets of maps of before go into the ledger of a third, whichever call fails on the way:
 * once, all of them. Their version is ours here; what another one is read like is
 * test_read_ways.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "counters_math.h"
#include "drain.h"
#include "layout.h"
#include "stage.h"

#define MEMORY      (32u << 20)
#define N_SETS      2u
#define N_CALLS_MAX 2000u
#define PUBLISHING  122u /* its slots read one by one, an epoch is read by some 130 allocations */
#define STEP        41u  /* of the hundreds that read lines: a prime, and each set has several */

/* A set whose counts stay in it: so it can be what it was again, under another name. */
struct old {
	struct stage stage;
	struct ipacct_ctl ctl; /* as it was filled */
	uint64_t packets;
};

static struct stage now;
static struct old old[N_SETS];
static struct drain_set sets[N_SETS];
static uint64_t sent;

static uint64_t packets_send(struct stage *stage, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		stage_send(stage, 0xc0000200 + first + i, 0xc6336400 + i);
	return n;
}

/* The collector switched epochs and died before it read the one at rest. */
static void fill_pending(struct old *set)
{
	set->packets = packets_send(&set->stage, 0, 60);
	calls_fail(CALLS_BPF, 1, EIO);
	cr_assert_eq(cutter_cut(&set->stage.cutter), -EIO);
	cr_assert(calls_end());
	set->packets += packets_send(&set->stage, 30, 60);
}

/* It died before it switched them: the other one has a number and is empty. */
static void fill_prepared(struct old *set)
{
	struct ipacct_ctl *ctl = set->stage.maps.ctl;

	stage_cut(&set->stage); /* so epoch 1 counts */
	set->packets = packets_send(&set->stage, 90, 70);
	ctl->cut[1 - (ctl->epoch & 1)] = ctl->cut[ctl->epoch & 1] + 1;
}

static void setup(void)
{
	stage_pin_to(0);
	stage_open(&now, MEMORY, true);
	for (uint32_t i = 0; i < N_SETS; i++) {
		stage_open(&old[i].stage, MEMORY, true);
		(i ? fill_prepared : fill_pending)(&old[i]);
		old[i].ctl = *old[i].stage.maps.ctl;
		sets[i] = (struct drain_set){ old[i].stage.maps, layout_of(IPACCT_ABI_VERSION) };
		sets[i].maps.hotmap = NULL; /* as drain_set has them: not mapped */
		sets[i].maps.parts = NULL;
		sets[i].maps.roll = NULL;
		sets[i].maps.roll6 = NULL;
	}
}

static void teardown(void)
{
	if (!now.dir[0])
		return; /* skipped */
	for (uint32_t i = 0; i < N_SETS; i++)
		stage_close(&old[i].stage);
	stage_close(&now);
}

TestSuite(drain_calls, .init = setup, .fini = teardown, .timeout = 240);

/* Both hold again what the ledger does not have, and no ledger has seen them. */
static void again(void)
{
	for (uint32_t i = 0; i < N_SETS; i++) {
		struct ipacct_ctl *ctl = old[i].stage.maps.ctl;

		memcpy(ctl->cut, old[i].ctl.cut, sizeof(ctl->cut));
		ctl->instance += 2;
		sent += old[i].packets;
	}
}

static void expect_all(unsigned int at, unsigned int at2)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(&now);
	struct ipacct_counters sum = {};

	for (size_t i = 0; i < snapshot->n_addresses; i++)
		ipacct_counters_add(&sum, &snapshot->addresses[i].counters);
	for (size_t i = 0; i < snapshot->n_rollups; i++)
		ipacct_counters_add(&sum, &snapshot->rollups[i].counters);
	cr_assert_eq(sum.tx_packets, sent, "call %u, %u: %llu, not %llu", at, at2,
		     (unsigned long long)sum.tx_packets, (unsigned long long)sent);
	cr_assert_eq(sum.rx_l3_bytes, sent * STAGE_L3_BYTES, "call %u, %u", at, at2);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, sent, "call %u, %u", at, at2);
	cr_assert_eq(snapshot->conservation.error_packets, 0, "call %u, %u", at, at2);
	cr_assert_eq(snapshot->facts.error_packets, 0, "call %u, %u", at, at2);
	ipacct_snapshot_destroy(snapshot);
}

/* What a collector does when it begins; one of whose calls of a kind fails, 0: none. */
static bool begin(const struct drain_set *of, uint32_t n, enum calls_kind kind, unsigned int at)
{
	int error = kind == CALLS_ALLOCATION ? ENOMEM : EIO;
	bool failed;
	int ret;

	cutter_finish(&now.cutter);
	cr_assert_eq(cutter_init(&now.cutter, &now.maps, now.ledger_fd, NULL), 0);
	if (at)
		calls_fail(kind, at, error);
	ret = drain_all(&now.cutter, of, n);
	if (!ret)
		ret = cutter_recover(&now.cutter);
	failed = calls_end() && at;
	cr_assert_eq(ret, failed ? -error : 0, "call %u: %d", at, ret);
	return failed;
}

static void expect_marked(void)
{
	for (uint32_t i = 0; i < N_SETS; i++)
		for (uint32_t number = 0; number < IPACCT_EPOCHS; number++)
			cr_assert_eq(old[i].stage.maps.ctl->cut[number], 0);
}

static unsigned int next(unsigned int at, unsigned int from, unsigned int step)
{
	if (at < 10 || (at >= from && at < from + 20))
		return at + 1;
	return at < from ? from : at + step;
}

/* The first ones, some more from `from` on, then every so-many-th. */
static void whichever_fails(enum calls_kind kind, unsigned int from, unsigned int step)
{
	unsigned int at = 1;
	bool failed = true;

	for (; at < N_CALLS_MAX && failed; at = next(at, from, step)) {
		again();
		sent += packets_send(&now, 0, 5); /* a cut of now comes behind them */
		failed = begin(sets, N_SETS, kind, at);
		(void)begin(sets, N_SETS, kind, 0);
		expect_marked();
		(void)begin(sets, N_SETS, kind, 0); /* adds nothing */
		stage_cut(&now);
		expect_all(at, 0);
	}
	cr_assert(at > from && at > 5 && at < N_CALLS_MAX, "%u calls", at);
}

Test(drain_calls, whichever_fails)
{
	whichever_fails(CALLS_BPF, 0, STEP);
}

Test(drain_calls, whichever_that_writes_fails)
{
	whichever_fails(CALLS_BPF_WRITE, 0, 1);
}

Test(drain_calls, whichever_allocation_fails)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	whichever_fails(CALLS_ALLOCATION, PUBLISHING, STEP);
}

/* The other set is in the ledger, which names it, and is not marked: whatever fails then, it
 * goes before the first one. If that joined the ledger, what is known of the other one would be
 * forgotten. */
Test(drain_calls, whichever_fails_when_the_other_one_was_begun)
{
	struct drain_set turned[N_SETS] = { sets[1], sets[0] };
	bool failed = true;

	for (unsigned int at = 1; failed; at++) {
		cr_assert_lt(at, N_CALLS_MAX);
		for (unsigned int at2 = 1; at2 <= 5; at2++) {
			again();
			failed = begin(turned + 1, 1, CALLS_BPF_WRITE, at);
			(void)begin(turned, N_SETS, CALLS_BPF, at2);
			(void)begin(turned, N_SETS, CALLS_BPF, 0);
			expect_marked();
			stage_cut(&now);
			expect_all(at, at2);
		}
	}
}

/* The usual upgrade: the collector of before died between two steps, and the ledger is its own. */
static void named(bool list_is_gone)
{
	struct ipacct_ledger_header *header = now.cutter.publisher.ledger.header;
	struct ipacct_ctl *ctl = old[1].stage.maps.ctl;

	ctl->cut[1] = header->cut + 1;
	ctl->cut[0] = header->cut + 2; /* has a number and did not begin */
	header->instance = ctl->instance;
	if (list_is_gone)
		header->mask[0] = (struct ipacct_ledger_mask){ .digest = 77 };
	sent = old[1].packets;
	(void)begin(&sets[1], 1, CALLS_BPF, 0);
	cr_assert_eq(ctl->cut[0] | ctl->cut[1], 0, "it is marked");
	(void)begin(NULL, 0, CALLS_BPF, 0); /* the next start: nothing is left to drain */
	sent += packets_send(&now, 0, 5);
	stage_cut(&now);
	expect_all(0, list_is_gone);
}

Test(drain_calls, set_that_the_ledger_names_was_numbered_and_not_begun)
{
	named(false);
}

Test(drain_calls, list_that_its_counts_were_masked_by_is_gone)
{
	named(true);
}
