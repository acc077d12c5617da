# SPDX-License-Identifier: GPL-2.0-or-later
"""A list of groups is read by a child: the daemon goes on meanwhile, whatever happens to the child."""

import concurrent.futures
import os
import random
import re
import select
import signal
import time

import geo
from groups import add_up, check_exact, totals
from harness import (SLOW, Daemon, Network, Place, alive, children, run, scaled, status_field,
                     user_ids, write)
from tap import check, check_equal, test, wait_for
from traffic import Traffic, settle

FEW = "10.0.0.0/9 east\n10.128.0.0/10 west\n3fff::/21 east\n"
MANY = 1 << 20  # ipacct/abi.h IPACCT_GROUP_PREFIXES_MAX
CUSTOMERS = 50_000
SLOWLY = "\n" * 30_000_000  # behind a list: it takes a second to read, so that there is a reader to find


def write_many(path, more=""):
    """2^20 prefixes of 50,000 customers in no order; FEW of them is what the traffic is of."""
    lines = [f"11.{i >> 12 & 255}.{i >> 4 & 255}.{(i & 15) << 4}/28 customer-{i % CUSTOMERS}\n"
             for i in range(MANY - FEW.count("\n"))]
    random.Random(1).shuffle(lines)
    write(path, FEW + "".join(lines) + more)


def with_list(context, network, text=FEW, memory="256M", interval="1s"):
    place = Place(context)
    ours = os.path.join(place.base, "customers")
    write(ours, text)
    path = os.path.join(place.base, "ipacct.yaml")
    write(path, f"interval: {interval}\nmemory: {memory}\ninterfaces: [{{name: rx0}}]\n"
                f"groups_file: {ours}\n")
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    return daemon, ours, path


def reader_of(daemon):
    """The child that reads a list now, or None."""
    for pid in children(daemon.process.pid):
        if status_field(pid, "Name") == ["ipacct-groups"]:
            return pid
    return None


