# SPDX-License-Identifier: GPL-2.0-or-later
"""A twin of a running process: its users, groups, capabilities, network and filters of system
calls, but none of its descriptors. What a twin may do, whoever takes that process over may do."""

import ctypes
import errno
import os
import resource
import signal
import struct

from harness import status_field
from tap import Failure, Skip, check

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SECCOMP_GET_FILTER = 16, 17, 0x420c  # linux/ptrace.h
PTRACE_SEIZE = 0x4206
WALL = 0x40000000  # linux/wait.h
# linux/prctl.h, linux/seccomp.h, linux/capability.h, linux/sched.h
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWNET = 0x40000000


def libc(name, *arguments):
    """A call of libc's; raises OSError."""
    result = getattr(_LIBC, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _filters(pid):
    """The programs that filter its system calls, the oldest first."""
    libc("ptrace", PTRACE_ATTACH, pid, None, None)
    found = []
    try:
        os.waitpid(pid, WALL)
        while True:
            try:
                count = libc("ptrace", PTRACE_SECCOMP_GET_FILTER, pid, len(found), None)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return found[::-1]
                raise Skip(f"this kernel shows no filter (CONFIG_CHECKPOINT_RESTORE): {error}") \
                    from error
            code = ctypes.create_string_buffer(8 * count)  # linux/filter.h struct sock_filter
            libc("ptrace", PTRACE_SECCOMP_GET_FILTER, pid, len(found), code)
            found.append(code)
    finally:
        libc("ptrace", PTRACE_DETACH, pid, None, None)


class Role:
    """Who does something: what a process has that is given, or these ids and nothing else."""

    def __init__(self, pid=None, ids=None):
        self.filters, self.network = [], None
        if pid is None:
            self.user, self.group = ids
            self.groups, self.bounding, self.effective = [], 0, 0
            self.confined = True
            return
        self.network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.user, self.group = (int(status_field(pid, name)[0]) for name in ("Uid", "Gid"))
        self.groups = [int(group) for group in status_field(pid, "Groups")]
        self.bounding, self.effective, permitted, inheritable = (
            int(status_field(pid, "Cap" + name)[0], 16) for name in ("Bnd", "Eff", "Prm", "Inh"))
        check(permitted == self.effective and not inheritable,
              f"process {pid}: capabilities in reserve {permitted:x} {inheritable:x}")
        self.confined = status_field(pid, "NoNewPrivs") == ["1"]
        if status_field(pid, "Seccomp") == [str(SECCOMP_MODE_FILTER)]:
            self.filters = _filters(pid)
            check(self.filters, f"process {pid} has a filter that is not there")

    def close(self):
        if self.network is not None:
            os.close(self.network)

    def _become(self):
        """The kernel's order: what needs a capability first, the filters last."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.network is not None:
            libc("setns", self.network, CLONE_NEWNET)
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as text:
            last = int(text.read())
        for number in range(last + 1):
            if not self.bounding >> number & 1:
                libc("prctl", PR_CAPBSET_DROP, number, 0, 0, 0)
        os.setgroups(self.groups)
        os.setresgid(self.group, self.group, self.group)
        os.setresuid(self.user, self.user, self.user)
        low, high = self.effective & 0xffffffff, self.effective >> 32
        libc("capset", struct.pack("=II", CAPABILITY_VERSION_3, 0),
             struct.pack("=6I", low, low, 0, high, high, 0))
        if self.confined:
            libc("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for code in self.filters:
            program = ctypes.create_string_buffer(  # linux/filter.h struct sock_fprog
                struct.pack("@HP", (len(code)) // 8, ctypes.addressof(code)))
            libc("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)

    def may(self, operation):
        """Let a twin do it: "yes", "no" (EPERM, EACCES) or "killed"; anything else is a failure."""
        pid = os.fork()
        if pid == 0:
            code = 127
            try:
                self._become()
                code = 126
                operation()
                code = 0
            except OSError as error:
                code = error.errno if code == 126 else 127
            finally:
                os._exit(code)  # pylint: disable=lost-exception  # the filter leaves no other way
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
            return "killed"
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
        if code in (errno.EPERM, errno.EACCES):
            return "no"
        if code:
            reason = {127: "no twin could be made", 126: "exception", -1: f"status {status:x}"}
            raise Failure(reason.get(code) or os.strerror(code))
        return "yes"
