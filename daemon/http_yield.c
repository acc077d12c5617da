/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who scrapes waits for a cut. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_yield.h"

#define NS_PER_MS 1000000u
#define MS_PER_S  1000u

enum {
	IDLE,
	CUTTING,
	AWAITED, /* cutting, and the other thread sleeps until that ends */
};

void http_yield_begin(struct http_yield *yield)
{
	__atomic_store_n(&yield->begun_ms, ipacct_monotonic_ms(), __ATOMIC_RELAXED);
	__atomic_store_n(&yield->state, CUTTING, __ATOMIC_RELEASE);
}

void http_yield_end(struct http_yield *yield)
{
	if (__atomic_exchange_n(&yield->state, IDLE, __ATOMIC_RELEASE) == AWAITED)
		(void)syscall(SYS_futex, &yield->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

bool http_yield_wait(struct http_yield *yield)
{
	uint32_t state = __atomic_load_n(&yield->state, __ATOMIC_ACQUIRE);
	uint64_t until_ms = __atomic_load_n(&yield->begun_ms, __ATOMIC_RELAXED) + HTTP_YIELD_MS;
	const struct timespec until = { .tv_sec = (time_t)(until_ms / MS_PER_S),
					.tv_nsec = (long)(until_ms % MS_PER_S * NS_PER_MS) };

	if (state == IDLE || ipacct_monotonic_ms() >= until_ms)
		return false;
	/* a second cut is not waited for: until_ms is the first one's */
	while (state != IDLE && ipacct_monotonic_ms() < until_ms) {
		uint32_t cutting = CUTTING;

		if (state == AWAITED ||
		    __atomic_compare_exchange_n(&yield->state, &cutting, AWAITED, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			/* until is absolute; whatever ends it, the loop looks */
			(void)syscall(SYS_futex, &yield->state, FUTEX_WAIT_BITSET_PRIVATE, AWAITED,
				      &until, NULL, FUTEX_BITSET_MATCH_ANY);
		state = __atomic_load_n(&yield->state, __ATOMIC_ACQUIRE);
	}
	return true;
}
