/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can this kernel run libxdp's dispatcher? */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include "base/cleanup.h"
#include "maps.h"
#include "ipacct.skel.h"
#include "probe.h"

#define PROBE_DEADLINE_MS 10000
#define LO_IFINDEX        1 /* the loopback device is the first of every network namespace */

enum probe_result { /* exit status of the child */
	PROBE_DISPATCHER = 0,
	PROBE_LEGACY,
	PROBE_NAMESPACE,
	PROBE_BPFFS,
	PROBE_LOAD,
	PROBE_ATTACH,
	PROBE_NO_ANSWER,
};

static const char *const probe_words[] = {
	[PROBE_DISPATCHER] = "the dispatcher loads",
	[PROBE_LEGACY] = ("the kernel refuses the dispatcher (freplace); libxdp would fall back to "
			  "a program that anybody can remove"),
	[PROBE_NAMESPACE] = "cannot make a network namespace to try it in",
	[PROBE_BPFFS] = "cannot mount a bpffs to try it in",
	[PROBE_LOAD] = "libxdp does not load the program",
	[PROBE_ATTACH] = "libxdp does not attach",
	[PROBE_NO_ANSWER] = "the trial did not end",
};

/* In a child with its own network and mount namespaces: both end with it, whatever it leaves. */
static enum probe_result probe_try(void)
{
	struct ipacct_bpf *skeleton;
	struct xdp_program *program;
	struct xdp_multiprog *found;

	/* its pins go to the bpffs of this mount namespace, and the dispatcher is what is asked for */
	(void)unsetenv(XDP_BPFFS_ENVVAR);
	(void)unsetenv("LIBXDP_SKIP_DISPATCHER");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return PROBE_NAMESPACE;
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"))
		return PROBE_BPFFS;
	skeleton = ipacct_bpf__open();
	if (!skeleton)
		return PROBE_LOAD;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = skeleton->obj,
			    .prog_name = "ipacct_xdp");
	program = xdp_program__create(&opts);
	if (libxdp_get_error(program))
		return PROBE_LOAD;
	if (xdp_program__attach(program, LO_IFINDEX, XDP_MODE_SKB, 0))
		return PROBE_ATTACH;
	found = xdp_multiprog__get_from_ifindex(LO_IFINDEX);
	if (libxdp_get_error(found))
		return PROBE_ATTACH;
	return xdp_multiprog__is_legacy(found) ? PROBE_LEGACY : PROBE_DISPATCHER;
}

static enum probe_result probe_wait(pid_t child)
{
	int pidfd __cleanup(cleanup_fd) = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int status;

	if (pidfd >= 0 && poll(&ended, 1, PROBE_DEADLINE_MS) == 0)
		kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status) > PROBE_NO_ANSWER)
		return PROBE_NO_ANSWER;
	return (enum probe_result)WEXITSTATUS(status);
}

bool probe_dispatcher(struct ipacct_problem *ret_reason)
{
	enum probe_result result;
	pid_t child = fork();

	if (!child)
		_exit(probe_try());
	result = child < 0 ? PROBE_NAMESPACE : probe_wait(child);
	ipacct_problem_set(ret_reason, "%s", probe_words[result]);
	return result == PROBE_DISPATCHER;
}
