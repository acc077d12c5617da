# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounting domains: the same addresses on two interfaces or in two VLANs stay apart everywhere."""

import itertools
import json
import os
import socket

from harness import Daemon, Network, Place, run, scaled
from tagged import (SOURCE, SOURCE6, DESTINATION6, TYPE_AD, TYPE_Q, Sender, config_of, counted,
                    expected, frame, vlans)
from tap import check, check_equal, test, wait_for


def start(context, network, interfaces, *options):
    place = Place(context)
    daemon = Daemon(context, network, *options, place=place, interface=None)
    daemon.options = ["-c", config_of(place, interfaces), *options]
    return daemon.start()


def http_place(context):
    """A socket of the HTTP endpoint, where the daemon's user can make it."""
    os.chmod(context.folder, 0o755)
    return "unix:" + os.path.join(context.folder, "http")


def ask(context, target):
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(os.path.join(context.folder, "http"))
        link.sendall(f"GET {target} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: link.recv(1 << 16), b""))
    return answer.partition(b"\r\n\r\n")[2].decode()


@test(limit_s=60, guest=False)
def same_addresses_in_two_vlans_stay_apart(context):
    network = Network(context)
    daemon = start(context, network, [{
        "name": "rx0", "domain": 3, "vlan_domains": vlans({100: 7, "200-299": 8})}])
    sender = Sender(context, network)
    sender.send(frame(60), 5)
    sender.send(frame(61, [(TYPE_Q, 100)]), 11)
    sender.send(frame(62, [(TYPE_Q, 200)]), 13)
    sender.send(frame(63, [(TYPE_AD, 299), (TYPE_Q, 100)]), 17)
    sender.send(frame(64, [(TYPE_Q, 300)]), 19)
    sender.send(frame(65, [(TYPE_Q, 0xE000)]), 23)
    rows = expected({3: (5 + 19 + 23, 5 * 60 + 19 * 64 + 23 * 65), 7: (11, 11 * 61),
                     8: (13 + 17, 13 * 62 + 17 * 63)})
    check_equal(counted(daemon, sender.sent), rows, "by domain")
    sender.send(frame(80, [(TYPE_Q, 100)], ipv6=True), 3)
    sender.send(frame(90, [(TYPE_Q, 250)], ipv6=True), 4)
    for domain, packets, octets in ((7, 3, 240), (8, 4, 360)):
        rows[SOURCE6, domain] = (packets, octets, 0, 0)
        rows[DESTINATION6, domain] = (0, 0, packets, octets)
    check_equal(counted(daemon, sender.sent), rows, "with IPv6")
    only = {(one["address"], one["domain"]) for one in
            daemon.dump("--domain", "8")["addresses"]}
    check_equal(only, {row for row in rows if row[1] == 8}, "--domain 8")
    device = daemon.dump("--totals")["interfaces"][0]
    check_equal((device["vlan_domains"], device["domain"], device["account"]), (True, 3, "outer"),
                "what the dump says of the interface")
    text = daemon.tool("ipacct-dump").stdout
    check("DOMAIN" in text, f"no column of domains: {text}")
    check_equal(daemon.status()["programs"][0]["vlan_domains"], True, "status")


@test(limit_s=60, guest=False)
def same_addresses_on_two_interfaces_stay_apart(context):
    network = Network(context)
    run("ip", "-n", network.sender, "link", "add", "tx1", "type", "veth", "peer", "name", "rx1",
        "netns", network.receiver)
    for space, device in ((network.sender, "tx1"), (network.receiver, "rx1")):
        run("ip", "-n", space, "link", "set", device, "up")
    daemon = start(context, network, [{"name": "rx0", "domain": 1}, {"name": "rx1", "domain": 2}],
                   "--listen", http_place(context), "--top-addresses", "10")
    first, second = Sender(context, network), Sender(context, network, "tx1")
    first.send(frame(60), 7)
    second.send(frame(70), 9)
    rows = expected({1: (7, 420), 2: (9, 630)})
    check_equal(counted(daemon, 16), rows, "by domain")

    top = json.loads(ask(context, "/api/v1/top"))["addresses"]
    check_equal({(one["address"], one["domain"]) for one in top}, set(rows), "/api/v1/top")
    daemon.cut()
    series = {f'address="{SOURCE}@{domain}"' for domain in (1, 2)}
    wait_for(lambda: daemon.cut() and all(name in ask(context, "/metrics") for name in series),
             "both in /metrics")


@test(limit_s=90, guest=False)
def vlan_domains_change_under_traffic_and_lose_nothing(context):
    """Whatever the order of packets and reloads: all domains together have every packet, and what
    was counted in one stays there."""
    network = Network(context)
    entry = {"name": "rx0", "domain": 3, "vlan_domains": vlans({100: 7})}
    daemon = start(context, network, [entry])
    path = daemon.options[1]
    sender = Sender(context, network)
    tagged = frame(60, [(TYPE_Q, 100)])
    changes = [{"vlan_domains": vlans({100: 8})}, {"vlan_domains": vlans({"1-4094": 9})},
               {}, {"vlan_domains": vlans({100: 7}), "account": "inner"},
               {"vlan_domains": vlans({100: 8})}]
    before = {}
    for change, _ in zip(itertools.cycle(changes), range(scaled(25, 5))):
        sender.send(tagged, 200)
        config_of(daemon.place, [{"name": "rx0", "domain": 3, **change}])
        check(os.path.exists(path), path)
        daemon.ctl("reload")
        sender.send(tagged, 200)
        daemon.cut()
        now = {(one["address"], one["domain"]): one["tx_packets"]
               for one in daemon.dump()["addresses"]}
        for row, packets in before.items():
            check(now.get(row, 0) >= packets, f"{row} fell from {packets} to {now.get(row)}")
        before = now
    rows = counted(daemon, sender.sent)
    check_equal(sum(row[0] for row in rows.values()), sender.sent, "sent by the source")
    check_equal(sum(row[1] for row in rows.values()), 60 * sender.sent, "octets")
    check_equal({domain for _, domain in rows}, {3, 7, 8, 9}, "domains that were used")
    # what comes after a reload has returned counts as it says
    config_of(daemon.place, [{"name": "rx0", "domain": 3, "vlan_domains": vlans({100: 11})}])
    daemon.ctl("reload")
    sender.send(tagged, 5)
    check_equal(counted(daemon, sender.sent)[SOURCE, 11], (5, 300, 0, 0), "after the last reload")


@test(limit_s=60, guest=False)
def vlan_domains_outlive_a_killed_daemon(context):
    network = Network(context)
    daemon = start(context, network, [{"name": "rx0", "vlan_domains": vlans({100: 7})}])
    sender = Sender(context, network)
    sender.send(frame(60, [(TYPE_Q, 100)]), 5)
    daemon.kill()
    sender.send(frame(60, [(TYPE_Q, 100)]), 6)
    daemon.start()
    sender.send(frame(60, [(TYPE_Q, 100)]), 7)
    check_equal(counted(daemon, sender.sent), expected({7: (18, 1080)}), "by domain")


@test(limit_s=60, guest=False)
def a_reload_that_fails_changes_no_domain(context):
    network = Network(context)
    entry = {"name": "rx0", "vlan_domains": vlans({100: 7})}
    daemon = start(context, network, [entry])
    sender = Sender(context, network)
    config_of(daemon.place, [{"name": "rx0", "vlan_domains": vlans({100: 8})},
                             {"name": "nic7"}])
    daemon.ctl("reload", expect=None)
    check("nic7" in daemon.log(), "no word of the missing interface")
    sender.send(frame(60, [(TYPE_Q, 100)]), 5)
    check_equal(counted(daemon, sender.sent), expected({7: (5, 300)}), "by domain")


@test(limit_s=60, guest=False)
def a_tag_beside_the_frame_decides_at_tc_hooks(context):
    """The stack takes tags out of a frame before tc-ingress: what the hot tier has met without a tag
    is somebody else with one."""
    for hot in ("on", "off"):
        network = Network(context)
        daemon = start(context, network, [{"name": "rx0", "hooks": ["tc-ingress"], "domain": 1,
                                           "vlan_domains": vlans({7: 9})}], "--hot", hot)
        sender = Sender(context, network)
        for _ in range(3):
            sender.send(frame(100), 40)
            sender.send(frame(200, [(TYPE_Q, 7)]), 30)
            sender.send(frame(300, [(TYPE_AD, 7), (TYPE_Q, 8)]), 20)
            sender.send(frame(400, [(TYPE_Q, 8)]), 10)
            sender.send(frame(500, [(TYPE_Q, 0)]), 5)
        check_equal(counted(daemon, sender.sent),
                    expected({1: (3 * 55, 3 * (4000 + 4000 + 2500)),
                              9: (3 * 50, 3 * (6000 + 6000))}), f"hot {hot}")
        daemon.stop()


@test(limit_s=60, guest=False, fault="T-VLANOFF")
def a_device_that_takes_tags_off_is_told(context):
    """At start and by doctor, with the command that mends it; at tc hooks nothing is hidden."""
    network = Network(context)
    entry = {"name": "rx0", "vlan_domains": vlans({7: 9})}
    words = "ethtool -K rx0 rxvlan off"
    for rxvlan, interface, told in (("on", entry, True), ("off", entry, False),
                                    ("on", {"name": "rx0"}, False),
                                    ("on", {**entry, "hooks": ["tc-ingress"]}, False)):
        network.inside(network.receiver, "ethtool", "-K", "rx0", "rxvlan", rxvlan)
        daemon = start(context, network, [interface])
        check_equal(words in daemon.log(), told, f"rxvlan {rxvlan}, {interface}")
        found = json.loads(daemon.ctl("doctor", "-j", "rx0", expect=None).stdout)
        levels = {one["rule"]: one["level"] for one in found["findings"]}
        check_equal(levels["vlan-strip"],
                    "warn" if rxvlan == "on" and "hooks" not in interface else "ok", "doctor")
        daemon.ctl("detach")


@test(limit_s=60, guest=False)
def domains_of_vlans_may_not_count_twice_either(context):
    """Departures in the domain of a VLAN that another interface counts as it arrives."""
    network = Network(context)
    place = Place(context)
    daemon = Daemon(context, network, place=place, interface=None)
    for domain, code in ((9, 78), (8, 0)):
        daemon.options = ["-c", config_of(place, [
            {"name": "rx0", "vlan_domains": vlans({7: 9})},
            {"name": "rx1", "hooks": ["tc-egress"], "domain": domain}]), "--check-config"]
        check_equal(run(*daemon.command(), expect=None).returncode, code, f"domain {domain}")
