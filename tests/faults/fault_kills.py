# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that die: at any system call, while a reader holds something, while CPUs are taken."""

import contextlib
import os
import random
import re
import signal
import subprocess
import time

from harness import Daemon, Network, alive, children, end_process, program, scaled
from inject import (calls_in, hogs, refused_in_words, runs, stop_traced, strace, syscalls_of,
                    tracer)
from tap import Failure, check, test, wait_for
from traffic import Traffic, exact, steady

MAIN_BEGINS = "inject=rt_sigaction:signal=KILL:when=1"  # which it ignores SIGPIPE with


@test(limit_s=120, fault="T-KILL-NTH")
def collector_killed_at_every_system_call_of_a_cut(context):
    killed_at_every_call(context, "on")


@test(limit_s=120, fault="T-KILL-NTH")
def collector_killed_at_every_system_call_of_a_cut_without_hot_tier(context):
    killed_at_every_call(context, "off")


def killed_at_every_call(context, hot):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", hot, interval="1h").start()
    traffic = steady(context, network)
    daemon.cut()
    calls = syscalls_of(context, daemon.pid_of_collector(), daemon.cut)
    check(len(calls) >= 8, f"only {len(calls)} system calls in a cut")
    died = 0
    for injection in calls:
        victim = daemon.pid_of_collector()
        with tracer(context, victim, injection):
            reply = daemon.control("cut")
        # An answer may leave just before its sender dies: only another one tells.
        if reply["exit"] == 0 and daemon.control("cut")["exit"] == 0 and alive(victim):
            continue  # this cut had no such call: the tables were smaller
        if reply["exit"] != 0:
            check("started again" in reply["error"], f"after {injection}: {reply}")
        died += 1
        wait_for(lambda old=victim: daemon.pid_of_collector() not in (0, old),
                 f"another collector after {injection}")
    check(died >= len(calls) * 2 // 3, f"only {died} deaths in {len(calls)} calls")
    undisturbed(daemon, traffic)
    context.note(f"{died} deaths at {len(calls)} system calls of a cut, {traffic.sent()} packets")


@test(limit_s=120, fault="T-KILL-NTH")
def supervisor_killed_at_system_calls_of_its_start(context):
    with broken_starts(context, Network(context)) as (daemon, traffic, calls):
        died = sum(not ran for _, ran in
                   starts(daemon, calls[::max(1, len(calls) // scaled(40, 4))]))
    check(died >= scaled(35, 3), f"only {died} starts were cut short")
    context.note(f"{died} starts cut short among {len(calls)} system calls, {traffic.sent()} packets")


@test(limit_s=120, fault="T-KILL-NTH")
def system_calls_of_a_start_fail_and_leave_nothing_in_the_way(context):
    network = Network(context)
    with broken_starts(context, network) as (daemon, traffic, calls):
        # What looks at the place and asks the kernel; and some of the rest.
        special = [one for one in calls if re.search("=(statfs|sendmsg|mount|flock):", one)]
        results = list(failing_starts(daemon, network,
                                      special + calls[::max(1, len(calls) // scaled(30, 4))]))
    check(len(results) > len(special) and not all(results), f"refused: {results.count(False)}")
    context.note(f"{len(results)} starts with a failed call of {len(calls)}, "
                 f"{results.count(False)} refused, {traffic.sent()} packets")


@contextlib.contextmanager
def broken_starts(context, network):
    """A daemon that has counted and is stopped, the traffic that goes on, and the system calls of a
    start; in the end a whole start, and every packet in the records."""
    daemon = Daemon(context, network).start()
    daemon.stop()
    traffic = steady(context, network)
    yield daemon, traffic, calls_of_start(context, daemon)
    daemon.start()
    undisturbed(daemon, traffic)


def undisturbed(daemon, traffic):
    """The traffic beside it all goes on; each of its packets is in the records when it ends."""
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(daemon, traffic)


def failing_starts(daemon, network, calls):
    """A start in which each of these calls fails; yields whether it became ready. One that does not
    says why, takes nothing off the device, and leaves nothing in the way of the next one."""
    before = ""
    for injection, ran in starts(daemon, [failing(one) for one in calls]):
        if not ran:
            refused_in_words(daemon, f"{injection}, after {before}")
            starts_again(daemon, f"{injection}, after {before}")
        check(network.xdp_attached(), f"detached after {injection}")
        before = injection
        yield ran


def failing(injection):
    """The call fails instead of ending the process; brk() tells where the break is, never a code."""
    return injection.replace("signal=KILL", "retval=0" if "=brk:" in injection else "error=ENOMEM")


def starts_again(daemon, what):
    """Nothing that a failed start left is in the way of the next one."""
    daemon.command_prefix = []
    try:
        daemon.start()
    except Failure as failure:
        raise Failure(f"the start after the one with {what}: {failure}") from failure
    daemon.stop()


def starts(daemon, injections):
    """A start with each, which is stopped; yields the injection and whether it became ready."""
    for injection in injections:
        daemon.command_prefix = [strace(), "-qq", "-o", "/dev/null", "-e", injection]
        yield injection, runs(daemon, injection)
        stop_traced(daemon)
    daemon.command_prefix = []


def calls_of_start(context, daemon):
    """The system calls that ipacctd makes until it is ready, those of the loader aside."""
    path = os.path.join(context.folder, "start")
    daemon.command_prefix = [strace(), "-qq", "-o", path]
    daemon.start()
    calls = calls_in(path)
    stop_traced(daemon)
    return calls[calls.index(MAIN_BEGINS):]


@test(limit_s=120, fault="T-READER-DIE")
def a_thousand_killed_readers_hold_up_no_cut(context):
    network = Network(context)
    daemon = Daemon(context, network, interval="100ms").start()
    traffic = steady(context, network)
    draw = random.Random(12)
    command = network.command_inside(network.receiver, program("ipacct-dump"), *daemon.arguments,
                                     "--live", "-j")
    kills = scaled(1000, 50)
    cuts = daemon.status()["cuts"]
    for number in range(kills):
        reader = subprocess.Popen(command[3:] if number % 4 else command,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        # Somewhere in its few milliseconds of life: what it does then is the point.
        time.sleep(draw.random() * 0.006)
        end_process(reader, signal.SIGKILL)
    after = daemon.status()
    check(after["cuts"] - cuts > kills / 100, f"only {after['cuts'] - cuts} cuts meanwhile")
    traffic.finish()
    exact(daemon, traffic)
    context.note(f"{kills} kills beside {after['cuts'] - cuts} cuts, the longest "
                 f"{after['cut_duration_ns']['max'] / 1e6:.1f} ms")


@test(limit_s=90, fault="T-CPUHOG")
def starved_daemon_loses_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network, interval="100ms")
    daemon.command_prefix = ["chrt", "-i", "0"]  # SCHED_IDLE
    hogs(context)
    daemon.start(limit_s=60)
    traffic = Traffic(context, network, packets=scaled(1_000_000, 20_000),
                      addresses=scaled(20_000, 1000)).start()
    traffic.finish()
    exact(daemon, traffic, limit_s=60)
    status = daemon.status()
    context.note(f"{status['cuts']} cuts, the longest {status['cut_duration_ns']['max'] / 1e6:.0f}"
                 f" ms, {traffic.sent()} packets")


@test(limit_s=60, fault="T-SUSPEND")
def all_processes_stopped_is_one_long_interval(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    group = {daemon.process.pid} | children(daemon.process.pid)
    for pid in group:
        os.kill(pid, signal.SIGSTOP)
    traffic = Traffic(context, network, packets=scaled(300_000, 5000), addresses=1000).start()
    traffic.finish()
    for pid in group:
        os.kill(pid, signal.SIGCONT)
    exact(daemon, traffic)


@test(limit_s=60, fault="T-FD")
def every_limit_of_descriptors_is_survived(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.stop()
    traffic = steady(context, network)
    plain, refused, ran = daemon.command, 0, 0
    for limit in [*range(3, 40), 48, 64, 96]:
        daemon.command = lambda *extra, limit=limit: [
            "sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *plain(*extra)]
        if runs(daemon, f"{limit} descriptors"):
            ran += 1
            daemon.stop()
        else:
            refused += 1
            refused_in_words(daemon, f"{limit} descriptors")
        check(network.xdp_attached(), f"detached with {limit} descriptors")
    daemon.command = plain
    daemon.start()
    traffic.finish()
    exact(daemon, traffic)
    check(refused and ran, f"{refused} refused, {ran} ran")
    context.note(f"{refused} limits refused with an error, {ran} enough, {traffic.sent()} packets")
