# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hook is refused for, warned of, or loses: one device above another, a router on a stick,
tunnels, filters that somebody touches."""

import json
import os
import signal

from ends import LINKED, settled
from harness import Daemon, alive, children
from tap import Skip, check, check_equal, test, wait_for
from test_hook_life import STRACE, calls_of_start, filters, injected
from test_hook_topologies import check_once
from topology import Space, cable, finish

TUNSETIFF, TUNSETLINK = 0x400454CA, 0x400454CD  # linux/if_tun.h
ARPHRD_IPGRE = 778  # linux/if_arp.h


@test(limit_s=60)
def opposite_directions_of_a_device_and_one_above_it_count_once(context):
    """Departures above, arrivals below: no packet is both but what is forwarded, which is asked."""
    space, other = Space(context), Space(context)
    cable(space, "p0", other, "o0")
    made = space.inside("ip", "link", "add", "m0", "link", "p0", "type", "macvlan", "mode",
                        "bridge", expect=None)
    if made.returncode:
        raise Skip(f"no macvlan in this kernel: {made.stderr.strip()}")
    path = os.path.join(context.folder, "ipacct.yaml")

    def daemon_of(above, below, words=""):
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces:\n  - {{name: m0, hooks: {above}{words}}}\n"
                      f"  - {{name: p0, hooks: {below}}}\n")
        return Daemon(context, space, "-c", path, interface=None)

    for same in ("[tc-egress]", "[tc-ingress]"):
        daemon_of(same, same, ", forwarded_twice: yes").refuse(code=1, words=["m0 lies above p0"])
    daemon_of("[tc-ingress]", "[xdp]").refuse(code=1, words=["m0 lies above p0"])
    daemon_of("[tc-egress]", "[xdp]").refuse(code=78, words=["forwarded from p0 to m0"])
    daemon = daemon_of("[tc-egress]", "[xdp]", ", forwarded_twice: yes").start()
    space.up("p0")
    space.up("m0", "192.0.2.1/24")
    other.up("o0", "192.0.2.2/24")
    for here, there, address, n in ((space, other, "192.0.2.2", 40),
                                    (other, space, "192.0.2.1", 30)):
        drain = there.flow_start("drain", address, 7001, n)
        here.flow("datagrams", address, 7001, 100, n)
        finish(drain)
    check_once(settled(daemon)[0])


@test(limit_s=60)
def a_gre_device_without_a_remote_end_is_refused(context):
    """Its packets begin with those around them (ip_gre.c: header_ops). Type and address are all
    that is asked, so a tun device that has them stands in for one."""
    space = Space(context)
    space.inside("ip", "tuntap", "add", "t0", "mode", "tun")
    space.inside("python3", "-c", f"""
import fcntl, os, struct
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, {TUNSETIFF}, struct.pack("16sH22x", b"t0", 0x1001))
fcntl.ioctl(tun, {TUNSETLINK}, {ARPHRD_IPGRE})
""")
    check("link/gre" in space.inside("ip", "link", "show", "t0").stdout, "the type of the device")
    for hook in ("tc-ingress", "tc-egress"):
        Daemon(context, space, interface=f"t0:{hook}").refuse(
            code=1, words=["t0: ", "GRE device without a remote end", "account: inner"])
    space.inside("ip", "link", "set", "t0", "broadcast", "192.0.2.9")
    daemon = Daemon(context, space, interface="t0:tc-ingress").start()
    check_equal(daemon.status()["programs"][0]["state"], "attached", "with a remote end")


@test(limit_s=60)
def a_filter_that_somebody_replaces_is_not_ours_any_more(context):
    """The same preference and handle, another program: it counts nothing, and we leave it alone."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    daemon = Daemon(context, space, "--attach", "tc", interface="a0:tc-egress").start()
    foreign = ("dev", "a0", "egress", "pref", "1", "handle", "0x69706163")
    space.inside("tc", "filter", "replace", *foreign, "bpf", "bytecode", "1,6 0 0 0,")
    check("ipacct_tc" not in filters(space, "a0"), "the filter was not replaced")
    wait_for(lambda: daemon.status()["programs"][0]["state"] == "gone", "the daemon sees it", 5)
    wait_for(lambda: "a0 has a filter of another ipacctd" in daemon.log(), "words about it", 5)
    check("bytecode" in filters(space, "a0"), "somebody else's filter went")
    space.inside("tc", "filter", "del", *foreign, "bpf")
    wait_for(lambda: "ipacct_tc" in filters(space, "a0"), "our filter is back", 5)
    wait_for(lambda: daemon.status()["programs"][0]["state"] == "attached", "attached", 5)
    daemon.stop()
    space.inside("tc", "filter", "replace", *foreign, "bpf", "bytecode", "1,6 0 0 0,")
    daemon.refuse(code=1, words=["a0 has a filter of another ipacctd"])
    daemon.ctl("detach")
    check("bytecode" in filters(space, "a0"), "somebody else's filter went with a detach")


