/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often our own code has asked for memory: the linker sends its calls through here. */
#ifndef IPACCT_BENCH_ALLOCATIONS_H
#define IPACCT_BENCH_ALLOCATIONS_H

#include <stdint.h>

/* Calls of malloc(), calloc(), realloc() and reallocarray() so far, by one thread only. */
uint64_t allocations(void);

#endif
