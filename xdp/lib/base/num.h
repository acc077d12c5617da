/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside to numbers and back: counts, durations, sizes, CPU lists, misspelt names. */
#ifndef IPACCT_BASE_NUM_H
#define IPACCT_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#define NUM_TEXT_BYTES 24u /* the longest format_*() result: 2^64 - 1 has 20 digits, plus a unit */

/* All parse functions: the whole string must match (no sign, no white space, no trailing text),
 * nothing wraps, *ret_x is written only on success.
 * Returns 0, -EINVAL (not of this form) or -ERANGE (too large for 64 bits, or not in min … max). */

/* Decimal digits only; leading zeros do not make it octal. */
int parse_u64(const char *str, uint64_t min, uint64_t max, uint64_t *ret_value);

/* Digits and one unit: ns, us, ms, s, m, h, d ("500ms"). Also -ENODATA: digits without a unit. */
int parse_duration_ns(const char *str, uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns);

/* Digits, alone (bytes) or with K, M, G, T or KiB, MiB, GiB, TiB: both are powers of 1024. */
int parse_size_bytes(const char *str, uint64_t min_bytes, uint64_t max_bytes, uint64_t *ret_bytes);

/* Digits, perhaps a point and up to 4 more, and %, "0.5%": in parts per million. */
int parse_percent_ppm(const char *str, uint64_t min_ppm, uint64_t max_ppm, uint64_t *ret_ppm);

/* CPU numbers and ranges, "0-3,8", the form of /sys/devices/system/cpu/possible.
 * n_cpus:   numbers below it are legal; a larger one is -ERANGE.
 * ret_set:  (n_cpus + 63) / 64 words, written whole: bit c % 64 of word c / 64 is CPU c. */
int parse_cpu_list(const char *str, size_t n_cpus, uint64_t *ret_set);

/* The shortest exact form that the parser of the same kind reads back: "1500ms", "2h", "0s". */
void format_duration_ns(uint64_t ns, char ret_text[NUM_TEXT_BYTES]);
/* "8M", "1T", "1023". */
void format_size_bytes(uint64_t bytes, char ret_text[NUM_TEXT_BYTES]);

/* How many single changes (a letter inserted, removed, replaced, or two neighbours swapped) turn
 * one word into the other. Words longer than NUM_WORD_BYTES_MAX are not compared: SIZE_MAX. */
#define NUM_WORD_BYTES_MAX 32u
size_t edit_distance(const char *a, const char *b);

/* The name that a misspelt word most likely means, or NULL when none is near: at most one change
 * for each three letters of the word, and at least one. The first of equals wins. */
const char *nearest_name(const char *word, const char *const *names, size_t n_names);

#endif
