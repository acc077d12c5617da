/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made safe to show. */
#ifndef IPACCT_BASE_TEXT_H
#define IPACCT_BASE_TEXT_H

#include <stddef.h>

/* Bytes of the UTF-8 character at text (RFC 3629), 0 when there is none. */
size_t text_utf8_bytes(const char *text);
/* Replace what a terminal would obey or cannot show: every control character and every byte that is
 * not UTF-8 becomes '?'. Returns text. */
char *text_make_safe(char *text);

#endif
