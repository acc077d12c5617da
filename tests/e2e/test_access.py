# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: readers without daemon and privilege, the collector's rights, detaching."""

import ctypes
import json
import os
import subprocess

import bpf
from harness import Daemon, Network, program, scaled, status_field, user_ids
from tap import check, check_equal, test, wait_for
from traffic import Traffic, settle

NOBODY = 65534  # Debian's base-passwd: nobody, nogroup
PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h


def as_group_member(function):
    """Run function() in a child that is nobody, in group ipacct, without any capability; return
    its answer, which must be plain JSON."""
    group = user_ids()[1]
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            os.setgroups([])
            os.setgid(group)
            os.setuid(NOBODY)  # leaves no capability: linux capabilities(7)
            ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            os.write(writer, json.dumps(function()).encode())
            code = 0
        except BaseException as error:  # pylint: disable=broad-except  # told to the parent
            os.write(writer, json.dumps(f"child failed: {error!r}").encode())
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read()
    os.waitpid(pid, 0)
    return json.loads(answer)


def refusal(function, *arguments):
    """Name of the errno that a call gives, or what it returned."""
    try:
        return f"allowed: {function(*arguments)}"
    except OSError as error:
        return os.strerror(error.errno)


@test(limit_s=60)
def live_dump_is_right_and_moving_with_every_process_stopped(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    first = Traffic(context, network, packets=scaled(50_000, 4000), addresses=1000).start()
    first.finish()
    settle(daemon, first)
    daemon.stop()
    check_equal(daemon.seen("--live"), first.sent(), "live, nothing new")
    moving = Traffic(context, network, addresses=1000, seed=2, rate=20_000).start()
    last = first.sent()
    for _ in range(2):
        last = wait_for(lambda floor=last: (lambda now: now > floor and now)(
            daemon.seen("--live")), "live numbers move")
    moving.finish()
    dump = wait_for(lambda: (lambda one: one["interfaces"][0]["seen_packets"] ==
                             first.sent() + moving.sent() and one)(daemon.dump("--live")),
                    "live reaches what was sent")
    check_equal(dump["live"], True, "live")
    first.compare(daemon, moving, live=True)
    check_equal(daemon.seen(), first.sent(), "without --live: the last cut")


@test(limit_s=60, guest=True)
def group_member_reads_and_nothing_more(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, packets=5000, addresses=100).start()
    traffic.finish()
    settle(daemon, traffic)
    pins = daemon.place.bpffs
    pin = os.path.join(pins, "ipacct_ctl")
    dumper = [program("ipacct-dump"), "-j", "--live", *daemon.arguments]

    def read():
        done = subprocess.run(dumper, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        return [done.returncode, done.stderr,
                json.loads(done.stdout)["interfaces"][0]["seen_packets"]]

    def attack():
        return {
            "caps": status_field("self", "CapEff")[0],
            "open map to write": refusal(bpf.obj_get, pin),
            "update through a read-only descriptor": refusal(
                lambda: bpf.update(bpf.obj_get(pin, bpf.F_RDONLY), bytes(4), bytes(64))),
            "freeze": refusal(lambda: bpf.freeze(bpf.obj_get(
                os.path.join(pins, "ipacct_ifs"), bpf.F_RDONLY))),
            "open link": refusal(bpf.obj_get, os.path.join(pins, "link_0")),
            "open link to read": refusal(bpf.obj_get, os.path.join(pins, "link_0"),
                                         bpf.F_RDONLY),
            "remove pin": refusal(os.unlink, pin),
            "remove link pin": refusal(os.unlink, os.path.join(pins, "link_0")),
            "new file in the runtime directory": refusal(
                os.mkdir, os.path.join(daemon.place.runtime, "x")),
            "write the ledger": refusal(os.open, os.path.join(daemon.place.runtime, "ledger"),
                                        os.O_RDWR),
            "cut": daemon.control("cut")["exit"], "reload": daemon.control("reload")["exit"],
            "detach": daemon.control("detach")["exit"],
            "status": daemon.control("status")["exit"],
        }

    before = daemon.place.pins()
    check_equal(as_group_member(read), [0, "", traffic.sent()], "live dump as a group member")
    answers = as_group_member(attack)
    check(isinstance(answers, dict), f"{answers}")
    check_equal(answers.pop("caps"), "0" * 16, "CapEff of the attacker")
    check_equal(answers.pop("status"), 0, "status for the group")
    for command in ("cut", "reload", "detach"):
        check(answers.pop(command) != 0, f"{command} was allowed")
    for what, answer in answers.items():
        check(answer in (os.strerror(1), os.strerror(13)), f"{what}: {answer}")  # EPERM, EACCES
    check_equal(daemon.place.pins(), before, "pins")
    check(network.xdp_attached(), "detached by a group member")


@test(limit_s=30, guest=False)
def stranger_reads_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    dumper = [program("ipacct-dump"), "-j", *daemon.arguments]

    def stranger():
        done = subprocess.run(dumper, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, user=NOBODY, group=NOBODY, extra_groups=[])
        return done.returncode, done.stdout, done.stderr.strip()

    code, output, error = stranger()
    check_equal((code, output), (1, ""), "exit code, output")
    check("group ipacct" in error, f"no word about the group: {error}")


@test(limit_s=30, guest=True)
def collector_has_no_privilege(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    pid = daemon.pid_of_collector()
    user, group = user_ids()
    check_equal(status_field(pid, "Uid"), [str(user)] * 4, "Uid")
    check_equal(status_field(pid, "Gid"), [str(group)] * 4, "Gid")
    check(status_field(pid, "Groups") in ([], [str(group)]), "supplementary groups")
    for field in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        check_equal(status_field(pid, field), ["0" * 16], field)
    check_equal(status_field(pid, "NoNewPrivs"), ["1"], "NoNewPrivs")


@test(limit_s=30)
def dead_collector_is_back_within_a_second(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    old = daemon.pid_of_collector()
    os.kill(old, 9)
    wait_for(lambda: daemon.pid_of_collector() not in (0, None, old), "a new collector", limit_s=1.5)
    cut = daemon.cut()
    check(daemon.cut() > cut, "the new collector cuts")


@test(limit_s=60)
def detach_leaves_everything_as_found(context):
    network = Network(context)
    for by_daemon in (True, False):
        daemon = Daemon(context, network)
        before = daemon.place.pins()
        daemon.start()
        traffic = Traffic(context, network, packets=3000, addresses=50, seed=1).start()
        traffic.finish()
        settle(daemon, traffic)
        check(network.xdp_attached(), "not attached")
        if not by_daemon:
            daemon.stop()
        daemon.ctl("detach")
        check_equal(network.xdp_attached(), 0, "program on the interface")
        if by_daemon:
            daemon.process.wait(20)
        check_equal(daemon.place.pins(), before, "bpffs")
        check_equal(daemon.seen(), traffic.sent(), "the ledger after the final cut")


@test(limit_s=60, guest=False)
def unconfirmed_attachment_goes_away_confirmed_stays(context):
    network = Network(context)
    daemon = Daemon(context, network).start("--confirm", "5")
    check(network.xdp_attached(), "not attached")
    wait_for(lambda: not network.xdp_attached(), "detached without confirmation", limit_s=20)
    daemon.process.wait(20)
    # A fresh place: the second daemon owes nothing to the first.
    second = Daemon(context, network).start("--confirm", "5")
    second.ctl("confirm")
    pid = second.process.pid
    # The event that must not happen has a time, not a signal: ask beyond it.
    wait_for(lambda: second.status()["uptime_s"] >= 9, "nine seconds of uptime", limit_s=20)
    check(network.xdp_attached() and os.path.exists(f"/proc/{pid}"), "confirmed, yet detached")
