# SPDX-License-Identifier: GPL-2.0-or-later
"""The tc hooks: departures counted as the wire has them, NAT-true clients, nothing twice."""

import json

from harness import Daemon
from tap import check, check_equal, test, wait_for
from topology import Space, cable, finish

# What is each end's own; all the rest of an entry must be equal at both ends of a cable.
OWN = ("ifname", "ifindex", "hook", "mode", "attach", "attached")


def lines(dump):
    """Every address and roll-up with its four counters."""
    return {(kind, line["address"] if kind == "addresses" else line["prefix"],
             line.get("domain", 0)):
            tuple(line[name] for name in ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes"))
            for kind in ("addresses", "rollups") for line in dump[kind]}


def settled(*daemons):
    """Cut all until nothing moves any more; their dumps."""
    before = [None]

    def quiet():
        for daemon in daemons:
            daemon.cut()
        now = [daemon.dump() for daemon in daemons]
        seen = [[one["seen_packets"] for one in dump["interfaces"]] for dump in now]
        if seen == before[0]:
            return now
        before[0] = seen
        return None

    return wait_for(quiet, "everything counted")


def totals(daemon):
    return json.loads(daemon.tool("ipacct-dump", "--totals", "-j").stdout)


def chain(context, attach="auto"):
    """a0 in one space, b0 in another; departures of a0 and arrivals at b0 are counted."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0")
    out = Daemon(context, here, "--attach", attach, interface="a0:tc-egress").start()
    arrive = Daemon(context, there, interface="b0").start()
    here.up("a0", "192.0.2.1/24", "2001:db8::1/64")
    there.up("b0", "192.0.2.2/24", "2001:db8::2/64")
    return here, there, out, arrive


def equal_ends(here, out, arrive):
    sent, got = settled(out, arrive)
    check_equal(here.counter("a0", "tx_dropped"), 0, "the cable lost frames")
    one, other = sent["interfaces"][0], got["interfaces"][0]
    check_equal((one["hook"], other["hook"]), ("tc-egress", "xdp"), "hooks")
    a, b = totals(out)["interfaces"][0], totals(arrive)["interfaces"][0]
    for name in sorted(set(a) & set(b)):
        if name not in OWN:
            check_equal(a[name], b[name], f"{name} at both ends")
    check_equal(lines(sent), lines(got), "every address")
    return a


@test(limit_s=90)
def departures_equal_the_arrivals_at_the_other_end(context):
    """TCP and UDP with and without GSO, fragments, small frames; IPv4 and IPv6."""
    here, there, out, arrive = chain(context)
    for address in ("192.0.2.2", "2001:db8::2"):
        sink = there.flow_start("sink", address, 7001, 1)
        here.flow("stream", address, 7001, 8_000_000)
        check_equal(finish(sink), "8000000", "octets of the stream")
        drain = there.flow_start("drain", address, 7002, 60)
        here.flow("segments", address, 7002, 20_100, 1200, 3)  # 17 datagrams each, the last of 900
        here.flow("datagrams", address, 7002, 1, 3)
        here.flow("datagrams", address, 7002, 1472, 3)
        here.flow("datagrams", address, 7002, 5000, 3)  # fragments
        check_equal(finish(drain), str(3 * (20_100 + 1 + 1472 + 5000)), "octets of datagrams")
    found = equal_ends(here, out, arrive)
    bundles = found["super_packets"]
    check(bundles["frames"] > 50, f"hardly any super-packet: {bundles}")
    check(bundles["packets"] > 3 * bundles["frames"], f"small super-packets: {bundles}")
    context.note(f"{found['seen_packets']} packets, {bundles}")
    out.ctl("verify")
