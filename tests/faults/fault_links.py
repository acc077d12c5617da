# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces and programs that others change under us."""

import json
import os
import signal
import socket
import struct
import time

import bpf
from harness import Daemon, Network, Place, run, scaled
from scrape import call_inside
from tap import check, check_equal, test, wait_for
from traffic import Traffic, exact, sent, settle


def carrier_changes(network, device="rx0"):
    done = network.inside(network.receiver, "ip", "-j", "-d", "link", "show", "dev", device)
    index = json.loads(done.stdout)[0]["ifindex"]
    # sysfs shows the namespace that mounted it, so ask rtnetlink (iproute2 ≥ 6: in -s -s)
    text = network.inside(network.receiver, "ip", "-s", "-s", "-j", "link", "show", "dev",
                          device).stdout
    return index, json.loads(text)[0]["stats64"]["tx"]["carrier_changes"]


@test(limit_s=60, fault="T-CARRIER")
def attach_restart_and_upgrade_flap_no_link(context):
    network = Network(context)
    before = carrier_changes(network)
    daemon = Daemon(context, network).start()
    attached = carrier_changes(network)[1] - before[1]
    for _ in range(3):
        daemon.stop()
        daemon.start()
    daemon.kill()
    daemon.start()
    after = carrier_changes(network)
    check(attached <= 1, f"{attached} changes by attaching")
    check_equal(after[1] - before[1], attached, "changes by restarts")
    context.note(f"{attached} changes by attaching, 0 by restarts")


