/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside to numbers and back: counts, durations, sizes, CPU lists, misspelt names. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Ascending, so that format_unit() finds the largest that divides. */
static const struct unit duration_units[] = {
	{ "ns", 1ULL },
	{ "us", 1000ULL },
	{ "ms", 1000000ULL },
	{ "s", 1000000000ULL },
	{ "m", 60ULL * 1000000000ULL },
	{ "h", 3600ULL * 1000000000ULL },
	{ "d", 86400ULL * 1000000000ULL },
};

/* IEC 80000-13 binary prefixes; the short forms mean the same. */
static const struct unit size_units[] = {
	{ "", 1ULL },          { "K", 1ULL << 10 },   { "M", 1ULL << 20 },
	{ "G", 1ULL << 30 },   { "T", 1ULL << 40 },   { "KiB", 1ULL << 10 },
	{ "MiB", 1ULL << 20 }, { "GiB", 1ULL << 30 }, { "TiB", 1ULL << 40 },
};

#define N_DURATION_UNITS   (sizeof(duration_units) / sizeof(duration_units[0]))
#define N_SIZE_UNITS       (sizeof(size_units) / sizeof(size_units[0]))
#define N_SIZE_UNITS_SHORT 5u /* the part of size_units that is written: "", K, M, G, T */

/* Read digits up to the first other character. *ret_end is written also for -ERANGE, so that the
 * caller can still see that the rest is malformed. */
