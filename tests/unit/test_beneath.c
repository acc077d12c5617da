/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is opened in a directory, and what is not: by openat2(), and where that is refused. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/openat2.h>

#include <criterion/criterion.h>
#include <seccomp.h>

#include "base/beneath.h"
#include "base/cleanup.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define EXIT_SETUP  100

static char dir[] = "/tmp/ipacct-unit.XXXXXX";
static int dir_fd;

static void dir_make(void)
{
	int fd;

	cr_assert_not_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dir_fd, 0);
	cr_assert_eq(mkdirat(dir_fd, "folder", 0700), 0);
	fd = openat(dir_fd, "folder/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	close_fd(&fd);
	fd = openat(dir_fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	close_fd(&fd);
	cr_assert_eq(symlinkat("file", dir_fd, "link"), 0);
	cr_assert_eq(symlinkat("absent", dir_fd, "dangling"), 0);
	cr_assert_eq(symlinkat("folder", dir_fd, "parent"), 0);
	cr_assert_eq(symlinkat("/proc/self/fd/0", dir_fd, "magic"), 0);
	cr_assert_eq(mkfifoat(dir_fd, "fifo", 0600), 0);
}

static void dir_remove(void)
{
	static const char *const names[] = { "file",  "link", "dangling", "parent",
					     "magic", "fifo", "made",     "folder/file" };

	for (size_t i = 0; i < N_OF(names); i++)
		(void)unlinkat(dir_fd, names[i], 0); /* not every test makes each */
	(void)unlinkat(dir_fd, "folder", AT_REMOVEDIR);
	close_fd(&dir_fd);
	cr_assert_eq(rmdir(dir), 0);
}

TestSuite(beneath, .init = dir_make, .fini = dir_remove);

static const struct {
	const char *name;
	int flags;
	int error; /* 0: it is opened */
} rows[] = {
	{ "file", O_RDWR, 0 },
	{ "made", O_RDWR | O_CREAT | O_EXCL, 0 },
	{ "file", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
	{ "folder", O_RDONLY | O_DIRECTORY, 0 },
	{ "folder", O_RDWR, -EISDIR },
	{ "fifo", O_RDONLY | O_NONBLOCK, 0 }, /* and nobody waits */
	{ "fifo", O_PATH, 0 },
	{ "absent", O_RDWR, -ENOENT },
	{ "link", O_RDONLY, -ELOOP },
	{ "link", O_RDWR | O_CREAT, -ELOOP },
	{ "link", O_PATH, -ELOOP },
	{ "link", O_PATH | O_NOFOLLOW, -ELOOP },
	{ "link", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
	{ "dangling", O_RDWR | O_CREAT, -ELOOP },
	{ "dangling", O_PATH, -ELOOP },
	{ "magic", O_RDONLY, -ELOOP },
	{ "parent/file", O_RDONLY, -EXDEV },
	{ "folder/file", O_RDONLY, -EXDEV },
	{ "folder/../file", O_RDONLY, -EXDEV },
	{ "../etc/passwd", O_RDONLY, -EXDEV },
	{ "/etc/passwd", O_RDONLY, -EXDEV },
	{ "..", O_RDONLY | O_DIRECTORY, -EXDEV },
	{ ".", O_RDONLY | O_DIRECTORY, -EXDEV },
	{ "", O_RDONLY, -EXDEV },
};

/* Which call is refused, and how. */
struct world {
	const char *name;
	const char *call;
	uint32_t action;
};

static int world_enter(const struct world *world)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int number = seccomp_syscall_resolve_name(world->call);

	return !filter || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       seccomp_rule_add(filter, world->action, number, 0) || seccomp_load(filter);
}

static int row_try(size_t i)
{
	int fd __cleanup(cleanup_fd) = beneath_open(dir_fd, rows[i].name, rows[i].flags, 0600);

	if (rows[i].error)
		return fd != rows[i].error;
	return fd < 0 || !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* All rows in a child that lives in this world. */
static void rows_in(const struct world *world)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (world->call && world_enter(world))
			_exit(EXIT_SETUP);
		for (size_t i = 0; i < N_OF(rows); i++)
			if (row_try(i))
				_exit((int)i + 1);
		_exit(0);
	}
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "%s: status %x", world->name, status);
	cr_assert_neq(WEXITSTATUS(status), EXIT_SETUP, "%s: no filter", world->name);
	cr_expect_eq(WEXITSTATUS(status), 0, "%s: row %d, \"%s\"", world->name,
		     WEXITSTATUS(status) - 1,
		     rows[(WEXITSTATUS(status) + N_OF(rows) - 1) % N_OF(rows)].name);
	cr_expect_eq(faccessat(dir_fd, "absent", F_OK, 0), -1, "%s: made behind a link",
		     world->name);
	(void)unlinkat(dir_fd, "made", 0); /* for the next world */
}

Test(beneath, traps_are_refused_by_the_kernel)
{
	/* without openat() only openat2() is left to open anything: EBADE is nobody else's */
	rows_in(&(struct world){ "openat2 alone", "openat", SCMP_ACT_ERRNO(EBADE) });
	rows_in(&(struct world){ .name = "no filter" });
}

Test(beneath, traps_are_refused_where_a_filter_refuses_openat2)
{
	rows_in(&(struct world){ "ENOSYS", "openat2", SCMP_ACT_ERRNO(ENOSYS) });
	rows_in(&(struct world){ "EPERM", "openat2", SCMP_ACT_ERRNO(EPERM) });
}

Test(beneath, path_may_lead_through_links_but_its_last_name_may_not_be_one)
{
	char path[PATH_MAX + 1];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/parent/file", dir);
	fd = beneath_open_path(path, O_RDONLY);
	cr_expect_geq(fd, 0);
	close_fd(&fd);
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	cr_expect_eq(beneath_open_path(path, O_RDONLY), -ELOOP);
	(void)snprintf(path, sizeof(path), "%s/absent/file", dir);
	cr_expect_eq(beneath_open_path(path, O_RDONLY), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/file/file", dir);
	cr_expect_eq(beneath_open_path(path, O_RDONLY), -ENOTDIR);
	(void)snprintf(path, sizeof(path), "%s/folder/..", dir);
	cr_expect_eq(beneath_open_path(path, O_RDONLY | O_DIRECTORY), -EXDEV);
	fd = beneath_open_path("/etc", O_RDONLY | O_DIRECTORY);
	cr_expect_geq(fd, 0);
	close_fd(&fd);
	cr_expect_eq(beneath_open_path("ipacct-absent", O_RDONLY), -ENOENT);
}

Test(beneath, path_of_the_longest_name_is_looked_up_and_no_longer_one)
{
	char path[PATH_MAX + 4];

	memset(path, '/', sizeof(path)); /* "////…/x": a directory of PATH_MAX - 1 octets */
	path[PATH_MAX - 1] = 'x';
	path[PATH_MAX] = '\0';
	cr_expect_eq(beneath_open_path(path, O_RDONLY), -ENOENT);
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = 'x';
	path[PATH_MAX + 1] = '\0';
	cr_expect_eq(beneath_open_path(path, O_RDONLY), -ENAMETOOLONG);
}
