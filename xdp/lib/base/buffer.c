/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that grows at its end, and numbers in it. */
#include <stdlib.h>

#include "buffer.h"

#define BUFFER_LEAST 4096u
#define NS_PER_S     1000000000u

void buffer_finish(struct buffer *buffer)
{
	free(buffer->text);
	memset(buffer, 0, sizeof(*buffer));
}

bool buffer_grow(struct buffer *buffer, size_t n)
{
	size_t room = buffer->n_allocated ? buffer->n_allocated : BUFFER_LEAST;
	char *text;

	if (buffer->failed)
		return false;
	while (room - buffer->n < n && room <= SIZE_MAX / 2)
		room *= 2;
	text = room - buffer->n < n ? NULL : realloc(buffer->text, room);
	if (!text) {
		buffer->failed = true;
		return false;
	}
	buffer->text = text;
	buffer->n_allocated = room;
	return true;
}

/* "00" … "99": two digits a division. */
static const char pairs[200] = "00010203040506070809101112131415161718192021222324"
			       "25262728293031323334353637383940414243444546474849"
			       "50515253545556575859606162636465666768697071727374"
			       "75767778798081828384858687888990919293949596979899";

/* How many digits: log10 guessed from log2 is at most one too large, which the power tells. */
static unsigned int n_digits(uint64_t value)
{
	static const uint64_t powers[] = { 0,
					   10,
					   100,
					   1000,
					   10000,
					   100000,
					   1000000,
					   10000000,
					   100000000,
					   1000000000,
					   10000000000,
					   100000000000,
					   1000000000000,
					   10000000000000,
					   100000000000000,
					   1000000000000000,
					   10000000000000000,
					   100000000000000000,
					   1000000000000000000,
					   10000000000000000000u };
	unsigned int bits = 64 - (unsigned int)__builtin_clzll(value | 1);
	unsigned int guess = bits * 1233 >> 12; /* log10(2) = 0.30103, 1233 / 4096 = 0.30103 */

	return guess + 1 - (value < powers[guess]);
}

char *u64_write(char *to, uint64_t value)
{
	char *end = to + n_digits(value), *at = end;

	while (value >= 100) {
		uint64_t rest = value / 100;

		at -= 2;
		memcpy(at, pairs + 2 * (value - 100 * rest), 2);
		value = rest;
	}
	if (value >= 10)
		memcpy(at - 2, pairs + 2 * value, 2);
	else
		at[-1] = (char)('0' + value);
	return end;
}

void buffer_u64(struct buffer *buffer, uint64_t value)
{
	if (buffer_reserve(buffer, U64_DIGITS_MAX))
		buffer->n = (size_t)(u64_write(buffer->text + buffer->n, value) - buffer->text);
}

void buffer_seconds(struct buffer *buffer, uint64_t value_ns)
{
	uint64_t fraction = value_ns % NS_PER_S;
	char digits[U64_DIGITS_MAX];
	size_t n = 10; /* "1" and nine digits */

	buffer_u64(buffer, value_ns / NS_PER_S);
	if (!fraction)
		return;
	(void)u64_write(digits, NS_PER_S + fraction); /* always ten digits */
	while (digits[n - 1] == '0')
		n--;
	digits[0] = '.';
	buffer_bytes(buffer, digits, n);
}
