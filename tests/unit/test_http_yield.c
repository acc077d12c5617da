/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who scrapes waits for a cut: until it ends, or for so long; the one who cuts waits for nobody. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "http_common.h"
#include "http_yield.h"

static struct http_yield yield;

Test(http_yield, without_a_cut_nobody_waits)
{
	cr_expect_not(http_yield_wait(&yield));
	http_yield_begin(&yield);
	http_yield_end(&yield);
	cr_expect_not(http_yield_wait(&yield));
}

Test(http_yield, cut_that_does_not_end_holds_up_for_its_first_milliseconds_only)
{
	http_yield_begin(&yield);
	(void)http_yield_wait(&yield);
	cr_expect_geq(ipacct_monotonic_ms(), yield.begun_ms + HTTP_YIELD_MS, "before the limit");
	/* from the begin of the cut, not of the waiting: a long one is waited for once */
	cr_expect_not(http_yield_wait(&yield));
	http_yield_end(&yield);
}

struct waiter {
	uint32_t n, n_late, stop; /* waits; those that did not end with their cut */
};

static void *wait_often(void *context)
{
	struct waiter *waiter = context;

	while (!__atomic_load_n(&waiter->stop, __ATOMIC_RELAXED)) {
		uint64_t begun_ms = ipacct_monotonic_ms();

		if (!http_yield_wait(&yield))
			continue;
		waiter->n_late += ipacct_monotonic_ms() - begun_ms >= HTTP_YIELD_MS / 2;
		__atomic_add_fetch(&waiter->n, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The end of a cut wakes, and no wake-up is lost however the two meet: each would cost the rest of the
 * limit. */
Test(http_yield, short_cuts_are_never_waited_for_to_the_limit)
{
	uint64_t until = ipacct_monotonic_ms() + HTTP_LIMIT_MS;
	struct waiter waiter = {};
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, wait_often, &waiter), 0);
	for (int i = 0; __atomic_load_n(&waiter.n, __ATOMIC_RELAXED) < 100; i++) {
		cr_assert_lt(ipacct_monotonic_ms(), until, "%u waits", waiter.n);
		http_yield_begin(&yield);
		for (volatile int pause = 0; pause < i % 500 * 100; pause++)
			; /* up to some 100 us: another moment each time */
		http_yield_end(&yield);
	}
	__atomic_store_n(&waiter.stop, 1, __ATOMIC_RELAXED);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* a busy machine takes a CPU away for so long now and then */
	cr_expect_lt(waiter.n_late, waiter.n / 2, "%u of %u", waiter.n_late, waiter.n);
}