static int read_digits(const char *str, uint64_t *ret_value, const char **ret_end)
{
	uint64_t value = 0;
	bool wrapped = false;
	const char *p = str;

	for (; *p >= '0' && *p <= '9'; p++) {
		wrapped |= __builtin_mul_overflow(value, 10, &value);
		wrapped |= __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
	}
	if (p == str)
		return -EINVAL;
	*ret_end = p;
	if (wrapped)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static int check_range(uint64_t value, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int parse_u64(const char *str, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	const char *end;
	uint64_t value;
	int ret = read_digits(str, &value, &end);

	if (ret == -EINVAL || *end)
		return -EINVAL;
	if (ret)
		return ret;
	return check_range(value, min, max, ret_value);
}

/* Find a unit by its suffix; NULL when there is none. */
static const struct unit *unit_find(const struct unit *units, size_t n_units, const char *suffix)
{
	for (size_t i = 0; i < n_units; i++) {
		if (!strcmp(units[i].suffix, suffix))
			return &units[i];
	}
	return NULL;
}

static int parse_with_unit(const char *str, const struct unit *units, size_t n_units, uint64_t min,
			   uint64_t max, uint64_t *ret_value)
{
	const struct unit *unit;
	const char *suffix;
	uint64_t value;
	int ret = read_digits(str, &value, &suffix);

	if (ret == -EINVAL)
		return ret;
	unit = unit_find(units, n_units, suffix);
	if (!unit)
		return *suffix ? -EINVAL : -ENODATA;
	if (ret || __builtin_mul_overflow(value, unit->factor, &value))
		return -ERANGE;
	return check_range(value, min, max, ret_value);
}

int parse_percent_ppm(const char *str, uint64_t min_ppm, uint64_t max_ppm, uint64_t *ret_ppm)
{
	uint64_t whole, part = 0, unit = 10000; /* ppm in a percent */
	const char *end;
	int ret = read_digits(str, &whole, &end);

	if (ret == -EINVAL)
		return ret;
	if (*end == '.' && !(end[1] >= '0' && end[1] <= '9'))
		return -EINVAL;
	if (*end == '.')
		end++;
	else
		unit = 0; /* no decimals: the loop is not for us */
	for (; unit > 1 && *end >= '0' && *end <= '9'; end++) {
		unit /= 10;
		part += (uint64_t)(*end - '0') * unit;
	}
	if (!*end)
		return -ENODATA;
	if (strcmp(end, "%"))
		return -EINVAL;
	if (ret || __builtin_mul_overflow(whole, 10000, &whole) ||
	    __builtin_add_overflow(whole, part, &whole))
		return -ERANGE;
	return check_range(whole, min_ppm, max_ppm, ret_ppm);
}

int parse_duration_ns(const char *str, uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns)
{
	return parse_with_unit(str, duration_units, N_DURATION_UNITS, min_ns, max_ns, ret_ns);
}

int parse_size_bytes(const char *str, uint64_t min_bytes, uint64_t max_bytes, uint64_t *ret_bytes)
{
	return parse_with_unit(str, size_units, N_SIZE_UNITS, min_bytes, max_bytes, ret_bytes);
}

/* One element of the list, "8" or "0-3"; *ret_end points behind it. */
static int read_cpu_range(const char *str, uint64_t *ret_first, uint64_t *ret_last,
			  const char **ret_end)
{
	int ret = read_digits(str, ret_first, ret_end);

	if (ret || **ret_end != '-') {
		*ret_last = *ret_first;
		return ret;
	}
	ret = read_digits(*ret_end + 1, ret_last, ret_end);
	if (ret)
		return ret;
	return *ret_first <= *ret_last ? 0 : -EINVAL;
}

/* Check the list; set the bits only when there is a set. */
static int walk_cpu_list(const char *str, size_t n_cpus, uint64_t *set)
{
	for (;;) {
		uint64_t first = 0, last = 0;
		int ret = read_cpu_range(str, &first, &last, &str);

		if (ret)
			return ret;
		if (last >= n_cpus)
			return -ERANGE;
		for (uint64_t cpu = first; set && cpu <= last; cpu++)
			set[cpu / 64] |= 1ULL << (cpu % 64);
		if (!*str)
			return 0;
		if (*str++ != ',')
			return -EINVAL;
	}
}

int parse_cpu_list(const char *str, size_t n_cpus, uint64_t *ret_set)
{
	int ret = walk_cpu_list(str, n_cpus, NULL);

	if (ret)
		return ret;
	memset(ret_set, 0, (n_cpus + 63) / 64 * sizeof(*ret_set));
	return walk_cpu_list(str, n_cpus, ret_set);
}

static void format_unit(uint64_t value, const struct unit *units, size_t n_units, char *ret_text)
{
	size_t i = n_units - 1;

	while (i > 0 && value % units[i].factor)
		i--;
	(void)snprintf(ret_text, NUM_TEXT_BYTES, "%" PRIu64 "%s", value / units[i].factor,
		       units[i].suffix); /* cannot be cut: see NUM_TEXT_BYTES */
}

void format_duration_ns(uint64_t ns, char ret_text[NUM_TEXT_BYTES])
{
	/* Every unit divides 0; seconds are the one that reads naturally. */
	if (ns)
		format_unit(ns, duration_units, N_DURATION_UNITS, ret_text);
	else
		memcpy(ret_text, "0s", sizeof("0s"));
}

void format_size_bytes(uint64_t bytes, char ret_text[NUM_TEXT_BYTES])
{
	if (bytes)
		format_unit(bytes, size_units, N_SIZE_UNITS_SHORT, ret_text);
	else
		memcpy(ret_text, "0", sizeof("0"));
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment (Damerau 1964, restricted): three rows of the usual table are enough,
 * because a swap looks back two. */
size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NUM_WORD_BYTES_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t n_a = strnlen(a, NUM_WORD_BYTES_MAX + 1), n_b = strnlen(b, NUM_WORD_BYTES_MAX + 1);

	if (n_a > NUM_WORD_BYTES_MAX || n_b > NUM_WORD_BYTES_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *oldest = before;

		before = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			row[j] = min_size(above[j], row[j - 1]) + 1;
			row[j] = min_size(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min_size(row[j], before[j - 2] + 1);
		}
	}
	return row[n_b];
}

const char *nearest_name(const char *word, const char *const *names, size_t n_names)
{
	size_t n_word = strnlen(word, NUM_WORD_BYTES_MAX + 1);
	size_t limit = n_word < 6 ? 1 : n_word / 3;
	const char *nearest = NULL;

	for (size_t i = 0; i < n_names; i++) {
		size_t distance = edit_distance(word, names[i]);

		if (distance <= limit && (!nearest || distance < edit_distance(word, nearest)))
			nearest = names[i];
	}
	return nearest;
}
