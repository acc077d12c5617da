# SPDX-License-Identifier: GPL-2.0-or-later
"""Kills, upgrades and interfaces that come and go, all under traffic: the sum stays what was sent."""

import fcntl
import os
import random
import signal

import bpf
import scrape
from dying import crash_once, link_of
from harness import (CRASH_BUILD, Daemon, Network, Place, WITHOUT_HOT, alive, children, end_process,
                     program, run, scaled, wait_end)
from groups import add_up, check_exact, totals
from tap import SLOW, Failure, check, check_equal, test, wait_for
from traffic import Traffic, exact, sent, settle, steady


@test(limit_s=240, guest=True)
def killed_at_random_under_traffic(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    traffic = steady(context, network)
    draw = random.Random(20261120)
    link = link_of(daemon)[0]
    rounds = scaled(20 if WITHOUT_HOT else 40, 4)  # a thousand: tests/promises.sh P1
    for number in range(rounds):
        # Any moment of a cut: cuts are asked for while the kill is on its way.
        cuts = draw.randrange(3)
        for _ in range(cuts):
            daemon.cut()
        if number % 2:
            daemon.kill()
            daemon.start()
            continue
        collector = daemon.pid_of_collector()
        os.kill(collector, signal.SIGKILL)
        wait_for(lambda old=collector: daemon.pid_of_collector() not in (0, old, None),
                 "the collector is started again")
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(daemon, traffic)
    check_equal(link_of(daemon)[0], link, "link id")
    context.note(f"{rounds} kills, {traffic.sent()} packets")


GROUPS = "10.0.0.0/9 low\n10.128.0.0/9 high\n3fff::/21 six\n"


def check_closed(daemon, network):
    """All numbers of one page are of one cut: the series sum to what the interfaces accounted."""
    samples = scrape.scrape(network)
    for direction in ("tx", "rx"):
        for series, interface in (("packets", "family_packets"), ("l3_bytes", "family_l3_bytes")):
            check_equal(scrape.total(samples, f"ipacct_address_{series}_total",
                                     direction=direction),
                        scrape.total(samples, f"ipacct_interface_{interface}_total"),
                        f"sum of the series, {direction} {series}, cut "
                        f"{scrape.total(samples, 'ipacct_cuts_total')}\n{daemon.log()[-500:]}")


@test(limit_s=240, crash_build=True)
def killed_at_every_step_of_a_cut(context):
    listed = run(program("ipacctd", CRASH_BUILD), "-i", "lo",
                 env=dict(os.environ, IPACCT_CRASH_AT="list")).stdout.split()
    check(len(listed) >= 10, f"only these steps: {listed}")
    # A ledger with room folds nothing: test_fold.py.
    listed = [step for step in listed if not step.startswith("fold_")]
    # A slow guest takes every fourth: the steps are the same on every kernel.
    listed = listed if SLOW < 2 else listed[2::4]
    network = Network(context)
    scrape.loopback_up(network)
    # Series of addresses need no geo file: so their steps are passed, too.
    place = Place(context)
    groups = os.path.join(place.base, "groups")
    with open(groups, "w", encoding="utf-8") as out:
        out.write(GROUPS)
    daemon = Daemon(context, network, "--top-addresses", "20", "--groups-file", groups,
                    place=place, build=CRASH_BUILD).start()
    daemon.stop()
    # Fresh addresses all the time, so that steps of new records are met again and again.
    traffic = Traffic(context, network, addresses=scaled(200_000, 20_000),
                      rate=40_000).start()
    for number, step in enumerate(listed):
        if step.startswith("mask"):  # passed by a collector with another list that masks
            with open(groups, "w", encoding="utf-8") as out:
                out.write(f"{GROUPS}2001:db8::/32 shared ipv6_len={40 + number}\n")
        crash_once(daemon, step)
        daemon.start()
        daemon.ctl("cut")
        check_closed(daemon, network)
        totals(daemon)
        daemon.stop()
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    daemon.start()
    dump = exact(daemon, traffic)
    scrape.check_family(scrape.scrape(network), "address", dump)
    check_exact(daemon, add_up({}, traffic, GROUPS))
    context.note(f"steps: {' '.join(listed)}; {traffic.sent()} packets")


@test(limit_s=180, guest=True)
def program_replaced_under_traffic(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    link, first_program = link_of(daemon)
    traffic = steady(context, network)
    programs = {first_program}
    rounds = scaled(20, 2)  # ten thousand: tests/promises.sh P2
    for _ in range(rounds):
        daemon.stop()
        check_equal(network.xdp_attached(), link_of(daemon)[1], "attached while stopped")
        daemon.start()
        programs.add(link_of(daemon)[1])
    check_equal(link_of(daemon)[0], link, "link id")
    check_equal(len(programs), rounds + 1, "different programs")
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(daemon, traffic)
    check_equal(attachments(daemon), 1, "n_attached")
    context.note(f"{rounds} replacements, {traffic.sent()} packets")


def attachments(daemon, slot=0):
    """ipacct_interface.n_attached (abi.h, offset 28) of one slot."""
    descriptor = bpf.obj_get(os.path.join(daemon.place.bpffs, "ipacct_ifs"))
    try:
        value_bytes = bpf.map_sizes(descriptor)[3]
        value = bpf.lookup(descriptor, slot.to_bytes(4, "little"), value_bytes)
        return int.from_bytes(value[28:32], "little")
    finally:
        os.close(descriptor)


@test(limit_s=60)
def packets_between_two_daemons_are_in_the_first_cut_of_the_second(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.kill()
    traffic = Traffic(context, network, packets=scaled(100_000, 5000), addresses=1000).start()
    traffic.finish()
    daemon.start()
    exact(daemon, traffic)


@test(limit_s=60, guest=False)
def collector_of_a_dead_supervisor_begins_nothing(context):
    """It would hold up the next daemon's, which waits for the ledger and the port."""
    network = Network(context)
    daemon = Daemon(context, network).start()
    first = sent(context, network)
    settle(daemon, first)
    collector = daemon.pid_of_collector()
    with open(os.path.join(daemon.place.runtime, "ledger.lock"), "rb") as lock:
        # Nobody makes another collector before the lock is ours.
        os.kill(daemon.process.pid, signal.SIGSTOP)
        os.kill(collector, signal.SIGKILL)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(daemon.process.pid, signal.SIGCONT)
        begun = wait_for(lambda: children(daemon.process.pid) - {collector},
                         "another collector").pop()
        end_process(daemon.process, signal.SIGKILL)
        check(alive(begun), "it waits for the lock")
        second = Traffic(context, network, packets=scaled(30_000, 3000), addresses=500,
                         seed=2).start()
        second.finish()
        cut = daemon.dump("-n", "1")["cut"]
    wait_end(begun, "the collector ends")
    check_equal(daemon.dump("-n", "1")["cut"], cut, "the last cut")
    check("the supervisor ended before anything was begun" in daemon.log(), daemon.log()[-500:])
    check("error" not in daemon.log(), daemon.log()[-500:])
    daemon.start()
    exact(daemon, first, second)


def slot_named(daemon, name):
    for entry in daemon.dump("-n", "1")["interfaces"]:
        if entry["ifname"] == name:
            return entry
    raise Failure(f"no interface {name} in the dump")


def attached(daemon, network, name="rx0"):
    def probe():
        programs = daemon.status()["programs"]
        return (network.xdp_attached(name) and
                any(one["ifname"] == name and one["state"] == "attached" for one in programs))
    return probe


@test(limit_s=60, guest=True)
def interface_deleted_and_made_again_keeps_its_counts(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    accounts = []
    for number in range(3):
        traffic = Traffic(context, network, packets=scaled(30_000, 3000), addresses=500,
                          seed=number + 1).start()
        traffic.finish()
        accounts.append(traffic)
        dump = settle(daemon, *accounts)
        if number == 2:
            break
        network.delete_pair()
        wait_for(lambda: daemon.status()["programs"][0]["state"] == "gone", "state gone")
        network.add_pair()
        wait_for(attached(daemon, network), "attached again", limit_s=2)
    accounts[0].compare(daemon, *accounts[1:])
    check_equal(len(dump["interfaces"]), 1, "interfaces under the same name")
    check_equal(attachments(daemon), 3, "n_attached")


@test(limit_s=60)
def interface_down_and_up_needs_no_new_attachment(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    link = link_of(daemon)[0]
    accounts = []
    for number in range(3):
        traffic = Traffic(context, network, packets=scaled(30_000, 3000), addresses=500,
                          seed=number + 1).start()
        traffic.finish()
        accounts.append(traffic)
        settle(daemon, *accounts)
        run("ip", "-n", network.receiver, "link", "set", "rx0", "down")
        run("ip", "-n", network.receiver, "link", "set", "rx0", "up")
        wait_for(lambda: "LOWER_UP" in run("ip", "-n", network.sender, "link", "show",
                                           "tx0").stdout, "carrier")
    accounts[0].compare(daemon, *accounts[1:])
    check_equal((link_of(daemon)[0], attachments(daemon)), (link, 1), "link id, n_attached")


@test(limit_s=60)
def renamed_interface_goes_on_counting(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    first = sent(context, network)
    settle(daemon, first)
    # 6.1 answers EBUSY while the device is up.
    for words in (["down"], ["name", "uplink"], ["up"]):
        name = "uplink" if words == ["up"] else "rx0"
        run("ip", "-n", network.receiver, "link", "set", name, *words)
    wait_for(lambda: any(one["ifname"] == "uplink" for one in daemon.status()["programs"]),
             "the new name in the status")
    second = Traffic(context, network, packets=scaled(30_000, 3000), addresses=500,
                     seed=2).start()
    second.finish()
    exact(daemon, first, second)
    check_equal(slot_named(daemon, "uplink")["seen_packets"], first.sent() + second.sent(),
                "seen under the new name")
    check_equal(attachments(daemon), 1, "n_attached")
