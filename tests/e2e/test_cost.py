# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon says that it costs, and what it does when that is too much."""

import json
import os
import re
import subprocess

import scrape
from geo import with_database
from harness import Daemon, Network, alive
from tap import SLOW, Skip, check, check_equal, test, wait_for
from traffic import exact, steady

PERIOD_S = 1  # of profile debug: a window each second
PROCESSES = ("supervisor", "collector", "geo")


def windows(daemon):
    return daemon.status()["cost"]["windows"]


def wait_windows(daemon, count, limit_s=10):
    """Wait for so many more windows, return the cost as of then."""
    wanted = windows(daemon) + count
    wait_for(lambda: windows(daemon) >= wanted, f"window {wanted}", limit_s)
    return daemon.status()["cost"]


def stats_enabled():
    """Does somebody else have the kernel's statistics on? (kernel.bpf_stats_enabled)"""
    with open("/proc/sys/kernel/bpf_stats_enabled", encoding="ascii") as text:
        return text.read().strip() != "0"


def run_count(daemon):
    return daemon.status()["programs"][0].get("run_cnt", 0)


@test(limit_s=60)
def program_time_is_sampled_for_a_fraction_of_the_time(context):
    network = Network(context)
    scrape.loopback_up(network)
    daemon = Daemon(context, network, "--profile", "debug", interval="200ms").start()
    traffic = steady(context, network)
    wait_for(lambda: daemon.seen() > 0, "traffic")
    wait_windows(daemon, 2)
    before = daemon.status()
    seen_before = daemon.seen()
    after = wait_windows(daemon, 5, limit_s=20)
    sampled = after["program"]["sampled_packets"] - before["cost"]["program"]["sampled_packets"]
    seen = daemon.seen() - seen_before
    traffic.finish()
    program = after["program"]
    check_equal((program["measured"], program["error"]), (True, None), "measured")
    check(sampled > 0, f"no packet in five windows: {program}")
    if not stats_enabled():
        # a tenth of the time, more where windows are late
        check(sampled < seen / 2, f"{sampled} of {seen} packets were timed: not a fraction")
    check(0 < program["ns_per_packet"] < 1e5 * SLOW, f"ns per packet: {program}")
    check(0 < program["clock_ns"] < 1e4 * SLOW, f"what the clock takes: {program}")
    check(after["cpu"]["parts_ppb"]["program"] > 0, f"share of the program: {after['cpu']}")
    check(after["cpu"]["parts_ppb"]["collector"] > 0, f"share of the collector: {after['cpu']}")
    check_equal(sum(after["cpu"]["parts_ppb"].values()), after["cpu"]["used_ppb"], "sum of parts")
    memory = after["memory"]
    check_equal(sum(memory["parts_bytes"].values()), memory["used_bytes"], "sum of memory")
    check(memory["used_bytes"] < memory["budget_bytes"], f"over in a small test: {memory}")
    check_metrics(network, daemon)
    text = daemon.ctl("status").stdout
    check("ns a packet" in text and "OVER" not in text, f"status: {text}")
    context.note(f"{program['ns_per_packet']:.0f} ns a packet, clock {program['clock_ns']:.0f} ns,"
                 f" CPU {after['cpu']['used_ppb'] / 1e7:.3f} %")
    exact(daemon, traffic)


def check_metrics(network, daemon):
    """The scrape tells what status does, of the same window or the next."""
    samples = scrape.scrape(network)
    memory = daemon.status()["cost"]["memory"]
    for part in ("maps", "files"):
        check_equal(scrape.total(samples, "ipacct_memory_bytes", part=part),
                    memory["parts_bytes"][part], f"{part} bytes")
    check_equal(scrape.total(samples, "ipacct_memory_budget_bytes"), memory["budget_bytes"],
                "memory budget")
    check_equal(scrape.total(samples, "ipacct_cpu_budget_ratio"), 0.1, "CPU budget of debug")
    for resource in ("cpu", "memory"):
        check_equal(samples["ipacct_over_budget", (("resource", resource),)], 0, resource)
        check(0 < samples["ipacct_budget_used_ratio", (("resource", resource),)] < 1,
              f"used of {resource}")
    check(samples["ipacct_cpu_ratio", (("part", "program"),)] > 0, "program in /metrics")
    check(scrape.total(samples, "ipacct_program_sampled_packets_total") > 0, "sampled")
    check(scrape.total(samples, "ipacct_program_packet_seconds") > 0, "ns per packet")
    for part in PROCESSES[:2]:
        check(scrape.total(samples, "ipacct_process_context_switches", part=part,
                           type="voluntary") > 0, f"context switches of {part}")


