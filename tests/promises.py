#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Promises at their full size: tests/promises.sh [PROMISE...] [--part SHARE] [--rate PPS]

P1  1,000 times kill -9, 500,000 packets a second, 100,000 addresses: every address exact
P2  10,000 programs replaced by the next while 500,000 packets a second pass: every address exact
P4  10,000,000 malformed frames through the program in the kernel, 1,000,000,000 through its parser
    compiled for this machine and the second implementation of its rules: no mismatch
P6  100 pairs of runs with and without a program: as many packets reach the stack
P11 10,000 clients that never end their request: the 99th percentile of good scrapes is 250 ms at most
P14 every system call of a start is the supervisor's last one, then each one fails, and each one of a
    reload: every address exact

tests/run.sh does a part of each in seconds. The rate is what the machine gives: the one reached is
told. IPACCT_BUILD names a build."""

import argparse
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))
sys.path.insert(1, os.path.join(HERE, "faults"))

import harness  # noqa: E402  pylint: disable=wrong-import-position
import scrape  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position
from fault_kills import (  # noqa: E402  pylint: disable=wrong-import-position
    broken_starts, failing_starts, starts, undisturbed)
from fault_links import compare_drops  # noqa: E402  pylint: disable=wrong-import-position
from fault_reload import Reloads  # noqa: E402  pylint: disable=wrong-import-position
from harness import Daemon, Network, run  # noqa: E402  pylint: disable=wrong-import-position
from soak_sums import Sum  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_equal, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from traffic import Traffic, exact, steady  # noqa: E402  pylint: disable=wrong-import-position

RATE = 500_000
ADDRESSES = 100_000
KILLS = 1_000
UPDATES = 10_000
DEVICES = 16  # a start replaces the program of each
COMPARE_S = 240
INTERVAL = "1s"  # on a machine that has no time, readers of 100,000 addresses need some between cuts
START_S = 60  # beside its own traffic a start may take long
KERNEL_FRAMES = 10_000_000
NATIVE_FRAMES = 1_000_000_000
PAIRS = 100
PAIR_PACKETS = 20_000
CLIENTS = 10_000
CLIENTS_PER_SCRAPE = 20
SCRAPE_S = 0.25
TELL_S = 60  # at most a line a minute about how far it is


def add_pairs(network, n):
    """More cables beside tx0 and rx0, alike."""
    for i in range(1, n):
        run("ip", "-n", network.sender, "link", "add", f"tx{i}", "type", "veth", "peer", "name",
            f"rx{i}", "netns", network.receiver)
        for space, device in ((network.sender, f"tx{i}"), (network.receiver, f"rx{i}")):
            run("ip", "-n", space, "link", "set", device, "up")


class Crowd:
    """Endless traffic on n devices as fast as asked or as it goes, a part of the addresses on each.
    Every few minutes it ends, and each address must have had what was sent since the beginning."""

    def __init__(self, context, network, daemon, rate, n=1):
        self.context, self.network, self.daemon = context, network, daemon
        self.rate, self.n = rate, n
        self.sum, self.seconds = Sum(context), 0
        for i in range(n):
            # A queue: then a full ring holds the sender up, where without one it would lose frames.
            run("tc", "-n", network.sender, "qdisc", "replace", "dev", f"tx{i}", "root", "pfifo")
        self.start()

    def start(self):
        cpus = sorted(os.sched_getaffinity(0))[:2]
        self.streams = []
        for i in range(self.n):
            n = ADDRESSES // self.n
            options = ["-i", f"tx{i}", "--first", str(i * n // 2)]  # of each family
            options += ["--cpus", str(cpus[i % len(cpus)])] if self.n > 1 else []
            self.streams.append(Traffic(self.context, self.network, addresses=n,
                                        rate=self.rate / self.n, mix="v4,v6",
                                        seed=random.getrandbits(32), options=options).start())
        self.begun = time.monotonic()

    def stop(self):
        """End it and compare."""
        check(all(one.running() for one in self.streams), "the traffic ended too early")
        self.seconds += time.monotonic() - self.begun
        for one in self.streams:
            one.finish()
            self.sum.add(one.account)
        self.sum.write()
        exact(self.daemon, self.sum, limit_s=60)

    def due(self):
        return time.monotonic() - self.begun > COMPARE_S

    def figures(self):
        return {"packets": self.sum.sent(), "addresses": len(self.sum.records),
                "packets_per_s": round(self.sum.sent() / self.seconds),
                "minutes": round(self.seconds / 60, 1), "differences": 0}


def again_and_again(n, once, crowd, tell):
    """once(number) n times under the crowd's traffic; tell() after each comparison."""
    for number in range(n):
        once(number)
        if number + 1 == n or crowd.due():
            crowd.stop()
            tell(number + 1, crowd.figures())
            if number + 1 < n:
                crowd.start()


