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

CONFINED_TRY(try_socket, (void)socket(AF_INET, SOCK_DGRAM, 0))
CONFINED_TRY(try_socket_unix, (void)socket(AF_UNIX, SOCK_STREAM, 0))
CONFINED_TRY(try_socketpair, int pair[2]; (void)socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
CONFINED_TRY(try_sendto, (void)send(file_fd, "x", 1, 0))
CONFINED_TRY(try_ftruncate, (void)!ftruncate(file_fd, 0))
CONFINED_TRY(try_truncate, (void)!truncate(path, 0))
CONFINED_TRY(try_fallocate, (void)fallocate(file_fd, 0, 0, 4096))
CONFINED_TRY(try_write_file, (void)!write(file_fd, "x", 1))
CONFINED_TRY(try_pwrite_file, (void)!pwrite(file_fd, "x", 1, 0))
CONFINED_TRY(try_write_stdout, (void)!write(STDOUT_FILENO, "x", 1))
CONFINED_TRY(try_writev, struct iovec io = { path, 1 }; (void)!writev(STDERR_FILENO, &io, 1))
CONFINED_TRY(try_open_write, (void)open(path, O_WRONLY))
CONFINED_TRY(try_open_both, (void)open(path, O_RDWR))
CONFINED_TRY(try_open_truncate, (void)open(path, O_RDONLY | O_TRUNC))
CONFINED_TRY(try_open_create, (void)open("/tmp/ipacct-unit-none", O_RDONLY | O_CREAT, 0600))
CONFINED_TRY(try_open_append, (void)open(path, O_RDONLY | O_APPEND))
CONFINED_TRY(try_openat2, (void)syscall(SYS_openat2, AT_FDCWD, path, NULL, 0))
CONFINED_TRY(try_memfd, (void)memfd_create("more", 0))
CONFINED_TRY(try_dup, (void)dup2(file_fd, memfd))
CONFINED_TRY(try_exec, (void)execl("/bin/true", "true", NULL))
CONFINED_TRY(try_fork, (void)fork())
CONFINED_TRY(try_vfork, (void)syscall(SYS_vfork))
CONFINED_TRY(try_unshare, (void)unshare(CLONE_NEWUSER))
CONFINED_TRY(try_kill, (void)kill(getppid(), 0))
CONFINED_TRY(try_ptrace, (void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
CONFINED_TRY(try_process_read, (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0))
CONFINED_TRY(try_unlink, (void)unlink(path))
CONFINED_TRY(try_rename, (void)rename(path, "/tmp/ipacct-unit-none"))
CONFINED_TRY(try_link, (void)!link(path, "/tmp/ipacct-unit-none"))
CONFINED_TRY(try_mkdir, (void)mkdir("/tmp/ipacct-unit-none", 0700))
CONFINED_TRY(try_chmod, (void)chmod(path, 0777))
CONFINED_TRY(try_fchmod, (void)fchmod(file_fd, 0777))
CONFINED_TRY(try_chown, (void)!fchown(file_fd, 0, 0))
CONFINED_TRY(try_prctl, (void)prctl(PR_SET_DUMPABLE, 1))
CONFINED_TRY(try_setrlimit, struct rlimit limit = {}; (void)setrlimit(RLIMIT_AS, &limit))
CONFINED_TRY(try_bpf, (void)syscall(SYS_bpf, 0, NULL, 0))
CONFINED_TRY(try_io_uring, (void)syscall(SYS_io_uring_setup, 1, NULL))
CONFINED_TRY(try_ioctl, (void)syscall(SYS_ioctl, 0, 0, NULL))
CONFINED_TRY(try_fcntl, (void)fcntl(memfd, F_DUPFD, 100))
CONFINED_TRY(try_mmap_exec,
	     (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CONFINED_TRY(try_mprotect_exec,
	     void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	     (void)mprotect(at, 4096, PROT_READ | PROT_EXEC))
CONFINED_TRY(try_copy_range, (void)syscall(SYS_copy_file_range, memfd, NULL, file_fd, NULL, 1, 0))
CONFINED_TRY(try_sendfile, (void)syscall(SYS_sendfile, file_fd, memfd, NULL, 1))

static const struct confined_attempt forbidden[] = {
	CONFINED_ROW(try_socket),        CONFINED_ROW(try_socket_unix),
	CONFINED_ROW(try_socketpair),    CONFINED_ROW(try_sendto),
	CONFINED_ROW(try_ftruncate),     CONFINED_ROW(try_truncate),
	CONFINED_ROW(try_fallocate),     CONFINED_ROW(try_write_file),
	CONFINED_ROW(try_pwrite_file),   CONFINED_ROW(try_write_stdout),
	CONFINED_ROW(try_writev),        CONFINED_ROW(try_open_write),
	CONFINED_ROW(try_open_both),     CONFINED_ROW(try_open_truncate),
	CONFINED_ROW(try_open_create),   CONFINED_ROW(try_open_append),
	CONFINED_ROW(try_openat2),       CONFINED_ROW(try_memfd),
	CONFINED_ROW(try_dup),           CONFINED_ROW(try_exec),
	CONFINED_ROW(try_fork),          CONFINED_ROW(try_vfork),
	CONFINED_ROW(try_unshare),       CONFINED_ROW(try_kill),
	CONFINED_ROW(try_ptrace),        CONFINED_ROW(try_process_read),
	CONFINED_ROW(try_unlink),        CONFINED_ROW(try_rename),
	CONFINED_ROW(try_link),          CONFINED_ROW(try_mkdir),
	CONFINED_ROW(try_chmod),         CONFINED_ROW(try_fchmod),
	CONFINED_ROW(try_chown),         CONFINED_ROW(try_prctl),
	CONFINED_ROW(try_setrlimit),     CONFINED_ROW(try_bpf),
	CONFINED_ROW(try_io_uring),      CONFINED_ROW(try_ioctl),
	CONFINED_ROW(try_fcntl),         CONFINED_ROW(try_mmap_exec),
	CONFINED_ROW(try_mprotect_exec), CONFINED_ROW(try_copy_range),
	CONFINED_ROW(try_sendfile),
};

static void files_make(void)
{
	file_fd = confined_file_make(path, sizeof(path));
	memfd = memfd_create("test", 0);
	cr_assert_geq(memfd, 0);
}

static int load(void)
{
	return geo_seccomp_load(&memfd, 1);
}

Test(geo_seccomp, everything_that_could_do_harm_kills_before_it_happens)
{
	files_make();
	confined_kills_all(load, forbidden, sizeof(forbidden) / sizeof(forbidden[0]), path,
			   file_fd);
}

#if !SANITIZED
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
	files_make();
	confined_works(load, work, path);
}
#endif
