# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-top where nobody cuts: each number of the maps, however often they were read and from whichever
tier it came, and over the cuts that come in between."""

import json
import subprocess

from harness import Daemon, Network, program
from tap import check, check_equal, test, wait_for
from terminal import Terminal
from traffic import Traffic, settle

COUNTERS = ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")


class Live:
    """ipacct-top --json, frame by frame."""

    def __init__(self, context, daemon, *arguments):
        command = [program("ipacct-top"), "--json", "-d", "0.1", "-t", "100000", *arguments,
                   *daemon.arguments]
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            command, stdout=subprocess.PIPE, text=True)
        context.callback(self.process.wait)
        context.callback(self.process.kill)  # its pipe may be full
        self.rows, self.n_frames = {}, 0

    def frame(self):
        """The next one. No counter of an address falls, none is told of that is not there."""
        one = json.loads(self.process.stdout.readline())
        for row in one["rows"]:
            key = row.get("address") or row["prefix"]
            now, before = [row[name] for name in COUNTERS], self.rows.get(key, [0] * 4)
            check(all(a >= b for a, b in zip(now, before)), f"{key} fell from {before} to {now}")
            self.rows[key] = now
        self.n_frames += 1
        return one


def dumped(daemon):
    whole = json.loads(daemon.tool("ipacct-dump", "-j", "--live").stdout)
    return {row.get("address") or row["prefix"]: [row[name] for name in COUNTERS]
            for row in whole["addresses"] + whole["rollups"]}


def read_to_the_end(daemon, live, traffic):
    """Frames until the traffic is over and two of them say the same; then each row as the dump has it."""
    while traffic.process.poll() is None:
        live.frame()
    traffic.finish()
    want = dumped(daemon)
    wait_for(lambda: live.frame() and all(want[key] == row for key, row in live.rows.items()),
             "every row is what the maps have", 20)
    return want


@test(limit_s=120)
def top_live_ends_at_what_the_maps_have(context):
    network = Network(context)
    # 20 MiB: lines for a part of them only, so that they go from tier to tier while they are read
    daemon = Daemon(context, network, interval="100ms", memory="20M").start()
    daemon.stop()
    live = Live(context, daemon)
    live.frame()
    traffic = Traffic(context, network, packets=600_000, rate=150_000, addresses=20_000).start()
    want = read_to_the_end(daemon, live, traffic)
    # those that moved are all but the roll-ups' neighbours
    check(len(live.rows) > 0.9 * len(want), f"{len(live.rows)} rows of {len(want)}")
    context.note(f"{live.n_frames} frames, {len(live.rows)} rows, "
                 f"{sum(1 for key in want if '/' in key)} of them roll-ups")
    daemon.start()
    settle(daemon, traffic)


@test(limit_s=120)
def top_live_counts_on_over_cuts(context):
    network = Network(context)
    daemon = Daemon(context, network, interval="300ms", memory="96M").start()
    live = Live(context, daemon, "--live")
    live.frame()
    traffic = Traffic(context, network, packets=300_000, rate=100_000, addresses=20_000).start()
    first = daemon.status()["cut"]
    want = read_to_the_end(daemon, live, traffic)
    check(daemon.status()["cut"] > first + 3, "cuts were made meanwhile")
    check_equal({key for key in live.rows} - set(want), set(), "rows that the dump does not have")
    settle(daemon, traffic)


@test(limit_s=90)
def top_live_takes_its_share_and_no_more(context):
    network = Network(context)
    daemon = Daemon(context, network, memory="256M").start()
    Traffic(context, network, rate=20_000, addresses=5000).start()
    wait_for(lambda: daemon.seen() > 20_000, "something to read")
    screen = Terminal(context, [program("ipacct-top"), "-d", "0.1", *daemon.arguments])
    screen.wait(r"every 100 ms|every 0\.1 s", limit_s=30)
    daemon.stop()
    screen.wait(r"live, after cut \d+  every [0-9.]+ m?s \(1 %\)  [0-9.]+ ?k? moving", limit_s=30)
    wait_for(lambda: float(screen.wait(r"top ([0-9.]+) %").group(1)) <= 1.2, "1 % of a core", 30)
    daemon.start()
    screen.wait(r"UTC  cut \d+  every (100 ms|0\.1 s)  ", limit_s=20)
