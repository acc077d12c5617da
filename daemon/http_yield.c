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

/* In the lower bits of the word; the others number the cuts, so that who waits for one sees that it has
 * ended also when the next one has begun. */
enum {
	IDLE,
	CUTTING,
	AWAITED, /* cutting, and the other thread sleeps until that ends */
	STATES,  /* their bits */
};
#define NUMBER(word) ((word) & ~(uint32_t)STATES)

void http_yield_begin(struct http_yield *yield)
{
	uint32_t number = NUMBER(__atomic_load_n(&yield->word, __ATOMIC_RELAXED)) + STATES + 1;

	__atomic_store_n(&yield->begun_ms, ipacct_monotonic_ms(), __ATOMIC_RELAXED);
	__atomic_store_n(&yield->word, number | CUTTING, __ATOMIC_RELEASE);
}

void http_yield_end(struct http_yield *yield)
{
	uint32_t number = NUMBER(__atomic_load_n(&yield->word, __ATOMIC_RELAXED));

	if (__atomic_exchange_n(&yield->word, number | IDLE, __ATOMIC_RELEASE) ==
	    (number | AWAITED))
		(void)syscall(SYS_futex, &yield->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

bool http_yield_wait(struct http_yield *yield)
{
	uint32_t word = __atomic_load_n(&yield->word, __ATOMIC_ACQUIRE), number = NUMBER(word);
	uint64_t until_ms = __atomic_load_n(&yield->begun_ms, __ATOMIC_RELAXED) + HTTP_YIELD_MS;
	const struct timespec until = { .tv_sec = (time_t)(until_ms / MS_PER_S),
					.tv_nsec = (long)(until_ms % MS_PER_S * NS_PER_MS) };

	if (word == (number | IDLE) || ipacct_monotonic_ms() >= until_ms)
		return false;
	while ((word == (number | CUTTING) || word == (number | AWAITED)) &&
	       ipacct_monotonic_ms() < until_ms) {
		uint32_t cutting = number | CUTTING;

		if (word == (number | AWAITED) ||
		    __atomic_compare_exchange_n(&yield->word, &cutting, number | AWAITED, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			/* until is absolute; whatever ends it, the loop looks */
			(void)syscall(SYS_futex, &yield->word, FUTEX_WAIT_BITSET_PRIVATE,
				      number | AWAITED, &until, NULL, FUTEX_BITSET_MATCH_ANY);
		word = __atomic_load_n(&yield->word, __ATOMIC_ACQUIRE);
	}
	return true;
}
