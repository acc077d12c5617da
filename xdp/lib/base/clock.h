/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time as one number. */
#ifndef IPACCT_BASE_CLOCK_H
#define IPACCT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* ns since the clock's own beginning (CLOCK_REALTIME: 1970, UTC). Only for clocks that every kernel
 * has, so it cannot fail. */
static inline uint64_t ipacct_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ms of CLOCK_MONOTONIC. */
static inline uint64_t ipacct_monotonic_ms(void)
{
	return ipacct_clock_ns(CLOCK_MONOTONIC) / 1000000u;
}

#endif
