/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, durations, sizes, CPU lists and misspelt names: xdp/lib/base/num.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/num.h"

#define UNTOUCHED 0xa5a5a5a5a5a5a5a5ULL /* to see that a failed parse writes nothing */

typedef int parse_fn(const char *str, uint64_t min, uint64_t max, uint64_t *ret_value);

struct row {
	const char *text;
	int ret;
	uint64_t value;
};

static void check_rows(parse_fn *parse, const struct row *rows, size_t n_rows, uint64_t min,
		       uint64_t max)
{
	for (size_t i = 0; i < n_rows; i++) {
		uint64_t value = UNTOUCHED;
		int ret = parse(rows[i].text, min, max, &value);

		cr_expect_eq(ret, rows[i].ret, "'%s' gave %d, not %d", rows[i].text, ret,
			     rows[i].ret);
		cr_expect_eq(value, ret ? UNTOUCHED : rows[i].value, "'%s' gave %" PRIu64,
			     rows[i].text, value);
	}
}

#define CHECK_ROWS(parse, rows, min, max) \
	check_rows(parse, rows, sizeof(rows) / sizeof((rows)[0]), min, max)

Test(num, plain_number_has_no_sign_space_or_trailing_text)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "7", 0, 7 },
		{ "007", 0, 7 },
		{ "010", 0, 10 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1\n", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1_000", -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, 0 }, /* U+0661, a digit elsewhere */
	};

	CHECK_ROWS(parse_u64, rows, 0, UINT64_MAX);
}

