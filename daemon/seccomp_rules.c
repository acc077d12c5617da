/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lists of allowed system calls have in common. */
#include <fcntl.h>
#include <sys/mman.h>

#include "seccomp_rules.h"

int seccomp_allow(scmp_filter_ctx filter, const char *name, unsigned int n_conditions,
		  const struct scmp_arg_cmp *conditions)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0; /* libseccomp is older than the call */
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, n_conditions, conditions);
}

int seccomp_allow_all(scmp_filter_ctx filter, const char *const *names, size_t n_names)
{
	int ret = 0;

	for (size_t i = 0; i < n_names && !ret; i++)
		ret = seccomp_allow(filter, names[i], 0, NULL);
	return ret;
}

int seccomp_allow_common(scmp_filter_ctx filter)
{
	static const char *const common[] = {
		/* memory */
		"brk",
		"munmap",
		"mremap",
		"madvise",
		"getrandom",
		/* ending, also by abort(), which raises its signal by tgkill() */
		"exit",
		"exit_group",
		"restart_syscall",
		"rt_sigreturn",
		"rt_sigprocmask",
		"rt_sigaction",
		"getpid",
		"gettid",
		"futex",
	};
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int ret = seccomp_allow_all(filter, common, sizeof(common) / sizeof(common[0]));

	if (!ret)
		ret = seccomp_allow(filter, "mmap", 1, &not_executable);
	return ret ? ret : seccomp_allow(filter, "mprotect", 1, &not_executable);
}

int seccomp_allow_reading(scmp_filter_ctx filter)
{
	/* whatever could make or change a file: not O_RDONLY, creation, truncation */
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | __O_TMPFILE;
	const struct scmp_arg_cmp open_flags = SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY);
	const struct scmp_arg_cmp openat_flags = SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY);
	int ret = seccomp_allow(filter, "open", 1, &open_flags);

	if (!ret)
		ret = seccomp_allow(filter, "openat", 1, &openat_flags);
	return ret ? ret : seccomp_allow_common(filter);
}
