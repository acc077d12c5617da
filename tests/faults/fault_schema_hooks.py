# SPDX-License-Identifier: GPL-2.0-or-later
"""The same upgrade where it is about hooks and devices: tc, VLAN domains, a device that went or is behind
a dispatcher."""

import errno
import os
import threading

import bpf
from dying import crash_once, link_of
from harness import CRASH_BUILD, Daemon, Network, Place, run, scaled
from tagged import TYPE_AD, TYPE_Q, Sender, config_of, counted, expected, frame, vlans
from tap import check, check_equal, test, wait_for
from traffic import exact, sent, steady
from upgrade import DRAINED, SMALL, names, next_daemon, seen_so_far, settled


class Stream:
    """Frames in turn, until it is stopped. Where the device has no room for one it was not sent, but at
    tc-egress it has been counted by then."""

    def __init__(self, context, space, device, frames, leaves):
        network = type("There", (), {"sender": space})
        self.socket = Sender(context, network, device).socket
        self.frames, self.leaves = frames, leaves
        self.sent = dict.fromkeys(frames, 0)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        context.callback(self.finish)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.002):  # a pace that leaves the machine room for the rest
            for octets in self.frames * 8:
                try:
                    self.socket.send(octets)
                except OSError as full:
                    if full.errno != errno.ENOBUFS:
                        raise
                    if not self.leaves:
                        continue
                self.sent[octets] += 1

    def finish(self):
        self.ended.set()
        self.thread.join()

    def n_sent(self):
        return sum(self.sent.values())


def domains_of(*streams):
    """As the configuration below says: {domain: (packets, octets)}."""
    amounts = {}
    for domain, octets in TAGGED:
        packets = sum(stream.sent[octets] for stream in streams)
        had = amounts.get(domain, (0, 0))
        amounts[domain] = had[0] + packets, had[1] + packets * L3_BYTES[octets]
    return amounts


VLAN_DOMAINS = {"domain": 3, "vlan_domains": vlans({100: 7, "200-299": 8})}
L3_BYTES = {frame(60): 60, frame(61, [(TYPE_Q, 100)]): 61, frame(62, [(TYPE_Q, 200)]): 62,
            frame(63, [(TYPE_AD, 299), (TYPE_Q, 100)]): 63, frame(64, [(TYPE_Q, 300)]): 64}
TAGGED = list(zip((3, 7, 8, 8, 3), L3_BYTES))


@test(limit_s=120, crash_build=True, fault="T-SCHEMA", guest=True)
def tc_hooks_and_domains_of_vlans_are_taken_over(context):
    """XDP and departures, both tc hooks by tcx links, both by filters of clsact; killed in between."""
    for first, attach, step in (("xdp", "auto", "takeover_replaced"),
                                ("tc-ingress", "auto", "takeover_pinned"),
                                ("tc-ingress", "tc", "drain_published")):
        network, place = Network(context), Place(context)
        fresh = next_daemon(context, network, place, "--attach", attach, *SMALL, interface=None)
        old = Daemon(context, network, "--attach", attach, *SMALL, place=place, build=CRASH_BUILD,
                     interface=None)
        for daemon in (fresh, old):
            daemon.options[:2] = ["-c", config_of(place, [
                {"name": "rx0", "hooks": [first, "tc-egress"], **VLAN_DOMAINS}], interval="1h")]
        old.start()
        frames = list(L3_BYTES)
        streams = (Stream(context, network.sender, "tx0", frames, False),
                   Stream(context, network.receiver, "rx0", frames, True))
        counts = [stream.n_sent for stream in streams]
        seen_so_far(old, scaled(5000, 500))
        programs = {one["prog_id"] for one in old.status()["programs"]}
        old.kill()
        least = [count() + scaled(5000, 500) for count in counts]
        wait_for(lambda: all(count() >= n for count, n in zip(counts, least)), "more frames")
        crash_once(fresh, step)
        fresh.start()
        settled(fresh)
        status = fresh.status()["programs"]
        check_equal([one["n_attached"] for one in status], [1, 1], "attached once")
        check(not programs & {one["prog_id"] for one in status}, "an old program still counts")
        check_equal(fresh.log().count(DRAINED), 1, "sets of maps that were drained")
        seen_so_far(fresh, fresh.seen() + scaled(5000, 500))
        for stream in streams:
            stream.finish()
        rows = counted(fresh, sum(count() for count in counts))
        check_equal(rows, expected(domains_of(*streams)), f"by domain, {first}, {attach}")
        check_equal({one["hook"]: one["seen_packets"] for one in fresh.dump()["interfaces"]},
                    {first: counts[0](), "tc-egress": counts[1]()}, "by hook")
        fresh.ctl("detach")
        context.note(f"{first} {attach}: {counts[0]()} and {counts[1]()} frames")


