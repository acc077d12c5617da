/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files are opened in the runtime directory, and which are not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "runtime_file.h"

static char dir[] = "/tmp/ipacct-unit.XXXXXX";
static int dir_fd;

static void dir_make(void)
{
	cr_assert_not_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dir_fd, 0);
}

static void dir_remove(void)
{
	static const char *const names[] = { "file", "link", "second", "fifo" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(dir_fd, names[i], 0); /* not every test makes each */
	(void)unlinkat(dir_fd, "folder", AT_REMOVEDIR);
	close_fd(&dir_fd);
	cr_assert_eq(rmdir(dir), 0);
}

TestSuite(runtime_file, .init = dir_make, .fini = dir_remove);

static void file_make(void)
{
	int fd = runtime_file_open(dir_fd, "file", O_RDWR | O_CREAT | O_EXCL, 0600, NULL);

	cr_assert_geq(fd, 0);
	close_fd(&fd);
}

/* Opened in every way that the daemon has, with the same answer and words. */
static void refused(const char *name, int error, const char *what)
{
	static const int flags[] = { O_RDWR, O_RDWR | O_CREAT };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct ipacct_problem problem = {};
		char words[128];

		(void)snprintf(words, sizeof(words), "%s/%s is %s: remove it", dir, name, what);
		cr_expect_eq(runtime_file_open(dir_fd, name, flags[i], 0600, &problem), error);
		cr_expect_str_eq(problem.text, words);
	}
}

Test(runtime_file, regular_file_with_one_name_is_made_and_opened_again)
{
	struct ipacct_problem problem = {};
	struct stat st;
	int fd;

	file_make();
	cr_expect_eq(runtime_file_open(dir_fd, "file", O_RDWR | O_CREAT | O_EXCL, 0600, NULL),
		     -EEXIST);
	fd = runtime_file_open(dir_fd, "file", O_RDONLY, 0, &problem);
	cr_assert_geq(fd, 0);
	cr_expect_eq(fstat(fd, &st), 0);
	cr_expect_eq(st.st_mode, S_IFREG | 0600);
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cr_expect_str_eq(problem.text, "");
	close_fd(&fd);
}

Test(runtime_file, absent_is_an_error_without_words)
{
	struct ipacct_problem problem = {};

	cr_expect_eq(runtime_file_open(dir_fd, "file", O_RDWR, 0, &problem), -ENOENT);
	cr_expect_str_eq(problem.text, "");
}

Test(runtime_file, whatever_else_has_the_name_is_refused)
{
	file_make();
	cr_assert_eq(symlinkat("file", dir_fd, "link"), 0);
	refused("link", -ELOOP, "a symbolic link");
	cr_assert_eq(unlinkat(dir_fd, "link", 0), 0);
	cr_assert_eq(symlinkat("absent", dir_fd, "link"), 0);
	refused("link", -ELOOP, "a symbolic link");
	cr_expect_eq(faccessat(dir_fd, "absent", F_OK, 0), -1, "made behind a link");
	cr_assert_eq(linkat(dir_fd, "file", dir_fd, "second", 0), 0);
	refused("file", -EMLINK, "a file that has other names, too");
	refused("second", -EMLINK, "a file that has other names, too");
	cr_assert_eq(mkfifoat(dir_fd, "fifo", 0600), 0);
	refused("fifo", -EINVAL, "not a regular file");
	cr_assert_eq(mkdirat(dir_fd, "folder", 0700), 0);
	refused("folder", -EISDIR, "a directory");
}

Test(runtime_file, fifo_holds_nobody)
{
	cr_assert_eq(mkfifoat(dir_fd, "fifo", 0600), 0);
	cr_expect_eq(runtime_file_open(dir_fd, "fifo", O_RDONLY, 0, NULL), -EINVAL);
}

Test(runtime_file, name_that_leads_out_of_the_directory_is_refused)
{
	cr_expect_eq(runtime_file_open(dir_fd, "../passwd", O_RDONLY, 0, NULL), -EXDEV);
	cr_expect_eq(runtime_file_open(dir_fd, "/etc/passwd", O_RDONLY, 0, NULL), -EXDEV);
}
