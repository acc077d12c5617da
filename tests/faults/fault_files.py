# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks that are full, files that are damaged or not what they seem."""

import os
import random
import re
import shutil
import socket
import stat

from geo import with_database
from harness import Daemon, Network, Place, run, scaled
from inject import calls_in, fill, refused_in_words, runs, stop_traced, strace, tmpfs
from tap import check, check_equal, test, wait_for
from traffic import Traffic, exact, sent, settle


@test(limit_s=60, fault="T-DISKFULL")
def a_full_disk_at_the_start_is_one_error_and_nothing_changed(context):
    network = Network(context)
    place = Place(context)
    tmpfs(context, place.runtime, "1m")
    daemon = Daemon(context, network, place=place)
    done = daemon.refuse(code=1, words=["ledger", "No space left"])
    check_equal(sum("error" in line for line in done.stderr.splitlines()), 1, "error lines")
    check_equal(network.xdp_attached(), 0, "program")
    check("ledger" not in os.listdir(place.runtime), "half a ledger was left")


@test(limit_s=60, fault="T-DISKFULL")
def a_disk_that_fills_up_stops_no_count_and_frees_itself(context):
    network = Network(context)
    place = Place(context)
    tmpfs(context, place.runtime, "64m")
    daemon = Daemon(context, network, place=place, memory="32M").start()
    first = sent(context, network)
    filler = fill(place.runtime)
    second = sent(context, network, seed=2)
    settle(daemon, first, second)
    daemon.stop()
    # More memory wants a larger ledger: there is no room, the old one goes on.
    larger = Daemon(context, network, place=place, memory="64M").start()
    check("cannot enlarge the ledger: No space left" in larger.log(), "the log says so")
    third = sent(context, network, seed=3)
    exact(larger, first, second, third, rollups=True)
    larger.stop()
    os.unlink(filler)
    larger.start()
    fourth = sent(context, network, seed=4)
    exact(larger, first, second, third, fourth, rollups=True)


@test(limit_s=60, fault="T-DISKFULL")
def no_room_for_groups_says_how_large_the_disk_has_to_be(context):
    """And with that size the same list has its records."""
    network = Network(context)
    place = Place(context)
    tmpfs(context, place.runtime, "64m")
    daemon = Daemon(context, network, place=place, memory="32M").start()
    daemon.stop()
    path = os.path.join(context.folder, "groups.txt")
    with open(path, "w", encoding="ascii") as out:
        out.writelines(f"2001:db8:{n:x}::/48 customer-{n}\n" for n in range(200))
    filler = fill(place.runtime)
    os.truncate(filler, os.stat(filler).st_size - (1 << 20))
    daemon.options += ["--groups-file", path]
    daemon.start()
    line = next(line for line in daemon.log().splitlines() if "no room for all groups" in line)
    found = re.search(r"takes (\d+) MiB beside .* 0 of 64 MiB .* make it (\d+) MiB", line)
    check(found, line)
    daemon.stop()
    run("mount", "-o", f"remount,size={found[2]}M", place.runtime)
    daemon.start()
    check_equal(daemon.log().count("no room for all groups"), 1, "the second start has room")
    context.note(line.split(": ", 2)[-1])


