/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the collector and its HTTP thread may make. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "collector_seccomp.h"
#include "seccomp_rules.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What a trace of the end-to-end suite has, and the same by its names on other architectures. */
static const char *const allowed[] = {
	/* waiting */
	"poll",
	"ppoll",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"eventfd2",
	"timerfd_settime",
	"clock_gettime",
	/* the supervisor, and HTTP clients on the listening socket that was handed over */
	"accept",
	"accept4",
	"recvfrom",
	"recvmsg",
	"sendto",
	"sendmsg",
	"shutdown",
	"getpeername",
	"getsockname",
	"getsockopt",
	"setsockopt",
	/* the geo file, facts about this process, the log */
	"access",
	"faccessat",
	"faccessat2",
	"stat",
	"fstat",
	"newfstatat",
	"statx",
	"read",
	"pread64",
	"lseek",
	"write",
	"writev",
	"close",
	"sysinfo", /* qsort(3): how much may I take? */
	/* threads */
	"membarrier",
	"set_robust_list",
	"rseq",
	"sched_getaffinity",
	"sched_yield",
	"getpriority", /* the HTTP thread makes itself nicer; the other way needs a capability */
	"setpriority",
	/* GnuTLS asks for these, to notice a fork */
	"getppid",
	"getrusage",
};

/* Of maps that the supervisor opened; there is no way to another one. */
static const enum bpf_cmd map_commands[] = {
	BPF_MAP_LOOKUP_ELEM,  BPF_MAP_UPDATE_ELEM,  BPF_MAP_GET_NEXT_KEY,
	BPF_MAP_LOOKUP_BATCH, BPF_MAP_DELETE_BATCH,
};

static const int fcntl_commands[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL };

static int allow_with(scmp_filter_ctx filter, const char *name, unsigned int argument,
		      scmp_datum_t value)
{
	const struct scmp_arg_cmp equal = SCMP_CMP(argument, SCMP_CMP_EQ, value);

	return seccomp_allow(filter, name, 1, &equal);
}

static int allow_threads(scmp_filter_ctx filter)
{
	const scmp_datum_t thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	/* argument 0 wherever CONFIG_CLONE_BACKWARDS2 is not set: everywhere but on s390 */
	const struct scmp_arg_cmp flags = SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread);
	int ret = seccomp_allow(filter, "clone", 1, &flags);

	/* its flags are in memory, where no filter sees them; without it libc takes clone() */
	if (!ret)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!ret)
		ret = allow_with(filter, "prctl", 0, PR_SET_NAME);
	return ret ? ret : allow_with(filter, "prctl", 0, PR_GET_NAME);
}

static int allow_limited(scmp_filter_ctx filter)
{
	int ret = seccomp_allow_reading(filter);

	/* its flags are in memory: allowed, it would open to write. beneath_open() does without */
	if (!ret)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);
	if (!ret) /* abort() */
		ret = allow_with(filter, "tgkill", 0, (scmp_datum_t)getpid());
	for (size_t i = 0; i < N_OF(map_commands) && !ret; i++)
		ret = allow_with(filter, "bpf", 0, map_commands[i]);
	for (size_t i = 0; i < N_OF(fcntl_commands) && !ret; i++)
		ret = allow_with(filter, "fcntl", 1, (scmp_datum_t)fcntl_commands[i]);
#ifdef IPACCT_CRASH_POINTS
	if (!ret)
		ret = allow_with(filter, "kill", 1, SIGKILL); /* crash.h: itself */
#endif
	return ret;
}

int collector_seccomp_load(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? 0 : -ENOMEM;

	/* a tree of comparisons instead of a list */
	if (!ret)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* only speed */
	if (!ret)
		ret = seccomp_allow_all(filter, allowed, N_OF(allowed));
	if (!ret)
		ret = allow_limited(filter);
	if (!ret)
		ret = allow_threads(filter);
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return ret;
}
