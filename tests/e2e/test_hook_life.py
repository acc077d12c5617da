# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps a program at a tc hook: restarts, kills, filters and qdiscs of others, a device that returns."""

import json
import os

from ends import INGRESS_MIX, LINKED, chain, equal_ends, settled
from harness import Daemon, Network, run
from tap import Skip, check, check_equal, test, wait_for
from topology import Space, cable, finish
from traffic import Traffic, settle

STRACE = "/usr/bin/strace"


@test(limit_s=120)
def kills_and_restarts_lose_nothing_at_tc_hooks(context):
    """A pinned tcx link, and a filter of clsact: both go on counting, programs are replaced."""
    for attach, name in (("auto", LINKED), ("tc", "tc")):
        network = Network(context)
        daemon = Daemon(context, network, "--attach", attach, interface="rx0:tc-ingress").start()
        check_equal(daemon.status()["programs"][0]["attach"], name, "attach")
        traffic = Traffic(context, network, addresses=500, rate=20_000, mix=INGRESS_MIX).start()
        programs = set()
        for _ in range(5):
            programs.add(daemon.status()["programs"][0]["prog_id"])
            daemon.kill()
            daemon.start()
            daemon.stop()
            daemon.start()
        traffic.finish()
        check_equal(len(programs), 5, "programs that counted")
        check_equal(daemon.status()["programs"][0]["n_attached"], 1, "attached once")
        settle(daemon, traffic)
        traffic.compare(daemon)
        context.note(f"{name}: {traffic.sent()} packets, 10 restarts")


@test(limit_s=90)
def departures_survive_restarts_under_traffic(context):
    for attach in ("auto", "tc"):
        here, there, out, arrive = chain(context, attach)
        for address in ("192.0.2.2", "2001:db8::2"):
            sink = there.flow_start("sink", address, 7001, 1)
            stream = here.flow_start("stream", address, 7001, 60_000_000, "wait")
            for _ in range(2):
                out.kill()
                out.start()
            finish(stream)
            check_equal(finish(sink), "60000000", "octets of the stream")
        found = equal_ends(here, out, arrive)
        check(found["super_packets"]["frames"] > 100, "hardly any super-packet")


def filters(space, device, end="egress"):
    return space.inside("tc", "filter", "show", "dev", device, end).stdout


@test(limit_s=60)
def foreign_filters_and_qdiscs_are_left_alone(context):
    here, _, out, _ = chain(context, "tc")
    check_equal(out.status()["programs"][0]["attach"], "tc", "attach")
    check("ipacct_tc" in filters(here, "a0"), "no filter of ours")
    out.ctl("detach", "a0")
    check("clsact" not in here.inside("tc", "qdisc", "show", "dev", "a0").stdout,
          "the qdisc was made for us and stays")
    for foreign in (False, True):
        space = Space(context)
        cable(space, "a0", Space(context), "b0")
        space.inside("tc", "qdisc", "add", "dev", "a0", "clsact")
        if foreign:
            # classic BPF: return 0, no match
            space.inside("tc", "filter", "add", "dev", "a0", "egress", "pref", "7", "bpf",
                         "bytecode", "1,6 0 0 0,")
        before = filters(space, "a0")
        daemon = Daemon(context, space, "--attach", "tc", interface="a0:tc-ingress,tc-egress")
        daemon.start()
        check("ipacct_tc" in filters(space, "a0"), "no filter of ours at egress")
        check("ipacct_tc" in filters(space, "a0", "ingress"), "no filter of ours at ingress")
        check(before in filters(space, "a0"), "the foreign filter is another one")
        daemon.ctl("detach", "a0")
        check_equal(filters(space, "a0"), before, "filters after detach")
        check("clsact" in space.inside("tc", "qdisc", "show", "dev", "a0").stdout,
              "somebody else's qdisc went")


@test(limit_s=60)
def a_filter_that_somebody_removes_comes_back(context):
    here, there, out, _ = chain(context, "tc")
    here.inside("tc", "filter", "del", "dev", "a0", "egress")
    wait_for(lambda: "ipacct_tc" in filters(here, "a0"), "our filter is back", 5)
    drain = there.flow_start("drain", "192.0.2.2", 7001, 5)
    here.flow("datagrams", "192.0.2.2", 7001, 100, 5)
    finish(drain)
    found = {line["address"]: line for line in settled(out)[0]["addresses"]}
    check_equal(found["192.0.2.2"]["rx_packets"], 5, "datagrams")
    program = out.status()["programs"][0]
    check_equal((program["n_attached"], program["blind_packets"]), (2, 0), "attached again")
    check("somebody removed our filter" in out.log(), "the log says nothing")
    out.ctl("detach", "a0")
    check("clsact" not in here.inside("tc", "qdisc", "show", "dev", "a0").stdout,
          "the qdisc was made for us and stays")


def exchange(space, other, n):
    """n datagrams each way between 192.0.2.1 and 192.0.2.2."""
    for here, there, address in ((space, other, "192.0.2.2"), (other, space, "192.0.2.1")):
        drain = there.flow_start("drain", address, 7001, n)
        here.flow("datagrams", address, 7001, 100, n)
        finish(drain)


