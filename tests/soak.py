#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hours of everything at once: tests/soak.sh --minutes M [--seed N] [--json FILE]

Traffic without a pause, and meanwhile, at random: kills of daemon and collector, upgrades, reloads,
links that go down and up, devices that are made again, floods, readers. Conservation is asked for
after everything that was done; at the end of each round (a minute or so) every address is compared with
what was sent, in packets and octets. IPACCT_BUILD names a build. The same seed does the same things."""

import argparse
import json
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))

import tap  # noqa: E402  pylint: disable=wrong-import-position
from harness import Daemon, Network, Place, run  # noqa: E402  pylint: disable=wrong-import-position
from tap import check_equal, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from traffic import Traffic, settle  # noqa: E402  pylint: disable=wrong-import-position

ROUND_S = 45
CONFIG = "interfaces: [{{name: rx0}}]\ninterval: {interval}ms\nprotect: [{protect}]\n"


class Soak:
    """One network, one daemon, and what was done to it."""

    def __init__(self, context, seed):
        self.context = context
        self.draw = random.Random(seed)
        self.network = Network(context)
        self.place = Place(context)
        self.config = os.path.join(self.place.base, "ipacct.yaml")
        self.write_config()
        self.daemon = Daemon(context, self.network, "-c", self.config, place=self.place,
                             interval="200ms", interface=None)
        self.daemon.options = ["-c", self.config]
        self.accounts, self.done, self.rounds, self.checks = [], {}, 0, 0
        self.daemon.start()

    def write_config(self):
        with open(self.config, "w", encoding="ascii") as out:
            out.write(CONFIG.format(interval=self.draw.randrange(100, 1000),
                                    protect=f"10.{self.draw.randrange(256)}.0.0/16"))

    def conserved(self):
        """The sums of the last cut, and the error that any cut ever had."""
        dump = self.daemon.dump("-n", "1")
        check_equal(dump["conservation"]["error_packets"], 0, "packets apart")
        check_equal(dump["conservation"]["error_l3_bytes"], 0, "octets apart")
        self.checks += 1

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.start()

    def kill_collector(self):
        collector = self.daemon.pid_of_collector()
        os.kill(collector, signal.SIGKILL)
        wait_for(lambda: self.daemon.pid_of_collector() not in (0, collector, None),
                 "another collector")

    def upgrade(self):
        self.daemon.stop()
        self.daemon.start()

    def reload(self):
        self.write_config()
        self.daemon.ctl("reload")

    def broken_reload(self):
        with open(self.config, "w", encoding="ascii") as out:
            out.write("interfaces: [{name: rx0}]\ninterval: never\n")
        self.daemon.ctl("reload", expect=78)
        self.write_config()

    def readers(self):
        for arguments in (("--live", "-n", "5"), ("--csv",), ("-j", "-n", "3")):
            self.daemon.tool("ipacct-dump", *arguments)
        self.daemon.ctl("status")

    def link_flap(self):
        """The receiver's end stays up: what is sent meanwhile is lost before us, so it is not sent."""
        self.pause()
        for state in ("down", "up"):
            run("ip", "-n", self.network.receiver, "link", "set", "rx0", state)
        wait_for(lambda: "LOWER_UP" in run("ip", "-n", self.network.sender, "link", "show",
                                           "tx0").stdout, "carrier")
        self.resume()

    def new_device(self):
        self.pause()
        self.network.delete_pair()
        wait_for(lambda: self.daemon.status()["programs"][0]["state"] == "gone", "state gone")
        self.network.add_pair()
        wait_for(lambda: self.network.xdp_attached() and
                 self.daemon.status()["programs"][0]["state"] == "attached", "attached again")
        self.resume()

    def flood(self):
        burst = Traffic(self.context, self.network, packets=100_000, addresses=256, mix="v4",
                        seed=self.draw.randrange(1 << 30), options=["--flood", "1000000"]).start()
        burst.finish()
        self.accounts.append(burst)

    def resume(self):
        self.traffic = Traffic(self.context, self.network, addresses=20_000, rate=40_000,
                               seed=self.draw.randrange(1 << 30)).start()

    def pause(self):
        self.traffic.finish(least=0)  # it may have begun a moment ago
        self.accounts.append(self.traffic)

    def round(self):
        actions = (self.kill_daemon, self.kill_collector, self.upgrade, self.reload,
                   self.broken_reload, self.readers, self.readers, self.link_flap,
                   self.new_device, self.flood)
        until = time.monotonic() + ROUND_S
        self.resume()
        while time.monotonic() < until:
            action = self.draw.choice(actions)
            action()
            name = action.__name__
            self.done[name] = self.done.get(name, 0) + 1
            self.daemon.cut()
            self.conserved()
        self.pause()
        settle(self.daemon, *self.accounts, limit_s=30)
        self.accounts[0].compare(self.daemon, *self.accounts[1:], rollups=True)
        self.rounds += 1

    def sent(self):
        return sum(one.sent() for one in self.accounts)


def main():
    options = argparse.ArgumentParser(prog="tests/soak.sh", description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--seed", type=int, default=20261121)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args()
    begun = time.monotonic()
    with tap.Context() as context:
        soak = Soak(context, options.seed)
        while time.monotonic() - begun < 60 * options.minutes:
            soak.round()
            print(f"{(time.monotonic() - begun) / 60:6.1f} min: round {soak.rounds}, "
                  f"{soak.sent():,} packets, all on their address; {sum(soak.done.values())} "
                  f"things done, conserved {soak.checks} times", flush=True)
        figures = {"minutes": round((time.monotonic() - begun) / 60, 1), "seed": options.seed,
                   "rounds": soak.rounds, "packets": soak.sent(), "conserved": soak.checks,
                   "differences": 0, "done": soak.done,
                   "cuts": soak.daemon.dump("-n", "1")["cut"]}
    print(json.dumps(figures))
    if options.json:
        with open(options.json, "w", encoding="ascii") as out:
            out.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
