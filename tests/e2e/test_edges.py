# SPDX-License-Identifier: GPL-2.0-or-later
"""What a review found: each of these once lost a count, hung, or left something changed."""

import fcntl
import os
import signal
import stat

from harness import CRASH_BUILD, Daemon, Network, Place, alive, run
from tap import check, check_equal, test, wait_for
from traffic import Traffic, exact, settle


@test(limit_s=30)
def asking_for_the_status_does_not_put_cuts_off(context):
    network = Network(context)
    daemon = Daemon(context, network, interval="500ms").start()
    first = daemon.status()["cut"]
    asked = [0]

    def later_cut():
        asked[0] += 1  # far more often than once in an interval
        return daemon.status()["cut"] >= first + 2

    wait_for(later_cut, "two more cuts while the status is asked for all the time")
    check(asked[0] > 4, f"the status was asked for only {asked[0]} times")


@test(limit_s=30)
def few_descriptors_are_enough(context):
    network = Network(context)
    daemon = Daemon(context, network)
    plain = daemon.command
    daemon.command = lambda *extra: ["sh", "-c", 'ulimit -n 96; exec "$@"', "sh", *plain(*extra)]
    daemon.start()
    daemon.cut()


@test(limit_s=30)
def another_name_does_not_inherit_the_totals_of_a_detached_one(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, packets=2000, addresses=100).start()
    traffic.finish()
    settle(daemon, traffic)
    daemon.ctl("detach")
    wait_for(lambda: daemon.process.poll() is not None, "ipacctd ends after detaching all")
    run("ip", "-n", network.receiver, "link", "set", "dev", "rx0", "down")
    run("ip", "-n", network.receiver, "link", "set", "dev", "rx0", "name", "rx9")
    run("ip", "-n", network.receiver, "link", "set", "dev", "rx9", "up")
    again = Daemon(context, network, place=daemon.place, interface="rx9").start()
    seen = {one["ifname"]: one["seen_packets"] for one in again.dump()["interfaces"]}
    check_equal(seen, {"rx0": 2000, "rx9": 0}, "seen packets by name")
    again.ctl("verify")


