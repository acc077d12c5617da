/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kills the collector, and what of the same calls is left to it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <criterion/criterion.h>

#include "collector_seccomp.h"
#include "confined.h"
#include "sanitized.h"

#define NOWHERE "/tmp/ipacct-unit-none"

/* Made before the filter: a socket that listens, as the collector has one, and a file. */
static char path[64];
static int file_fd, listen_fd;

/* The kernel never sees these: the attributes need not make sense. */
static void bpf_try(enum bpf_cmd command)
{
	union bpf_attr attr = {};

	(void)syscall(SYS_bpf, command, &attr, sizeof(attr));
}

#define TRY(name, ...)         \
	static void name(void) \
	{                      \
		__VA_ARGS__;   \
	}

TRY(socket_inet, (void)socket(AF_INET, SOCK_STREAM, 0))
TRY(socket_raw, (void)socket(AF_PACKET, SOCK_RAW, 0))
TRY(socket_netlink, (void)socket(AF_NETLINK, SOCK_RAW, 0))
TRY(pair, int fds[2]; (void)socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
TRY(connecting, (void)connect(listen_fd, NULL, 0))
TRY(binding, (void)bind(listen_fd, NULL, 0))
TRY(listening, (void)listen(listen_fd, 1))
TRY(open_write, (void)open(path, O_WRONLY))
TRY(open_both, (void)open(path, O_RDWR))
TRY(open_create, (void)open(NOWHERE, O_RDONLY | O_CREAT, 0600))
TRY(open_truncate, (void)open(path, O_RDONLY | O_TRUNC))
TRY(open_resolve, (void)syscall(SYS_openat2, AT_FDCWD, path, NULL, 0))
TRY(size, (void)!ftruncate(file_fd, 0))
TRY(size_by_name, (void)!truncate(path, 0))
TRY(removing, (void)unlink(path))
TRY(renaming, (void)rename(path, NOWHERE))
TRY(linking, (void)!link(path, NOWHERE))
TRY(linking_softly, (void)!symlink(path, NOWHERE))
TRY(making, (void)mkdir(NOWHERE, 0700))
TRY(mode, (void)chmod(path, 0777))
TRY(mode_of_fd, (void)fchmod(file_fd, 0777))
TRY(owner, (void)!fchown(file_fd, 0, 0))
TRY(copying_fd, (void)dup(listen_fd))
TRY(copying_fd_again, (void)fcntl(listen_fd, F_DUPFD, 100))
TRY(locking, (void)fcntl(file_fd, F_SETOWN, getpid()))
TRY(memory_file, (void)memfd_create("more", 0))
TRY(exec, (void)execl("/bin/true", "true", NULL))
TRY(exec_at, (void)syscall(SYS_execveat, file_fd, "", NULL, NULL, AT_EMPTY_PATH))
TRY(forking, (void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0))
TRY(sharing, (void)syscall(SYS_clone, CLONE_VM | SIGCHLD, NULL, NULL, NULL, 0))
TRY(unsharing, (void)unshare(CLONE_NEWUSER))
TRY(entering, (void)setns(file_fd, 0))
TRY(mounting, (void)mount("none", "/tmp", "tmpfs", 0, NULL))
TRY(killing, (void)kill(getppid(), 0))
TRY(killing_a_thread, (void)syscall(SYS_tgkill, getppid(), getppid(), 0))
TRY(tracing, (void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
TRY(reading_memory, (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0))
TRY(taking_fd, (void)syscall(SYS_pidfd_open, getppid(), 0))
TRY(dumpable, (void)prctl(PR_SET_DUMPABLE, 1))
TRY(limits, struct rlimit limit = {}; (void)setrlimit(RLIMIT_AS, &limit))
TRY(identity, (void)setuid(0))
TRY(io_uring, (void)syscall(SYS_io_uring_setup, 1, NULL))
TRY(perf, (void)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))
TRY(keys, (void)syscall(SYS_keyctl, 0, 0, 0, 0, 0))
TRY(device, (void)syscall(SYS_ioctl, 0, 0, NULL))
TRY(map_memory, (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
TRY(protect_memory, (void)mprotect(NULL, 0, PROT_READ | PROT_EXEC))
TRY(map_create, bpf_try(BPF_MAP_CREATE))
TRY(map_by_id, bpf_try(BPF_MAP_GET_FD_BY_ID))
TRY(map_freeze, bpf_try(BPF_MAP_FREEZE))
TRY(program_load, bpf_try(BPF_PROG_LOAD))
TRY(program_run, bpf_try(BPF_PROG_TEST_RUN))
TRY(pin_get, bpf_try(BPF_OBJ_GET))
TRY(pin_put, bpf_try(BPF_OBJ_PIN))
TRY(link_detach, bpf_try(BPF_LINK_DETACH))
TRY(link_update, bpf_try(BPF_LINK_UPDATE))
#undef TRY

static const struct {
	const char *name;
	void (*run)(void);
} forbidden[] = {
#define ROW(name)           \
	{                   \
#name, name \
	}
	ROW(socket_inet), ROW(socket_raw),     ROW(socket_netlink), ROW(pair),
	ROW(connecting),  ROW(binding),        ROW(listening),      ROW(open_write),
	ROW(open_both),   ROW(open_create),    ROW(open_truncate),  ROW(open_resolve),
	ROW(size),        ROW(size_by_name),   ROW(removing),       ROW(renaming),
	ROW(linking),     ROW(linking_softly), ROW(making),         ROW(mode),
	ROW(mode_of_fd),  ROW(owner),          ROW(copying_fd),     ROW(copying_fd_again),
	ROW(locking),     ROW(memory_file),    ROW(exec),           ROW(exec_at),
	ROW(forking),     ROW(sharing),        ROW(unsharing),      ROW(entering),
	ROW(mounting),    ROW(killing),        ROW(tracing),        ROW(killing_a_thread),
	ROW(taking_fd),   ROW(reading_memory), ROW(dumpable),       ROW(limits),
	ROW(identity),    ROW(io_uring),       ROW(perf),           ROW(keys),
	ROW(device),      ROW(map_memory),     ROW(protect_memory), ROW(map_create),
	ROW(map_by_id),   ROW(map_freeze),     ROW(program_load),   ROW(program_run),
	ROW(pin_get),     ROW(pin_put),        ROW(link_detach),    ROW(link_update),
#undef ROW
};

static void things_make(void)
{
	strcpy(path, "/tmp/ipacct-unit.XXXXXX");
	file_fd = mkstemp(path);
	cr_assert_geq(file_fd, 0);
	cr_assert_eq(write(file_fd, "0123456789", 10), 10);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	cr_assert_geq(listen_fd, 0);
	cr_assert_eq(bind(listen_fd, &(struct sockaddr){ .sa_family = AF_UNIX }, 2), 0);
	cr_assert_eq(listen(listen_fd, 1), 0);
}

Test(collector_seccomp, everything_that_could_do_harm_kills_before_it_happens)
{
	struct stat st;

	things_make();
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		int status = confined_outcome(collector_seccomp_load, forbidden[i].run);

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

static void *thread(void *context)
{
	return context;
}

/* The calls of which only some arguments are left; the end-to-end suite lives on the others. */
static void work(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[10];
	pthread_t id;
	void *result = NULL;

	require(fd >= 0 && read(fd, text, 10) == 10 && !memcmp(text, "0123456789", 10));
	require(accept(listen_fd, NULL, NULL) < 0 && errno == EAGAIN);
	require(fcntl(listen_fd, F_GETFL) & O_NONBLOCK);
	require(!pthread_create(&id, NULL, thread, text) && !pthread_join(id, &result));
	require(result == text && !prctl(PR_SET_NAME, "name"));
	bpf_try(BPF_MAP_LOOKUP_ELEM);
	bpf_try(BPF_MAP_LOOKUP_BATCH);
}

Test(collector_seccomp, what_the_collector_needs_is_left)
{
	int status;

	things_make();
	status = confined_outcome(collector_seccomp_load, work);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ALLOWED, "status %x", status);
	(void)unlink(path); /* ours, in /tmp */
}
#endif
