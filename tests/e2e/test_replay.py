# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-replay beside a daemon that counts: the same numbers, and it is not disturbed."""

import json
import os
import shutil

from harness import Daemon, Network, program, run, scaled
from replay import write_mixed_pcap
from tap import Skip, check, check_equal, test, wait_for
from traffic import Traffic, exact

FRAMES = 20_000
COUNTERS = ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")


def addresses_of(dump):
    return {entry["address"]: tuple(entry[name] for name in COUNTERS)
            for entry in dump["addresses"]}


def totals_of(dump):
    """What an interface counted; its name and how it is attached are others."""
    return {key: value for key, value in dump["interfaces"][0].items()
            if key.endswith(("_packets", "_bytes", "_fragments"))
            or key in ("ignored", "size_histogram", "families", "protocols")}


@test(limit_s=120, guest=False)
def capture_sent_over_the_wire_and_replayed_gives_the_same_dump(context):
    if not shutil.which("tcpreplay"):
        raise Skip("tcpreplay is not installed")
    network = Network(context, mtu=9000)
    daemon = Daemon(context, network).start()
    path = os.path.join(daemon.place.base, "mixed.pcap")
    write_mixed_pcap(path, FRAMES, seed=7)
    # Slower than the veth ring fills: tcpreplay does not see what a full ring refuses.
    network.inside(network.sender, "tcpreplay", "--pps=20000", "-q", "-i", "tx0", path, limit_s=60)
    wait_for(lambda: daemon.cut() and daemon.seen() == FRAMES, "all frames seen")
    live = daemon.dump("--totals")
    replayed = json.loads(run(program("ipacct-replay"), "-j", "--totals", path).stdout)
    check_equal(addresses_of(replayed), addresses_of(live), "addresses")
    check_equal(totals_of(replayed), totals_of(live), "totals")
    check(len(totals_of(live)) >= 8, f"only {sorted(totals_of(live))} were compared")
    verdict = json.loads(run(program("ipacct-replay"), "--prove", path).stdout)
    check_equal((verdict["verdict"], verdict["packets"]), ("equal", FRAMES), "verdict")
    context.note(f"{FRAMES} frames, {len(live['addresses'])} addresses")


@test(limit_s=120, guest=False)
def replay_beside_a_daemon_disturbs_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    path = os.path.join(daemon.place.base, "mixed.pcap")
    write_mixed_pcap(path, 2000, seed=8)

    def facts():
        status = daemon.status()
        return (network.xdp_attached(), daemon.place.pins(), status["pid"],
                status["collector_pid"], [one["prog_id"] for one in status["programs"]])

    before = facts()
    traffic = Traffic(context, network, packets=scaled(600_000), addresses=5000).start()
    n_replays = 0
    while traffic.running() or n_replays < 3:
        verdict = json.loads(run(program("ipacct-replay"), "--prove", path).stdout)
        check_equal(verdict["verdict"], "equal", "verdict")
        n_replays += 1
    traffic.finish()
    check_equal(facts(), before, "after the replays")
    exact(daemon, traffic)
    daemon.ctl("verify")
    context.note(f"{n_replays} replays during {traffic.sent()} packets")
