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
#include <linux/openat2.h>

#include <criterion/criterion.h>

#include "base/beneath.h"
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

CONFINED_TRY(socket_inet, (void)socket(AF_INET, SOCK_STREAM, 0))
CONFINED_TRY(socket_raw, (void)socket(AF_PACKET, SOCK_RAW, 0))
CONFINED_TRY(socket_netlink, (void)socket(AF_NETLINK, SOCK_RAW, 0))
CONFINED_TRY(pair, int fds[2]; (void)socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
CONFINED_TRY(connecting, (void)connect(listen_fd, NULL, 0))
CONFINED_TRY(binding, (void)bind(listen_fd, NULL, 0))
CONFINED_TRY(listening, (void)listen(listen_fd, 1))
CONFINED_TRY(open_write, (void)open(path, O_WRONLY))
CONFINED_TRY(open_both, (void)open(path, O_RDWR))
CONFINED_TRY(open_create, (void)open(NOWHERE, O_RDONLY | O_CREAT, 0600))
CONFINED_TRY(open_truncate, (void)open(path, O_RDONLY | O_TRUNC))
CONFINED_TRY(open_handle, (void)syscall(SYS_open_by_handle_at, file_fd, NULL, O_RDONLY))
CONFINED_TRY(size, (void)!ftruncate(file_fd, 0))
CONFINED_TRY(size_by_name, (void)!truncate(path, 0))
CONFINED_TRY(removing, (void)unlink(path))
CONFINED_TRY(renaming, (void)rename(path, NOWHERE))
CONFINED_TRY(linking, (void)!link(path, NOWHERE))
CONFINED_TRY(linking_softly, (void)!symlink(path, NOWHERE))
CONFINED_TRY(making, (void)mkdir(NOWHERE, 0700))
CONFINED_TRY(mode, (void)chmod(path, 0777))
CONFINED_TRY(mode_of_fd, (void)fchmod(file_fd, 0777))
CONFINED_TRY(owner, (void)!fchown(file_fd, 0, 0))
CONFINED_TRY(copying_fd, (void)dup(listen_fd))
CONFINED_TRY(copying_fd_again, (void)fcntl(listen_fd, F_DUPFD, 100))
CONFINED_TRY(locking, (void)fcntl(file_fd, F_SETOWN, getpid()))
CONFINED_TRY(memory_file, (void)memfd_create("more", 0))
CONFINED_TRY(exec, (void)execl("/bin/true", "true", NULL))
CONFINED_TRY(exec_at, (void)syscall(SYS_execveat, file_fd, "", NULL, NULL, AT_EMPTY_PATH))
CONFINED_TRY(forking, (void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0))
CONFINED_TRY(sharing, (void)syscall(SYS_clone, CLONE_VM | SIGCHLD, NULL, NULL, NULL, 0))
CONFINED_TRY(unsharing, (void)unshare(CLONE_NEWUSER))
CONFINED_TRY(entering, (void)setns(file_fd, 0))
CONFINED_TRY(mounting, (void)mount("none", "/tmp", "tmpfs", 0, NULL))
CONFINED_TRY(killing, (void)kill(getppid(), 0))
CONFINED_TRY(killing_a_thread, (void)syscall(SYS_tgkill, getppid(), getppid(), 0))
CONFINED_TRY(tracing, (void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
CONFINED_TRY(reading_memory, (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0))
CONFINED_TRY(taking_fd, (void)syscall(SYS_pidfd_open, getppid(), 0))
CONFINED_TRY(dumpable, (void)prctl(PR_SET_DUMPABLE, 1))
CONFINED_TRY(limits, struct rlimit limit = {}; (void)setrlimit(RLIMIT_AS, &limit))
CONFINED_TRY(identity, (void)setuid(0))
CONFINED_TRY(io_uring, (void)syscall(SYS_io_uring_setup, 1, NULL))
CONFINED_TRY(perf, (void)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))
CONFINED_TRY(keys, (void)syscall(SYS_keyctl, 0, 0, 0, 0, 0))
CONFINED_TRY(device, (void)syscall(SYS_ioctl, 0, 0, NULL))
CONFINED_TRY(map_memory,
	     (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CONFINED_TRY(protect_memory, (void)mprotect(NULL, 0, PROT_READ | PROT_EXEC))
CONFINED_TRY(map_create, bpf_try(BPF_MAP_CREATE))
CONFINED_TRY(map_by_id, bpf_try(BPF_MAP_GET_FD_BY_ID))
CONFINED_TRY(map_freeze, bpf_try(BPF_MAP_FREEZE))
CONFINED_TRY(program_load, bpf_try(BPF_PROG_LOAD))
CONFINED_TRY(program_run, bpf_try(BPF_PROG_TEST_RUN))
CONFINED_TRY(pin_get, bpf_try(BPF_OBJ_GET))
CONFINED_TRY(pin_put, bpf_try(BPF_OBJ_PIN))
CONFINED_TRY(link_detach, bpf_try(BPF_LINK_DETACH))
CONFINED_TRY(link_update, bpf_try(BPF_LINK_UPDATE))

static const struct confined_attempt forbidden[] = {
	CONFINED_ROW(socket_inet), CONFINED_ROW(socket_raw),     CONFINED_ROW(socket_netlink),
	CONFINED_ROW(pair),        CONFINED_ROW(connecting),     CONFINED_ROW(binding),
	CONFINED_ROW(listening),   CONFINED_ROW(open_write),     CONFINED_ROW(open_both),
	CONFINED_ROW(open_create), CONFINED_ROW(open_truncate),  CONFINED_ROW(open_handle),
	CONFINED_ROW(size),        CONFINED_ROW(size_by_name),   CONFINED_ROW(removing),
	CONFINED_ROW(renaming),    CONFINED_ROW(linking),        CONFINED_ROW(linking_softly),
	CONFINED_ROW(making),      CONFINED_ROW(mode),           CONFINED_ROW(mode_of_fd),
	CONFINED_ROW(owner),       CONFINED_ROW(copying_fd),     CONFINED_ROW(copying_fd_again),
	CONFINED_ROW(locking),     CONFINED_ROW(memory_file),    CONFINED_ROW(exec),
	CONFINED_ROW(exec_at),     CONFINED_ROW(forking),        CONFINED_ROW(sharing),
	CONFINED_ROW(unsharing),   CONFINED_ROW(entering),       CONFINED_ROW(mounting),
	CONFINED_ROW(killing),     CONFINED_ROW(tracing),        CONFINED_ROW(killing_a_thread),
	CONFINED_ROW(taking_fd),   CONFINED_ROW(reading_memory), CONFINED_ROW(dumpable),
	CONFINED_ROW(limits),      CONFINED_ROW(identity),       CONFINED_ROW(io_uring),
	CONFINED_ROW(perf),        CONFINED_ROW(keys),           CONFINED_ROW(device),
	CONFINED_ROW(map_memory),  CONFINED_ROW(protect_memory), CONFINED_ROW(map_create),
	CONFINED_ROW(map_by_id),   CONFINED_ROW(map_freeze),     CONFINED_ROW(program_load),
	CONFINED_ROW(program_run), CONFINED_ROW(pin_get),        CONFINED_ROW(pin_put),
	CONFINED_ROW(link_detach), CONFINED_ROW(link_update),
};

static void things_make(void)
{
	file_fd = confined_file_make(path, sizeof(path));
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	cr_assert_geq(listen_fd, 0);
	cr_assert_eq(bind(listen_fd, &(struct sockaddr){ .sa_family = AF_UNIX }, 2), 0);
	cr_assert_eq(listen(listen_fd, 1), 0);
}

Test(collector_seccomp, everything_that_could_do_harm_kills_before_it_happens)
{
	things_make();
	confined_kills_all(collector_seccomp_load, forbidden,
			   sizeof(forbidden) / sizeof(forbidden[0]), path, file_fd);
}

#if !SANITIZED
static void *thread(void *context)
{
	return context;
}

/* The calls of which only some arguments are left; the end-to-end suite lives on the others. */
static void work(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct open_how how = {};
	char text[10];
	pthread_t id;
	void *result = NULL;

	require(fd >= 0 && read(fd, text, 10) == 10 && !memcmp(text, "0123456789", 10));
	/* the geo file is opened without it: no filter sees its flags */
	require(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)) < 0 && errno == ENOSYS);
	require(beneath_open_path(path, O_RDONLY) >= 0);
	require(accept(listen_fd, NULL, NULL) < 0 && errno == EAGAIN);
	require(fcntl(listen_fd, F_GETFL) & O_NONBLOCK);
	require(!pthread_create(&id, NULL, thread, text) && !pthread_join(id, &result));
	require(result == text && !prctl(PR_SET_NAME, "name"));
	bpf_try(BPF_MAP_LOOKUP_ELEM);
	bpf_try(BPF_MAP_LOOKUP_BATCH);
}

Test(collector_seccomp, what_the_collector_needs_is_left)
{
	things_make();
	confined_works(collector_seccomp_load, work, path);
}
#endif
