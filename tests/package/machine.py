# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian of our own: a minimal root under an overlay, with systemd as PID 1 or without.

The root is made once by mmdebstrap and kept; what a test does to it lives in a tmpfs above it. The
machine has its own mount, process, host name, IPC and cgroup namespaces and the network namespace
of the test, so systemd, dpkg and maintainer scripts run as on a router, and all of it is gone with
its first process. /proc/sys and /sys are read-only: nothing of the host can be set."""

import ctypes
import hashlib
import os
import shutil
import signal
import stat
import subprocess

from harness import end_process, run
from tap import Failure, Skip, check, wait_for

CACHE = os.environ.get("IPACCT_PACKAGE_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME", "/var/cache/ipacct"), "package")
HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIBC = ctypes.CDLL(None, use_errno=True)


def debian_sources():
    """Where this host gets Debian from, as lines of sources.list; nothing else is asked."""
    done = run("apt-get", "indextargets", "--format",
               "$(ORIGIN)|deb $(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    lines = sorted({line.split("|")[1] for line in done.stdout.splitlines()
                    if line.startswith("Debian|")})
    check(lines, "apt knows no Debian archive: apt-get update?")
    return "\n".join(lines) + "\n"


def base_root(packages):
    """Directory of a minimal Debian with these packages, from the cache or made now."""
    include = ",".join(sorted({"systemd", *packages}))
    # A week's security updates are not worth another download, a changed list is.
    name = "base-" + hashlib.sha256(include.encode()).hexdigest()[:12]
    root = os.path.join(CACHE, name)
    if os.path.exists(root + ".complete"):
        return root
    os.makedirs(CACHE, exist_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=essential", f"--include={include}",
         "--aptopt=Acquire::Languages \"none\"", "--dpkgopt=force-unsafe-io",
         "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
         "bookworm", root, "-"], input=debian_sources(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, timeout=600)
    if done.returncode:
        raise Failure(f"mmdebstrap: {done.stdout[-2000:]}")
    with open(root + ".complete", "w", encoding="ascii") as out:
        out.write(include + "\n")
    return root


def cgroup2():
    """Where the unified hierarchy is mounted; systemd needs it, without controllers too."""
    with open("/proc/mounts", encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words[2] == "cgroup2" and "rw" in words[3].split(","):
                return words[1]
    raise Skip("no writable cgroup2 to run systemd in")


class Machine:
    """Boot one: `with_systemd=False` has a process that only waits as its first."""

    def __init__(self, context, network, base, with_systemd=True):
        self.context, self.network, self.with_systemd = context, network, with_systemd
        self.folder = os.path.join(context.folder, "machine")
        self.root = os.path.join(self.folder, "root")
        self.cgroup = self.process = self.init = None
        os.makedirs(self.root)
        self._mount_overlay(base)
        if with_systemd:
            self.cgroup = os.path.join(cgroup2(), f"ipacct-test-{os.getpid()}-{id(self)}")
            os.mkdir(self.cgroup)
            context.callback(self._remove_cgroup)
        context.callback(self._end)
        self._boot()

    def _boot(self):
        # SIGKILL to the first process ends the whole namespace, and unshare's end is one.
        command = self.network.command_inside(
            self.network.receiver, "unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup",
            "--fork", "--kill-child", "--", "/bin/sh", os.path.join(HERE, "boot.sh"), self.root,
            "systemd" if self.with_systemd else "wait")
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=self._enter_cgroup)
        self.init = wait_for(self._find_init, "the machine's first process", limit_s=20)
        if self.with_systemd:
            wait_for(lambda: self.run("systemctl", "is-system-running", expect=None).stdout.strip()
                     in ("running", "degraded"), "systemd is up", limit_s=60)

    def reboot(self):
        """As after a power cut: what is on the disk stays, nothing else."""
        self._end()
        wait_for(lambda: not self.cgroup or self._cgroup_is_empty(), "the last process is gone")
        self._boot()

    def _mount_overlay(self, base):
        tmpfs = os.path.join(self.folder, "above")
        os.mkdir(tmpfs)
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "ipacct-test", tmpfs)
        self.context.callback(_LIBC.umount2, os.fsencode(tmpfs), 2)  # linux/fs.h MNT_DETACH
        for name in ("upper", "work"):
            os.mkdir(os.path.join(tmpfs, name))
        self.upper = os.path.join(tmpfs, "upper")
        run("mount", "-t", "overlay", "-o",
            f"lowerdir={base},upperdir={self.upper},workdir={tmpfs}/work", "ipacct-test", self.root)
        self.context.callback(_LIBC.umount2, os.fsencode(self.root), 2)

    def _enter_cgroup(self):
        if self.cgroup:
            with open(os.path.join(self.cgroup, "cgroup.procs"), "w", encoding="ascii") as out:
                out.write("0")

    def _cgroup_is_empty(self):
        """Take away what systemd made below; true when no process is left."""
        for top, _, _ in sorted(os.walk(self.cgroup), reverse=True):
            try:
                if top != self.cgroup:
                    os.rmdir(top)
            except OSError:
                return False  # a process is still being collected
        with open(os.path.join(self.cgroup, "cgroup.events"), encoding="ascii") as text:
            return "populated 0" in text.read()

    def _remove_cgroup(self):
        wait_for(self._cgroup_is_empty, "the machine's cgroup is empty")
        os.rmdir(self.cgroup)

    def _find_init(self):
        """The child of unshare, once it has taken its new root."""
        if self.process.poll() is not None:
            raise Failure(f"the machine did not boot: {self.log()[-2000:]}")
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as text:
            pids = text.read().split()
        if not pids:
            return None
        try:
            booted = os.path.exists(f"/proc/{pids[0]}/root/run/ipacct-test-booted")
        except OSError:
            booted = False
        return int(pids[0]) if booted else None

    def log(self):
        with open(self.folder + ".log", encoding="utf-8", errors="replace") as text:
            return text.read()

    def _end(self):
        if self.process is None:
            return
        if self.init:
            try:
                os.kill(self.init, signal.SIGKILL)  # with it everything in its namespace
            except ProcessLookupError:
                pass
        end_process(self.process, signal.SIGKILL)
        self.process = self.init = None

    def command(self, *command):
        return ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-n", "-C", "--",
                "/usr/bin/env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", *map(str, command)]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def spawn(self, *command):
        """Start a program; nsenter waits for it and ends with its exit code, so a signal has to go
        to the program itself: see kill()."""
        with open(self.folder + ".spawned", "ab") as log:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.context.callback(end_process, process, signal.SIGKILL)
        return process

    def kill(self, pid, number=signal.SIGTERM):
        """Signal a process by the id that it has in the machine."""
        self.run("/bin/sh", "-c", f"kill -{int(number)} {int(pid)}")

    def path(self, path):
        """A path of the machine as this process can open it, mounts and all."""
        return f"/proc/{self.init}/root{path}"

    def copy_in(self, path, to):
        shutil.copy(path, self.path(to))

    def write(self, path, text):
        with open(self.path(path), "w", encoding="utf-8") as out:
            out.write(text)

    def files(self):
        """Every name of the root with its kind, without what is mounted below it."""
        found = {}
        for top, folders, names in os.walk(self.root):
            for name in folders + names:
                path = os.path.join(top, name)
                mode = os.lstat(path).st_mode
                found[path[len(self.root):]] = stat.S_IFMT(mode)
        return found

    def unit(self, name, *properties):
        """What systemd knows about a unit."""
        done = self.run("systemctl", "show", name, *(f"--property={one}" for one in properties))
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
