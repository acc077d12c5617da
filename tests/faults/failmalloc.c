/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LD_PRELOAD: the Nth allocation of a process fails, once.
 *
 *   IPACCT_FAIL_AT=N      which one, counted from 1 in each process; absent or 0: none
 *   IPACCT_FAIL_COMM=NAME only in processes of this name (as /proc/PID/comm), counted from the moment
 *                         they have it
 *   IPACCT_FAIL_COUNT=PATH write there how many there were, when a process that counted ends */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* glibc's own names for what this file replaces (malloc(3), "interposing") */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *at, size_t bytes);

static unsigned long n_allocations;
static unsigned long fail_at;
static const char *comm, *count_path;

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("IPACCT_FAIL_AT");

	comm = getenv("IPACCT_FAIL_COMM");
	count_path = getenv("IPACCT_FAIL_COUNT");
	fail_at = at ? strtoul(at, NULL, 10) : 0;
}

static bool is_meant(void)
{
	char name[17] = "";

	return !comm || (!prctl(PR_GET_NAME, name) && !strcmp(name, comm));
}

static bool fails(void)
{
	if (!is_meant())
		return false;
	if (__atomic_add_fetch(&n_allocations, 1, __ATOMIC_RELAXED) != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *at, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(at, bytes);
}

__attribute__((destructor)) static void end(void)
{
	int fd = count_path && is_meant() ? open(count_path, O_WRONLY | O_CREAT | O_TRUNC, 0666)
					  : -1;

	if (fd >= 0) {
		dprintf(fd, "%lu\n", n_allocations);
		close(fd);
	}
}
