/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the worker can still do, and what kills it. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "confined.h"
#include "geo_seccomp.h"
#include "sanitized.h"

/* What a child may try: a file it opened for writing before, its path, and a memfd. */
static char path[64];
static int file_fd, memfd;

#define TRY(name, ...)         \
	static void name(void) \
	{                      \
		__VA_ARGS__;   \
	}

TRY(try_socket, (void)socket(AF_INET, SOCK_DGRAM, 0))
TRY(try_socket_unix, (void)socket(AF_UNIX, SOCK_STREAM, 0))
TRY(try_socketpair, int pair[2]; (void)socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
TRY(try_sendto, (void)send(file_fd, "x", 1, 0))
TRY(try_ftruncate, (void)!ftruncate(file_fd, 0))
TRY(try_truncate, (void)!truncate(path, 0))
TRY(try_fallocate, (void)fallocate(file_fd, 0, 0, 4096))
TRY(try_write_file, (void)!write(file_fd, "x", 1))
TRY(try_pwrite_file, (void)!pwrite(file_fd, "x", 1, 0))
TRY(try_write_stdout, (void)!write(STDOUT_FILENO, "x", 1))
TRY(try_writev, struct iovec io = { path, 1 }; (void)!writev(STDERR_FILENO, &io, 1))
TRY(try_open_write, (void)open(path, O_WRONLY))
TRY(try_open_both, (void)open(path, O_RDWR))
TRY(try_open_truncate, (void)open(path, O_RDONLY | O_TRUNC))
TRY(try_open_create, (void)open("/tmp/ipacct-unit-none", O_RDONLY | O_CREAT, 0600))
TRY(try_open_append, (void)open(path, O_RDONLY | O_APPEND))
TRY(try_openat2, (void)syscall(SYS_openat2, AT_FDCWD, path, NULL, 0))
TRY(try_memfd, (void)memfd_create("more", 0))
TRY(try_dup, (void)dup2(file_fd, memfd))
TRY(try_exec, (void)execl("/bin/true", "true", NULL))
TRY(try_fork, (void)fork())
TRY(try_vfork, (void)syscall(SYS_vfork))
TRY(try_unshare, (void)unshare(CLONE_NEWUSER))
TRY(try_kill, (void)kill(getppid(), 0))
TRY(try_ptrace, (void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
TRY(try_process_read, (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0))
TRY(try_unlink, (void)unlink(path))
TRY(try_rename, (void)rename(path, "/tmp/ipacct-unit-none"))
TRY(try_link, (void)!link(path, "/tmp/ipacct-unit-none"))
TRY(try_mkdir, (void)mkdir("/tmp/ipacct-unit-none", 0700))
TRY(try_chmod, (void)chmod(path, 0777))
TRY(try_fchmod, (void)fchmod(file_fd, 0777))
TRY(try_chown, (void)!fchown(file_fd, 0, 0))
TRY(try_prctl, (void)prctl(PR_SET_DUMPABLE, 1))
TRY(try_setrlimit, struct rlimit limit = {}; (void)setrlimit(RLIMIT_AS, &limit))
TRY(try_bpf, (void)syscall(SYS_bpf, 0, NULL, 0))
TRY(try_io_uring, (void)syscall(SYS_io_uring_setup, 1, NULL))
TRY(try_ioctl, (void)syscall(SYS_ioctl, 0, 0, NULL))
TRY(try_fcntl, (void)fcntl(memfd, F_DUPFD, 100))
TRY(try_mmap_exec,
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
TRY(try_mprotect_exec, void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)mprotect(at, 4096, PROT_READ | PROT_EXEC))
TRY(try_copy_range, (void)syscall(SYS_copy_file_range, memfd, NULL, file_fd, NULL, 1, 0))
TRY(try_sendfile, (void)syscall(SYS_sendfile, file_fd, memfd, NULL, 1))
#undef TRY

static const struct {
	const char *name;
	void (*run)(void);
} forbidden[] = {
#define ROW(name)           \
	{                   \
#name, name \
	}
	ROW(try_socket),        ROW(try_socket_unix),   ROW(try_socketpair),  ROW(try_sendto),
	ROW(try_ftruncate),     ROW(try_truncate),      ROW(try_fallocate),   ROW(try_write_file),
	ROW(try_pwrite_file),   ROW(try_write_stdout),  ROW(try_writev),      ROW(try_open_write),
	ROW(try_open_both),     ROW(try_open_truncate), ROW(try_open_create), ROW(try_open_append),
	ROW(try_openat2),       ROW(try_memfd),         ROW(try_dup),         ROW(try_exec),
	ROW(try_fork),          ROW(try_vfork),         ROW(try_unshare),     ROW(try_kill),
	ROW(try_ptrace),        ROW(try_process_read),  ROW(try_unlink),      ROW(try_rename),
	ROW(try_link),          ROW(try_mkdir),         ROW(try_chmod),       ROW(try_fchmod),
	ROW(try_chown),         ROW(try_prctl),         ROW(try_setrlimit),   ROW(try_bpf),
	ROW(try_io_uring),      ROW(try_ioctl),         ROW(try_fcntl),       ROW(try_mmap_exec),
	ROW(try_mprotect_exec), ROW(try_copy_range),    ROW(try_sendfile),
#undef ROW
};

static void files_make(void)
{
	strcpy(path, "/tmp/ipacct-unit.XXXXXX");
	file_fd = mkstemp(path);
	cr_assert_geq(file_fd, 0);
	cr_assert_eq(write(file_fd, "0123456789", 10), 10);
	memfd = memfd_create("test", 0);
	cr_assert_geq(memfd, 0);
}

static int load(void)
{
	return geo_seccomp_load(&memfd, 1);
}

Test(geo_seccomp, everything_that_could_do_harm_kills_before_it_happens)
{
	struct stat st;

	files_make();
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		int status = confined_outcome(load, forbidden[i].run);

		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x",
			  forbidden[i].name, status);
	}
	cr_assert_eq(fstat(file_fd, &st), 0);
	cr_expect_eq(st.st_size, 10, "nothing touched the file");
	cr_expect_eq(st.st_mode & 0777, 0600);
	(void)unlink(path); /* ours, in /tmp */
}

#ifndef SANITIZED
static void require(bool condition)
{
	if (!condition)
		_exit(1);
}

/* What the worker lives on. */
static void work(void)
{
	struct itimerval limit = { .it_value.tv_sec = 10 };
	struct pollfd none = { .fd = -1 };
	struct stat st;
	char text[10], *large = malloc(8 << 20);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), watch;
	void *at;

	require(large && fd >= 0 && read(fd, text, 10) == 10 && !memcmp(text, "0123456789", 10));
	free(large);
	require(!fstat(fd, &st) && !stat(path, &st) && !close(fd));
	require(!ftruncate(memfd, 8192));
	at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	require(at != MAP_FAILED && !munmap(at, 8192) && !ftruncate(memfd, 0));
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	require(watch >= 0 && inotify_add_watch(watch, "/tmp", IN_MOVED_TO) >= 0);
	require(!poll(&none, 1, 1) && !setitimer(ITIMER_PROF, &limit, NULL));
	require(write(STDERR_FILENO, "", 0) == 0);
}

Test(geo_seccomp, what_the_worker_needs_is_left)
{
	int status;

	files_make();
	status = confined_outcome(load, work);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ALLOWED, "status %x", status);
	(void)unlink(path); /* ours, in /tmp */
}
#endif
