/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing text, and numbers in it. */
#include <inttypes.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "base/buffer.h"

static void expect_u64(uint64_t value)
{
	char expected[32], digits[U64_DIGITS_MAX + 1] = "";

	(void)snprintf(expected, sizeof(expected), "%" PRIu64, value);
	*u64_write(digits, value) = '\0';
	cr_assert_str_eq(digits, expected);
}

Test(buffer, every_number_of_digits_is_written_as_snprintf_does)
{
	uint64_t power = 1, random = 88172645463325252ULL;

	expect_u64(0);
	expect_u64(UINT64_MAX);
	for (int i = 0; i < 20; i++, power *= 10) {
		expect_u64(power - 1);
		expect_u64(power);
		expect_u64(power + 1);
	}
	for (int i = 0; i < 64; i++) {
		expect_u64(1ULL << i);
		expect_u64((1ULL << i) - 1);
	}
	for (int i = 0; i < 100000; i++) { /* Marsaglia's xorshift64, of every magnitude */
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		expect_u64(random >> (i % 64));
	}
}

static void expect_seconds(uint64_t ns, const char *expected)
{
	struct buffer buffer = { 0 };

	buffer_seconds(&buffer, ns);
	buffer_char(&buffer, '\0');
	cr_expect_str_eq(buffer.text, expected);
	buffer_finish(&buffer);
}

Test(buffer, seconds_are_exact_and_without_trailing_zeros)
{
	expect_seconds(0, "0");
	expect_seconds(1, "0.000000001");
	expect_seconds(1500000000, "1.5");
	expect_seconds(2000000000, "2");
	expect_seconds(1767270896789000000, "1767270896.789");
	expect_seconds(999999999, "0.999999999");
	expect_seconds(UINT64_MAX, "18446744073.709551615");
}

Test(buffer, text_survives_growing_and_memory_survives_a_reset)
{
	struct buffer buffer = { 0 };
	size_t allocated;
	char *text;

	for (unsigned int i = 0; i < 10000; i++)
		buffer_text(&buffer, "abcdefg");
	cr_assert_not(buffer.failed);
	cr_assert_eq(buffer.n, 70000);
	for (size_t i = 0; i < buffer.n; i++)
		cr_assert_eq(buffer.text[i], "abcdefg"[i % 7]);
	allocated = buffer.n_allocated;
	text = buffer.text;
	buffer_reset(&buffer);
	for (unsigned int i = 0; i < 10000; i++)
		buffer_text(&buffer, "abcdefg");
	cr_expect_eq(buffer.n_allocated, allocated);
	cr_expect_eq(buffer.text, text);
	buffer_finish(&buffer);
}

Test(buffer, more_than_can_be_is_a_failure_that_stays)
{
	struct buffer buffer = { 0 };

	buffer_text(&buffer, "before");
	cr_expect_not(buffer_reserve(&buffer, SIZE_MAX - 100));
	buffer_text(&buffer, "after");
	cr_expect(buffer.failed);
	cr_expect_eq(buffer.n, sizeof("beforeafter") - 1, "there was room for this one");
	buffer_reset(&buffer);
	cr_expect_not(buffer.failed);
	buffer_finish(&buffer);
}
