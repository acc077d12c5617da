# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks things: strace at the Nth system call, small file systems, a hog on every CPU."""

import contextlib
import os
import re
import signal
import subprocess
import sys

from harness import _LIBC, children, end_process, run, wait_end
from tap import SLOW, Skip, check, wait_for

COUNTING = "ipacctd: counting; control socket"  # the log, right behind READY=1


def strace():
    """Path of strace, or a skip."""
    for folder in ("/usr/bin", "/bin"):
        path = os.path.join(folder, "strace")
        if os.access(path, os.X_OK):
            return path
    raise Skip("strace is not installed")


@contextlib.contextmanager
def tracer(context, pid, injection):
    """strace holds a running process and does `injection` to it; ends with the block."""
    path = os.path.join(context.folder, f"strace-{pid}")
    with open(path, "wb") as words:
        process = subprocess.Popen([strace(), "-o", "/dev/null", "-e", injection, "-p", str(pid)],
                                   stdin=subprocess.DEVNULL, stdout=words, stderr=words)
    try:
        # At the first call it may be over at once: the one that the process waits in.
        wait_for(lambda: b"attached" in open(path, "rb").read(), "strace holds it")
        yield process
    finally:
        end_process(process, signal.SIGINT)


def calls_in(path):
    """What strace wrote, as the injections that hit each call: strace counts calls by name."""
    counts, found = {}, []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = re.match(r"([a-z0-9_]+)\(", line)
            if match:
                name = match[1]
                counts[name] = counts.get(name, 0) + 1
                found.append(f"inject={name}:signal=KILL:when={counts[name]}")
    return found


def syscalls_of(context, pid, action):
    """The system calls that a process makes while `action` runs, as calls_in()."""
    path = os.path.join(context.folder, f"calls-{pid}")
    words = os.path.join(context.folder, f"words-{pid}")
    with open(words, "wb") as out:
        process = subprocess.Popen([strace(), "-o", path, "-p", str(pid)],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_for(lambda: b"attached" in open(words, "rb").read(), "strace holds it")
        action()
    finally:
        end_process(process, signal.SIGINT)
    return calls_in(path)


def tmpfs(context, path, size):
    """A file system of this size at `path`, gone with the test."""
    os.makedirs(path, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path)
    context.callback(_LIBC.umount2, os.fsencode(path), 2)  # linux/fs.h MNT_DETACH


def fill(path, name="filler"):
    """Write until nothing fits any more; returns the file."""
    filler = os.path.join(path, name)
    with open(filler, "wb", buffering=0) as out:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    out.write(b"\0" * size)
    return filler


def hogs(context):
    """A process that never rests on each CPU, until the test ends."""
    for cpu in sorted(os.sched_getaffinity(0)):
        process = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                   preexec_fn=lambda cpu=cpu: os.sched_setaffinity(0, [cpu]))
        context.callback(end_process, process, signal.SIGKILL)


def ready(daemon):
    """Has a daemon that was spawned said READY=1? Looks for a moment only."""
    daemon.notify.settimeout(0.01)
    try:
        return b"READY=1" in daemon.notify.recv(4096)
    except OSError:
        return False


def runs(daemon, what, **options):
    """Spawn it and wait until it is ready or has ended, told by `what`; True: it runs."""
    said = daemon.log().count(COUNTING)
    daemon.spawn(**options)
    wait_for(lambda: daemon.process.poll() is not None or ready(daemon) or
             daemon.log().count(COUNTING) > said,  # to notify may be what fails
             f"an end or a start with {what}")
    daemon.notify.close()
    return daemon.process.poll() is None


def refused_in_words(daemon, what):
    """It has ended, and not by a crash."""
    code = daemon.process.returncode
    check(not ended_by_signal(code), f"{what}: ended by signal {code}\n{daemon.log()[-600:]}")


def tree(pid):
    """All descendants of a process."""
    found, level = set(), {pid}
    while level:
        level = set().union(*(children(one) for one in level))
        found |= level
    return found


def stop_traced(daemon):
    """SIGTERM to a daemon that runs under strace, which would let it go and end alone."""
    helpers = tree(daemon.process.pid)
    for pid in children(daemon.process.pid):
        os.kill(pid, signal.SIGTERM)
    daemon.process.wait(20 * SLOW)
    for pid in helpers:
        wait_end(pid, f"process {pid} ends")


def ended_by_signal(code):
    """A crash, as a shell or subprocess tells it."""
    return code < 0 or code > 128