@test(limit_s=120)
def killed_while_a_filter_gets_another_program_it_is_still_ours(context):
    """At each call between the pin of the new program and the new name of that pin."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    daemon = Daemon(context, space, "--attach", "tc", interface="a0:tc-egress").start()
    daemon.stop()
    path = os.path.join(context.folder, "calls")
    daemon.command_prefix = [STRACE, "-qq", "-o", path]
    daemon.start()
    inner, = children(daemon.process.pid)
    others = children(inner)
    os.kill(inner, signal.SIGTERM)  # strace would let it go and end alone
    daemon.process.wait(10)
    wait_for(lambda: not any(map(alive, others)), "the collector's end")
    with open(path, encoding="utf-8", errors="replace") as lines_of:
        calls = lines_of.readlines()
    first, _ = injected(calls, "bpf", "/tc_0_new")
    last, _ = injected(calls, "rename", "/tc_0_new", first)
    exchanged, _ = injected(calls, "sendto", "RTM_NEWTFILTER", first)
    moments = (first, first + 1, exchanged, *range(exchanged + 1, last, 2), last, last + 1)
    kills = [f"inject={name}:signal=KILL:when={injected(calls, name, '', at)[1]}"
             for at, name in ((at, calls[at].split("(")[0]) for at in moments)]
    for kill in kills:
        daemon.command_prefix = [STRACE, "-qq", "-o", "/dev/null", "-e", kill]
        daemon.spawn()
        wait_for(lambda: daemon.process.poll() is not None, f"the end by {kill}", 10)
        daemon.command_prefix = []
        daemon.start()
        programs = [(one["state"], one["attach"]) for one in daemon.status()["programs"]]
        check_equal(programs, [("attached", "tc")], f"after {kill}")
        check_equal(filters(space, "a0").count("handle 0x69706163"), 1, f"filters after {kill}")
        check("somebody removed" not in daemon.log(), daemon.log())
        check(not [pin for pin in daemon.place.pins() if "_new" in pin], "a pin of before stays")
        daemon.stop()
    context.note(f"{len(kills)} kills")


@test(limit_s=60)
def a_reload_of_what_only_a_detach_can_change_says_so(context):
    """How a program is attached, and in which mode, stays; it is never silent about that."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    path = os.path.join(context.folder, "ipacct.yaml")

    def configure(words):
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: a0, hooks: [xdp, tc-egress]{words}}}]\n")

    def said(daemon, words):
        configure(words)
        before = len(daemon.log())
        programs = [one["prog_id"] for one in daemon.status()["programs"]]
        daemon.ctl("reload")
        check_equal([one["prog_id"] for one in daemon.status()["programs"]], programs, "programs")
        return [line for line in daemon.log()[before:].splitlines() if "detach a0" in line]

    configure("")
    daemon = Daemon(context, space, "-c", path, interface=None).start()
    told = said(daemon, ", mode: generic")
    check(len(told) == 1 and "stays in native mode" in told[0], f"of the mode: {told}")
    told = said(daemon, ", attach: tc")
    if LINKED == "tcx":
        check(len(told) == 1 and "a tcx link (tc-egress)" in told[0], f"of a filter: {told}")
    else:
        check_equal(told, [], "of what is a filter already")
    check_equal(said(daemon, ""), [], "of what is as before")
    daemon.ctl("detach")
    daemon.process.wait(10)
    configure(", attach: tc")
    daemon.start()
    told = said(daemon, ", attach: link")
    if LINKED == "tcx":
        check(len(told) == 1 and "a filter (tc-egress)" in told[0], f"of a link: {told}")
    else:
        check_equal(told, [], "where there is nothing but filters")


