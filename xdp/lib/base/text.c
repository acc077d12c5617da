/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made safe to show; time as text. */
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u

size_t text_utf8_bytes(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	/* RFC 3629 4: the second byte's range excludes overlong forms, surrogates, > U+10FFFF */
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (c[0] == 0)
		return 0;
	if (c[0] < 0x80)
		return 1;
	if (c[0] < 0xc2 || c[0] > 0xf4)
		return 0;
	n = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
	if (c[0] == 0xe0)
		low = 0xa0;
	if (c[0] == 0xed)
		high = 0x9f;
	if (c[0] == 0xf0)
		low = 0x90;
	if (c[0] == 0xf4)
		high = 0x8f;
	if (c[1] < low || c[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The property Bidi_Control (Unicode UAX 9 2): a line that holds one reads otherwise than it is, up to
 * its end. n: octets of the character. */
static bool turns_around(const unsigned char *c, size_t n)
{
	if (n == 2)
		return c[0] == 0xd8 && c[1] == 0x9c; /* U+061C */
	if (n != 3 || c[0] != 0xe2)
		return false;
	return c[1] == 0x80 ? c[2] == 0x8e || c[2] == 0x8f ||               /* U+200E, U+200F */
				      (c[2] >= 0xaa && c[2] <= 0xae)        /* U+202A … U+202E */
			    : c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9; /* U+2066 … U+2069 */
}

char *text_make_safe(char *text)
{
	for (char *at = text; *at;) {
		size_t n = text_utf8_bytes(at);
		unsigned char c = (unsigned char)*at;
		/* C0, DEL, and C1 (U+0080 … U+009F, in UTF-8 c2 80 … c2 9f) */
		bool control = c < 0x20 || c == 0x7f ||
			       (n == 2 && c == 0xc2 && (unsigned char)at[1] < 0xa0) ||
			       turns_around((const unsigned char *)at, n);

		if (n == 0)
			n = 1;
		if (control || (n == 1 && c >= 0x80))
			memset(at, '?', n);
		at += n;
	}
	return text;
}

char *text_rfc3339(uint64_t time_ns, char buffer[TEXT_TIME_BYTES])
{
	time_t seconds = (time_t)(time_ns / NS_PER_S);
	struct tm tm = { 0 };
	size_t used;

	(void)gmtime_r(&seconds, &tm); /* 2^64 ns end in 2554: every year fits */
	used = strftime(buffer, TEXT_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buffer + used, TEXT_TIME_BYTES - used, ".%03uZ",
		       (unsigned int)(time_ns % NS_PER_S / NS_PER_MS)); /* fits */
	return buffer;
}