@test(limit_s=30)
def missing_pin_is_named_and_nothing_else_is_touched(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.stop()
    os.unlink(os.path.join(daemon.place.bpffs, "lru_0_0"))
    pins, program = daemon.place.pins(), network.xdp_attached()
    daemon.refuse(code=1, words=["lru_0_0"])
    check_equal(daemon.place.pins(), pins, "pins")
    os.unlink(os.path.join(daemon.place.bpffs, "ipacct_meta"))
    pins = daemon.place.pins()
    daemon.refuse(code=1, words=["link_0"])
    check_equal(daemon.place.pins(), pins, "pins")
    check_equal(network.xdp_attached(), program, "program")


@test(limit_s=30)
def reader_that_holds_a_lock_holds_up_nobody(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    with open(os.path.join(daemon.place.runtime, "ledger"), "rb") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder = os.open(daemon.place.bpffs, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            daemon.stop()
            daemon.start()
            daemon.cut()
        finally:
            os.close(folder)
    for name in ("lock", "ledger.lock"):
        mode = os.stat(os.path.join(daemon.place.runtime, name)).st_mode
        check_equal(stat.S_IMODE(mode), 0o600, f"mode of {name}")


@test(limit_s=30)
def runtime_directory_of_everybody_is_refused_and_left_as_it_is(context):
    network = Network(context)
    daemon = Daemon(context, network)
    os.mkdir(daemon.place.runtime)
    os.chmod(daemon.place.runtime, 0o1777)
    daemon.refuse(code=1, words=["root's alone", daemon.place.runtime])
    check_equal(stat.S_IMODE(os.stat(daemon.place.runtime).st_mode), 0o1777, "mode")
    check_equal(os.listdir(daemon.place.runtime), [], "content")


@test(limit_s=30)
def failed_start_is_undone_whole(context):
    network = Network(context)
    daemon = Daemon(context, network)
    os.mkdir(daemon.place.runtime, 0o750)
    os.mkdir(os.path.join(daemon.place.runtime, "control"))  # the socket cannot be made
    daemon.refuse(code=1, words=["error"])
    check_equal(network.xdp_attached(), 0, "program")
    # maps.debug and progs.debug are the kernel's own (bpf_preload)
    check_equal([name for name, _ in daemon.place.pins()
                 if not name.endswith(".debug")], [], "pins")
    check("ledger" not in os.listdir(daemon.place.runtime), "a ledger was left")


@test(limit_s=30)
def reload_that_fails_half_way_is_undone_whole(context):
    network = Network(context)
    place = Place(context)
    path = os.path.join(place.base, "ipacct.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("interfaces: [{name: rx0}]\n")
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    daemon.start()
    pins = place.pins()
    with open(path, "w", encoding="utf-8") as out:
        # The first is done before the second is refused: lo has no native XDP.
        out.write("interfaces: [{name: rx0, domain: 7}, {name: lo}]\n")
    daemon.ctl("reload", expect=1)
    check_equal(place.pins(), pins, "pins")
    check_equal([(one["ifname"], one["domain"], one["state"])
                 for one in daemon.status()["programs"]], [("rx0", 0, "attached")], "slots")
    traffic = Traffic(context, network, packets=2000, addresses=100).start()
    traffic.finish()
    exact(daemon, traffic)


@test(limit_s=30)
def log_reader_that_goes_away_ends_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network)
    plain = daemon.command
    daemon.command = lambda *extra: ["sh", "-c", '{ "$@" 2>&1; echo $? >&2; } | head -n 2', "sh",
                                     *plain(*extra)]
    daemon.start()
    first = daemon.status()["cut"]
    os.kill(daemon.status()["pid"], signal.SIGHUP)  # it has something to say
    wait_for(lambda: daemon.status()["cut"] > first + 1, "cuts go on")
    pid = daemon.status()["pid"]
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid), "it ends when it is told to")


@test(limit_s=60)
def new_device_under_an_old_name_is_counted(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    run("ip", "-n", network.receiver, "link", "set", "dev", "rx0", "down")
    run("ip", "-n", network.receiver, "link", "set", "dev", "rx0", "name", "old0")
    run("ip", "-n", network.sender, "link", "set", "dev", "tx0", "down")  # 6.1 wants that
    run("ip", "-n", network.sender, "link", "set", "dev", "tx0", "name", "tx1")
    network.add_pair()
    daemon.stop()
    daemon.start()
    slots = {one["ifname"]: one["state"] for one in daemon.status()["programs"]}
    check_equal(slots, {"old0": "attached", "rx0": "attached"}, "slots")
    traffic = Traffic(context, network, packets=2000, addresses=100).start()
    traffic.finish()
    settle(daemon, traffic)
    seen = {one["ifname"]: one["seen_packets"] for one in daemon.dump()["interfaces"]}
    check_equal(seen, {"old0": 0, "rx0": 2000}, "seen packets by name")


@test(limit_s=60, guest=False, crash_build=True)
def larger_ledger_after_a_crash_counts_nothing_twice(context):
    network = Network(context)
    daemon = Daemon(context, network, build=CRASH_BUILD, memory="32M", interval="1h").start()
    crowd = 100_000  # more than a ledger of this size holds
    first = Traffic(context, network, packets=2 * crowd, addresses=crowd, mix="v4").start()
    first.finish()
    settle(daemon, first)
    daemon.stop()
    # The second crowd finds the ledger full: its counts go to prefixes, and there it dies.
    second = Traffic(context, network, packets=2 * crowd, addresses=crowd, mix="v4",
                     options=["--first", str(1 + crowd)]).start()
    second.finish()
    cut = daemon.dump("-n", "1")["cut"]
    daemon.spawn(environment={"IPACCT_CRASH_AT": "applied"})
    wait_for(lambda: "the collector ended (signal 9)" in daemon.log(), "the crash")
    daemon.kill()
    check_equal(daemon.dump("-n", "1")["cut"], cut, "nothing was committed")
    # With more room the same keys get records of their own.
    larger = Daemon(context, network, place=daemon.place, build=CRASH_BUILD, memory="256M").start()
    exact(larger, first, second, rollups=True)
