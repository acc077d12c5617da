/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the geo worker may make. */
#include <errno.h>
#include <unistd.h>

#include "geo_seccomp.h"
#include "seccomp_rules.h"

static const char *const allowed[] = {
	/* the tick */
	"poll", "ppoll", "recvfrom", "clock_gettime", "setitimer",
	/* reading files, and news of their directories */
	"read", "readv", "pread64", "lseek", "close", "fstat", "stat", "newfstatat", "statx",
	"inotify_init1", "inotify_add_watch", "tgkill", /* abort() */
};

/* Calls that are harmless with some arguments only. */
static int allow_limited(scmp_filter_ctx filter, const int *memfds, size_t n_memfds)
{
	const struct scmp_arg_cmp standard_error = SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO);
	int ret = seccomp_allow_reading(filter);

	if (!ret)
		ret = seccomp_allow(filter, "write", 1, &standard_error);
	for (size_t i = 0; i < n_memfds && !ret; i++) {
		const struct scmp_arg_cmp memfd = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)memfds[i]);

		ret = seccomp_allow(filter, "ftruncate", 1, &memfd);
	}
	return ret;
}

int geo_seccomp_load(const int *memfds, size_t n_memfds)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? 0 : -ENOMEM;

	if (!ret)
		ret = seccomp_allow_all(filter, allowed, sizeof(allowed) / sizeof(allowed[0]));
	if (!ret)
		ret = allow_limited(filter, memfds, n_memfds);
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return ret;
}
