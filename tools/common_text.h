/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, times and names as people read them, and what the terminal can show. */
#ifndef IPACCT_TOOLS_COMMON_TEXT_H
#define IPACCT_TOOLS_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define TEXT_NUMBER_BYTES 32u /* 2^64 - 1 has 20 digits; a unit follows */

enum text_units {
	TEXT_EXACT = 0, /* 1234567 */
	TEXT_IEC,       /* octets by powers of 1024: 1.18 MiB; counts by powers of 1000: 1.23 M */
	TEXT_SI,        /* octets by powers of 1000: 1.23 MB */
};

/* Each returns its buffer. Human forms carry three significant digits and round to nearest. */
char *text_count(uint64_t value, enum text_units units, char buffer[TEXT_NUMBER_BYTES]);
char *text_octets(uint64_t value, enum text_units units, char buffer[TEXT_NUMBER_BYTES]);
/* Rates are by powers of 1000 in every human form, as networks count. */
char *text_rate(double per_second, enum text_units units, char buffer[TEXT_NUMBER_BYTES]);

/* "2026-11-21 00:29:11" in UTC; "-" for 0. */
char *text_time(uint64_t time_ns, char buffer[TEXT_TIME_BYTES]);
/* Like ls: "00:29:11" on the day of now_ns, "Nov 20 18:03" in the year before it, else the date. */
char *text_time_short(uint64_t time_ns, uint64_t now_ns, char buffer[TEXT_TIME_BYTES]);
/* "850 ms", "12 s", "5 min", "3.2 h", "12 d" */
char *text_age(uint64_t age_ns, char buffer[TEXT_TIME_BYTES]);

/* Columns that a table may use; 0 = no limit (neither a terminal nor COLUMNS). */
size_t text_width(void);
/* Lines of the terminal; 0 = no terminal. */
size_t text_height(void);

enum text_color {
	TEXT_COLOR_AUTO = 0,
	TEXT_COLOR_ALWAYS,
	TEXT_COLOR_NEVER
};
/* auto: a terminal that is not "dumb", and NO_COLOR (no-color.org) unset or empty. */
bool text_color_wanted(enum text_color setting);

#endif
