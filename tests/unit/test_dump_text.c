/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, times and foreign text as people see them, tools/common_text.c and xdp/lib/base/json.c. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "base/json.h"
#include "common_text.h"

#define NOON_NS (1767268800ULL * NS_PER_S) /* 2026-01-01 12:00:00 UTC */
#define DAY_NS  (86400ULL * NS_PER_S)

Test(text, human_numbers_carry_three_digits_and_never_round_past_their_unit)
{
	static const struct {
		uint64_t value;
		const char *count, *iec, *si;
	} rows[] = {
		{ 0, "0", "0 B", "0 B" },
		{ 999, "999", "999 B", "999 B" },
		{ 1000, "1.00 k", "1000 B", "1.00 kB" },
		{ 1023, "1.02 k", "1023 B", "1.02 kB" },
		{ 1024, "1.02 k", "1.00 KiB", "1.02 kB" },
		{ 9994, "9.99 k", "9.76 KiB", "9.99 kB" },
		{ 9996, "10.0 k", "9.76 KiB", "10.0 kB" },
		{ 999499, "999 k", "976 KiB", "999 kB" },
		{ 999500, "1.00 M", "976 KiB", "1.00 MB" },
		{ 1048575, "1.05 M", "1.00 MiB", "1.05 MB" },
		{ UINT64_MAX, "18.4 E", "16.0 EiB", "18.4 EB" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[TEXT_NUMBER_BYTES];

		cr_expect_str_eq(text_count(rows[i].value, TEXT_IEC, text), rows[i].count);
		cr_expect_str_eq(text_octets(rows[i].value, TEXT_IEC, text), rows[i].iec);
		cr_expect_str_eq(text_octets(rows[i].value, TEXT_SI, text), rows[i].si);
	}
}

Test(text, exact_numbers_lose_no_digit)
{
	char text[TEXT_NUMBER_BYTES];

	cr_expect_str_eq(text_octets(UINT64_MAX, TEXT_EXACT, text), "18446744073709551615");
	cr_expect_str_eq(text_count(9007199254740993, TEXT_EXACT, text), "9007199254740993");
}

Test(text, times_are_utc_and_short_ones_say_enough)
{
	char text[TEXT_TIME_BYTES];

	cr_expect_str_eq(text_rfc3339(NOON_NS + 7 * NS_PER_MS, text), "2026-01-01T12:00:00.007Z");
	cr_expect_str_eq(text_rfc3339(UINT64_MAX, text), "2554-07-21T23:34:33.709Z");
	cr_expect_str_eq(text_time(0, text), "-");
	cr_expect_str_eq(text_time_short(NOON_NS, NOON_NS + 1, text), "12:00:00");
	cr_expect_str_eq(text_time_short(NOON_NS, NOON_NS + DAY_NS, text), "Jan 01 12:00");
	cr_expect_str_eq(text_time_short(NOON_NS, NOON_NS + 400 * DAY_NS, text), "2026-01-01");
	cr_expect_str_eq(text_time_short(NOON_NS + DAY_NS, NOON_NS, text), "2026-01-02");
	cr_expect_str_eq(text_age(999600000, text), "1.0 s");
	cr_expect_str_eq(text_age(250 * NS_PER_MS, text), "250 ms");
}

Test(text, utf8_is_told_from_everything_else)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
		{ "a", 1 },
		{ "\xc3\xa4", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\xc0\x80", 0 },         /* overlong */
		{ "\xe0\x80\x80", 0 },     /* overlong */
		{ "\xed\xa0\x80", 0 },     /* surrogate */
		{ "\xf4\x90\x80\x80", 0 }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\x80", 0 },
		{ "\xc3", 0 }, /* ends early */
		{ "\xe2\x82", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(text_utf8_bytes(rows[i].text), rows[i].n, "row %zu", i);
}

Test(text, a_device_name_cannot_steer_the_terminal)
{
	char name[] = "a\x1b[31m\x7f\xff\xc2\x9b\xc3\xa4";

	cr_expect_str_eq(text_make_safe(name), "a?[31m?\?\?\?\xc3\xa4");
}

static void put_utf8(uint32_t code, char text[8])
{
	(void)snprintf(text, 8, "a%c%c%cz", 0xe0 | (int)(code >> 12),
		       0x80 | (int)(code >> 6 & 0x3f), 0x80 | (int)(code & 0x3f));
}

/* Whatever turns the rest of a line around is gone, and its neighbours stay. */
Test(text, what_changes_the_direction_is_shown_as_question_marks)
{
	static const uint32_t controls[][2] = { { 0x200e, 0x200f },
						{ 0x202a, 0x202e },
						{ 0x2066, 0x2069 } };
	char arabic[] = "\xd8\x9b\xd8\x9c\xd8\x9d"; /* U+061B, U+061C, U+061D */
	char text[8], before[8];

	for (uint32_t code = 0x2000; code < 0x2100; code++) {
		bool control = false;

		for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
			control |= code >= controls[i][0] && code <= controls[i][1];
		put_utf8(code, text);
		put_utf8(code, before);
		cr_expect_str_eq(text_make_safe(text), control ? "a?\?\?z" : before, "U+%04X",
				 code);
	}
	cr_expect_str_eq(text_make_safe(arabic), "\xd8\x9b?\?\xd8\x9d");
}

Test(json, any_octets_become_valid_json)
{
	char *text = NULL;
	size_t n = 0;
	struct json_writer json = { .file = open_memstream(&text, &n) };

	json_open(&json, NULL, '{');
	json_text(&json, "name", "\"\\\n\x1b\x7f\xff\xc3\xa4");
	json_text(&json, "none", NULL);
	json_u64(&json, "big", UINT64_MAX);
	json_i64(&json, "small", INT64_MIN);
	json_open(&json, "empty", '[');
	json_close(&json, ']');
	json_time(&json, "never", 0);
	json_bool(&json, "last", true);
	json_close(&json, '}');
	fclose(json.file);
	cr_expect_str_eq(text, "{\"name\":\"\\\"\\\\\\u000a\\u001b\\u007f\\ufffd\xc3\xa4\","
			       "\"none\":null,\"big\":18446744073709551615,"
			       "\"small\":-9223372036854775808,\"empty\":[],\"never\":null,"
			       "\"last\":true}\n");
	free(text);
}