def kills(context, part, rate, tell):
    """P1: daemon and collector by turns, at any moment, in the middle of cuts, too."""
    network = Network(context)
    daemon = Daemon(context, network, interval=INTERVAL).start()
    draw = random.Random(part)

    def once(number):
        for _ in range(draw.randrange(3)):
            daemon.cut()
        if number % 2:
            daemon.kill()
            daemon.start(limit_s=START_S)
            return
        collector = daemon.pid_of_collector()
        os.kill(collector, signal.SIGKILL)
        wait_for(lambda: daemon.pid_of_collector() not in (0, collector, None),
                 "the collector is started again", START_S)

    again_and_again(round(KILLS * part), once, Crowd(context, network, daemon, rate),
                    lambda number, figures: tell({"kills": number, **figures}))


def updates(context, part, rate, tell):
    """P2: each start replaces the programs of all pinned links; maps and links stay."""
    network = Network(context)
    add_pairs(network, DEVICES)
    daemon = Daemon(context, network, *[word for i in range(DEVICES) for word in ("-i", f"rx{i}")],
                    interface=None, interval=INTERVAL).start(limit_s=START_S)
    programs = {one["prog_id"] for one in daemon.status()["programs"]}

    def once(number):
        daemon.stop()
        daemon.start(limit_s=START_S)
        now = daemon.status()["programs"]
        check_equal({one["n_attached"] for one in now}, {1}, "attached once")
        programs.update(one["prog_id"] for one in now)
        check_equal(len(programs), (number + 2) * DEVICES, "different programs")

    again_and_again(round(UPDATES * part / DEVICES), once,
                    Crowd(context, network, daemon, rate, DEVICES),
                    lambda number, figures: tell({"updates": number * DEVICES, "starts": number,
                                                  "devices": DEVICES, **figures}))


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


def malformed(_context, part, _rate, tell):
    """P4: frames that were broken at random, each seed others."""
    begun = time.monotonic()
    figures = {"frames_in_kernel": 0, "frames_native": 0, "mismatches": 0}
    for name, pattern, wanted in (
            ("frames_in_kernel", "oracle/@(they_agree*|kernel*)", KERNEL_FRAMES),
            ("frames_native", "oracle/native*", NATIVE_FRAMES)):
        seed = 0
        while figures[name] < wanted * part:
            seed += 1
            figures[name] += oracle(pattern, seed)
            tell({**figures, "minutes": round((time.monotonic() - begun) / 60, 1)})


def drops(context, part, _rate, tell):
    """P6: the same packets with and without a program."""
    begun, pairs = time.monotonic(), max(1, round(PAIRS * part))
    packets = compare_drops(context, pairs, PAIR_PACKETS)
    tell({"pairs": pairs, "packets": packets, "dropped_because_of_us": 0,
          "minutes": round((time.monotonic() - begun) / 60, 1)})


