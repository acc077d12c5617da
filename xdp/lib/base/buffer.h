/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that grows at its end and keeps its memory: the same answer again allocates nothing. */
#ifndef IPACCT_BASE_BUFFER_H
#define IPACCT_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define U64_DIGITS_MAX 20u /* 2^64 - 1 = 18446744073709551615 */

/* Zeroed storage is a valid empty buffer. Once memory was short it stays failed, so that a caller
 * asks once, at the end. The text is not terminated. */
struct buffer {
	char *text;
	size_t n;
	size_t n_allocated;
	bool failed;
};

/* Forget the text, keep the memory. */
static inline void buffer_reset(struct buffer *buffer)
{
	buffer->n = 0;
	buffer->failed = false;
}

void buffer_finish(struct buffer *buffer);

/* See that n more octets fit. False: memory is short, the buffer has failed. */
bool buffer_grow(struct buffer *buffer, size_t n);

static inline bool buffer_reserve(struct buffer *buffer, size_t n)
{
	return n <= buffer->n_allocated - buffer->n || buffer_grow(buffer, n);
}

static inline void buffer_bytes(struct buffer *buffer, const void *bytes, size_t n)
{
	if (!buffer_reserve(buffer, n))
		return;
	memcpy(buffer->text + buffer->n, bytes, n);
	buffer->n += n;
}

static inline void buffer_text(struct buffer *buffer, const char *text)
{
	buffer_bytes(buffer, text, strlen(text));
}

static inline void buffer_char(struct buffer *buffer, char c)
{
	buffer_bytes(buffer, &c, 1);
}

void buffer_u64(struct buffer *buffer, uint64_t value);

/* value / 10^9 as a decimal without trailing zeros: 1500000000 is "1.5", 2000000000 is "2". */
void buffer_seconds(struct buffer *buffer, uint64_t value_ns);

/* Write decimal digits, not terminated, at `to` (room for U64_DIGITS_MAX); returns their end. */
char *u64_write(char *to, uint64_t value);

#endif
