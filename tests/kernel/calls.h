/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls that reading the maps makes: any of them can fail, or something can come before it. One
 * thread. */
#ifndef IPACCT_TESTS_CALLS_H
#define IPACCT_TESTS_CALLS_H

#include <stdbool.h>

enum calls_kind {
	CALLS_BPF,        /* bpf(2) */
	CALLS_BPF_WRITE,  /* of these, those that set an element of a map */
	CALLS_ALLOCATION, /* malloc, calloc, realloc, reallocarray, aligned_alloc */
	CALLS_KINDS,
};

/* Whether allocations can be counted here: not below a sanitizer. */
extern const bool calls_allocations_counted;

/* The n-th of a kind from now on fails with that errno; 1 is the next. */
void calls_fail(enum calls_kind kind, unsigned int n, int error);

/* Before the n-th bpf(2) from now on the function runs, whose own calls are not counted. */
void calls_between(unsigned int n, void (*function)(void *context), void *context);

/* Before the n-th look at that map from now on (one entry or a batch of them) the function runs;
 * its own calls are not counted. What it lets fail may be that look. CALLS_LOOKS of them at a
 * time. */
#define CALLS_LOOKS 8u
void calls_before_look(int map_fd, unsigned int n, void (*function)(void *context), void *context);

/* Before the n-th membarrier(2) from now on the function runs: who waits for the programs finds
 * them done. */
void calls_before_wait(unsigned int n, void (*function)(void *context), void *context);

/* Before the n-th allocation from now on the function runs: between two looks at files, which are
 * no bpf(2). */
void calls_before_allocation(unsigned int n, void (*function)(void *context), void *context);

/* Calls are neither counted nor do they fail, until this ends. */
void calls_hold(bool hold);

/* From now on membarrier(2) is refused, or no longer. */
void calls_membarrier_refuse(bool refuse);

/* Nothing happens any more. Returns whether there were as many calls as were wanted. */
bool calls_end(void);

#endif