Test(num, percent_has_at_most_four_decimals_and_its_sign)
{
	static const struct row rows[] = {
		{ "0%", 0, 0 },
		{ "1%", 0, 10000 },
		{ "0.5%", 0, 5000 },
		{ "0.0001%", 0, 1 },
		{ "00.2500%", 0, 2500 },
		{ "100%", 0, 1000000 },
		{ "100.0000%", 0, 1000000 },
		{ "100.0001%", -ERANGE, 0 },
		{ "101%", -ERANGE, 0 },
		{ "1844674407370955.1616%", -ERANGE, 0 }, /* 2^64 */
		{ "99999999999999999999%", -ERANGE, 0 },
		{ "0.00001%", -EINVAL, 0 },
		{ "0.00000%", -EINVAL, 0 },
		{ "0.5", -ENODATA, 0 },
		{ "5", -ENODATA, 0 },
		{ ".5%", -EINVAL, 0 },
		{ "5.%", -EINVAL, 0 },
		{ "5.", -EINVAL, 0 },
		{ "%", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-1%", -EINVAL, 0 },
		{ "1 %", -EINVAL, 0 },
		{ "1%%", -EINVAL, 0 },
		{ "1e1%", -EINVAL, 0 },
		{ "1.5.5%", -EINVAL, 0 },
		{ "1,5%", -EINVAL, 0 },
	};

	CHECK_ROWS(parse_percent_ppm, rows, 0, 1000000);
}

Test(num, plain_number_does_not_wrap_at_64_bits)
{
	static const struct row rows[] = {
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551617", -ERANGE, 0 },
		{ "36893488147419103233", -ERANGE, 0 }, /* 2^65 + 1 */
		{ "00000000000000000000000000001", 0, 1 },
		{ "99999999999999999999999999999x", -EINVAL, 0 },
	};

	CHECK_ROWS(parse_u64, rows, 0, UINT64_MAX);
}

Test(num, range_is_inclusive_at_both_ends)
{
	static const struct row rows[] = {
		{ "9", -ERANGE, 0 },
		{ "10", 0, 10 },
		{ "20", 0, 20 },
		{ "21", -ERANGE, 0 },
	};

	CHECK_ROWS(parse_u64, rows, 10, 20);
}

Test(num, duration_needs_one_known_unit)
{
	static const struct row rows[] = {
		{ "1ns", 0, 1 },
		{ "1us", 0, 1000 },
		{ "1ms", 0, 1000000 },
		{ "1s", 0, 1000000000 },
		{ "1m", 0, 60000000000 },
		{ "1h", 0, 3600000000000 },
		{ "1d", 0, 86400000000000 },
		{ "0s", 0, 0 },
		{ "1", -ENODATA, 0 },
		{ "99999999999999999999", -ENODATA, 0 },
		{ "s", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1sec", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "1m30s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
	};

	CHECK_ROWS(parse_duration_ns, rows, 0, UINT64_MAX);
}

/* Each of these would be small, and legal, if the product were cut to 64 bits. */
Test(num, duration_does_not_wrap_when_multiplied)
{
	static const struct row rows[] = {
		{ "18446744073709551615ns", 0, UINT64_MAX },
		{ "18446744073709551616ns", -ERANGE, 0 },
		{ "18446744073s", 0, 18446744073000000000ULL },
		{ "18446744074s", -ERANGE, 0 },
		{ "213503d", 0, 18446659200000000000ULL },
		{ "213504d", -ERANGE, 0 },
	};

	CHECK_ROWS(parse_duration_ns, rows, 0, UINT64_MAX);
}

Test(num, size_suffixes_are_powers_of_1024)
{
	static const struct row rows[] = {
		{ "1", 0, 1 },
		{ "1K", 0, 1024 },
		{ "1KiB", 0, 1024 },
		{ "3M", 0, 3145728 },
		{ "3MiB", 0, 3145728 },
		{ "2G", 0, 2147483648 },
		{ "2GiB", 0, 2147483648 },
		{ "1T", 0, 1099511627776 },
		{ "1TiB", 0, 1099511627776 },
		{ "1KB", -EINVAL, 0 },
		{ "1k", -EINVAL, 0 },
		{ "1B", -EINVAL, 0 },
		{ "1Ki", -EINVAL, 0 },
		{ "M", -EINVAL, 0 },
		{ "1 M", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
	};

	CHECK_ROWS(parse_size_bytes, rows, 0, UINT64_MAX);
}

Test(num, size_does_not_wrap_when_multiplied)
{
	static const struct row rows[] = {
		{ "16777215T", 0, 16777215ULL << 40 },
		{ "16777216T", -ERANGE, 0 }, /* 2^64 */
		{ "16777217T", -ERANGE, 0 },
	};

	CHECK_ROWS(parse_size_bytes, rows, 0, UINT64_MAX);
}

Test(num, cpu_list_sets_exactly_its_cpus)
{
	uint64_t set[3];

	memset(set, 0xff, sizeof(set));
	cr_assert_eq(parse_cpu_list("0-3,8,63-65,8", 130, set), 0);
	cr_expect_eq(set[0], 0x800000000000010fULL);
	cr_expect_eq(set[1], 0x3ULL);
	cr_expect_eq(set[2], 0ULL);
	cr_assert_eq(parse_cpu_list("129", 130, set), 0);
	cr_expect_eq(set[0] | set[1], 0ULL);
	cr_expect_eq(set[2], 0x2ULL);
}

Test(num, cpu_list_refuses_and_writes_nothing)
{
	static const struct row rows[] = {
		{ "", -EINVAL, 0 },
		{ ",", -EINVAL, 0 },
		{ "1,", -EINVAL, 0 },
		{ ",1", -EINVAL, 0 },
		{ "1,,2", -EINVAL, 0 },
		{ "3-1", -EINVAL, 0 },
		{ "1-", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1-2-3", -EINVAL, 0 },
		{ "1 ,2", -EINVAL, 0 },
		{ "0-3\n", -EINVAL, 0 },
		{ "a", -EINVAL, 0 },
		{ "64", -ERANGE, 0 },
		{ "0-64", -ERANGE, 0 },
		{ "0,18446744073709551616", -ERANGE, 0 },
		{ "0-18446744073709551615", -ERANGE, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t set = UNTOUCHED;

		cr_expect_eq(parse_cpu_list(rows[i].text, 64, &set), rows[i].ret, "'%s'",
			     rows[i].text);
		cr_expect_eq(set, UNTOUCHED, "'%s' was written", rows[i].text);
	}
}

Test(num, cpu_list_reaches_the_last_cpu_and_no_further)
{
	uint64_t set;

	cr_assert_eq(parse_cpu_list("0-63", 64, &set), 0);
	cr_expect_eq(set, UINT64_MAX);
	cr_expect_eq(parse_cpu_list("63", 63, &set), -ERANGE);
}

Test(num, formats_use_the_largest_unit_that_is_exact)
{
	static const struct row durations[] = {
		{ "0s", 0, 0 },
		{ "1ns", 0, 1 },
		{ "1500ms", 0, 1500000000 },
		{ "90s", 0, 90000000000 },
		{ "1h", 0, 3600000000000 },
		{ "365d", 0, 365 * 86400000000000 },
		{ "18446744073709551615ns", 0, UINT64_MAX },
	};
	static const struct row sizes[] = {
		{ "0", 0, 0 },
		{ "1023", 0, 1023 },
		{ "1K", 0, 1024 },
		{ "1025", 0, 1025 },
		{ "8M", 0, 8388608 },
		{ "1536M", 0, 1610612736 },
		{ "1T", 0, 1099511627776 },
		{ "18446744073709551615", 0, UINT64_MAX },
	};
	char text[NUM_TEXT_BYTES];

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		format_duration_ns(durations[i].value, text);
		cr_expect_str_eq(text, durations[i].text);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		format_size_bytes(sizes[i].value, text);
		cr_expect_str_eq(text, sizes[i].text);
	}
}

Test(num, what_is_formatted_reads_back_the_same)
{
	uint64_t value = 0x9e3779b97f4a7c15ULL; /* any odd start; multiples of every unit come up */

	for (unsigned int i = 0; i < 100000; i++) {
		char text[NUM_TEXT_BYTES];
		uint64_t read = ~value;

		value = value * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth, MMIX */
		format_duration_ns(value >> (i % 64), text);
		cr_assert_eq(parse_duration_ns(text, 0, UINT64_MAX, &read), 0, "%s", text);
		cr_assert_eq(read, value >> (i % 64), "%s", text);
		format_size_bytes(value << (i % 64), text);
		cr_assert_eq(parse_size_bytes(text, 0, UINT64_MAX, &read), 0, "%s", text);
		cr_assert_eq(read, value << (i % 64), "%s", text);
	}
}

Test(num, edit_distance_counts_insert_remove_replace_and_swap)
{
	cr_expect_eq(edit_distance("", ""), 0);
	cr_expect_eq(edit_distance("mode", "mode"), 0);
	cr_expect_eq(edit_distance("", "mode"), 4);
	cr_expect_eq(edit_distance("mode", ""), 4);
	cr_expect_eq(edit_distance("interval", "intervall"), 1);
	cr_expect_eq(edit_distance("interval", "interva"), 1);
	cr_expect_eq(edit_distance("interval", "intarval"), 1);
	cr_expect_eq(edit_distance("domain", "domian"), 1);
	cr_expect_eq(edit_distance("kitten", "sitting"), 3);
	cr_expect_eq(edit_distance("ca", "abc"), 3); /* restricted: no edit inside a swap */
}

Test(num, edit_distance_stops_at_the_longest_word)
{
	char longest[NUM_WORD_BYTES_MAX + 1], longer[NUM_WORD_BYTES_MAX + 2];

	memset(longest, 'a', sizeof(longest));
	memset(longer, 'a', sizeof(longer));
	longest[NUM_WORD_BYTES_MAX] = '\0';
	longer[NUM_WORD_BYTES_MAX + 1] = '\0';
	cr_expect_eq(edit_distance(longest, ""), NUM_WORD_BYTES_MAX);
	cr_expect_eq(edit_distance(longer, ""), SIZE_MAX);
	cr_expect_eq(edit_distance("", longer), SIZE_MAX);
}

Test(num, nearest_name_is_near_or_none)
{
	static const char *const names[] = { "interval", "memory", "mode", "interfaces" };

	cr_expect_str_eq(nearest_name("intervall", names, 4), "interval");
	cr_expect_str_eq(nearest_name("memroy", names, 4), "memory");
	cr_expect_str_eq(nearest_name("mod", names, 4), "mode");
	cr_expect_str_eq(nearest_name("interface", names, 4), "interfaces");
	cr_expect_null(nearest_name("colour", names, 4));
	cr_expect_null(nearest_name("", names, 4));
	cr_expect_null(nearest_name("mo", names, 4));
	cr_expect_null(nearest_name("interval", names, 0));
}
