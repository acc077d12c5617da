/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the geo worker may make. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "geo_seccomp.h"

/* By name, because not every architecture has each of them. */
static const char *const allowed[] = {
	/* the tick */
	"poll",
	"ppoll",
	"recvfrom",
	"clock_gettime",
	"setitimer",
	"restart_syscall",
	/* reading files, and news of their directories */
	"read",
	"readv",
	"pread64",
	"lseek",
	"close",
	"fstat",
	"stat",
	"newfstatat",
	"statx",
	"inotify_init1",
	"inotify_add_watch",
	/* memory; executable memory is excluded below */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"getrandom",
	/* ending, also by abort() */
	"exit",
	"exit_group",
	"rt_sigreturn",
	"rt_sigprocmask",
	"rt_sigaction",
	"getpid",
	"gettid",
	"tgkill",
	"futex",
};

static int rule_add(scmp_filter_ctx filter, const char *name, unsigned int n_conditions,
		    const struct scmp_arg_cmp *conditions)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0; /* libseccomp is older than the call */
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, n_conditions, conditions);
}

/* Calls that are harmless with some arguments only. */
static int rules_add_limited(scmp_filter_ctx filter, const int *memfds, size_t n_memfds)
{
	/* whatever could make or change a file: not O_RDONLY, creation, truncation */
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | __O_TMPFILE;
	const struct scmp_arg_cmp open_flags = SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY);
	const struct scmp_arg_cmp openat_flags = SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY);
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp standard_error = SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO);
	int ret = rule_add(filter, "open", 1, &open_flags);

	if (!ret)
		ret = rule_add(filter, "openat", 1, &openat_flags);
	if (!ret)
		ret = rule_add(filter, "mmap", 1, &not_executable);
	if (!ret)
		ret = rule_add(filter, "mprotect", 1, &not_executable);
	if (!ret)
		ret = rule_add(filter, "write", 1, &standard_error);
	for (size_t i = 0; i < n_memfds && !ret; i++) {
		const struct scmp_arg_cmp memfd = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)memfds[i]);

		ret = rule_add(filter, "ftruncate", 1, &memfd);
	}
	return ret;
}

int geo_seccomp_load(const int *memfds, size_t n_memfds)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !ret; i++)
		ret = rule_add(filter, allowed[i], 0, NULL);
	if (!ret)
		ret = rules_add_limited(filter, memfds, n_memfds);
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return ret;
}
