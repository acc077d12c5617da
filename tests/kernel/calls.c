// SPDX-License-Identifier: GPL-2.0-or-later
/* syscall(2) and the allocating functions, in front of libc's. */
#include "calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "sanitized.h"

#if SANITIZED || !defined(__GLIBC__)
const bool calls_allocations_counted = false;
#else
const bool calls_allocations_counted = true;
#endif

static struct {
	unsigned int n_left; /* 0: none fails */
	int error;
} failing[CALLS_KINDS];
struct hook {
	unsigned int n_left; /* 0: done, or none */
	void (*function)(void *context);
	void *context;
};
static struct hook between, before_wait, before_allocation;
static struct look {
	int map_fd;
	struct hook hook;
} looks[CALLS_LOOKS];
static bool membarrier_refused, held;

void calls_fail(enum calls_kind kind, unsigned int n, int error)
{
	failing[kind].n_left = n;
	failing[kind].error = error;
}

void calls_between(unsigned int n, void (*function)(void *context), void *context)
{
	between = (struct hook){ n, function, context };
}

void calls_before_look(int map_fd, unsigned int n, void (*function)(void *context), void *context)
{
	unsigned int at = 0;

	while (looks[at].hook.n_left)
		if (++at == CALLS_LOOKS)
			abort(); /* a test wants more than there are */
	looks[at] = (struct look){ map_fd, { n, function, context } };
}

void calls_before_wait(unsigned int n, void (*function)(void *context), void *context)
{
	before_wait = (struct hook){ n, function, context };
}

void calls_before_allocation(unsigned int n, void (*function)(void *context), void *context)
{
	before_allocation = (struct hook){ n, function, context };
}

void calls_hold(bool hold)
{
	held = hold;
}

void calls_membarrier_refuse(bool refuse)
{
	membarrier_refused = refuse;
}

bool calls_end(void)
{
	bool happened = !between.n_left && !before_wait.n_left && !before_allocation.n_left;

	for (int i = 0; i < CALLS_KINDS; i++) {
		happened &= !failing[i].n_left;
		failing[i].n_left = 0;
	}
	for (unsigned int i = 0; i < CALLS_LOOKS; i++)
		happened &= !looks[i].hook.n_left;
	memset(looks, 0, sizeof(looks));
	between = before_wait = before_allocation = (struct hook){};
	return happened;
}

static bool fails_now(enum calls_kind kind)
{
	if (held || !failing[kind].n_left || --failing[kind].n_left)
		return false;
	errno = failing[kind].error;
	return true;
}

static void hook_run(struct hook *hook)
{
	struct hook now = *hook; /* it may set the next one */

	if (held || !hook->n_left || --hook->n_left)
		return;
	held = true; /* it makes calls, too */
	now.function(now.context);
	held = false;
}

static void looks_run(int command, const union bpf_attr *attr)
{
	int map_fd = command == BPF_MAP_LOOKUP_ELEM    ? (int)attr->map_fd
		     : command == BPF_MAP_LOOKUP_BATCH ? (int)attr->batch.map_fd
						       : -1;

	for (unsigned int i = 0; i < CALLS_LOOKS && map_fd >= 0; i++)
		if (looks[i].map_fd == map_fd)
			hook_run(&looks[i].hook);
}

/* As libbpf and the daemon call it: at most six arguments, syscall(2). What lies behind fewer of them
 * is read, too. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long args[6];
	va_list list;

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_membarrier)
		hook_run(&before_wait);
	if (number == SYS_membarrier && membarrier_refused) {
		errno = EPERM;
		return -1;
	}
	if (number == SYS_bpf)
		looks_run((int)args[0], (const union bpf_attr *)args[1]);
	if (number == SYS_bpf && fails_now(CALLS_BPF))
		return -1;
	if (number == SYS_bpf && args[0] == BPF_MAP_UPDATE_ELEM && fails_now(CALLS_BPF_WRITE))
		return -1;
	if (number == SYS_bpf)
		hook_run(&between);
	return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

#if !SANITIZED && defined(__GLIBC__)
/* glibc's own, under the names it keeps for whoever stands in front of malloc. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *at, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static bool allocation_fails(void)
{
	hook_run(&before_allocation);
	return fails_now(CALLS_ALLOCATION);
}

void *malloc(size_t bytes)
{
	return allocation_fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	return allocation_fails() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *at, size_t bytes)
{
	return allocation_fails() ? NULL : __libc_realloc(at, bytes);
}

void *reallocarray(void *at, size_t n, size_t bytes)
{
	size_t all;

	if (__builtin_mul_overflow(n, bytes, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(at, all);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return allocation_fails() ? NULL : __libc_memalign(alignment, bytes);
}
#endif
