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

int hook_open(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret = hook_pin_path(bpffs_dir, slot, record, path, sizeof(path)), fd;

	if (ret)
		return ret;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

int hook_facts(int fd, const struct ipacct_interface *record, struct link_facts *ret_facts)
{
	return is_filter(record) ? filter_facts(record->ifindex, record->hook, ret_facts)
				 : link_facts(fd, ret_facts);
}

/* Over whatever is pinned there. */
static int pin(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record, int fd)
{
	char path[IPACCT_PIN_PATH_BYTES], fresh[IPACCT_PIN_PATH_BYTES + sizeof("_new")];
	int ret = hook_pin_path(bpffs_dir, slot, record, path, sizeof(path));

	if (ret)
		return ret;
	(void)snprintf(fresh, sizeof(fresh), "%s_new", path); /* fits */
	(void)unlink(fresh);                                  /* of a crash, or absent */
	if (bpf_obj_pin(fd, fresh))
		return -errno;
	if (chmod(fresh, 0600) || rename(fresh, path)) {
		ret = -errno;
		(void)unlink(fresh); /* the error that matters is ret */
	}
	return ret;
}

static void unpin(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record)
{
	char path[IPACCT_PIN_PATH_BYTES];

	if (!hook_pin_path(bpffs_dir, slot, record, path, sizeof(path)))
		(void)unlink(path); /* absent is what is wanted */
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

int hook_replace(const char *bpffs_dir, uint32_t slot, int prog_fd,
		 const struct ipacct_interface *record, int *fd)
{
	int fresh, ret;

	if (!is_filter(record))
		return link_replace(*fd, prog_fd);
	ret = filter_replace(prog_fd, record->ifindex, record->hook);
	if (ret)
		return ret;
	fresh = fcntl(prog_fd, F_DUPFD_CLOEXEC, 3);
	if (fresh < 0)
		return -errno;
	close_fd(fd);
	*fd = fresh;
	return pin(bpffs_dir, slot, record, fresh);
}

void hook_remove(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		 int *fd)
{
	if (!is_filter(record)) {
		link_remove(bpffs_dir, slot, fd);
		return;
	}
	if (*fd >= 0 && record->ifindex)
		filter_remove(record->ifindex, record->hook);
	unpin(bpffs_dir, slot, record);
	close_fd(fd);
}

int hook_pin_missing(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		     int fd)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret;

	if (record->attach == IPACCT_ATTACH_DISPATCHER)
		return 0; /* libxdp's to keep; ports.c looks whether it did */
	if (!is_filter(record))
		return link_pin_missing(bpffs_dir, slot, fd);
	ret = hook_pin_path(bpffs_dir, slot, record, path, sizeof(path));
	if (ret || !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return ret;
	ret = pin(bpffs_dir, slot, record, fd);
	return ret ? ret : 1;
}
