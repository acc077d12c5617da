# SPDX-License-Identifier: GPL-2.0-or-later
"""More addresses than the ledger holds: the idle ones make room, and no count is lost by it."""

import ipaddress
import json
import os

from dying import crash_once
from harness import CRASH_BUILD, Daemon, Network, program, run, scaled
from tap import check, check_equal, test, wait_for
from traffic import Traffic, exact, settle

RECORDS = 8192  # a ledger that a short burst of traffic fills
SPREAD = 0x9E3779B1  # of tests/traffic/addresses.c


def small_daemon(context, network, **more):
    """Cuts come when they are asked for."""
    return Daemon(context, network, "--ledger-addresses", str(RECORDS), memory="64M",
                  interval="1h", **more)


def ledger_path(daemon):
    return os.path.join(daemon.place.runtime, "ledger")


def ledger_status(daemon):
    return json.loads(daemon.ctl("status", "-j").stdout)["ledger"]


def crowd_of(first, n):
    """IPv4 addresses number first … first + n − 1 of the generator."""
    return {str(ipaddress.IPv4Address(0x0A000000 | number * SPREAD & 0xFFFFFF))
            for number in range(first, first + n)}


def lacking(daemon, crowd):
    """Who of the crowd has no record of its own after some more cuts."""
    for _ in range(8):
        daemon.cut()
    return crowd - {entry["address"] for entry in daemon.dump()["addresses"]}


@test(limit_s=180)
def new_addresses_get_records_after_old_ones_went_idle(context):
    network = Network(context)
    daemon = small_daemon(context, network).start()
    size = os.stat(ledger_path(daemon)).st_size
    n = RECORDS // 4
    crowds = []
    rounds = scaled(40, 6)  # ten times what the ledger holds
    for number in range(rounds):
        traffic = Traffic(context, network, addresses=n, rate=200_000, mix="v4",
                          seed=number + 1, options=["--first", number * n]).start()
        crowd = crowd_of(number * n, n)
        wait_for(lambda crowd=crowd: not lacking(daemon, crowd), f"records for crowd {number}",
                 limit_s=15)
        traffic.finish()
        crowds.append(traffic)
    dump = settle(daemon, *crowds)
    status = ledger_status(daemon)
    context.note(f"{RECORDS} records, {rounds * n} addresses, "
                 f"{status['folded_records']} folded, {len(dump['addresses'])} have records, "
                 f"{sum(one.sent() for one in crowds)} packets")
    check(status["folded_records"] >= (rounds - 4) * n,
          f"only {status['folded_records']} records were folded")
    check("idle addresses folded" in daemon.ctl("status").stdout, "the status does not say so")
    check(len(dump["addresses"]) <= RECORDS, "more records than there are")
    check_equal(os.stat(ledger_path(daemon)).st_size, size, "octets of the ledger")
    crowds[0].compare(daemon, *crowds[1:], rollups=True)
    # Who is there now keeps its record over a restart, and so does who made room for it.
    daemon.stop()
    daemon.start()
    check_equal(crowd_of((rounds - 1) * n, n) - {entry["address"] for entry in
                                                 daemon.dump()["addresses"]}, set(),
                "the last crowd after a restart")
    crowds[0].compare(daemon, *crowds[1:], rollups=True)


def fold_steps():
    listed = run(program("ipacctd", CRASH_BUILD), "-i", "lo",
                 env=dict(os.environ, IPACCT_CRASH_AT="list")).stdout.split()
    steps = [step for step in listed if step.startswith("fold_")]
    check(len(steps) >= 5, f"only these steps: {steps}")
    # In the middle of things, and what every cut passes, when it also folds.
    return steps + ["fold_marking#100", "fold_rolled#100", "claiming#100", "claimed", "added#20",
                    "added#300", "applied", "facts", "committed", "lru_clear"]


@test(limit_s=240, crash_build=True, guest=False)
def killed_at_every_step_of_a_fold(context):
    steps = fold_steps()
    network = Network(context)
    daemon = small_daemon(context, network, build=CRASH_BUILD).start()
    # Ten times what the ledger holds, all the time: every cut meets new ones, and folds.
    traffic = Traffic(context, network, addresses=10 * RECORDS, rate=30_000, mix="v4").start()

    def full():
        daemon.cut()
        return ledger_status(daemon)["folded_records"]

    wait_for(full, "the ledger is full", limit_s=30)
    daemon.stop()
    for step in steps:
        before = daemon.log().count("the collector ended (signal 9)")
        crash_once(daemon, step)
        check(daemon.log().count("the collector ended (signal 9)") > before, f"no death at {step}")
        daemon.start()
        daemon.ctl("cut")
        daemon.ctl("verify")
        daemon.stop()
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    daemon.start()
    exact(daemon, traffic, rollups=True)
    context.note(f"steps: {' '.join(steps)}; {traffic.sent()} packets, "
                 f"{ledger_status(daemon)['folded_records']} folded")