def slow_clients(context, part, _rate, tell):
    """P11: twenty of an address with half a request each, none gives its socket back; and a good one
    between them, again and again."""
    clients = max(CLIENTS_PER_SCRAPE, round(CLIENTS * part))
    limit = clients + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (limit, max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    took = []
    for number in range(clients // CLIENTS_PER_SCRAPE):
        source = f"127.1.{number // 200}.{number % 200 + 1}"
        for link in scrape.connect_many(network, CLIENTS_PER_SCRAPE, source=source):
            context.callback(link.close)
            link.sendall(b"GET /metrics HTTP/1.1\r\nHo")
        begun = time.monotonic()
        check_equal(scrape.get(network)[0], 200, f"a good scrape after {number} crowds")
        took.append(time.monotonic() - begun)
    took.sort()
    p99 = took[len(took) * 99 // 100]
    check(p99 <= SCRAPE_S, f"the 99th percentile is {p99 * 1e3:.0f} ms")
    cut = daemon.cut()
    check(daemon.cut() > cut, "it does not cut any more")
    tell({"clients": clients, "scrapes": len(took), "p99_ms": round(p99 * 1e3, 1),
          "longest_ms": round(took[-1] * 1e3, 1)})


def broken_calls(context, part, _rate, tell):
    """P14: each system call of the supervisor's start is its last one, and each one fails; those of a
    reload, too."""
    network = Network(context)
    begun, every = time.monotonic(), round(1 / part)
    figures = {"calls": 0, "killed": 0, "failed": 0, "refused": 0, "reloads": 0,
               "reloads_refused": 0, "packets": 0}

    def count(name, yes=True):
        figures[name] += yes
        tell({**figures, "minutes": round((time.monotonic() - begun) / 60, 1)})

    with broken_starts(context, network) as (daemon, traffic, calls):
        calls = calls[::every]
        figures["calls"] = len(calls)
        for _, ran in starts(daemon, calls):
            count("killed", not ran)
        for ran in failing_starts(daemon, network, calls):
            count("failed")
            count("refused", not ran)
    figures["packets"] += traffic.sent()
    daemon.ctl("detach")

    reloads = Reloads(context, network)
    traffic = steady(context, network)
    for taken in reloads.failing(lambda calls: calls[::every]):
        count("reloads")
        count("reloads_refused", not taken)
    undisturbed(reloads.daemon, traffic)
    figures["packets"] += traffic.sent()
    tell({**figures, "differences": 0, "minutes": round((time.monotonic() - begun) / 60, 1)})


PROMISES = {"P1": kills, "P2": updates, "P4": malformed, "P6": drops, "P11": slow_clients,
            "P14": broken_calls}


def main():
    options = argparse.ArgumentParser(prog="tests/promises.sh", description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("promises", metavar="PROMISE", nargs="*", help=" ".join(PROMISES))
    options.add_argument("--part", type=float, default=1, help="of each size, such as 0.01")
    options.add_argument("--rate", type=int, default=RATE, help="packets a second (%(default)s)")
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made is undone
    wanted = options.promises or list(PROMISES)
    if set(wanted) - set(PROMISES) or not 0 < options.part <= 1:
        print(f"promises are {' '.join(PROMISES)}, a part is above 0 and at most 1")
        return 2
    reached = {"kernel": os.uname().release}
    told = 0

    def tell(name, figures):
        """What has been reached, also in the file: a run that is ended early was no waste."""
        nonlocal told
        reached[name] = figures
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            print(f"{name}: {json.dumps(figures)}", flush=True)
        if options.json:
            with open(options.json, "w", encoding="ascii") as out:
                out.write(json.dumps(reached) + "\n")

    for name in wanted:
        with tap.Context() as context:
            PROMISES[name](context, options.part, options.rate,
                           lambda figures, name=name: tell(name, figures))
    print(json.dumps(reached))
    return 0


if __name__ == "__main__":
    sys.exit(main())
