# SPDX-License-Identifier: GPL-2.0-or-later
"""Something else lies where the daemon's files belong: nothing behind it is touched."""

import os
import subprocess

from geo import with_database
from harness import Daemon, Network, Place, program
from tap import SLOW, Failure, check, check_equal, test, wait_for

KINDS = ("link to a file", "link to nothing", "second name of a file", "fifo", "directory")


class Trap:
    """A runtime directory with one thing in it that is not what its name says."""

    def __init__(self, place, name, kind):
        self.victim = os.path.join(place.base, "victim")
        with open(self.victim, "w", encoding="ascii") as out:
            out.write("precious")
        os.chmod(self.victim, 0o600)
        os.makedirs(place.runtime, 0o750, exist_ok=True)
        path = os.path.join(place.runtime, name)
        {"link to a file": lambda: os.symlink(self.victim, path),
         "link to nothing": lambda: os.symlink(self.victim + "-absent", path),
         "second name of a file": lambda: os.link(self.victim, path),
         "fifo": lambda: os.mkfifo(path), "directory": lambda: os.mkdir(path)}[kind]()

    def check_untouched(self, what):
        with open(self.victim, encoding="ascii") as text:
            check_equal(text.read(), "precious", f"{what}: the file behind it")
        found = os.stat(self.victim)
        check_equal((found.st_uid, found.st_gid, found.st_mode & 0o7777), (0, 0, 0o600),
                    f"{what}: its owner and mode")
        check(not os.path.lexists(self.victim + "-absent"), f"{what}: made behind a link")


@test(limit_s=120, guest=False, fault="T-SYMLINK")
def what_lies_in_a_files_place_is_refused_by_name(context):
    network = Network(context)
    for name in ("lock", "ledger.lock", "ledger"):
        for kind in KINDS:
            place = Place(context)
            trap, pins = Trap(place, name, kind), place.pins()
            try:
                Daemon(context, network, place=place).refuse(
                    code=1, words=[f"{place.runtime}/{name} is "], limit_s=10)
            except subprocess.TimeoutExpired as late:
                raise Failure(f"{name}, {kind}: neither refused nor started") from late
            trap.check_untouched(f"{name}, {kind}")
            check_equal((network.xdp_attached(), place.pins()), (0, pins),
                        f"{name}, {kind}: what is attached and pinned")


@test(limit_s=60, guest=False, fault="T-SYMLINK")
def what_lies_in_the_sockets_or_the_geo_files_place_is_replaced(context):
    network = Network(context)
    for name in ("control", "geo"):
        for kind in KINDS[:-1]:
            place, path = with_database(context)
            trap = Trap(place, name, kind)
            daemon = Daemon(context, network, "--geo-database", path, place=place).start()
            wait_for(lambda daemon=daemon: daemon.status()["geo"]["pid"], "a geo worker")
            wait_for(lambda place=place: os.path.isfile(os.path.join(place.runtime, "geo")),
                     "the geo file")
            trap.check_untouched(f"{name}, {kind}")
            daemon.ctl("detach")
            daemon.process.wait(20)
            trap.check_untouched(f"{name}, {kind}, afterwards")


@test(limit_s=30, guest=False, fault="T-SYMLINK")
def runtime_directory_that_is_a_link_is_refused(context):
    network = Network(context)
    place = Place(context)
    real = os.path.join(place.base, "elsewhere")
    os.mkdir(real, 0o750)
    os.symlink(real, place.runtime)
    Daemon(context, network, place=place).refuse(code=1, words=[place.runtime])
    check_equal(os.listdir(real), [], "made behind the link")


@test(limit_s=30, guest=False, fault="T-SYMLINK")
def readers_neither_follow_nor_wait(context):
    for kind in KINDS:
        place = Place(context)
        Trap(place, "ledger", kind)
        try:
            done = subprocess.run(
                [program("ipacct-dump"), "--runtime-dir", place.runtime, "--bpffs", place.bpffs],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, check=False, timeout=5 * SLOW)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{kind}: ipacct-dump waits for it") from late
        check(done.returncode in (1, 78) and not done.stdout and place.runtime in done.stderr,
              f"{kind}: exit {done.returncode}: {done.stdout}{done.stderr}")