@test(limit_s=60)
def statistics_are_off_between_windows_and_after_a_kill(context):
    if stats_enabled():
        raise Skip("kernel.bpf_stats_enabled is set by somebody")
    network = Network(context)
    daemon = Daemon(context, network, "--profile", "debug").start()
    traffic = steady(context, network)
    wait_windows(daemon, 2)
    pid = daemon.process.pid

    def stats_held():
        """anon_inode descriptors of the supervisor that are bpf-stats."""
        found = 0
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found += "bpf-stats" in os.readlink(f"/proc/{pid}/fd/{name}")
            except FileNotFoundError:
                pass
        return found

    wait_for(stats_held, "a window opens", 5)
    wait_for(lambda: not stats_held(), "and closes", 5)
    collector = daemon.pid_of_collector()
    held = [os.readlink(f"/proc/{collector}/fd/{name}")
            for name in os.listdir(f"/proc/{collector}/fd")]
    check(not any("bpf-stats" in one or "bpf-prog" in one for one in held),
          f"the collector holds {held}")
    wait_for(stats_held, "another window", 5)
    daemon.kill()  # in a window
    check(not alive(pid), "gone")
    daemon.start()
    wait_windows(daemon, 2)
    traffic.finish()
    exact(daemon, traffic)


@test(limit_s=90)
def over_the_cpu_budget_within_two_windows_and_back(context):
    network = Network(context)
    scrape.loopback_up(network)
    config = os.path.join(context.folder, "ipacct.yaml")

    def budget(text):
        with open(config, "w", encoding="ascii") as out:
            out.write(f"profile: debug\ncpu_budget: {text}\ninterval: 100ms\n"
                      f"interval_max: 400ms\ninterfaces: [{{name: rx0}}]\n")

    budget("90%")
    daemon = Daemon(context, network, interface=None)
    daemon.options = ["-c", config]
    daemon.start()
    traffic = steady(context, network)
    cost = wait_windows(daemon, 2)
    check_equal(cost["cpu"]["over_budget"], False, f"at first: {cost['cpu']}")
    # The drill: what runs costs a hundred times its budget.
    budget("0.001%")
    at = windows(daemon)
    daemon.ctl("reload")
    wait_for(lambda: daemon.status()["cost"]["cpu"]["over_budget"], "alarm", 10)
    took = windows(daemon) - at
    check(took <= 2, f"the alarm took {took} windows")
    status = daemon.status()
    check_equal((status["over_budget"], status["cost"]["memory"]["over_budget"]), (True, False),
                "which budget")
    check(status["cost"]["cpu"]["since_ns"] > 0, "since when")
    check("OVER BUDGET since" in daemon.ctl("status").stdout, "status does not say it")
    # Cuts come later, and not later than said; nothing is lost.
    wait_for(lambda: daemon.status()["effective_interval_ns"] == 400_000_000, "stretched", 10)
    samples = scrape.scrape(network)
    check_equal(samples["ipacct_over_budget", (("resource", "cpu"),)], 1, "metric")
    check(samples["ipacct_budget_used_ratio", (("resource", "cpu"),)] > 1, "ratio")
    wait_windows(daemon, 3)
    check_equal(len(re.findall("over the CPU budget", daemon.log())), 1, "lines in the log")
    budget("90%")
    daemon.ctl("reload")
    wait_for(lambda: not daemon.status()["over_budget"], "inside again", 15)
    check_equal(len(re.findall("inside the CPU budget again", daemon.log())), 1, "lines in the log")
    wait_for(lambda: daemon.status()["effective_interval_ns"] == 100_000_000, "not stretched", 15)
    traffic.finish()
    exact(daemon, traffic)


