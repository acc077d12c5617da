# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: every role against every operation, tried by a twin of the real process."""

import errno
import fcntl
import json
import os
import socket
import struct

import bpf
from geo import with_database
from harness import Network, status_field, user_ids
from tap import Failure, check, check_equal, test, wait_for
from test_unit import Bounded
from twin import PTRACE_SEIZE, Role, libc

NOBODY = 65534  # Debian's base-passwd: nobody, nogroup
SOMEBODY = 54321  # owns a file that is nobody's business
BPF_MAP_GET_FD_BY_ID = 14  # linux/bpf.h
NR_REBOOT = {"x86_64": 169, "aarch64": 142}[os.uname().machine]  # asm/unistd.h
ROLES = ("supervisor", "collector", "geo worker", "another process of their user",
         "member of the group", "anybody")
ANSWERS = {"y": "yes", "n": "no", "k": "killed"}


class World:
    """A running daemon with collector and geo worker, and the operations on it."""

    def __init__(self, context):
        network = Network(context)
        self.place, path = with_database(context)
        self.daemon = Bounded(context, network, "--geo-database", path, place=self.place).start()
        status = self.daemon.status()
        self.supervisor = self.daemon.process.pid
        self.collector = status["collector_pid"]
        self.worker = wait_for(lambda: self.daemon.status()["geo"]["pid"], "a geo worker")
        for pid in (self.collector, self.worker):
            wait_for(lambda pid=pid: status_field(pid, "Seccomp") == ["2"], "its filter")
        self.private = os.path.join(self.place.base, "private")
        with open(self.private, "w", encoding="ascii") as out:
            out.write("secret")
        os.chmod(self.private, 0o600)
        os.chown(self.private, SOMEBODY, SOMEBODY)
        pin = bpf.obj_get(self.pin("ipacct_ctl"))
        self.map_id = bpf.map_sizes(pin)[1]
        os.close(pin)

    def runtime(self, name):
        return os.path.join(self.place.runtime, name)

    def pin(self, name):
        return os.path.join(self.place.bpffs, name)

    def ask(self, command):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.connect(self.runtime("control"))
            link.send(b'{"command": "' + command + b'"}')
            if json.loads(link.recv(1 << 16))["exit"]:
                raise PermissionError(errno.EPERM, "refused")

    def name_in(self, folder):
        """Who can make a name there can remove others, the link pins among them."""
        path = os.path.join(folder, f"new-{os.getpid()}")
        os.mkdir(path)
        os.rmdir(path)

    def open(self, name, flags):
        return lambda: os.open(self.runtime(name), flags)

    def trace(self, pid):
        return lambda: libc("ptrace", PTRACE_SEIZE, pid, None, None)

    def operations(self):
        """Name, what a twin does, and for each of ROLES: y(es), n(o), k(illed)."""
        rdonly, rdwr = os.O_RDONLY, os.O_RDWR
        by_id = struct.pack("=I", self.map_id)
        folder, pin = self.place.base.encode(), self.pin("ipacct_ctl")
        return (
            ("read the ledger", self.open("ledger", rdonly), "yyyyyn"),
            ("write the ledger", self.open("ledger", rdwr), "ykknnn"),
            ("read the geo file", self.open("geo", rdonly), "yyyyyn"),
            ("write the geo file", self.open("geo", rdwr), "ykknnn"),
            ("hold the lock", self.open("lock", rdonly), "ynnnnn"),
            ("hold the ledger's lock", self.open("ledger.lock", rdonly), "ynnnnn"),
            ("name beside the ledger", lambda: self.name_in(self.place.runtime), "ykknnn"),
            ("name beside the pins", lambda: self.name_in(self.place.bpffs), "ykknnn"),
            ("map pin to read", lambda: bpf.obj_get(pin, bpf.F_RDONLY), "ykkyyn"),
            ("map pin to write", lambda: bpf.obj_get(pin), "ykknnn"),
            ("link pin, to detach", lambda: bpf.obj_get(self.pin("link_0")), "ykknnn"),
            ("map by its id", lambda: bpf.call(BPF_MAP_GET_FD_BY_ID, by_id), "nkknnn"),
            ("load a program", lambda: bpf.xdp_pass_load("ipacct_test"), "ykknnn"),
            ("control: status", lambda: self.ask(b"status"), "ykkyyn"),
            ("control: cut", lambda: self.ask(b"cut"), "ykknnn"),
            ("control: reload", lambda: self.ask(b"reload"), "ykknnn"),
            ("trace the supervisor", self.trace(self.supervisor), "ykknnn"),
            ("trace the collector", self.trace(self.collector), "nkknnn"),
            ("trace the geo worker", self.trace(self.worker), "nkknnn"),
            ("trace another process of root", self.trace(1), "nkknnn"),
            ("signal to the collector", lambda: os.kill(self.collector, 0), "ykkynn"),
            ("signal to the supervisor", lambda: os.kill(self.supervisor, 0), "ykknnn"),
            ("raw packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW), "nkknnn"),
            ("a connection", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM), "ykkyyy"),
            ("run a program", lambda: os.execv("/bin/true", ["true"]), "ykkyyy"),
            ("mount", lambda: libc("mount", b"none", folder, b"tmpfs", 0, None), "nkknnn"),
            # Without its magic numbers: EINVAL for who may.
            ("restart the machine", lambda: libc("syscall", NR_REBOOT, 0, 0, 0, 0), "nkknnn"),
            ("become root", lambda: os.setuid(0), "ykknnn"),
            ("somebody's private file", lambda: os.open(self.private, rdonly), "nnnnnn"),
        )


