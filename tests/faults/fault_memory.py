# SPDX-License-Identifier: GPL-2.0-or-later
"""Allocations that fail and clocks that step."""

import os

from harness import BUILD, Daemon, Network, run, scaled
from inject import refused_in_words, runs
from tap import Skip, check, check_equal, test, wait_for
from traffic import Traffic, exact, settle

PRELOAD = os.path.join(BUILD, "tests/faults/failmalloc.so")


def runs_with(daemon, **environment):
    """runs() under failmalloc.so."""
    return runs(daemon, environment, environment={"LD_PRELOAD": PRELOAD, **environment})


def sweep(daemon, network, numbers, **environment):
    """(ran, refused) over those allocations; no crash, nothing detached."""
    ran = refused = 0
    for number in numbers:
        if runs_with(daemon, IPACCT_FAIL_AT=str(number), **environment):
            ran += 1
            daemon.control("cut")
            daemon.stop()
        else:
            refused += 1
            refused_in_words(daemon, f"allocation {number}")
        check(network.xdp_attached(), f"allocation {number}: detached")
    check("signal" not in daemon.log(), f"a process crashed: {daemon.log()[-800:]}")
    return ran, refused


def swept(context, **environment):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.stop()
    check(os.access(PRELOAD, os.R_OK), f"{PRELOAD} is missing")
    traffic = Traffic(context, network, addresses=scaled(5000, 500),
                      rate=30_000).start()
    count = os.path.join(context.folder, "count")
    check(runs_with(daemon, IPACCT_FAIL_COUNT=count), "it does not start")
    daemon.stop()
    with open(count, encoding="ascii") as file:
        total = int(file.read())
    if environment:
        numbers = range(1, scaled(48, 4))
    else:
        numbers = range(1, total, max(1, total // scaled(80, 6)))
    ran, refused = sweep(daemon, network, numbers, **environment)
    daemon.start()
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(daemon, traffic)
    context.note(f"{ran + refused} failed allocations: {ran} got over, {refused} refused to start;"
                 f" {traffic.sent()} packets")


@test(limit_s=120, fault="T-OOM", guest=False)
def any_allocation_of_the_start_may_fail(context):
    swept(context)


@test(limit_s=120, fault="T-OOM", guest=False)
def any_allocation_of_the_collector_may_fail(context):
    swept(context, IPACCT_FAIL_COMM="ipacct-collect")


FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@test(limit_s=60, fault="T-CLOCK", guest=False)
def wall_clock_may_step_by_years(context):
    if not os.access(FAKETIME, os.R_OK):
        raise Skip("libfaketime is not installed")
    network = Network(context)
    daemon = Daemon(context, network)
    accounts, seen = [], 0
    for number, offset in enumerate(("+0", "+31536000", "-31536000", "+0")):
        daemon.spawn(environment={"LD_PRELOAD": FAKETIME, "FAKETIME": offset,
                                  "DONT_FAKE_MONOTONIC": "1"})
        daemon.wait_ready()
        traffic = Traffic(context, network, packets=scaled(20_000, 2000), addresses=500,
                          seed=number + 1).start()
        traffic.finish()
        accounts.append(traffic)
        settle(daemon, *accounts)
        now = daemon.seen()
        check(now >= seen, f"{now} packets after {seen}")
        seen = now
        cuts = daemon.status()["cuts"]
        wait_for(lambda cuts=cuts: daemon.status()["cuts"] > cuts + 1, f"cuts go on at {offset} s")
        daemon.stop()
    daemon.start()
    accounts[0].compare(daemon, *accounts[1:])


@test(limit_s=60, fault="T-CLOCK", guest=False)
def another_boot_time_changes_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network)
    if run("unshare", "--time", "--boottime", "1000000", "true", expect=None).returncode:
        raise Skip("no time namespaces here")
    accounts = []
    for number, prefix in enumerate(([], ["unshare", "--time", "--boottime", "1000000"], [])):
        daemon.command_prefix = prefix
        daemon.start()
        traffic = Traffic(context, network, packets=scaled(20_000, 2000), addresses=500,
                          seed=number + 1).start()
        traffic.finish()
        accounts.append(traffic)
        settle(daemon, *accounts)
        daemon.stop()
    daemon.command_prefix = []
    daemon.start()
    accounts[0].compare(daemon, *accounts[1:])
    check_equal(daemon.dump()["conservation"]["error_packets"], 0, "packets apart")
