# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacctctl plan against the real program: shares and memory within a fifth."""

import json
import os
import platform

import bpf
import scrape
from harness import Daemon, Network, program, run, scaled
from tap import SLOW, Skip, check, check_equal, test
from traffic import Traffic

NEAR = 0.2  # of what was measured …
MEMORY_NEAR = 0.05  # of what is taken of memory
TINY = 0.002  # … or both next to nothing: one count in five hundred
EPOCHS = 4  # each of the two epochs twice: then keys are warm, as the plan has them


def plan(packets, addresses, memory, *words):
    done = run(program("ipacctctl"), "plan", "-j", "--pps", packets, "--addresses", addresses,
               "--cpus", len(os.sched_getaffinity(0)), "--memory", memory, *words)
    return json.loads(done.stdout)


def near(measured, expected, what):
    check(abs(measured - expected) <= max(NEAR * measured, TINY),
          f"{what}: measured {measured:.4f}, expected {expected:.4f}")


def measure(daemon, network, context, packets, addresses, mix):
    """Shares of the last epoch of several, just before its cut, of all counts; as the maps say."""
    for epoch in range(EPOCHS):
        daemon.cut()
        traffic = Traffic(context, network, packets=packets, addresses=addresses, mix=mix,
                          seed=epoch + 1).start()
        traffic.finish()
    parts = daemon.status()["partitions"]
    counts = 2 * traffic.sent()
    return {name: sum(part[name] for part in parts) / counts
            for name in ("rollup_updates", "hot_displaced", "lru_inserts", "lru_refused")}


def compare(context, addresses, packets, memory, mix="v4", *, ipv6="0", hot=True, words=()):
    if SLOW > 1:
        raise Skip("needs the traffic in full")
    network = Network(context)
    daemon = Daemon(context, network, "--hot", "on" if hot else "off", "--ipv6-share", f"{ipv6}%",
                    interval="1h", memory=memory).start()
    expected = plan(packets, addresses, memory, "--ipv6", ipv6, *words)
    status = daemon.status()
    check_equal(status["partitions"][1]["lru_entries"], expected["sizes"]["lru_entries"], "LRU")
    check_equal(status["partitions"][1]["hot_lines"], expected["sizes"]["hot_lines_ipv4"] +
                expected["sizes"]["hot_lines_ipv6"], "hot lines")
    measured = measure(daemon, network, context, packets, addresses, mix)
    shares = expected["expected"]
    near(measured["rollup_updates"], shares["rolled_up_ppm"] / 1e6, "rolled up")
    near(measured["hot_displaced"], shares["displaced_ppm"] / 1e6, "displaced")
    context.note(f"{addresses} addresses, {memory}: rolled up {measured['rollup_updates']:.4f}"
                 f" (plan {shares['rolled_up_ppm'] / 1e6:.4f}), displaced"
                 f" {measured['hot_displaced']:.4f} (plan {shares['displaced_ppm'] / 1e6:.4f})")
    return measured


@test(limit_s=60)
def plan_of_addresses_that_the_hot_tier_holds(context):
    measured = compare(context, 5000, scaled(200_000), "64M")
    check_equal(measured["rollup_updates"], 0, "rolled up")


@test(limit_s=90)
def plan_of_addresses_beyond_the_hot_tier(context):
    measured = compare(context, 40_000, scaled(400_000), "48M")
    check(measured["hot_displaced"] > 0.01, "nothing was displaced: not beyond the hot tier")


@test(limit_s=90)
def plan_of_addresses_beyond_the_lru_tier(context):
    measured = compare(context, 200_000, scaled(400_000), "48M")
    check(measured["rollup_updates"] > 0.1, "nothing was rolled up: not beyond the LRU tier")


@test(limit_s=90)
def plan_of_both_families(context):
    compare(context, 200_000, scaled(400_000), "96M", "v4,v6", ipv6="50")


@test(limit_s=90)
def plan_of_the_lru_tier_alone(context):
    compare(context, 100_000, scaled(400_000), "64M", hot=False, words=("--no-hot",))


def maps_bytes(daemon):
    """What the kernel says that the pinned maps take."""
    taken = 0
    for name in os.listdir(daemon.place.bpffs):
        if not name.startswith(("ipacct_", "lru_")) or os.path.isdir(
                os.path.join(daemon.place.bpffs, name)):
            continue  # programs, links
        descriptor = bpf.obj_get(os.path.join(daemon.place.bpffs, name), bpf.F_RDONLY)
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:
            facts = dict(line.split(":", 1) for line in lines)
        taken += int(facts["memlock"])
        os.close(descriptor)
    return taken


