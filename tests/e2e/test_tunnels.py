# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets of tunnels, counted for the addresses inside or for the tunnel's own."""

import socket
import struct
import types

from harness import Network, run, scaled
from scrape import call_inside
from tap import Skip, check, check_equal, test, wait_for
from test_domains import Sender, ask, counted, http_place, start

OUTER, OUTER_TO = "192.0.2.1", "198.51.100.2"
INNER, INNER_TO = "10.1.2.3", "10.4.5.6"
INNER6, INNER6_TO = "2001:db8:7::1", "2001:db8:7::2"
VXLAN, GENEVE = 4789, 6081  # RFC 7348 5, RFC 8926 3.3
MACS = bytes.fromhex("020000000002020000000001")


def ipv4(source, destination, protocol, payload, fragment=0):
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, fragment, 64, protocol, 0) + \
        socket.inet_aton(source) + socket.inet_aton(destination) + payload


def ipv6(source, destination, header, payload):
    return struct.pack("!IHBB", 0x60000000, len(payload), header, 64) + \
        socket.inet_pton(socket.AF_INET6, source) + \
        socket.inet_pton(socket.AF_INET6, destination) + payload


def udp(port, payload):
    return struct.pack("!HHHH", 50000, port, 8 + len(payload), 0) + payload


def ethernet(payload, kind=0x0800):
    return MACS + struct.pack("!H", kind) + payload


def inside(size):
    return ipv4(INNER, INNER_TO, 17, udp(9, bytes(size)))


def inside6(size):
    return ipv6(INNER6, INNER6_TO, 17, udp(9, bytes(size)))


def tagged(payload):
    """VLAN 5, PPPoE session, IPv4."""
    return MACS + struct.pack("!HHH", 0x8100, 5, 0x8864) + \
        struct.pack("!BBHHH", 0x11, 0, 1, 2 + len(payload), 0x0021) + payload


# What a tunnel's packet carries behind the outer IPv4 header, and its protocol.
READABLE = {
    "gre": (47, lambda: bytes.fromhex("00000800") + inside(1)),
    "gre with everything": (47, lambda: bytes.fromhex("b0000800") + bytes(12) + inside(2)),
    "gre with ethernet": (47, lambda: bytes.fromhex("00006558") + ethernet(inside(3))),
    "ipip": (4, lambda: inside(4)),
    "vxlan": (17, lambda: udp(VXLAN, bytes.fromhex("0800000000002a00") + ethernet(inside(5)))),
    "vxlan, vlan, pppoe": (17, lambda: udp(VXLAN, bytes.fromhex("0800000000002a00") +
                                           tagged(inside(6)))),
    "geneve": (17, lambda: udp(GENEVE, bytes.fromhex("0200655800002a00") + bytes(8) +
                               ethernet(inside(7)))),
    "geneve with ip": (17, lambda: udp(GENEVE, bytes.fromhex("0000080000002a00") + inside(8))),
    "gre in vxlan": (17, lambda: udp(VXLAN, bytes.fromhex("0800000000002a00") + ethernet(
        ipv4("10.9.9.9", "10.9.9.8", 47, bytes.fromhex("00000800") + inside(9))))),
}
READABLE6 = {
    "6in4": (41, lambda: inside6(1)),
    "gre with ipv6": (47, lambda: bytes.fromhex("000086dd") + inside6(2)),
}
OPAQUE = {
    "pptp": (47, lambda: bytes.fromhex("3001880b00200001") + bytes(40)),
    "erspan": (47, lambda: bytes.fromhex("100088be00000001") + bytes(60)),
    "arp in vxlan": (17, lambda: udp(VXLAN, bytes.fromhex("0800000000002a00") +
                                     ethernet(bytes(28), 0x0806))),
    "cut": (4, lambda: inside(0)[:19]),
}


def send_all(sender, times):
    """Every kind that often; the octets of inner IPv4, inner IPv6 and outer packets, and how many of
    each kind of them."""
    sums = {"inner": [0, 0], "inner6": [0, 0], "opaque": [0, 0], "outer": [0, 0]}
    for kinds, name, fixed in ((READABLE, "inner", 28), (READABLE6, "inner6", 48),
                               (OPAQUE, "opaque", None)):
        for number, (protocol, make) in enumerate(kinds.values(), 1):
            packet = ipv4(OUTER, OUTER_TO, protocol, make())
            sender.send(ethernet(packet), times)
            octets = fixed + number if fixed else len(packet)
            for key, amount in ((name, octets), ("outer", len(packet))):
                sums[key][0] += times
                sums[key][1] += times * amount
    # no tunnels, between the same addresses as those: the fast way
    plain = ipv4(OUTER, OUTER_TO, 17, udp(53, bytes(30)))
    middle = ipv4(OUTER, OUTER_TO, 17, udp(VXLAN, bytes(40)), fragment=100)
    for packet in (plain, middle):
        sender.send(ethernet(packet), times)
        for key in ("plain", "outer"):
            sums.setdefault(key, [0, 0])
            sums[key][0] += times
            sums[key][1] += times * len(packet)
    return sums


