# SPDX-License-Identifier: GPL-2.0-or-later
"""A network of two namespaces, a daemon inside one of them, and the tools that ask it.

Everything has a unique name, is registered with the test's context and is gone after it."""

import ctypes
import grp
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap
from tap import Failure, SLOW, check, check_equal, wait_for

BUILD = os.environ.get("IPACCT_BUILD", "")
CRASH_BUILD = os.environ.get("IPACCT_CRASH_BUILD", "")
WITHOUT_HOT = "--without-hot" in sys.argv  # every daemon has the LRU tier alone
USER = "ipacct"  # DESIGN 7: default of --user and the reading group

_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = itertools.count(1)


def write(path, text):
    """A file of the test's; returns its path."""
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def scaled(amount, least=1):
    """An amount of traffic or rounds, made smaller where the machine is slow."""
    return max(least, int(amount / SLOW))


def program(name, build=None):
    """Path of one of our programs in the build directory."""
    folder = {"ipacctd": "daemon", "ipacct-gen": "tests/traffic"}.get(name, "tools")
    path = os.path.join(build or BUILD, folder, name)
    check(os.access(path, os.X_OK), f"{path} is missing: set IPACCT_BUILD to a build directory")
    return path


def run(*command, expect=0, limit_s=30, **options):
    """Run a command to its end; return the CompletedProcess. expect=None takes any exit code."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=limit_s * SLOW, **options)
    if expect is not None and done.returncode != expect:
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}, expected {expect}"
                      f"\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done


def end_process(process, number=signal.SIGTERM, limit_s=10):
    """Stop a child for certain and collect it."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(limit_s * SLOW)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def status_field(pid, field):
    """One line of /proc/PID/status as a list of words; None when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith(field + ":"):
                    return line.split()[1:]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def alive(pid):
    state = status_field(pid, "State")
    return bool(state) and state[0] not in "ZX"


def doing(pid):
    """What the kernel says a process that should have ended is at."""
    said = []
    for name in ("comm", "wchan", "syscall", "stack"):
        try:
            with open(f"/proc/{pid}/{name}", encoding="ascii", errors="replace") as text:
                said.append(f"{name}: {text.read().strip()}")
        except OSError as error:
            said.append(f"{name}: {error.strerror}")
    return "; ".join([f"state: {status_field(pid, 'State')}", *said])


def wait_end(pid, what):
    """Who ends a cut first needs a share of a CPU: on a machine with much else to do 14 s were seen."""
    try:
        wait_for(lambda: not alive(pid), what, limit_s=30)
    except Failure as error:
        raise Failure(f"{error}\n{doing(pid)}") from error


def children(pid):
    """Process ids whose parent is pid, zombies left out."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and status_field(entry, "PPid") == [str(pid)] and alive(entry):
            found.add(int(entry))
    return found


class Network:
    """Two namespaces joined by a veth pair: tx0 in the sender's, rx0 in the counter's.

    IPv6 is off and no address is set, so that nothing but the generator sends a packet."""

    def __init__(self, context, mtu=1500):
        self.context = context
        self.mtu = mtu
        base = f"ipacct-{os.getpid()}-{next(_NUMBERS)}"
        self.sender, self.receiver = base + "-a", base + "-b"
        for name in (self.sender, self.receiver):
            run("ip", "netns", "add", name)
            context.callback(run, "ip", "netns", "del", name, expect=None)
            self.inside(name, "sh", "-ec", "cd /proc/sys/net/ipv6/conf;"
                        " echo 1 > all/disable_ipv6; echo 1 > default/disable_ipv6")
        self.add_pair()

    @staticmethod
    def command_inside(name, *command):
        # Not `ip netns exec`: it mounts a new sysfs, which hides bpffs.
        return ["nsenter", f"--net=/run/netns/{name}", "--", *map(str, command)]

    def inside(self, name, *command, **options):
        return run(*self.command_inside(name, *command), **options)

    def add_pair(self, name="rx0"):
        """Create the pair, two queues on both ends, tags left in the frame."""
        run("ip", "-n", self.sender, "link", "add", "tx0", "mtu", self.mtu, "numtxqueues", 2,
            "numrxqueues", 2, "type", "veth", "peer", "name", name, "mtu", self.mtu,
            "netns", self.receiver, "numtxqueues", 2, "numrxqueues", 2)
        for space, device in ((self.sender, "tx0"), (self.receiver, name)):
            self.inside(space, "ethtool", "-K", device, "rxvlan", "off", "txvlan", "off")
            run("ip", "-n", space, "link", "set", device, "up")

    def delete_pair(self):
        run("ip", "-n", self.sender, "link", "del", "tx0")

    def xdp_attached(self, device="rx0"):
        """What `ip` says of an XDP program on the device: its id, or 0."""
        done = run("ip", "-n", self.receiver, "-j", "-d", "link", "show", "dev", device)
        return json.loads(done.stdout)[0].get("xdp", {}).get("prog", {}).get("id", 0)