def needs_memlock():
    if tuple(map(int, platform.release().split(".")[:2])) < (6, 4):
        raise Skip("before 6.4 fdinfo tells another figure")


@test(limit_s=60)
def plan_of_memory_is_what_the_kernel_gives(context):
    needs_memlock()
    for memory, ipv6 in (("48M", "0"), ("128M", "33"), ("256M", "100")):
        network = Network(context)
        daemon = Daemon(context, network, "--ipv6-share", f"{ipv6}%", interval="1h",
                        memory=memory).start()
        expected = plan(1000, 1000, memory, "--ipv6", ipv6)["memory"]
        taken = maps_bytes(daemon)
        check(abs(taken - expected["maps_bytes"]) <= MEMORY_NEAR * taken,
              f"maps with {memory}: {taken} taken, {expected['maps_bytes']} planned")
        check_equal(os.stat(os.path.join(daemon.place.runtime, "ledger")).st_size,
                    expected["ledger_bytes"], f"ledger with {memory}")
        check(expected["total_bytes"] <= expected["budget_bytes"], "the sum is in the budget")
        context.note(f"{memory}: maps {taken} octets, planned {expected['maps_bytes']}")
        daemon.stop()


def anonymous_bytes(pids):
    taken = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="ascii") as lines:
            taken += sum(int(line.split()[1]) << 10 for line in lines
                         if line.startswith("RssAnon:"))
    return taken


@test(limit_s=120)
def plan_of_memory_holds_when_every_line_is_in_use(context):
    """More addresses of both families than there is room for, twice, and somebody who asks for all."""
    needs_memlock()
    if SLOW > 1:
        raise Skip("needs the traffic in full")
    memory, network = os.environ.get("IPACCT_TEST_PLAN_MEMORY", "64M"), Network(context)
    scrape.loopback_up(network)
    daemon = Daemon(context, network, "--ipv6-share", "50%", interval="1h", memory=memory).start()
    expected = plan(1000, 1000, memory, "--ipv6", "50")
    lines = sum(expected["sizes"][name] for name in ("hot_lines_ipv4", "hot_lines_ipv6"))
    for epoch in range(2):
        traffic = Traffic(context, network, packets=10 * lines, addresses=24 * lines, mix="v4,v6",
                          seed=epoch + 1).start()
        traffic.finish()
        daemon.cut()
        hot = daemon.status()["hot"]
        check(hot["ipv4_used"] >= 0.99 * hot["ipv4_lines"] and
              hot["ipv6_used"] >= 0.99 * hot["ipv6_lines"], f"not full: {hot}")
    for path in ("/metrics", "/api/v1/top?n=1000", "/api/v1/status"):
        scrape.get(network, path)
    processes = anonymous_bytes([daemon.process.pid, daemon.pid_of_collector()])
    taken = maps_bytes(daemon) + processes + os.stat(
        os.path.join(daemon.place.runtime, "ledger")).st_size
    planned = expected["memory"]["total_bytes"]
    context.note(f"{memory}: {taken} octets taken, {planned} planned; of processes {processes},"
                 f" {expected['memory']['process_bytes']} planned")
    check(taken <= planned, f"{taken} octets taken, {planned} planned")
    # The traffic's addresses lie in few prefixes: their tables, planned for all of them, stay small.
    prefixes = 2 * 64 * 65536
    check(taken >= (1 - MEMORY_NEAR) * planned - prefixes, f"{taken} octets taken, {planned} planned")


@test(limit_s=30)
def plan_refuses_what_makes_no_sense_and_needs_nothing(context):
    del context
    tool = program("ipacctctl")
    good = ["--pps", "1000000", "--addresses", "5000", "--cpus", "4"]
    for words in ([], good[:4], good + ["--flood", "1000001"], good + ["--memory", "7M"],
                  good + ["--ipv6", "101"], ["--pps", "0"] + good[2:]):
        check_equal(run(tool, "plan", *words, expect=None).returncode, 2, f"exit code of {words}")
    done = run(tool, "plan", *good, "--memory", "8M", expect=1)
    check("too small" in done.stderr, done.stderr)
    largest = run(tool, "plan", "-j", "--pps", "10000000000", "--addresses", "1000000000", "--cpus",
                  "4096", "--memory", "1T")
    check_equal(json.loads(largest.stdout)["schema"], "ipacct.plan/1", "schema")
    check("exact by address: 100.00 %" in run(tool, "plan", *good).stdout, "a small load")
