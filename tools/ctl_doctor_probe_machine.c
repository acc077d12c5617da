// SPDX-License-Identifier: GPL-2.0-or-later
/* Probe of the doctor: kernel, clock, memory group, and the two directories. */
#include "ctl_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "common.h"

/* The first line of a small file. Returns 0 or a negative errno. */
static int line_read(const char *path, char *ret_line, size_t bytes)
{
	FILE *file __cleanup(cleanup_file) = fopen(path, "re");

	if (!file)
		return -errno;
	if (!fgets(ret_line, (int)bytes, file))
		return -ENODATA;
	ret_line[strcspn(ret_line, "\n")] = '\0';
	return 0;
}

static void kernel_read(struct doctor_facts *facts)
{
	struct utsname name;
	long commands;

	if (uname(&name) == 0 && sscanf(name.release, "%" SCNu32 ".%" SCNu32, &facts->kernel_major,
					&facts->kernel_minor) != 2)
		facts->kernel_major = 0;
	commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	facts->membarrier =
		commands > 0 && commands & MEMBARRIER_CMD_GLOBAL ? SWITCH_ON : SWITCH_OFF;
	facts->cgroup =
		access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? SWITCH_ON : SWITCH_OFF;
	facts->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	facts->n_cpus_online = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
}

static void jit_read(struct doctor_facts *facts)
{
	char line[32];

	if (line_read("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line)) == 0)
		facts->jit = strcmp(line, "0") == 0 ? SWITCH_OFF : SWITCH_ON;
}

static void clock_read(struct doctor_facts *facts)
{
	struct timex state = { .modes = 0 }; /* reads only */
	int r = adjtimex(&state);

	if (r >= 0)
		facts->clock_synchronised =
			r == TIME_ERROR || state.status & STA_UNSYNC ? SWITCH_OFF : SWITCH_ON;
}

/* Columns of /proc/net/softnet_stat, one line a CPU: processed, dropped, squeezed, … */
static void softnet_read(struct doctor_facts *facts)
{
	FILE *file __cleanup(cleanup_file) = fopen("/proc/net/softnet_stat", "re");
	unsigned int processed, dropped, squeezed;

	if (!file)
		return;
	facts->softnet_dropped = facts->softnet_squeezed = 0;
	while (fscanf(file, "%x %x %x %*[^\n]", &processed, &dropped, &squeezed) == 3) {
		facts->softnet_dropped += dropped;
		facts->softnet_squeezed += squeezed;
	}
}

static uint64_t number_read(const char *directory, const char *name)
{
	char path[PATH_MAX], line[64];
	uint64_t value;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path) ||
	    line_read(path, line, sizeof(line)) || parse_u64(line, 0, UINT64_MAX, &value))
		return UNKNOWN; /* "max", too */
	return value;
}

static void cgroup_read(struct doctor_facts *facts)
{
	char path[64] = "/proc/self/cgroup", line[1024], directory[1200];

	if (facts->daemon_pid)
		(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/cgroup", facts->daemon_pid);
	/* cgroup v2 has one line, "0::/system.slice/…" */
	if (line_read(path, line, sizeof(line)) || strncmp(line, "0::", 3) != 0)
		return;
	(void)snprintf(directory, sizeof(directory), "/sys/fs/cgroup%s", line + 3);
	facts->cgroup_bytes = number_read(directory, "memory.current");
	facts->cgroup_max_bytes = number_read(directory, "memory.max");
}

void doctor_probe_machine(struct doctor_facts *facts)
{
	kernel_read(facts);
	jit_read(facts);
	clock_read(facts);
	softnet_read(facts);
	cgroup_read(facts);
}

static void runtime_read(struct doctor_facts *facts)
{
	struct statfs file_system;
	struct stat st;

	if (stat(facts->runtime_dir, &st) || statfs(facts->runtime_dir, &file_system)) {
		facts->runtime_error = errno;
		return;
	}
	facts->runtime_error = 0;
	facts->runtime_mode = st.st_mode & 07777;
	facts->runtime_uid = st.st_uid;
	facts->runtime_tmpfs =
		file_system.f_type == TMPFS_MAGIC || file_system.f_type == RAMFS_MAGIC;
	facts->runtime_free_bytes = file_system.f_bavail * (uint64_t)file_system.f_bsize;
	facts->runtime_total_bytes = file_system.f_blocks * (uint64_t)file_system.f_bsize;
}

static void bpffs_read(struct doctor_facts *facts)
{
	struct statfs file_system;
	struct stat st;

	if (stat(facts->bpffs_dir, &st) || statfs(facts->bpffs_dir, &file_system)) {
		facts->bpffs_error = errno;
		return;
	}
	facts->bpffs_error = 0;
	facts->bpffs_is_bpf = file_system.f_type == BPF_FS_MAGIC;
	facts->bpffs_mode = st.st_mode & 07777;
}

static void namespaces_read(struct doctor_facts *facts)
{
	char own[64] = "", first[64] = "";

	if (readlink("/proc/self/ns/mnt", own, sizeof(own) - 1) > 0 &&
	    readlink("/proc/1/ns/mnt", first, sizeof(first) - 1) > 0)
		facts->same_mount_namespace = strcmp(own, first) ? SWITCH_OFF : SWITCH_ON;
}

void doctor_probe_place(struct doctor_facts *facts, const struct tool_paths *paths)
{
	(void)snprintf(facts->runtime_dir, sizeof(facts->runtime_dir), "%s",
		       paths->runtime_dir ? paths->runtime_dir : IPACCT_RUNTIME_DIR_DEFAULT);
	(void)snprintf(facts->bpffs_dir, sizeof(facts->bpffs_dir), "%s",
		       paths->bpffs_dir ? paths->bpffs_dir : IPACCT_BPFFS_DIR_DEFAULT);
	runtime_read(facts);
	bpffs_read(facts);
	namespaces_read(facts);
}