@test(limit_s=60, crash_build=True, fault="T-SCHEMA")
def device_in_another_namespace_is_taken_over(context):
    network, place = Network(context), Place(context)
    fresh = next_daemon(context, network, place)
    old = Daemon(context, network, place=place, build=CRASH_BUILD, interval="1h").start()
    third = network.receiver + "-c"
    run("ip", "netns", "add", third)
    context.callback(run, "ip", "netns", "del", third, expect=None)
    run("ip", "-n", network.receiver, "link", "set", "rx0", "netns", third)
    run("ip", "-n", third, "link", "set", "rx0", "up")
    traffic = steady(context, network)
    seen_so_far(old, scaled(5000, 500))
    old.stop()
    # Its name belongs to another device here, which is the one that is configured.
    run("ip", "-n", network.receiver, "link", "add", "rx0", "type", "veth", "peer", "name", "px0")
    run("ip", "-n", network.receiver, "link", "set", "rx0", "up")
    before = link_of(old)
    fresh.start()
    settled(fresh)
    after = link_of(fresh)
    check_equal(after[0], before[0], "the link")
    check(after[1] != before[1], "the program is still the old one")
    seen_so_far(fresh, fresh.seen() + scaled(5000, 500))
    traffic.finish()
    exact(fresh, traffic)


@test(limit_s=60, crash_build=True, fault="T-SCHEMA")
def device_that_returns_with_the_upgrade_has_its_witness(context):
    """What its slot has in the old maps is of before it was attached again: `verify` sees to that."""
    network, place = Network(context), Place(context)
    fresh = next_daemon(context, network, place, *SMALL)
    old = Daemon(context, network, *SMALL, place=place, build=CRASH_BUILD, interval="1h").start()
    old.kill()
    before = sent(context, network)
    network.delete_pair()
    network.add_pair()
    fresh.start()
    settled(fresh)
    exact(fresh, before, sent(context, network, seed=2))


@test(limit_s=60, guest="only", crash_build=True, fault="T-SCHEMA")
def behind_a_dispatcher_it_is_refused(context):
    """Whatever the slot says of its state: killed while it is attached, it is not told."""
    network, place = Network(context), Place(context)
    options = "--attach", "dispatcher", *SMALL
    fresh = next_daemon(context, network, place, *options)
    old = Daemon(context, network, *options, place=place, build=CRASH_BUILD).start()
    old.stop()
    descriptor, slot = bpf.obj_get(os.path.join(place.bpffs, "ipacct_ifs")), bytes(4)
    record = bpf.lookup(descriptor, slot, 112)
    for state in (1, 0):  # attached; as it is before that is written
        bpf.update(descriptor, slot, record[:25] + bytes([state]) + record[26:])
        before = network.xdp_attached(), names(place)
        fresh.refuse(code=78, words=["dispatcher", "version 1"])
        check_equal((network.xdp_attached(), names(place)), before, "program and pins")
    os.close(descriptor)
    old.start()
    old.ctl("detach")