@test(limit_s=60)
def a_router_on_a_stick_is_warned_of(context):
    """What is forwarded by the one device there is comes and goes by it: counted both times."""
    space, right = Space(context, forward=True), Space(context)
    cable(space, "p0", right, "r0")
    warning = "p0: this host forwards and has no other device"
    daemon = Daemon(context, space, interface="p0:xdp,tc-egress")

    def warned():
        before = len(daemon.log())
        daemon.start()
        return warning in daemon.log()[before:]

    check(warned(), f"no warning: {daemon.log()}")
    space.up("p0", "192.0.2.1/24", "198.51.100.1/24")
    right.up("r0", "192.0.2.2/24")
    right.inside("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1")
    # a station of the second network on the same wire
    right.inside("ip", "neigh", "add", "192.0.2.1", "lladdr",
                 json.loads(space.inside("ip", "-j", "link", "show", "p0").stdout)[0]["address"],
                 "dev", "r0")
    space.inside("ip", "neigh", "add", "198.51.100.9", "lladdr", "02:00:00:00:00:09", "dev", "p0")
    space.sysctl("ipv4/conf/p0/send_redirects", 0)
    space.sysctl("ipv4/conf/all/send_redirects", 0)
    right.flow("datagrams", "198.51.100.9", 7001, 100, 20)
    found = {line["address"]: line for line in settled(daemon)[0]["addresses"]}
    check_equal((found["192.0.2.2"]["tx_packets"], found["198.51.100.9"]["rx_packets"]), (40, 40),
                "20 datagrams are counted as they come and as they go")
    daemon.ctl("detach")
    daemon.process.wait(10)
    for why, change in (
            ("another device", lambda: cable(space, "p1", Space(context), "r1")),
            ("no forwarding", lambda: (space.inside("ip", "link", "del", "p1"),
                                       space.sysctl("ipv4/ip_forward", 0),
                                       space.sysctl("ipv6/conf/all/forwarding", 0)))):
        change()
        check(not warned(), f"warned in spite of {why}")
        daemon.ctl("detach")
        daemon.process.wait(10)
    space.sysctl("ipv6/conf/all/forwarding", 1)
    space.inside("ip", "link", "add", "mv0", "link", "p0", "type", "macvlan")
    check(warned(), "a device above it carries nothing anywhere else")
    daemon.ctl("detach")
    daemon.process.wait(10)
    path = os.path.join(context.folder, "ipacct.yaml")
    with open(path, "w", encoding="ascii") as out:
        out.write("interfaces: [{name: p0, hooks: [xdp, tc-egress], forwarded_twice: yes}]\n")
    daemon = Daemon(context, space, "-c", path, interface=None)
    check(not warned(), "it is meant")


@test(limit_s=120)
def killed_before_its_record_a_qdisc_of_ours_still_goes(context):
    """At each call from making the qdisc to the record that says whose it is."""
    if not os.access(STRACE, os.X_OK):
        raise Skip("strace is not installed")
    calls = calls_of_start(context, "tc")
    first, _ = injected(calls, "sendto", "RTM_NEWQDISC")
    filtered, _ = injected(calls, "sendto", "RTM_NEWTFILTER", first)
    last, _ = injected(calls, "bpf", "BPF_MAP_UPDATE_ELEM", filtered)
    kills = [f"inject={name}:signal=KILL:when={injected(calls, name, '', at)[1]}"
             for at, name in ((at, calls[at].split("(")[0]) for at in range(first, last + 1))]
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    daemon = Daemon(context, space, "--attach", "tc", interface="a0:tc-egress")
    made = 0
    for kill in kills:
        daemon.command_prefix = [STRACE, "-qq", "-o", "/dev/null", "-e", kill]
        daemon.spawn()
        wait_for(lambda: daemon.process.poll() is not None, f"the end by {kill}", 10)
        made += "clsact" in space.inside("tc", "qdisc", "show", "dev", "a0").stdout
        daemon.command_prefix = []
        daemon.start()
        check_equal(filters(space, "a0").count("handle 0x69706163"), 1, f"filters after {kill}")
        daemon.ctl("detach")
        daemon.process.wait(10)
        check("clsact" not in space.inside("tc", "qdisc", "show", "dev", "a0").stdout,
              f"the qdisc that was made for us stays after {kill}")
    check(made > 2, f"the qdisc was there after {made} of {len(kills)} kills only")
    context.note(f"{len(kills)} kills, {made} with the qdisc made")


@test(limit_s=60)
def somebody_elses_qdisc_is_left_though_it_was_empty(context):
    """It was there before: nothing says that it is ours."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    space.inside("tc", "qdisc", "add", "dev", "a0", "clsact")
    for attach in ("tc", "auto"):
        daemon = Daemon(context, space, "--attach", attach, interface="a0:tc-egress").start()
        daemon.stop()
        daemon.start()
        daemon.ctl("detach")
        daemon.process.wait(10)
        check("clsact" in space.inside("tc", "qdisc", "show", "dev", "a0").stdout,
              f"{attach}: somebody else's qdisc went")
