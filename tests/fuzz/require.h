/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a fuzz target demands. */
#ifndef IPACCT_FUZZ_REQUIRE_H
#define IPACCT_FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* abort() is what the fuzzer reports; assert() might be compiled out. */
static inline void require(bool condition)
{
	if (!condition)
		abort();
}

/* What a reader of a person's text says of a broken one, which is called "fuzz": line, column, words. */
static inline void check_place(const char *error)
{
	size_t line, column;
	int n = 0;

	require(sscanf(error, "fuzz:%zu:%zu: %n", &line, &column, &n) == 2);
	require(line > 0 && column > 0 && n > 0 && error[n]);
}

/* The same, with nothing of another alphabet in it. */
static inline void check_refused(const char *error)
{
	check_place(error);
	for (; *error; error++)
		require(*error >= ' ' && *error < 0x7f);
}

#endif