def rows_of(source, destination, amount):
    packets, octets = amount
    return {(source, 0): (packets, octets, 0, 0), (destination, 0): (0, 0, packets, octets)}


def inner_addresses(context, *options):
    network = Network(context)
    daemon = start(context, network, [{"name": "rx0", "account": "inner"}],
                   "--listen", http_place(context), *options)
    sender = Sender(context, network)
    sums = [send_all(sender, scaled(40, 5)) for _ in range(2)]
    total = {key: [sum(one[key][i] for one in sums) for i in range(2)] for key in sums[0]}
    own = [total["opaque"][i] + total["plain"][i] for i in range(2)]
    expected = {**rows_of(INNER, INNER_TO, total["inner"]),
                **rows_of(INNER6, INNER6_TO, total["inner6"]), **rows_of(OUTER, OUTER_TO, own)}
    check_equal(counted(daemon, sender.sent), expected, "addresses")
    inner, opaque = total["inner"][0] + total["inner6"][0], total["opaque"][0]
    device = daemon.dump("--totals")["interfaces"][0]
    check_equal((device["account"], device["inner_packets"], device["tunnel_outer_packets"]),
                ("inner", inner, opaque), "dump --totals")
    text = daemon.ctl("status").stdout
    check(f"{inner} packets by the addresses inside a tunnel, {opaque} of tunnels by their own"
          in text, text)
    for name, number in (("inner", inner), ("tunnel_outer", opaque)):
        line = f'ipacct_interface_{name}_packets_total{{device="rx0",hook="xdp"}} {number}\n'
        wait_for(lambda line=line: line in ask(context, "/metrics"), line)
    context.note(f"{inner} inner, {opaque} opaque, {total['plain'][0]} plain")


@test(limit_s=60, guest=False)
def inner_addresses_of_every_tunnel(context):
    inner_addresses(context)


@test(limit_s=60, guest=False)
def inner_addresses_of_every_tunnel_without_a_hot_tier(context):
    inner_addresses(context, "--hot", "off")


@test(limit_s=60, guest=False)
def outer_addresses_unless_asked(context):
    network = Network(context)
    daemon = start(context, network, [{"name": "rx0"}])
    sender = Sender(context, network)
    sums = send_all(sender, 10)
    check_equal(counted(daemon, sender.sent), rows_of(OUTER, OUTER_TO, sums["outer"]), "addresses")
    device = daemon.dump("--totals")["interfaces"][0]
    check_equal((device["account"], device["inner_packets"], device["tunnel_outer_packets"]),
                ("outer", 0, 0), "dump --totals")


@test(limit_s=60, guest=False)
def packets_of_a_vxlan_device(context):
    """The kernel's own tunnel between the namespaces, neighbours fixed so that nobody asks."""
    network = Network(context)
    inner, inner_to, size, packets = "10.7.0.1", "10.7.0.2", 100, scaled(500, 50)
    there = network.sender
    for command in (("addr", "add", "10.6.0.1/24", "dev", "tx0"),
                    ("neigh", "add", "10.6.0.2", "lladdr", "02:00:00:00:00:02", "dev", "tx0"),
                    ("link", "add", "vx0", "type", "vxlan", "id", 42, "local", "10.6.0.1", "remote",
                     "10.6.0.2", "dstport", VXLAN, "dev", "tx0"),
                    ("addr", "add", f"{inner}/24", "dev", "vx0"), ("link", "set", "vx0", "up"),
                    ("neigh", "add", inner_to, "lladdr", "02:00:00:00:00:04", "dev", "vx0")):
        done = run("ip", "-n", there, *command, expect=None)
        if command[0] == "link" and "Unknown device type" in done.stderr:
            raise Skip("this kernel has no VXLAN devices")
        check_equal(done.returncode, 0, done.stderr)
    daemon = start(context, network, [{"name": "rx0", "account": "inner"}])
    link = call_inside(types.SimpleNamespace(receiver=there),
                       lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    context.callback(link.close)
    for _ in range(packets):
        link.sendto(bytes(size), (inner_to, 9))
    check_equal(counted(daemon, packets), rows_of(inner, inner_to, (packets, packets * (28 + size))),
                "addresses")
    device = daemon.dump("--totals")["interfaces"][0]
    check_equal((device["inner_packets"], device["tunnel_outer_packets"], device["seen_l2_bytes"]),
                (packets, 0, packets * (14 + 20 + 8 + 8 + 14 + 28 + size)), "totals")