@test(limit_s=60, guest=False, fault="T-PRIV")
def every_role_may_what_the_table_says_and_nothing_else(context):
    world = World(context)
    user, group = user_ids()
    roles = [Role(world.supervisor), Role(world.collector), Role(world.worker),
             Role(ids=(user, group)), Role(ids=(NOBODY, group)), Role(ids=(NOBODY, NOBODY))]
    for role in roles:
        context.callback(role.close)
    wrong = []
    operations = world.operations()
    for name, operation, expected in operations:
        check_equal(len(expected), len(roles), f"answers for {name}")
        for who, role, letter in zip(ROLES, roles, expected):
            try:
                answer = role.may(operation)
            except Failure as failure:
                answer = str(failure)
            if answer != ANSWERS[letter]:
                wrong.append(f"{who}, {name}: {answer}, expected {ANSWERS[letter]}")
    check(not wrong, "; ".join(wrong))
    context.note(f"{len(roles)} roles, {len(operations)} operations")
    # Nothing of it touched them.
    status = world.daemon.status()
    check_equal((status["collector_pid"], status["geo"]["pid"]), (world.collector, world.worker),
                "collector and geo worker afterwards")


@test(limit_s=30, guest=False, fault="T-PRIV")
def descriptors_of_the_unprivileged_open_no_way_out(context):
    world = World(context)

    def held(pid):
        """What it has open, with the access mode of files."""
        found = []
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with open(f"/proc/{pid}/fdinfo/{entry}", encoding="ascii") as text:
                flags = int(next(line for line in text if line.startswith("flags:")).split()[1], 8)
            found.append((os.readlink(f"/proc/{pid}/fd/{entry}"), flags & os.O_ACCMODE))
        return found

    writable = {"collector": [world.runtime("ledger"), world.runtime("ledger.lock")],
                "geo worker": []}
    for who, pid in (("collector", world.collector), ("geo worker", world.worker)):
        mine = held(pid)
        for kind in ("bpf-link", "bpf_link", "bpf-prog", world.place.bpffs):
            check(not any(kind in name for name, _ in mine), f"{who} holds {kind}: {mine}")
        files = sorted(name for name, mode in mine
                       if name.startswith(world.place.base) and mode != os.O_RDONLY
                       and name != world.daemon.log_path)
        check_equal([name for name in files if name not in writable[who]], [],
                    f"files that the {who} can write")
    maps = [name for name, _ in held(world.worker) if "bpf" in name]
    check_equal(maps, [], "maps of the geo worker")
    with open(world.runtime("lock"), "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    raise Failure("nobody holds the lock of the runtime directory")