@test(limit_s=60, fault="T-IF-NETNS")
def moved_to_another_namespace_is_still_counted_and_said(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    first = sent(context, network)
    settle(daemon, first)
    third = network.receiver + "-c"
    run("ip", "netns", "add", third)
    context.callback(run, "ip", "netns", "del", third, expect=None)
    run("ip", "-n", network.receiver, "link", "set", "rx0", "netns", third)
    run("ip", "-n", third, "link", "set", "rx0", "up")
    wait_for(lambda: "another network namespace" in daemon.log(), "one line in the log")
    second = sent(context, network, seed=2)
    exact(daemon, first, second)
    check_equal(daemon.log().count("another network namespace"), 1, "lines in the log")


@test(limit_s=60, fault="T-IF-DEL")
def blind_time_after_a_return_is_told_in_packets(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    first = sent(context, network)
    settle(daemon, first)
    # What comes while the supervisor cannot act is what it must own up to.
    os.kill(daemon.process.pid, signal.SIGSTOP)
    network.delete_pair()
    network.add_pair()
    blind = sent(context, network, seed=2, packets=1234)
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_for(lambda: daemon.status()["programs"][0]["state"] == "attached" and
             network.xdp_attached(), "attached again")
    check_equal(daemon.status()["programs"][0]["blind_packets"], blind.sent(), "blind packets")
    check(f"{blind.sent()} packets came before" in daemon.log(), "the log says so")
    second = sent(context, network, seed=3)
    exact(daemon, first, second)


@test(limit_s=60, fault="T-IF-DEL")
def attached_again_at_once(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    times = []
    for _ in range(scaled(10, 3)):
        network.delete_pair()
        wait_for(lambda: daemon.status()["programs"][0]["state"] == "gone", "state gone")
        network.add_pair()
        begun = time.monotonic()
        wait_for(network.xdp_attached, "attached again", limit_s=2)
        times.append(time.monotonic() - begun)
    times.sort()
    context.note(f"attached {1e3 * times[len(times) // 2]:.0f} ms after the device was up (median "
                 f"of {len(times)}, longest {1e3 * times[-1]:.0f} ms)")


@test(limit_s=60, fault="T-PIN-RM")
def removed_pins_are_put_back_at_once(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, addresses=1000, rate=20_000).start()
    # maps.debug and progs.debug are the kernel's own (bpf_preload)
    paths = [path for path, _ in daemon.place.pins()
             if os.path.isfile(path) and not path.endswith(".debug")]
    check(len(paths) > 10, f"only these pins: {paths}")
    before = [(path, bpf.identity(path)) for path in paths]
    for path in paths:
        mode = os.stat(path).st_mode, os.stat(path).st_gid
        os.unlink(path)
        wait_for(lambda path=path: os.path.exists(path), f"{path} is back", limit_s=2)
        wait_for(lambda path=path, mode=mode:
                 (os.stat(path).st_mode, os.stat(path).st_gid) == mode, f"{path} as it was")
    check_equal([(path, bpf.identity(path)) for path in paths], before, "what is pinned")
    check_equal(daemon.status()["pins_restored"], len(paths), "pins put back")
    check(f"pins: {len(paths)} were removed" in daemon.ctl("status").stdout, "said in the status")
    check_equal(daemon.log().count("somebody removed"), len(paths), "lines in the log")
    daemon.kill()
    daemon.start()
    traffic.finish()
    exact(daemon, traffic)
    context.note(f"{len(paths)} pins removed one by one")


@test(limit_s=60, fault="T-UPG-TYPE")
def link_of_another_attach_type_is_left_counting(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.stop()
    # What an old release might have left: the same place, a program loaded for no attach type.
    path = os.path.join(daemon.place.bpffs, "link_0")
    descriptor = bpf.obj_get(path)
    bpf.link_detach(descriptor)
    os.close(descriptor)
    os.unlink(path)
    made = call_inside(network, lambda: bpf.xdp_link_create(bpf.xdp_pass_load("old_release"),
                                                            socket.if_nametoindex("rx0")))
    bpf.obj_pin(made, path)
    old = network.xdp_attached()
    os.close(made)
    daemon.refuse(code=1, words=["rx0", "cannot replace the program"])
    check_equal(network.xdp_attached(), old, "the old program")


@test(limit_s=90, fault="T-NETLINK-LOSS")
def five_thousand_flaps_that_nobody_reads_miss_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    flaps = scaled(5000, 100)
    batch = os.path.join(context.folder, "flaps")
    with open(batch, "w", encoding="ascii") as out:
        for number in range(flaps):
            out.write(f"link set dev tx0 {'up' if number % 2 else 'down'}\n")
        out.write("link set dev tx0 up\n")
    # While it is stopped its socket overflows: ENOBUFS is what it reads first.
    os.kill(daemon.process.pid, signal.SIGSTOP)
    run("ip", "-n", network.sender, "-batch", batch, limit_s=60)
    network.delete_pair()
    network.add_pair()
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_for(lambda: network.xdp_attached(), "attached to the new device")
    traffic = sent(context, network)
    exact(daemon, traffic)
    context.note(f"{flaps} flaps")


@test(limit_s=60, fault="T-LATENCY")
def drops_are_the_same_with_and_without_us(context):
    rounds, packets = scaled(20, 3), scaled(20_000, 2000)
    compare_drops(context, rounds, packets)
    context.note(f"{rounds} paired runs of {packets} packets: 0 more did not reach the stack")


def compare_drops(context, rounds, packets):
    """Pairs of runs of the same packets, with and without a program; returns how many it sent."""
    network = Network(context)
    daemon = Daemon(context, network)
    stack = call_inside(network, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                       socket.ntohs(3)))  # ETH_P_ALL
    stack.bind(("rx0", 3))
    missing, n_sent = {True: 0, False: 0}, 0
    for number in range(rounds):
        for counting in (False, True):
            if counting:
                daemon.start()
            handed_up(stack)
            traffic = sent(context, network, seed=number, packets=packets)
            missing[counting] += traffic.sent() - handed_up(stack)
            n_sent += traffic.sent()
            if counting:
                daemon.ctl("detach")
                wait_for(lambda: daemon.process.poll() is not None, "ipacctd ends")
    stack.close()
    # Some never do: frames with tags that the stack refuses before packet sockets see them.
    check_equal(missing[True], missing[False], "packets that did not reach the stack")
    return n_sent


def handed_up(stack):
    """Packets since the last call: struct tpacket_stats, linux/if_packet.h."""
    return struct.unpack("=II", stack.getsockopt(263, 6, 8))[0]  # SOL_PACKET, PACKET_STATISTICS


@test(limit_s=60, fault="T-GRO")
def generic_mode_is_flagged_everywhere(context):
    network = Network(context)
    daemon = Daemon(context, network, "--mode", "generic").start()
    traffic = sent(context, network, packets=2000)
    settle(daemon, traffic)
    check_equal(daemon.dump()["interfaces"][0]["mode"], "generic", "mode in the dump's JSON")
    check_equal(daemon.status()["programs"][0]["mode"], "generic", "mode in the status")
    for text in (daemon.ctl("status").stdout, daemon.tool("ipacct-dump").stdout):
        check("generic" in text, f"not a word of it: {text[-800:]}")


@test(limit_s=60, fault="T-REBOOT")
def maps_gone_ledger_stays_counts_go_on(context):
    network = Network(context)
    place = Place(context)
    daemon = Daemon(context, network, place=place).start()
    first = sent(context, network)
    settle(daemon, first)
    daemon.stop()
    place.unmount()  # with it program and maps: a boot
    place.mount("bpf")
    wait_for(lambda: not network.xdp_attached(), "the program is gone")
    daemon.start()
    second = sent(context, network, seed=2)
    exact(daemon, first, second)


