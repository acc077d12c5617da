/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made safe to show; time as text. */
#ifndef IPACCT_BASE_TEXT_H
#define IPACCT_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character at text (RFC 3629), 0 when there is none. */
size_t text_utf8_bytes(const char *text);
/* Replace what a terminal would obey or cannot show: every byte of a control character (those that change
 * the direction of writing, too) and every byte that is not UTF-8 becomes '?'. Returns text. */
char *text_make_safe(char *text);

#define TEXT_TIME_BYTES 32u
/* ns since 1970, UTC: "2026-11-21T00:29:11.123Z" (RFC 3339). Returns buffer. */
char *text_rfc3339(uint64_t time_ns, char buffer[TEXT_TIME_BYTES]);

#endif