class Place:
    """A runtime directory and a bpffs of a test's own."""

    def __init__(self, context, mount=True):
        self.base = tempfile.mkdtemp(prefix="ipacct-e2e-", dir="/run")
        context.callback(shutil.rmtree, self.base, ignore_errors=True)
        os.chmod(self.base, 0o755)
        self.runtime = os.path.join(self.base, "run")
        self.bpffs = os.path.join(self.base, "bpf")
        os.mkdir(self.bpffs)
        if mount:
            self.mount("bpf")
            context.callback(self.unmount)
            # As deploy/README tells an operator to prepare it.
            os.chown(self.bpffs, 0, grp.getgrnam(USER).gr_gid)
            os.chmod(self.bpffs, 0o750)

    def mount(self, kind):
        result = _LIBC.mount(b"ipacct", os.fsencode(self.bpffs), kind.encode(), 0, None)
        check(result == 0, f"mount -t {kind} {self.bpffs}: {os.strerror(ctypes.get_errno())}")

    def unmount(self):
        _LIBC.umount2(os.fsencode(self.bpffs), 2)  # linux/fs.h MNT_DETACH

    def pins(self):
        """Every name below the bpffs with its inode: unequal when anything was changed."""
        return sorted((os.path.join(top, name), os.lstat(os.path.join(top, name)).st_ino)
                      for top, folders, files in os.walk(self.bpffs) for name in folders + files)