@test(limit_s=60, guest="one")
def one_slot_for_each_hook_until_all_are_detached(context):
    """Status, dump, /metrics and verify name the hook; a device that returns gets both back."""
    space, other = Space(context), Space(context)
    cable(space, "a0", other, "b0")
    daemon = Daemon(context, space, interface="a0:xdp,tc-egress").start()
    space.up("a0", "192.0.2.1/24")
    other.up("b0", "192.0.2.2/24")
    hooks = [(one["hook"], one["attach"], one["state"]) for one in daemon.status()["programs"]]
    check_equal(hooks, [("xdp", "link", "attached"), ("tc-egress", LINKED, "attached")], "hooks")
    exchange(space, other, 3)
    dump = settled(daemon)[0]
    found = {line["address"]: (line["tx_packets"], line["rx_packets"])
             for line in dump["addresses"]}
    check_equal((found["192.0.2.1"], found["192.0.2.2"]), ((3, 3), (3, 3)), "datagrams")
    witness = json.loads(daemon.ctl("verify", "-j").stdout)["witness"]
    check_equal([(one["hook"], one["closes"]) for one in witness],
                [("xdp", True), ("tc-egress", True)], "witness")
    check("kernel_tx_packets" in witness[1], "the witness of departures is tx")
    run("ip", "-n", space.receiver, "link", "del", "a0")
    wait_for(lambda: all(one["state"] == "gone" for one in daemon.status()["programs"]), "gone")
    cable(space, "a0", other, "b0")
    wait_for(lambda: all(one["state"] == "attached" for one in daemon.status()["programs"]),
             "both attached again", 5)
    space.up("a0", "192.0.2.1/24")
    other.up("b0", "192.0.2.2/24")
    exchange(space, other, 2)
    dump = settled(daemon)[0]
    found = {line["address"]: (line["tx_packets"], line["rx_packets"])
             for line in dump["addresses"]}
    check_equal((found["192.0.2.1"], found["192.0.2.2"]), ((5, 5), (5, 5)), "datagrams")
    daemon.ctl("detach", "a0")
    check_equal([one["state"] for one in daemon.dump("--totals")["interfaces"]],
                ["detached"] * 2, "state")
    check("attached" not in space.inside("ip", "-d", "link", "show", "a0").stdout, "XDP stays")


def calls_of_start(context, attach):
    """System calls of a start at tc egress and of the detach after it, a line of strace each."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    daemon = Daemon(context, space, "--attach", attach, interface="a0:tc-egress")
    path = os.path.join(context.folder, "calls")
    daemon.command_prefix = [STRACE, "-qq", "-o", path]
    daemon.start()
    daemon.ctl("detach")
    daemon.process.wait(10)
    with open(path, encoding="utf-8", errors="replace") as calls:
        return calls.readlines()


def injected(calls, name, words, after=0):
    """The next call with these words, as strace counts it: NAME and when=N."""
    found = next(n for n in range(after, len(calls))
                 if calls[n].startswith(name + "(") and words in calls[n])
    return found, sum(line.startswith(name + "(") for line in calls[:found + 1])


@test(limit_s=60)
def killed_between_the_filter_and_its_record_it_is_still_ours(context):
    """At the second reading of the kernel's counters; also where the kernel has no tcx."""
    if not os.access(STRACE, os.X_OK):
        raise Skip("strace is not installed")
    calls = calls_of_start(context, "tc")
    pinned, _ = injected(calls, "rename", "/tc_0")
    _, when = injected(calls, "sendmsg", "", pinned)
    kill = f"inject=sendmsg:signal=KILL:when={when}"
    cases = [("tc", [kill])]
    calls = calls_of_start(context, "auto")
    if LINKED == "tcx":
        _, when = injected(calls, "bpf", "BPF_LINK_CREATE")
        cases.append(("auto", [kill, f"inject=bpf:error=EINVAL:when={when}"]))
    else:
        cases.append(("auto", [kill]))
    for attach, injections in cases:
        space = Space(context)
        cable(space, "a0", Space(context), "b0")
        daemon = Daemon(context, space, "--attach", attach, interface="a0:tc-egress")
        daemon.command_prefix = [STRACE, "-qq", "-o", "/dev/null"]
        for injection in injections:
            daemon.command_prefix += ["-e", injection]
        daemon.spawn()
        daemon.process.wait(10)
        daemon.command_prefix = []
        check("ipacct_tc" in filters(space, "a0"), "killed before the filter was there")
        daemon.start()
        check_equal(daemon.status()["programs"][0]["attach"], "tc", "attach")
        daemon.ctl("detach")
        check("ipacct_tc" not in filters(space, "a0"), "the filter stays")


@test(limit_s=60)
def a_start_that_fails_leaves_no_qdisc(context):
    space = Space(context)
    for device in ("a0", "a1"):
        cable(space, device, Space(context), "b0")
    space.inside("tc", "qdisc", "add", "dev", "a1", "clsact")
    # the preference and handle of ours (attach_tc.h), so that the second interface fails
    space.inside("tc", "filter", "add", "dev", "a1", "egress", "pref", "1", "handle", "0x69706163",
                 "bpf", "bytecode", "1,6 0 0 0,")
    daemon = Daemon(context, space, "--attach", "tc", "-i", "a1:tc-egress",
                    interface="a0:tc-egress")
    daemon.refuse(code=1, words=["a1", "filter of another ipacctd"])
    check("clsact" not in space.inside("tc", "qdisc", "show", "dev", "a0").stdout,
          "the qdisc was made for us and stays")