@test(limit_s=60)
def memory_over_its_budget_is_told(context):
    network = Network(context)
    daemon = Daemon(context, network, "--profile", "debug", memory="32M").start()
    cost = wait_windows(daemon, 1)
    check_equal(cost["memory"]["over_budget"], False, f"as computed: {cost['memory']}")
    daemon.stop()
    # Maps keep their size when the budget falls below them. No cut comes after the first window.
    scrape.loopback_up(network)
    daemon.options[daemon.options.index("32M")] = "22M"
    daemon.options[daemon.options.index("--interval") + 1] = "1h"
    daemon.start()
    cost = wait_windows(daemon, 1)
    check_equal(cost["memory"]["over_budget"], True, f"22 MiB: {cost['memory']}")
    check("over the memory budget" in daemon.log(), "log")
    check("maps" in daemon.log(), "the arithmetic")
    _, _, body = scrape.get(network, "/api/v1/status")
    check_equal(json.loads(body)["status"]["over_budget"], True, "HTTP")
    samples = scrape.scrape(network)
    check_equal(samples["ipacct_over_budget", (("resource", "memory"),)], 1, "metric")


@test(limit_s=60)
def without_cap_sys_admin_the_rest_is_measured(context):
    network = Network(context)
    daemon = Daemon(context, network, "--profile", "debug")
    daemon.command_prefix = ["setpriv", "--bounding-set", "-sys_admin"]
    daemon.start()
    cost = wait_windows(daemon, 2)
    check_equal(cost["program"]["measured"], False, "measured")
    check(cost["program"]["error"], "no reason")
    check_equal(len(re.findall("CAP_SYS_ADMIN", daemon.log())), 1, "lines in the log")
    check(cost["cpu"]["parts_ppb"]["supervisor"] > 0, f"supervisor: {cost['cpu']}")
    check("program not measured" in daemon.ctl("status").stdout, "status")


@test(limit_s=60)
def an_idle_daemon_sleeps(context):
    """One wake-up of the collector an interval; two of the supervisor a window."""
    network = Network(context)
    daemon = Daemon(context, network, "--profile", "debug", "--listen", "off",
                    interval="500ms").start()
    wait_windows(daemon, 1)

    path = os.path.join(context.folder, "calls")
    status = daemon.status()
    counts = trace_waits(context, path, (status["pid"], status["collector_pid"]), 4)
    after = daemon.status()
    n_windows = after["cost"]["windows"] - status["cost"]["windows"] + 1
    n_cuts = after["cut"] - status["cut"] + 1
    check(counts[0] <= 2 * n_windows + 2, f"supervisor: {counts[0]} polls, {n_windows} windows")
    check(counts[1] <= n_cuts + 2, f"collector: {counts[1]} polls, {n_cuts} cuts")
    context.note(f"{counts[0]} and {counts[1]} waits, {n_windows} windows,"
                 f" {n_cuts} cuts")


def trace_waits(context, path, pids, seconds):
    """How often each process waited, counted by strace over so many seconds of their clock."""
    tracers = []
    for pid in pids:
        command = ["timeout", "-s", "INT", str(seconds), "strace", "-qq", "-o", f"{path}-{pid}",
                   "-e", "trace=poll,ppoll,epoll_wait", "-p", str(pid)]
        try:
            tracers.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        except FileNotFoundError as missing:
            raise Skip("strace is not installed") from missing
    for tracer in tracers:
        context.callback(tracer.kill)
        tracer.wait()
    counts = []
    for pid in pids:
        with open(f"{path}-{pid}", encoding="ascii") as lines:
            counts.append(sum(1 for line in lines if " = " in line))
    check(all(counts), f"nothing was traced: {counts}")
    return counts


@test(limit_s=60)
def geo_worker_is_in_the_sum(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--profile", "debug", "--geo-database", path,
                    place=place).start()
    cost = wait_windows(daemon, 2)
    check(cost["memory"]["parts_bytes"]["geo"] > 0, f"memory: {cost['memory']}")
    check(cost["voluntary_switches"]["geo"] > 0, f"switches: {cost}")


@test(limit_s=30)
def profiles_set_budgets_and_what_is_given_wins(context):
    network = Network(context)
    for options, memory, cpu in ((["--profile", "development"], 128 << 20, 50_000_000),
                                 (["--profile", "staging", "--memory", "40M"], 40 << 20, 30_000_000),
                                 (["--cpu-budget", "0.25%"], None, 2_500_000)):
        daemon = Daemon(context, network, *options).start()
        cost = daemon.status()["cost"]
        check_equal(cost["cpu"]["budget_ppb"], cpu, f"CPU of {options}")
        if memory:
            check_equal(daemon.status()["memory"]["budget_bytes"], memory, f"memory of {options}")
        daemon.ctl("detach")
    Daemon(context, network, "--profile", "fast").refuse(code=2, words=["production", "debug"])
    Daemon(context, network, "--cpu-budget", "0.00001%").refuse(code=2, words=["cpu-budget"])