class Daemon:
    """ipacctd in the receiver's namespace, and everything that is asked about it."""

    def __init__(self, context, network, *options, place=None, build=None, interval="100ms",
                 memory=None, interface="rx0"):
        self.context, self.network = context, network
        self.place = place or Place(context)
        self.build = build
        self.arguments = ["--runtime-dir", self.place.runtime, "--bpffs", self.place.bpffs]
        self.options = ["--interval", interval]
        if memory:
            self.options += ["--memory", memory]
        if interface:
            self.options += ["-i", interface]
        if WITHOUT_HOT:
            self.options += ["--hot", "off"]
        self.options += options
        self.command_prefix = []  # what starts it, if it is not started as it is
        self.process = None
        self.log_path = os.path.join(self.place.base, "log")
        context.callback(self._end)

    def command(self, *extra):
        return self.network.command_inside(self.network.receiver, *self.command_prefix,
                                           program("ipacctd", self.build), *self.arguments,
                                           *self.options, *extra)

    def spawn(self, *extra, environment=None, pass_fds=()):
        """Start it without waiting; the ready message comes to self.notify."""
        path = os.path.join(self.place.base, f"notify-{next(_NUMBERS)}")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        log = open(self.log_path, "ab")  # pylint: disable=consider-using-with
        with log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command(*extra), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=pass_fds,
                env=dict(os.environ, NOTIFY_SOCKET=path, **(environment or {})))
        return self

    def start(self, *extra, limit_s=15):
        """Start it and wait until it says READY=1."""
        self.spawn(*extra)
        self.wait_ready(limit_s)
        return self

    def wait_ready(self, limit_s=15):
        deadline = time.monotonic() + limit_s * SLOW
        self.notify.settimeout(0.1)
        try:
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise Failure(f"ipacctd ended with {self.process.returncode} instead of"
                                  f" getting ready:\n{self.log()[-3000:]}")
                try:
                    if b"READY=1" in self.notify.recv(4096):
                        return
                except socket.timeout:
                    pass
        finally:
            self.notify.close()
        raise Failure(f"ipacctd did not say READY=1 in {limit_s * SLOW:.0f} s:\n"
                      f"{self.log()[-3000:]}")

    def refuse(self, *extra, code, words, limit_s=20):
        """It must exit with this code and one error line that holds all these words."""
        done = run(*self.command(*extra), expect=None, limit_s=limit_s)
        text = done.stderr.strip()
        check_equal(done.returncode, code, f"exit code ({text[-600:]})")
        check(any(all(word.lower() in line.lower() for word in words)
                  for line in text.splitlines()), f"no line says {words}: {text[-900:]}")
        return done

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as lines:
                return lines.read()
        except FileNotFoundError:
            return ""

    def _group(self):
        """The supervisor and its children, whoever is alive."""
        if self.process is None:
            return set()
        return {self.process.pid} | children(self.process.pid)

    def kill(self):
        """SIGKILL to the supervisor only, as the OOM killer would; then the collector leaves by
        itself (DESIGN 7). Waits for both."""
        helpers = self._group() - {self.process.pid}
        self.process.kill()
        self.process.wait()
        for pid in helpers:
            wait_end(pid, f"collector {pid} of a dead supervisor ends")

    def stop(self, expect=0):
        """SIGTERM and wait for everything to be gone."""
        helpers = self._group() - {self.process.pid}
        code = end_process(self.process)
        check_equal(code, expect, f"exit code after SIGTERM\n{self.log()[-2000:]}")
        for pid in helpers:
            wait_end(pid, f"collector {pid} ends with its supervisor")

    def _end(self):
        """Whatever state the test left it in, nothing of it survives."""
        if self.process is None:
            return
        helpers = self._group() - {self.process.pid}
        end_process(self.process, signal.SIGKILL)
        for pid in helpers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # Every test is a trace for the filters of collector and geo worker.
        check(f"(signal {int(signal.SIGSYS)})" not in self.log(),
              f"a system call that the filter does not know: {self.log()[-1000:]}")

    def control(self, command, **more):
        """One request over the control socket; the reply as a dict."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.settimeout(20 * SLOW)
            link.connect(os.path.join(self.place.runtime, "control"))
            link.send(json.dumps({"command": command, **more}).encode())
            return json.loads(link.recv(1 << 16))

    def status(self):
        reply = self.control("status")
        check_equal(reply["exit"], 0, f"status {reply}")
        return reply["status"]

    def cut(self):
        reply = self.control("cut")
        check_equal(reply["exit"], 0, f"cut {reply}")
        return reply["cut"]

    def tool(self, name, *arguments, **options):
        # Where `ipacctctl detach` finds ipacctd, as in an installed system.
        path = os.path.dirname(program("ipacctd", self.build)) + ":" + os.environ["PATH"]
        return self.network.inside(self.network.receiver, program(name, self.build),
                                   *self.arguments, *arguments,
                                   env=dict(os.environ, PATH=path), **options)

    def ctl(self, *arguments, **options):
        return self.tool("ipacctctl", *arguments, **options)

    def dump(self, *arguments, **options):
        return json.loads(self.tool("ipacct-dump", "-j", *arguments, **options).stdout)

    def seen(self, *arguments):
        """Packets that all interface slots have seen so far."""
        return sum(entry["seen_packets"] for entry in self.dump("-n", "1", *arguments)
                   ["interfaces"])

    def pid_of_collector(self):
        return self.status()["collector_pid"]


def user_ids():
    """uid and gid of the test user; tests/run.sh makes it."""
    try:
        entry = pwd.getpwnam(USER)
    except KeyError as missing:
        raise tap.Skip(f"no user {USER}: useradd --system {USER}") from missing
    return entry.pw_uid, grp.getgrnam(USER).gr_gid
