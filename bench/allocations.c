/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Count, then do it (ld --wrap, see meson.build). Libraries that are linked dynamically are not
 * counted. */
#include <stdlib.h>

#include "allocations.h"

static _Thread_local uint64_t n_calls;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__real_reallocarray(void *at, size_t n, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);
void *__wrap_reallocarray(void *at, size_t n, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	n_calls++;
	return __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
	n_calls++;
	return __real_calloc(n, bytes);
}

void *__wrap_realloc(void *at, size_t bytes)
{
	n_calls++;
	return __real_realloc(at, bytes);
}

void *__wrap_reallocarray(void *at, size_t n, size_t bytes)
{
	n_calls++;
	return __real_reallocarray(at, n, bytes);
}

uint64_t allocations(void)
{
	return n_calls;
}
