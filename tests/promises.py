#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Promises at their full size: tests/promises.sh [PROMISE...] [--part SHARE] [--rate PPS]

P1  1,000 times kill -9, 500,000 packets a second, 100,000 addresses: every address exact
P2  10,000 programs replaced by the next while 500,000 packets a second pass: every address exact
P4  10,000,000 malformed frames through the program in the kernel, 1,000,000,000 through its parser
    compiled for this machine and the second implementation of its rules: no mismatch

tests/run.sh does a part of each in seconds. The rate is what the machine gives: the one reached is
told. IPACCT_BUILD names a build."""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))

import harness  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position
from harness import Daemon, Network, run  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_equal, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from traffic import Traffic, exact  # noqa: E402  pylint: disable=wrong-import-position

RATE = 500_000
ADDRESSES = 100_000
KILLS = 1_000
UPDATES = 10_000
DEVICES = 8  # a start replaces the program of each
KERNEL_FRAMES = 10_000_000
NATIVE_FRAMES = 1_000_000_000
TELL_S = 60  # a line about how far it is


class Progress:
    """A line now and then, and how fast all of it was."""

    def __init__(self, name):
        self.name, self.begun = name, time.monotonic()
        self.told = self.begun

    def seconds(self):
        return time.monotonic() - self.begun

    def tell(self, text):
        if time.monotonic() - self.told > TELL_S:
            self.told = time.monotonic()
            print(f"{self.name}: {self.seconds() / 60:.1f} min: {text}", flush=True)


def add_pairs(network, n):
    """More cables beside tx0 and rx0, alike."""
    for i in range(1, n):
        run("ip", "-n", network.sender, "link", "add", f"tx{i}", "type", "veth", "peer", "name",
            f"rx{i}", "netns", network.receiver)
        for space, device in ((network.sender, f"tx{i}"), (network.receiver, f"rx{i}")):
            run("ip", "-n", space, "link", "set", device, "up")


def crowd(context, network, rate, n=1):
    """Endless traffic as fast as asked or as it goes; all addresses on each of n devices."""
    found = []
    for i in range(n):
        # A queue: then a full ring holds the sender up, where without one it would lose frames.
        run("tc", "-n", network.sender, "qdisc", "replace", "dev", f"tx{i}", "root", "pfifo")
        cpus = sorted(os.sched_getaffinity(0))[:2]
        options = ["-i", f"tx{i}"] + (["--cpus", str(cpus[i % len(cpus)])] if n > 1 else [])
        found.append(Traffic(context, network, addresses=ADDRESSES, rate=rate / n, mix="v4,v6",
                             seed=i + 1, options=options).start())
    return found


def ended(traffic, daemon, progress, figures):
    """All of it on its address; what was reached."""
    check(all(one.running() for one in traffic), "the traffic ended too early")
    seconds = progress.seconds()
    for one in traffic:
        one.finish()
    exact(daemon, *traffic, limit_s=60)
    packets = sum(one.sent() for one in traffic)
    return {**figures, "packets": packets, "addresses": ADDRESSES,
            "packets_per_s": round(packets / seconds), "minutes": round(seconds / 60, 1),
            "differences": 0}


def kills(context, part, rate):
    """P1: daemon and collector by turns, at any moment, in the middle of cuts, too."""
    n = round(KILLS * part)
    network = Network(context)
    daemon = Daemon(context, network).start()
    draw = random.Random(n)
    traffic, progress = crowd(context, network, rate), Progress("P1")
    for number in range(n):
        for _ in range(draw.randrange(3)):
            daemon.cut()
        if number % 2:
            daemon.kill()
            daemon.start()
        else:
            collector = daemon.pid_of_collector()
            os.kill(collector, signal.SIGKILL)
            wait_for(lambda old=collector: daemon.pid_of_collector() not in (0, old, None),
                     "the collector is started again")
        progress.tell(f"{number + 1} of {n} kills")
    return ended(traffic, daemon, progress, {"kills": n})


def updates(context, part, rate):
    """P2: each start replaces the programs of all pinned links; maps and links stay."""
    n = round(UPDATES * part / DEVICES)
    network = Network(context)
    add_pairs(network, DEVICES)
    devices = [f"rx{i}" for i in range(DEVICES)]
    daemon = Daemon(context, network, *[word for one in devices for word in ("-i", one)],
                    interface=None).start()
    programs = {network.xdp_attached(one) for one in devices}
    traffic, progress = crowd(context, network, rate, DEVICES), Progress("P2")
    for number in range(n):
        daemon.stop()
        daemon.start()
        programs |= {one["prog_id"] for one in daemon.status()["programs"]}
        progress.tell(f"{(number + 1) * DEVICES} of {n * DEVICES} updates")
    check_equal(len(programs), (n + 1) * DEVICES, "different programs")
    check_equal({one["n_attached"] for one in daemon.status()["programs"]}, {1}, "attached once")
    return ended(traffic, daemon, progress,
                 {"updates": n * DEVICES, "starts": n, "devices": DEVICES})


ORACLE = re.compile(r"# (\d+) frames, (\d+) ")


def oracle(pattern, seed):
    """One run of test_oracle with other random frames; how many it took."""
    program = os.path.join(harness.BUILD, "tests/kernel/test_oracle")
    done = run(program, "--filter", pattern, expect=None, limit_s=900,
               env=dict(os.environ, IPACCT_TEST_SEED=str(seed)))
    check_equal(done.returncode, 0, f"seed {seed}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    frames = [int(found[1]) for found in ORACLE.finditer(done.stdout)]
    check(frames, f"no figures in {done.stdout}{done.stderr}")
    return sum(frames)


def malformed(_context, part, _rate):
    """P4: frames that were broken at random, each seed others."""
    progress = Progress("P4")
    figures = {"frames_in_kernel": 0, "frames_native": 0, "differences": 0}
    for name, pattern, wanted in (
            ("frames_in_kernel", "oracle/@(they_agree*|kernel*)", KERNEL_FRAMES),
            ("frames_native", "oracle/native*", NATIVE_FRAMES)):
        seed = 1
        while figures[name] < wanted * part:
            figures[name] += oracle(pattern, seed)
            seed += 1
            progress.tell(f"{figures[name]:,} of {wanted * part:,.0f} {name}")
    return {**figures, "minutes": round(progress.seconds() / 60, 1)}


PROMISES = {"P1": kills, "P2": updates, "P4": malformed}


def main():
    options = argparse.ArgumentParser(prog="tests/promises.sh", description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("promises", metavar="PROMISE", nargs="*", help=" ".join(PROMISES))
    options.add_argument("--part", type=float, default=1, help="of each size, such as 0.01")
    options.add_argument("--rate", type=int, default=RATE, help="packets a second (%(default)s)")
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args()
    wanted = options.promises or list(PROMISES)
    if set(wanted) - set(PROMISES) or not 0 < options.part <= 1:
        print(f"promises are {' '.join(PROMISES)}, a part is above 0 and at most 1")
        return 2
    figures = {"kernel": os.uname().release}
    for name in wanted:
        with tap.Context() as context:
            figures[name] = PROMISES[name](context, options.part, options.rate)
        print(f"{name}: {json.dumps(figures[name])}", flush=True)
        if options.json:
            with open(options.json, "w", encoding="ascii") as out:
                out.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
