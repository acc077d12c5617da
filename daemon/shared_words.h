/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of one thread for another, without a lock: the writer never waits, the reader takes a whole
 * state or none. */
#ifndef IPACCT_DAEMON_SHARED_WORDS_H
#define IPACCT_DAEMON_SHARED_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARED_TRIES 1000u /* a writer that was preempted in between: what was read before stays */

/* sequence: odd while the words change. One writer. */
static inline void shared_write(uint32_t *sequence, uint64_t *to, const uint64_t *from, size_t n)
{
	uint32_t now = __atomic_load_n(sequence, __ATOMIC_RELAXED);

	__atomic_store_n(sequence, now + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 0; i < n; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
	__atomic_store_n(sequence, now + 2, __ATOMIC_RELEASE);
}

/* Another number: other words, or soon. */
static inline uint32_t shared_version(const uint32_t *sequence)
{
	return __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
}

/* ret_words is a whole state only when the result is true. */
static inline bool shared_read(const uint32_t *sequence, const uint64_t *from, uint64_t *ret_words,
			       size_t n)
{
	for (unsigned int i = 0; i < SHARED_TRIES; i++) {
		uint32_t before = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		for (size_t k = 0; k < n; k++)
			ret_words[k] = __atomic_load_n(&from[k], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(sequence, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

#endif
