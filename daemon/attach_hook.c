/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program at one hook of one interface. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "attach_hook.h"
#include "attach_tc.h"
#include "base/cleanup.h"
#include "dispatcher_find.h"
#include "maps.h"

static bool is_filter(const struct ipacct_interface *record)
{
	return record->attach == IPACCT_ATTACH_TC;
}

int hook_pin_path(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		  char *buffer, size_t buffer_bytes)
{
	int n;

	if (record->attach == IPACCT_ATTACH_DISPATCHER)
		return dispatcher_dir(record->ifindex, buffer, buffer_bytes, NULL);
	if (!is_filter(record))
		return link_pin_path(bpffs_dir, slot, buffer, buffer_bytes);
	n = snprintf(buffer, buffer_bytes, "%s/tc_%u", bpffs_dir, slot);
	return n < 0 || (size_t)n >= buffer_bytes ? -ENAMETOOLONG : 0;
}

int hook_facts(int fd, const struct ipacct_interface *record, struct link_facts *ret_facts)
{
	return is_filter(record) ? filter_facts(fd, record->ifindex, record->hook, ret_facts)
				 : link_facts(fd, ret_facts);
}

/* A name beside that of the pin, from which it gets there in one step. */
struct pin_paths {
	char now[IPACCT_PIN_PATH_BYTES];
	char fresh[IPACCT_PIN_PATH_BYTES + sizeof("_new")];
};

static int pin_paths(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		     struct pin_paths *ret_paths)
{
	int ret = hook_pin_path(bpffs_dir, slot, record, ret_paths->now, sizeof(ret_paths->now));

	if (!ret)
		(void)snprintf(ret_paths->fresh, sizeof(ret_paths->fresh), "%s_new",
			       ret_paths->now); /* fits */
	return ret;
}

static int pin_fresh(const struct pin_paths *paths, int fd)
{
	int ret;

	(void)unlink(paths->fresh); /* of a crash, or absent */
	if (bpf_obj_pin(fd, paths->fresh))
		return -errno;
	if (!chmod(paths->fresh, 0600))
		return 0;
	ret = -errno;
	(void)unlink(paths->fresh); /* the error that matters is ret */
	return ret;
}

/* Over whatever is pinned there. */
static int pin(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record, int fd)
{
	struct pin_paths paths;
	int ret = pin_paths(bpffs_dir, slot, record, &paths);

	if (!ret)
		ret = pin_fresh(&paths, fd);
	if (!ret && rename(paths.fresh, paths.now)) {
		ret = -errno;
		(void)unlink(paths.fresh); /* the error that matters is ret */
	}
	return ret;
}

static void unpin(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record)
{
	struct pin_paths paths;

	if (pin_paths(bpffs_dir, slot, record, &paths))
		return;
	(void)unlink(paths.now); /* absent is what is wanted */
	(void)unlink(paths.fresh);
}

/* Killed in the middle of filter_exchange(): which of both programs does the filter have? */
static void exchange_finish(const struct pin_paths *paths, const struct ipacct_interface *record)
{
	int fd __cleanup(cleanup_fd) = bpf_obj_get(paths->fresh);
	struct link_facts facts;

	if (fd < 0 || !record->ifindex || hook_facts(fd, record, &facts))
		return;
	if (facts.ifindex)
		(void)rename(paths->fresh, paths->now); /* else the filter counts as somebody's */
	else
		(void)unlink(paths->fresh); /* likewise the next start looks again */
}

int hook_open(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record)
{
	struct pin_paths paths;
	int ret = pin_paths(bpffs_dir, slot, record, &paths), fd;

	if (ret)
		return ret;
	if (is_filter(record))
		exchange_finish(&paths, record);
	fd = bpf_obj_get(paths.now);
	return fd < 0 ? -errno : fd;
}

/* The pin comes first: after a crash in between it is there, the filter is not, and it is made anew. */
static int filter_attach(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
			 struct ipacct_interface *record)
{
	int fd = fcntl(prog_fd, F_DUPFD_CLOEXEC, 3), ret;
	bool clsact = false;

