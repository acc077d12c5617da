/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live reader, call by call: whichever fails, whatever comes between two of them, what it has told in
 * the end is what was sent, in packets and octets, of each address that it must know. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "listener.h"

#define LRU_ENTRIES 1024u
#define LRU_LARGE   (1u << 14) /* nearly empty: keys are looked up one by one */

/* Packets or a cut before call 1, 2, 3 … of a step. */
static void whatever_comes_between(struct stage_setup setup, void (*between)(void *context))
{
	static struct listener listener;
	unsigned int at = 1;
	bool happened = true;

	crowd_open_setup(&listener.crowd, setup);
	listener_begin(&listener);
	cr_assert_eq(listener_step(&listener), 0);
	for (; at < CALLS_MAX && happened; at++) {
		int ret;

		crowd_honest(&listener.crowd);
		calls_between(at, between, &listener.crowd);
		ret = listener_step(&listener);
		cr_assert_eq(ret, 0, "call %u: %s", at, strerror(-ret));
		happened = calls_end();
		cr_assert_leq(listener.told.tx_packets, listener.crowd.sent - listener.sent_before);
		cr_assert_leq(listener.told.rx_packets, listener.crowd.sent - listener.sent_before);
		listener_expect_all(&listener, at);
		if (at % 8 == 0)
			stage_cut(&listener.crowd.stage); /* room for a new flood */
	}
	cr_assert(at > 8 && at < CALLS_MAX, "%u calls", at);
	listener_close(&listener);
}

Test(live_calls, packets_between_any_two, .timeout = 400)
{
	whatever_comes_between((struct stage_setup){ .hot = true, .lru_entries = LRU_ENTRIES },
			       crowd_all);
}

Test(live_calls, packets_between_any_two_with_room_in_the_lru_tier, .timeout = 400)
{
	whatever_comes_between((struct stage_setup){ .hot = true, .lru_entries = LRU_LARGE },
			       crowd_all);
}

Test(live_calls, packets_between_any_two_without_the_hot_tier, .timeout = 400)
{
	whatever_comes_between((struct stage_setup){ .lru_entries = LRU_LARGE }, crowd_all);
}

Test(live_calls, packets_between_any_two_in_the_shared_partition, .timeout = 400)
{
	whatever_comes_between((struct stage_setup){ .shared = true, .lru_shared = LRU_LARGE },
			       crowd_all);
}

Test(live_calls, a_cut_between_any_two, .timeout = 400)
{
	whatever_comes_between((struct stage_setup){ .hot = true, .lru_entries = LRU_ENTRIES },
			       crowd_cut);
}

/* Records are looked up one by one, and the cut takes them away. */
Test(live_calls, a_cut_between_any_two_without_the_hot_tier, .timeout = 400)
{
	whatever_comes_between((struct stage_setup){ .lru_entries = LRU_LARGE }, crowd_cut);
}

/* A reader that begins, a step with more addresses, and one after a cut: one call of all that fails. */
static void whichever_fails(enum calls_kind kind, int error, uint32_t lru_entries)
{
	static struct listener listener;
	unsigned int at = 1;
	bool failed = true;

	listener_open(&listener, true, lru_entries);
	for (; at < CALLS_MAX && failed; at++) {
		bool begun; /* else it would do so behind the cut */
		int ret;

		listener_begin(&listener);
		crowd_all(&listener.crowd);
		calls_fail(kind, at, error);
		ret = listener_step(&listener);
		begun = !ret;
		calls_hold(true);
		for (int i = 0; i < 4; i++)
			crowd_flood(&listener.crowd);
		calls_hold(false);
		if (!ret)
			ret = listener_step(&listener);
		calls_hold(true);
		if (begun)
			stage_cut(&listener.crowd.stage);
		crowd_all(&listener.crowd);
		calls_hold(false);
		if (!ret)
			ret = listener_step(&listener);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -error : 0, "call %u: %d", at, ret);
		listener_expect_all(&listener, at);
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	listener_close(&listener);
}

Test(live_calls, whichever_system_call_fails, .timeout = 400)
{
	whichever_fails(CALLS_BPF, EIO, LRU_ENTRIES);
}

Test(live_calls, whichever_system_call_fails_with_room_in_the_lru_tier, .timeout = 400)
{
	whichever_fails(CALLS_BPF, EIO, LRU_LARGE);
}

Test(live_calls, whichever_allocation_fails, .timeout = 400)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	whichever_fails(CALLS_ALLOCATION, ENOMEM, LRU_ENTRIES);
}

/* Nothing new came, so records are looked up one by one. */
Test(live_calls, whichever_system_call_fails_of_a_quiet_step, .timeout = 400)
{
	static struct listener listener;
	unsigned int at = 1;
	bool failed = true;

	listener_open(&listener, false, LRU_LARGE);
	for (; at < CALLS_MAX && failed; at++) {
		int ret;

		crowd_honest(&listener.crowd);
		listener_expect_all(&listener, at);
		crowd_honest(&listener.crowd);
		calls_fail(CALLS_BPF, at, EIO);
		ret = listener_step(&listener);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -EIO : 0, "call %u: %d", at, ret);
		listener_expect_all(&listener, at);
	}
	cr_assert(at > 2 * CROWD_HONEST && at < CALLS_MAX, "%u calls", at);
	listener_close(&listener);
}

/* What was told of addresses that no ledger has yet is told once, whatever makes the reader begin anew. */
Test(live_calls, a_step_that_fails_forgets_nothing_that_was_told)
{
	static struct listener listener;

	listener_open(&listener, true, LRU_LARGE);
	crowd_all(&listener.crowd);
	listener_expect_all(&listener, 0);
	calls_fail(CALLS_BPF, 2, EIO);
	cr_assert_eq(listener_step(&listener), -EIO);
	cr_assert(calls_end());
	listener_expect_all(&listener, 1);
	listener_close(&listener);
}

/* The collector has switched epochs and is not done with the cut: for milliseconds in each, for longer when
 * it has died. */
Test(live_calls, an_epoch_at_rest_that_is_not_in_the_ledger)
{
	static struct listener listener;

	listener_open(&listener, true, LRU_LARGE);
	crowd_all(&listener.crowd);
	listener_expect_all(&listener, 0);
	calls_fail(CALLS_BPF, 1, EIO);
	cr_assert_eq(cutter_cut(&listener.crowd.stage.cutter), -EIO);
	cr_assert(calls_end());
	listener_expect_all(&listener, 1);
	crowd_all(&listener.crowd);
	listener_expect_all(&listener, 2);
	stage_cut(&listener.crowd.stage);
	listener_expect_all(&listener, 3);
	listener_close(&listener);
}
