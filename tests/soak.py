#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hours of everything at once: tests/soak.sh --minutes M [--seed N] [--json FILE]

Traffic without a pause, and meanwhile, at random, the actions of class Soak. Conservation and `verify` are
asked for after everything that was done; at the end of each round (a minute or so) every address in its
domain and every group is compared with what was sent, in packets and octets. Each round has other hooks,
other domains, the hot tier or none, on one ledger. IPACCT_BUILD names a build. The same seed does the
same things."""

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
from harness import run, status_field  # noqa: E402  pylint: disable=wrong-import-position
from soak_world import World  # noqa: E402  pylint: disable=wrong-import-position
from tap import check_equal, wait_for  # noqa: E402  pylint: disable=wrong-import-position

ROUND_S = 45


class Soak(World):
    """What is done to a world under traffic, and what must hold after it."""

    def __init__(self, context, seed):
        super().__init__(context, random.Random(seed))
        self.done, self.rounds, self.checks, self.kinds = {}, 0, 0, {}
        self.most = {}

    def conserved(self):
        """The sums of the last cut, of each group, and the error that any cut ever had."""
        dump = self.daemon.dump("-n", "1")
        check_equal(dump["conservation"]["error_packets"], 0, "packets apart")
        check_equal(dump["conservation"]["error_l3_bytes"], 0, "octets apart")
        self.daemon.ctl("verify")
        self.checks += 1
        self.measure()

    def measure(self):
        """The most memory and descriptors that each process ever had."""
        status = self.daemon.status()
        for name, pid in (("supervisor", self.daemon.process.pid),
                          ("collector", status["collector_pid"]),
                          ("geo worker", status["geo"]["pid"])):
            resident = status_field(pid, "VmRSS")
            try:
                sizes = int(resident[0]), len(os.listdir(f"/proc/{pid}/fd"))
            except (TypeError, FileNotFoundError):
                continue  # it has only just died; another one comes
            self.most[name] = [max(pair) for pair in zip(sizes, self.most.get(name, (0, 0)))]

    # ---- Processes -------------------------------------------------------------------------------

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.start()

    def kill_collector(self):
        collector = self.daemon.pid_of_collector()
        os.kill(collector, signal.SIGKILL)
        wait_for(lambda: self.daemon.pid_of_collector() not in (0, collector, None),
                 "another collector")

    def kill_geo_worker(self):
        worker = self.daemon.status()["geo"]["pid"]
        if worker:  # else the last one has only just died
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: self.daemon.status()["geo"]["pid"] not in (0, worker),
                     "another geo worker")

    def upgrade(self):
        self.daemon.stop()
        self.daemon.start()

    # ---- What it is told -------------------------------------------------------------------------

    def reload(self):
        self.write_config()
        self.daemon.ctl("reload")

    def broken_reload(self):
        with open(self.config, "w", encoding="ascii") as out:
            out.write("interfaces: [{name: rx0}]\ninterval: never\n")
        self.daemon.ctl("reload", expect=78)
        self.write_config()

    def swap_groups(self):
        self.write_groups()
        self.daemon.ctl("reload")

    def broken_groups(self):
        with open(self.groups_file, "a", encoding="ascii") as out:
            out.write("10.0.0.1/8 nobody\n")
        self.daemon.ctl("reload", expect=78)
        self.write_groups()

    def other_groups(self):
        """Prefixes change hands: what was sent before must have been counted before."""
        self.drain()
        self.groups.redraw()
        self.swap_groups()
        self.resume()

    def other_vlans(self):
        self.drain()
        self.draw_domains()
        self.reload()
        self.resume()

    def swap_geo(self):
        """Another database, sometimes after one that is none."""
        if self.draw.random() < 0.3:
            self.put_database(None)
            wait_for(lambda: self.daemon.status()["geo"]["databases"][0]["state"] == "not_usable",
                     "a broken database is seen")
        self.put_database(self.draw.choice(list(self.databases)))
        self.write_overrides()
        self.daemon.ctl("reload")

    # ---- Readers ---------------------------------------------------------------------------------

    def readers(self):
        for arguments in (("--live", "-n", "5"), ("--csv",), ("-j", "-n", "3"),
                          ("--by", "group", "--live", "-n", "5"), ("--geo", "-n", "5")):
            self.daemon.tool("ipacct-dump", *arguments)
        self.daemon.ctl("status")
        self.scrape()

    def top(self):
        self.daemon.tool("ipacct-top", "--batch", "-n", "3", "-d", "0.3")
        self.daemon.tool("ipacct-top", "--batch", "-n", "2", "-d", "0.3", "--by", "group")

    def member_readers(self):
        self.as_member("ipacct-dump", "--live", "-n", "5")
        self.as_member("ipacct-dump", "--by", "group", "-j", "-n", "3")
        self.as_member("ipacct-top", "--batch", "-n", "2", "-d", "0.3")
        self.as_member("ipacctctl", "status")

    # ---- Links and packets -----------------------------------------------------------------------

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
        wait_for(lambda: self.states() == {"gone"}, "state gone")
        self.add_pair()
        wait_for(lambda: self.states() == {"attached"}, "attached again")
        self.resume()

    # ---- All of it -------------------------------------------------------------------------------

    ACTIONS = (kill_daemon, kill_collector, kill_geo_worker, upgrade, reload, broken_reload,
               swap_groups, swap_groups, broken_groups, other_groups, other_vlans, swap_geo,
               readers, readers, top, member_readers, link_flap, new_device, World.flood,
               World.strangers)

    def round(self):
        self.reshape()
        until = time.monotonic() + ROUND_S
        self.resume()
        while time.monotonic() < until:
            action = self.draw.choice(self.ACTIONS)
            name = action.__name__
            self.doing = name
            action(self)
            self.done[name] = self.done.get(name, 0) + 1
            self.daemon.cut()
            self.conserved()
        self.doing = "the end of the round"
        self.drain()
        self.compare()
        self.rounds += 1
        self.kinds[self.kind()] = self.kinds.get(self.kind(), 0) + 1


def main():
    options = argparse.ArgumentParser(prog="tests/soak.sh", description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--seed", type=int, default=20261121)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made is undone
    begun = time.monotonic()
    with tap.Context() as context:
        soak = Soak(context, options.seed)
        try:
            while not soak.rounds or time.monotonic() - begun < 60 * options.minutes:
                soak.round()
                print(f"{(time.monotonic() - begun) / 60:6.1f} min: round {soak.rounds} "
                      f"({soak.kind()}), {soak.sum.sent():,} packets, all on their address; "
                      f"{sum(soak.done.values())} things done, conserved {soak.checks} times",
                      flush=True)
        except BaseException:
            print(f"in round {soak.rounds + 1} ({soak.kind()}), at {soak.doing}; the end of the "
                  f"log:\n{soak.daemon.log()[-4000:]}", flush=True)
            raise
        figures = {"minutes": round((time.monotonic() - begun) / 60, 1), "seed": options.seed,
                   "kernel": os.uname().release, "rounds": soak.rounds, "by_kind": soak.kinds,
                   "packets": soak.sum.sent(), "addresses": len(soak.sum.records),
                   "conserved": soak.checks, "differences": 0, "done": soak.done,
                   "most_kib_and_descriptors": soak.most,
                   "cuts": soak.daemon.dump("-n", "1")["cut"]}
    print(json.dumps(figures))
    if options.json:
        with open(options.json, "w", encoding="ascii") as out:
            out.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
