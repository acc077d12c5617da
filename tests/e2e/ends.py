# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of a cable: what leaves one is what arrives at the other."""

import json
import os

from harness import Daemon
from tap import check_equal, wait_for
from topology import Space, cable
from traffic import MIX

# How a tc hook is attached to where nobody says: tcx came with Linux 6.6.
LINKED = "tcx" if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 6) else "tc"

# What is each end's own; all the rest of an entry must be equal at both ends of a cable.
OWN = ("ifname", "ifindex", "hook", "mode", "attach", "attached")

# A frame that ends inside its tag is dropped by the stack before the hook (skb_vlan_untag()).
INGRESS_MIX = MIX.replace("short2,", "")


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


def chain(context, attach="auto", mtu=1500):
    """a0 in one space, b0 in another; departures of a0 and arrivals at b0 are counted."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0", mtu)
    out = Daemon(context, here, "--attach", attach, interface="a0:tc-egress").start()
    arrive = Daemon(context, there, interface="b0").start()
    # the far end first: what a0 sends to a device that is down is lost
    there.up("b0", "192.0.2.2/24", "2001:db8::2/64")
    here.up("a0", "192.0.2.1/24", "2001:db8::1/64")
    return here, there, out, arrive


def equal_totals(one, other, what="at both ends", but=()):
    """Whatever two hooks have in common, but for what is each one's own."""
    for name in sorted(set(one) & set(other)):
        if name not in OWN + but:
            check_equal(one[name], other[name], f"{name} {what}")


def settled_totals(*daemons):
    """Dumps and totals of one moment: a neighbour may be asked for between two readings."""

    def one_moment():
        dumps = settled(*daemons)
        sums = [totals(daemon) for daemon in daemons]
        seen = [[[one["seen_packets"] for one in dump["interfaces"]] for dump in all_of]
                for all_of in (dumps, sums)]
        return (dumps, sums) if seen[0] == seen[1] else None

    return wait_for(one_moment, "nothing moves between two readings")


def equal_ends(here, out, arrive):
    (sent, got), sums = settled_totals(out, arrive)
    check_equal(here.counter("a0", "tx_dropped"), 0, "the cable lost frames")
    one, other = sent["interfaces"][0], got["interfaces"][0]
    check_equal((one["hook"], other["hook"]), ("tc-egress", "xdp"), "hooks")
    a, b = (one["interfaces"][0] for one in sums)
    equal_totals(a, b)
    check_equal(lines(sent), lines(got), "every address")
    return a