def cpu_seconds(pid):
    """User and system time, fields 14 and 15 of proc(5) stat; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Reload:
    """`ipacctctl reload` in a thread, and its reader stopped as soon as it is there."""

    def __init__(self, context, daemon, expect=0):
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        context.callback(self.pool.shutdown)
        self.daemon = daemon
        self.done = self.pool.submit(daemon.ctl, "reload", expect=expect, limit_s=60)

    def stopped(self, context):
        pid = wait_for(lambda: reader_of(self.daemon), "a reader")
        os.kill(pid, signal.SIGSTOP)
        context.callback(lambda: reader_of(self.daemon) == pid and os.kill(pid, signal.SIGKILL))
        check(not self.done.done(), "it was not stopped in time")
        return pid

    def result(self):
        return self.done.result(timeout=60 * SLOW)


def without_list(status):
    """What a list that was refused leaves as it was."""
    return status["groups"], status["collector_pid"]


@test(limit_s=180)
def million_prefixes_are_taken_while_all_else_goes_on(context):
    network = Network(context)
    daemon, ours, path = with_list(context, network)
    daemon.start()
    with open(path, encoding="ascii") as lines:
        config = lines.read()
    write(path, config.replace("256M", "512M"))  # the maps took what there was
    traffic = Traffic(context, network, addresses=3000, mix="v4,v6", rate=20_000).start()
    write_many(ours)
    started = time.monotonic()
    reload = Reload(context, daemon)
    reader = wait_for(lambda: reader_of(daemon), "a reader")
    # What reads the operator's text has no privilege and next to no system call.
    uid, gid = user_ids()
    wait_for(lambda: status_field(reader, "Seccomp") == ["2"], "its filter")
    check_equal(status_field(reader, "Uid"), [str(uid)] * 4, "uid")
    check_equal(status_field(reader, "Gid"), [str(gid)] * 4, "gid")
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        check_equal(int(status_field(reader, kind)[0], 16), 0, kind)
    end = os.pidfd_open(reader)
    context.callback(os.close, end)
    longest, answers, cpu = 0, 0, 0
    while reader_of(daemon) == reader:
        cpu = cpu_seconds(reader) or cpu
        asked = time.monotonic()
        daemon.status()
        longest, answers = max(longest, time.monotonic() - asked), answers + 1
        select.select([end], [], [], 0.02)  # the reader needs a CPU, too
    read = time.monotonic() - started
    check(answers > 5, f"{answers} answers while the list was read")
    reload.result()
    took = time.monotonic() - started
    state = daemon.status()
    check_equal((state["groups"]["prefixes"], state["groups"]["groups"], state["reload"]),
                (MANY, CUSTOMERS + 2, None), "the list")
    traffic.finish()
    settle(daemon, traffic)
    expected, found = add_up({}, traffic, FEW), totals(daemon)
    for name, counters in expected.items():
        check_equal(found[name], counters, f"group {name}")
    traffic.compare(daemon)
    context.note(f"read in {read:.1f} s ({cpu:.1f} of CPU), in force after {took:.1f};"
                 f" {answers} answers meanwhile, the longest {1000 * longest:.0f} ms")
    # Of a machine with other work only its own share says something.
    check(cpu < 5 * SLOW, f"{cpu:.1f} s of CPU for 2^20 prefixes")
    check(longest < read / 3, f"status took {longest:.2f} s of {read:.2f}")

    write_many(ours, "12.0.0.0/8 one-more\n")  # the limit and one
    before = without_list(daemon.status())
    done = daemon.ctl("reload", expect=78, limit_s=60)
    check(f"{ours}:{MANY + 1}:1: more than {MANY} prefixes" in done.stderr, done.stderr)
    check_equal(without_list(daemon.status()), before, "status")


@test(limit_s=90)
def links_cuts_and_status_are_served_while_a_list_is_read(context):
    network = Network(context)
    daemon, ours, _ = with_list(context, network)
    daemon.start()
    write(ours, FEW.replace("west", "far-west") + SLOWLY)
    reload = Reload(context, daemon)
    reader = reload.stopped(context)  # for as long as we like
    state = daemon.status()
    check_equal((state["reload"]["reading"], state["reload"]["waiting"]), (ours, 1), "status")
    check("reload: reading " + ours in daemon.ctl("status").stdout, "status as text")
    before = daemon.cut()
    network.delete_pair()
    wait_for(lambda: daemon.status()["programs"][0]["state"] != "attached", "the link is missed")
    network.add_pair()
    wait_for(network.xdp_attached, "another link is attached")
    one = Traffic(context, network, packets=scaled(50_000, 5000), addresses=300, mix="v4,v6",
                  seed=1).start()
    one.finish()
    settle(daemon, one)
    check_exact(daemon, add_up({}, one, FEW))  # by the list of before
    check(daemon.cut() > before, "cuts")
    check(not reload.done.done() and alive(reader), "it was over")
    os.kill(reader, signal.SIGCONT)
    reload.result()
    expected = add_up({}, one, FEW)
    expected["far-west"] = [0, 0, 0, 0]
    check_exact(daemon, expected)
    two = Traffic(context, network, packets=scaled(50_000, 5000), addresses=300, mix="v4,v6",
                  seed=2).start()
    two.finish()
    settle(daemon, one, two)
    check_exact(daemon, add_up(expected, two, FEW.replace("west", "far-west")))


@test(limit_s=90)
def dead_reader_leaves_the_old_list_and_one_error(context):
    network = Network(context)
    daemon, ours, _ = with_list(context, network)
    daemon.start()
    before = without_list(daemon.status())
    write(ours, "10.0.0.0/8 other-list\n" + SLOWLY)
    reload = Reload(context, daemon, expect=1)
    os.kill(reload.stopped(context), signal.SIGKILL)
    done = reload.result()
    words = "the reader of the list of groups died (signal 9)"
    check_equal(done.stderr.count(words), 1, done.stderr)
    check_equal(daemon.log().count(words + ", keeping the configuration"), 1, daemon.log())
    check_equal(without_list(daemon.status()), before, "status")
    one = Traffic(context, network, packets=scaled(50_000, 5000), addresses=300, mix="v4,v6").start()
    one.finish()
    settle(daemon, one)
    check_exact(daemon, add_up({}, one, FEW))
    daemon.ctl("reload")  # and the next one takes it
    check("other-list" in totals(daemon), "the next reload")
    wait_for(lambda: not [pid for pid in os.listdir("/proc") if pid.isdigit()
                          and status_field(pid, "PPid") == [str(daemon.process.pid)]
                          and status_field(pid, "Name") == ["ipacct-groups"]], "zombies")


@test(limit_s=90)
def reloads_that_come_meanwhile_are_one_more(context):
    """Who asks while a list is read gets the outcome of another reading, begun after it asked."""
    network = Network(context)
    daemon, ours, _ = with_list(context, network)
    daemon.start()
    write(ours, "10.0.0.0/8 first\n" + SLOWLY)
    first = Reload(context, daemon)
    reader = first.stopped(context)
    write(ours, "10.0.0.0/8 second\n10.0.0.1/8 wrong\n")
    others = [Reload(context, daemon, expect=78) for _ in range(8)]  # CONTROL_CLIENTS_MAX wait
    wait_for(lambda: daemon.status()["reload"]["waiting"] == 9, "all of them wait")
    busy = daemon.ctl("reload", expect=1)
    check("busy: a reload goes on" in busy.stderr, busy.stderr)
    os.kill(daemon.process.pid, signal.SIGHUP)
    check_equal(daemon.status()["reload"]["waiting"], 9, "a signal waits for no answer")
    os.kill(reader, signal.SIGCONT)
    first.result()
    for other in others:
        check(f"{ours}:2:1: '10.0.0.1/8' has bits" in other.result().stderr, "the second list")
    found = totals(daemon)
    check("second" not in found, f"{sorted(map(str, found))}")
    check_equal(daemon.log().count("reload: "), 1, "all others were one reload")
    wait_for(lambda: daemon.status()["reload"] is None, "all is over")


@test(limit_s=90)
def stopping_does_not_wait_for_a_list(context):
    network = Network(context)
    daemon, ours, _ = with_list(context, network)
    daemon.start()
    write(ours, "10.0.0.0/8 other-list\n" + SLOWLY)
    reload = Reload(context, daemon, expect=1)
    reader = reload.stopped(context)
    started = time.monotonic()
    daemon.stop()
    check(time.monotonic() - started < 5 * SLOW, "it took long")
    check("ipacctd ends: nothing was reloaded" in reload.result().stderr, "who waited is told")
    check(not alive(reader), "the reader is still there")
    # At a start: whoever waits for the list can be ended, and nothing is left of it.
    names = set(os.listdir(daemon.place.runtime))
    daemon.spawn()
    reader = wait_for(lambda: reader_of(daemon), "a reader of the start")
    os.kill(reader, signal.SIGSTOP)
    started = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(5 * SLOW)
    check(time.monotonic() - started < 5 * SLOW, "it took long")
    wait_for(lambda: not alive(reader), "the reader ends with it")
    check_equal(set(os.listdir(daemon.place.runtime)), names, "the runtime directory")
    daemon.start()
    check("other-list" in totals(daemon), "a start by the new list")


@test(limit_s=90)
def list_beyond_the_memory_budget_is_refused_with_the_sum(context):
    network = Network(context)
    daemon, ours, path = with_list(context, network, memory="64M")
    daemon.start()
    with open(path, encoding="ascii") as lines:
        config = lines.read()
    before = without_list(daemon.status())
    large = "".join(f"11.{i >> 12}.{i >> 4 & 255}.{(i & 15) << 4}/28 c{i % 500}\n"
                    for i in range(400_000))
    write(ours, large)
    done = daemon.ctl("reload", expect=78)
    found = re.search(r"groups take ([\d.]+) MiB \(list 12\.2, the one in force beside it 0\.0, "
                      r"records [\d.]+, ipv6_len 0\.0\) and memory leaves [\d.]+ of 64\.0: raise "
                      r"`memory` to (\d+) bytes", done.stderr)
    check(found, done.stderr)
    check_equal(without_list(daemon.status()), before, "status")
    need = int(found.group(2))
    write(path, config.replace("64M", str(need - 1)))
    daemon.ctl("reload", expect=78)  # one octet too few
    check_equal(without_list(daemon.status()), before, "status")
    write(path, config.replace("64M", str(need)))
    daemon.ctl("reload")
    state = daemon.status()
    check_equal((state["groups"]["prefixes"], state["memory"]["budget_bytes"]), (400_000, need),
                "the list")
    memory = state["groups"]["memory"]
    check_equal(memory["list_bytes"], 128 + 500 * 64 + 400_000 * 32, "list")
    check_equal(memory["list_bytes"], os.stat(os.path.join(daemon.place.runtime, "groups")).st_size,
                "as the file")
    check_equal(sum(memory.values()), state["groups"]["bytes"], "the sum")
    # One that takes no more is always taken, also at a start with maps that are there.
    write(path, config)
    other = large.replace(" c7\n", " c8\n")  # one group fewer
    write(ours, other)
    daemon.ctl("reload")
    daemon.stop()
    daemon.start()
    daemon.stop()
    write(ours, large + "12.0.0.0/8 more\n")
    refused = daemon.refuse(code=78, words=["groups take", "raise `memory` to"])
    check(daemon.network.xdp_attached(), f"still counting: {refused.stderr}")
    write(ours, other)
    daemon.start()
    # ipv6_len takes memory of its own, and the list of before stays while cuts may need it.
    write(path, config.replace("64M", "256M"))
    masked = "2001:db8::/32 six ipv6_len=56\n"
    write(ours, masked)
    daemon.ctl("reload")
    first = daemon.status()["groups"]["memory"]
    check(first["ipv6_len_bytes"] > 8192 * 16, f"{first}")
    write(ours, masked + "10.0.0.0/8 ten\n")
    daemon.ctl("reload")
    second = daemon.status()["groups"]["memory"]
    was = os.path.join(daemon.place.runtime, "groups.was")
    check_equal(second["list_before_bytes"], os.stat(was).st_size, "groups.was")
    check_equal(second["list_before_bytes"], first["list_bytes"], "it is the list of before")
    text = daemon.ctl("status").stdout
    check(re.search(r"^memory: list .*, list before .*, records .*, ipv6_len ", text, re.M), text)


@test(limit_s=60)
def geo_follows_the_ledger_that_a_list_makes_larger(context):
    network = Network(context)
    daemon, _, path = with_list(context, network)
    with open(path, encoding="ascii") as lines:
        config = lines.read()
    names = os.path.join(daemon.place.base, "names")
    write(names, "198.51.100.0/24 name=ours\n")
    without = re.sub("groups_file.*\n", "", config) + f"geo_overrides: {names}\n"
    write(path, without)
    daemon.start()

    def known(address):
        return [row["name"] for row in daemon.dump("--geo")["addresses"]
                if row["address"] == address] == ["ours"]

    geo.send(network, ["198.51.100.1"])
    wait_for(lambda: daemon.cut() and known("198.51.100.1"), "an answer")
    write(path, without + config.splitlines()[-1] + "\n")
    ledger = os.path.join(daemon.place.runtime, "ledger")
    before = os.stat(ledger).st_ino
    daemon.ctl("reload")
    check(os.stat(ledger).st_ino != before, "the ledger had room for groups")
    geo.send(network, ["198.51.100.2"])
    wait_for(lambda: daemon.cut() and known("198.51.100.2"), "an answer for a new address")


@test(limit_s=90)
def links_are_followed_while_a_start_reads_its_list(context):
    """A restart beside programs that count: what happens to their links does not wait for the list."""
    network = Network(context)
    daemon, ours, _ = with_list(context, network)
    daemon.start()
    one = Traffic(context, network, packets=scaled(50_000, 5000), addresses=300, mix="v4,v6",
                  seed=1).start()
    one.finish()
    settle(daemon, one)
    daemon.stop()
    write(ours, FEW.replace("west", "far-west protect=yes") + SLOWLY)
    daemon.spawn()
    reader = wait_for(lambda: reader_of(daemon), "a reader")
    os.kill(reader, signal.SIGSTOP)
    wait_for(lambda: "rx0: adopted" in daemon.log(), "the start comes to its links")
    network.delete_pair()
    network.add_pair()
    wait_for(network.xdp_attached, "another link is attached")
    check_equal(reader_of(daemon), reader, "the list is still being read")
    two = Traffic(context, network, packets=scaled(50_000, 5000), addresses=300, mix="v4,v6",
                  seed=2).start()
    two.finish()
    os.kill(reader, signal.SIGCONT)
    daemon.wait_ready()
    settle(daemon, one, two)
    expected = add_up({}, one, FEW)
    found = totals(daemon)
    for name in ("east", None):  # which both lists have
        both = [a + b for a, b in zip(expected[name], add_up({}, two, FEW)[name])]
        check_equal(found[name], both, f"group {name}")
    check_equal(found["west"], expected["west"], "by the list of before")
    check_equal(daemon.status()["protected"]["prefixes"], 1, "protected")
    # A list with errors, found when all else has begun: everything is as it was.
    daemon.stop()
    write(ours, "10.0.0.0/8 a\n10.0.0.1/8 b\n")
    daemon.refuse(code=78, words=[f"{ours}:2:1: '10.0.0.1/8' has bits"])
    check(network.xdp_attached(), "it counts on")
    write(ours, FEW)
    daemon.start()
    check_equal(totals(daemon)["west"], expected["west"], "west")


@test(limit_s=60)
def lists_of_the_manuals_are_lists(context):
    network = Network(context)
    daemon, ours, _ = with_list(context, network)
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    for page in ("tools/man/ipacctd.8.scd", "deploy/README.md", "deploy/ipacct.yaml"):
        with open(os.path.join(top, page), encoding="utf-8") as lines:
            text = lines.read()
        # Lines of CIDR and name, after the first one until one is none.
        found = re.search(r"^#?\s*192\.0\.2\.0/24 +customer-a\n(?:[#\s]*[\da-f:.]+/\d+ .*\n)+", text, re.M)
        check(found, f"no list in {page}")
        example = re.sub(r"^#?\s*", "", found.group(), flags=re.M)
        check("protect=yes" in example and "ipv6_len=56" in example, f"{page}: {example}")
        write(ours, example)
        done = run(*daemon.command("--check-config"))
        check("ok" in done.stdout, done.stdout)