@test(limit_s=120, fault="T-DISKFULL")
def no_space_at_any_call_that_writes(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.stop()
    shutil.rmtree(daemon.place.runtime)
    path = os.path.join(context.folder, "calls")
    writing = ("fallocate,ftruncate,pwrite64,write,renameat,mkdirat,openat,openat2,bind,mmap,fchown,"
               "fchmod")
    daemon.command_prefix = [strace(), "-qq", "-o", path, "-e", f"trace={writing}"]
    daemon.start()
    calls = [one.replace("signal=KILL", "error=ENOSPC") for one in calls_in(path)]
    # The first ones are the dynamic loader's, which knows no other end than a signal.
    own = next(i for i, one in enumerate(calls) if not one.startswith(("inject=mmap", "inject=open")))
    calls = calls[own:]
    stop_traced(daemon)
    ran = refused = 0
    traffic = Traffic(context, network, addresses=1000, rate=20_000).start()
    for injection in calls[::max(1, len(calls) // scaled(40, 4))]:
        daemon.command_prefix = [strace(), "-qq", "-o", "/dev/null", "-e", injection]
        if runs(daemon, injection):
            ran += 1
            stop_traced(daemon)
        else:
            refused += 1
            refused_in_words(daemon, injection)
        check(network.xdp_attached(), f"detached with {injection}")
    daemon.command_prefix = []
    daemon.start()
    traffic.finish()
    exact(daemon, traffic)
    check(ran + refused >= scaled(30, 3), f"only {ran + refused} failures")
    context.note(f"{ran + refused} failures among {len(calls)} calls: {ran} got over, {refused} "
                 f"refused to start; {traffic.sent()} packets")


@test(limit_s=90, fault="T-DB-CORRUPT")
def damaged_ledger_is_moved_aside(context):
    network = Network(context)
    place = Place(context)
    ledger = os.path.join(place.runtime, "ledger")
    draw = random.Random(28)

    def overwrite(at, data):
        with open(ledger, "r+b") as file:
            file.seek(at)
            file.write(data)

    # Offsets of struct ipacct_ledger_header, abi.h.
    damages = {
        "empty": lambda: os.truncate(ledger, 0),
        "half": lambda: os.truncate(ledger, os.path.getsize(ledger) // 2),
        "one octet short": lambda: os.truncate(ledger, os.path.getsize(ledger) - 1),
        "magic": lambda: overwrite(0, b"\0"),
        "size of its header": lambda: overwrite(12, b"\xff\xff"),
        "size of records": lambda: overwrite(16, b"\x01\0"),
        "more records than the file holds": lambda: overwrite(32, b"\xff\xff\xff\x7f"),
        "records in use beyond its end": lambda: overwrite(76, b"\xff\xff\xff\x7f"),
        "noise": lambda: overwrite(0, draw.randbytes(400)),
        "zeros": lambda: overwrite(0, bytes(4096)),
    }
    daemon = Daemon(context, network, place=place)
    for number, (name, damage) in enumerate(damages.items()):
        daemon.start()
        daemon.stop()
        damage()
        daemon.start()
        check_equal(daemon.log().count("the ledger is damaged"), number + 1, f"said of {name}")
        check(os.path.exists(ledger + ".damaged"), f"{name}: nothing was kept")
        begun = daemon.seen()
        traffic = sent(context, network, seed=number + 1, packets=2000)
        wait_for(lambda begun=begun: daemon.cut() and daemon.seen() - begun >= 2000, "counting")
        check_equal(daemon.seen() - begun, traffic.sent(), f"after {name}")
        daemon.ctl("verify")
        daemon.stop()
    context.note(f"{len(damages)} kinds of damage")


def traps(context):
    """What a file of ours may be replaced by: name → (how, what must not change)."""
    victim = os.path.join(context.folder, "victim")
    folder = os.path.join(context.folder, "folder")
    os.mkdir(folder)
    with open(victim, "wb") as out:
        out.write(b"not yours")
    os.chmod(victim, 0o600)

    def as_socket(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
            made.bind(path)

    return victim, {
        "symbolic link to a file": lambda path: os.symlink(victim, path),
        "symbolic link to nothing": lambda path: os.symlink(victim + "-absent", path),
        "symbolic link to a directory": lambda path: os.symlink(folder, path),
        "hard link": lambda path: os.link(victim, path),
        "fifo": os.mkfifo,
        "directory": os.mkdir,
        "socket": as_socket,
    }


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


@test(limit_s=120, fault="T-SYMLINK")
def nothing_is_followed_and_nothing_foreign_is_changed(context):
    network = Network(context)
    place = Place(context)
    daemon = Daemon(context, network, place=place).start()
    daemon.stop()
    victim, kinds = traps(context)
    before = os.lstat(victim)
    outcomes = {"refused": 0, "ran": 0}
    for name in ("ledger", "ledger.new", "ledger.damaged", "ledger.lock", "lock", "control"):
        for kind, make in kinds.items():
            path = os.path.join(place.runtime, name)
            aside = path + ".aside"
            if os.path.lexists(path):
                os.rename(path, aside)
            make(path)
            if runs(daemon, f"{name} a {kind}"):
                outcomes["ran"] += 1
                daemon.stop()
            else:
                outcomes["refused"] += 1
                refused_in_words(daemon, f"{name} a {kind}")
            check(network.xdp_attached(), f"{name} a {kind}: detached")
            now = os.lstat(victim)
            check_equal((now.st_size, now.st_mode, now.st_uid, now.st_gid),
                        (before.st_size, before.st_mode, before.st_uid, before.st_gid),
                        f"{name} a {kind}: the victim")
            with open(victim, "rb") as file:
                check_equal(file.read(), b"not yours", f"{name} a {kind}: the victim")
            check(not os.path.lexists(victim + "-absent"), f"{name} a {kind}: was followed")
            for left in (path, os.path.join(place.runtime, "ledger.damaged")):
                remove(left)
            if os.path.lexists(aside):
                os.rename(aside, path)
    daemon.start()
    traffic = sent(context, network)
    wait_for(lambda: daemon.cut() and daemon.seen() >= traffic.sent(), "counting goes on")
    daemon.ctl("verify")
    context.note(f"{outcomes['refused']} refused, {outcomes['ran']} replaced or not needed")




def opened_in(lines, folder):
    """Calls of strace -y that name something in a folder: (call, name) → what was asked for."""
    found = {}
    for line in lines:
        match = re.search(r'(open|openat2?)\((?:\w+(?:<([^>]*)>)?, )?"([^"]*)", (.*)', line)
        if match:
            path = os.path.join(match[2] or "", match[3])
            if os.path.dirname(os.path.normpath(path)) == folder:
                found[match[1], os.path.basename(path)] = match[4]
    return found


@test(limit_s=60, fault="T-SYMLINK")
def the_kernel_is_asked_to_follow_no_link_out_of_the_runtime_directory(context):
    """By openat2() wherever nobody refuses it, and nothing is opened there in another way."""
    network = Network(context)
    place, database = with_database(context)
    groups = os.path.join(context.folder, "groups.txt")
    with open(groups, "w", encoding="ascii") as out:
        out.write("192.0.2.0/24 someone\n")
    path = os.path.join(context.folder, "opened")
    daemon = Daemon(context, network, "--geo-database", database, "--groups-file", groups,
                    place=place)
    daemon.command_prefix = [strace(), "-f", "-qq", "-y", "-o", path, "-e",
                             "trace=open,openat,openat2"]
    daemon.start()
    wait_for(lambda: os.path.isfile(os.path.join(place.runtime, "geo")), "the geo file")
    stop_traced(daemon)
    with open(path, encoding="utf-8", errors="replace") as lines:
        found = opened_in(lines, place.runtime)
    # The collector's filter refuses openat2(), whose flags it cannot see: there O_NOFOLLOW says it.
    refused = {name for (call, name), words in found.items()
               if call == "openat2" and "ENOSYS" in words}
    check(refused <= {"geo"}, f"refused in the supervisor, too: {refused}")
    for (call, name), words in found.items():
        if call == "openat2":
            check("RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH" in words
                  or "RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS" in words, f"{name}: {words}")
        elif name != "bpf":
            check(name in refused and "O_NOFOLLOW" in words, f"{call} of {name}: {words}")
    missing = {"lock", "ledger.lock", "ledger", "ledger.new", "groups", "groups.new", "control",
               "geo.new"} - {name for call, name in found if call == "openat2"}
    check(not missing, f"not opened by openat2: {missing}; {sorted(found)}")
    context.note(f"{sum(call == 'openat2' for call, _ in found)} names by openat2")


@test(limit_s=60, fault="T-SYMLINK")
def every_trap_is_the_same_where_a_filter_refuses_openat2(context):
    """As systemd's RestrictSUIDSGID= does: the daemon starts, a link is refused all the same."""
    network = Network(context)
    place = Place(context)
    daemon = Daemon(context, network, place=place)
    victim, kinds = traps(context)
    for error in ("ENOSYS", "EPERM"):
        daemon.command_prefix = [strace(), "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2",
                                 "-e", f"inject=openat2:error={error}"]
        check(runs(daemon, f"openat2 refused with {error}"), daemon.log()[-600:])
        stop_traced(daemon)
        os.unlink(os.path.join(place.runtime, "ledger"))
        kinds["symbolic link to a file"](os.path.join(place.runtime, "ledger"))
        check(not runs(daemon, f"a link, {error}"), "a link was followed")
        refused_in_words(daemon, error)
        check("ledger is a symbolic link" in daemon.log(), daemon.log()[-600:])
        with open(victim, "rb") as file:
            check_equal(file.read(), b"not yours", "the victim")
        remove(os.path.join(place.runtime, "ledger"))


@test(limit_s=60, fault="T-BPFFS-NONE/RO")
def bpffs_that_is_not_there_or_read_only_is_refused(context):
    network = Network(context)
    place = Place(context, mount=False)
    daemon = Daemon(context, network, place=place)
    daemon.refuse(code=1, words=[place.bpffs, "bpf"])
    check_equal(network.xdp_attached(), 0, "program without a bpffs")
    place.mount("bpf")
    context.callback(place.unmount)
    run("mount", "-o", "remount,ro", place.bpffs)
    daemon.refuse(code=1, words=[place.bpffs, "read-only"])
    check_equal(network.xdp_attached(), 0, "program without a place to pin it")
    run("mount", "-o", "remount,rw", place.bpffs)
    os.chmod(place.bpffs, 0o777)
    daemon.refuse(code=1, words=[place.bpffs, "not root's alone"])
    check_equal(stat.S_IMODE(os.stat(place.bpffs).st_mode), 0o777, "left as it was")


@test(limit_s=60, fault="T-DUMP-RACE")
def every_key_once_in_every_dump_while_keys_churn(context):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", "off", interval="1h").start()
    traffic = Traffic(context, network, addresses=scaled(20_000, 3000),
                      rate=40_000, mix="v4,v6").start()
    dumps = scaled(40, 4)
    most = last = 0
    for number in range(dumps):
        if number % 8 == 7:
            daemon.cut()
        dump = daemon.dump("--live")
        keys = [(one["address"], one["domain"]) for one in dump["addresses"]]
        check_equal(len(keys), len(set(keys)), "keys twice in one dump")
        check(len(keys) >= last, f"{last - len(keys)} addresses less than in the dump before")
        last = len(keys)
        most = max(most, last)
    traffic.finish()
    exact(daemon, traffic, rollups=True)
    context.note(f"{dumps} dumps of up to {most} addresses")