	if (fd < 0)
		return -errno;
	ret = pin(bpffs_dir, slot, record, fd);
	if (!ret)
		ret = filter_create(prog_fd, ifindex, record->hook, &clsact);
	if (ret) {
		unpin(bpffs_dir, slot, record);
		close_fd(&fd);
		return ret;
	}
	record->flags |= clsact ? IPACCT_IFFLAG_CLSACT : 0;
	return fd;
}

static int tcx_attach(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
		      const struct ipacct_interface *record)
{
	int fd __cleanup(cleanup_fd) = tcx_create(prog_fd, ifindex, record->hook);
	int ret = fd < 0 ? fd : pin(bpffs_dir, slot, record, fd);

	return ret ? ret : take_fd(&fd);
}

static int tc_attach(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
		     struct ipacct_interface *record, struct ipacct_problem *ret_problem)
{
	const char *end = record->hook == IPACCT_HOOK_TC_EGRESS ? "egress" : "ingress";
	int ret = -EOPNOTSUPP;

	if (!is_filter(record))
		ret = tcx_attach(bpffs_dir, slot, prog_fd, ifindex, record);
	if (ret == -EOPNOTSUPP) {
		record->attach = IPACCT_ATTACH_TC;
		record->ifindex = ifindex; /* how the filter is found */
		ret = filter_attach(bpffs_dir, slot, prog_fd, ifindex, record);
	}
	if (ret == -EEXIST)
		ipacct_problem_set(
			ret_problem,
			"%s has a filter of another ipacctd at tc %s: `tc filter del dev "
			"%s %s pref %u handle 0x%x bpf` removes it",
			record->ifname, end, record->ifname, end, FILTER_PREFERENCE, FILTER_HANDLE);
	else if (ret < 0)
		ipacct_problem_set(ret_problem, "%s refuses a program at tc %s: %s", record->ifname,
				   end, strerror(-ret));
	return ret;
}

int hook_create(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
		struct ipacct_interface *record, struct ipacct_problem *ret_problem)
{
	if (record->hook != IPACCT_HOOK_XDP)
		return tc_attach(bpffs_dir, slot, prog_fd, ifindex, record, ret_problem);
	return link_create(bpffs_dir, slot, prog_fd, ifindex, record->ifname, record->mode,
			   ret_problem);
}

/* What is pinned says whose the filter is, so at every moment one of both pins has its program. */
static int filter_exchange(const struct pin_paths *paths, int prog_fd,
			   const struct ipacct_interface *record, int *fd)
{
	int fresh __cleanup(cleanup_fd) = fcntl(prog_fd, F_DUPFD_CLOEXEC, 3);
	int ret = fresh < 0 ? -errno : pin_fresh(paths, fresh);

	if (ret)
		return ret;
	ret = filter_replace(prog_fd, record->ifindex, record->hook);
	if (ret) {
		(void)unlink(paths->fresh); /* the error that matters is ret */
		return ret;
	}
	close_fd(fd);
	*fd = take_fd(&fresh);
	return rename(paths->fresh, paths->now) ? -errno : 0;
}

int hook_replace(const char *bpffs_dir, uint32_t slot, int prog_fd,
		 const struct ipacct_interface *record, int *fd)
{
	struct pin_paths paths;
	int ret;

	if (!is_filter(record))
		return link_replace(*fd, prog_fd);
	ret = pin_paths(bpffs_dir, slot, record, &paths);
	return ret ? ret : filter_exchange(&paths, prog_fd, record, fd);
}

void hook_remove(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		 int *fd)
{
	struct link_facts facts;

	if (!is_filter(record)) {
		link_remove(bpffs_dir, slot, fd);
		return;
	}
	/* one that has another program by now is not ours */
	if (*fd >= 0 && !hook_facts(*fd, record, &facts) && facts.ifindex)
		filter_remove(facts.ifindex, record->hook);
	unpin(bpffs_dir, slot, record);
	close_fd(fd);
}

int hook_pin_missing(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		     int fd)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret;

	if (record->attach == IPACCT_ATTACH_DISPATCHER)
		return 0; /* libxdp's to keep; ports_follow.c looks whether it did */
	if (!is_filter(record))
		return link_pin_missing(bpffs_dir, slot, fd);
	ret = hook_pin_path(bpffs_dir, slot, record, path, sizeof(path));
	if (ret || !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return ret;
	ret = pin(bpffs_dir, slot, record, fd);
	return ret ? ret : 1;
}
