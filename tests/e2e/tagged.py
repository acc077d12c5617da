# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames with tags by a packet socket, and what each accounting domain must have of them."""

import json
import os
import socket
import struct
import types

import frames
from scrape import call_inside
from tap import check_equal, wait_for

SOURCE, DESTINATION = "192.0.2.1", "198.51.100.2"
SOURCE6, DESTINATION6 = "2001:db8::1", "2001:db8::2"
TYPE_Q, TYPE_AD = 0x8100, 0x88A8  # IEEE 802.1Q 9.5


def ip_packet(length, ipv6=False):
    """A UDP packet of that many octets; no checksum, since nobody receives it."""
    if ipv6:
        return struct.pack("!IHBB", 0x60000000, length - 40, 17, 64) + \
            socket.inet_pton(socket.AF_INET6, SOURCE6) + \
            socket.inet_pton(socket.AF_INET6, DESTINATION6) + bytes(length - 40)
    return struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, 17, 0) + \
        socket.inet_aton(SOURCE) + socket.inet_aton(DESTINATION) + bytes(length - 20)


def frame(length, tags=(), ipv6=False):
    """Ethernet with (type, id) tags, outermost first."""
    header = bytes.fromhex("020000000002020000000001")
    for kind, vid in tags:
        header += struct.pack("!HH", kind, vid)
    return header + struct.pack("!H", 0x86DD if ipv6 else 0x0800) + ip_packet(length, ipv6)


class Sender:
    """A packet socket on a device of the sender's namespace."""

    def __init__(self, context, network, device="tx0"):
        there = types.SimpleNamespace(receiver=network.sender)
        self.socket = call_inside(there, lambda: frames.packet_socket(device))
        context.callback(self.socket.close)
        self.sent = 0

    def send(self, octets, times=1):
        for _ in range(times):
            frames.send(self.socket, octets)
        self.sent += times


def config_of(place, interfaces, interval="100ms"):
    lines = "".join(f"  - {json.dumps(entry)}\n" for entry in interfaces)
    path = os.path.join(place.base, "ipacct.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"interval: {interval}\ninterfaces:\n{lines}")
    return path


def vlans(mapping):
    """{100: 7} as the file has it; JSON knows text keys only, and YAML takes them."""
    return {str(ids): domain for ids, domain in mapping.items()}


def counted(daemon, sent, limit_s=10):
    """Wait until everything is counted; the dump by (address, domain)."""
    wait_for(lambda: daemon.cut() and daemon.seen() >= sent, "counting", limit_s)
    daemon.cut()
    dump = daemon.dump()
    check_equal(sum(one["seen_packets"] for one in dump["interfaces"]), sent, "seen")
    check_equal(dump["rollups"], [], "roll-ups")
    daemon.ctl("verify")
    return {(one["address"], one["domain"]): (one["tx_packets"], one["tx_l3_bytes"],
                                              one["rx_packets"], one["rx_l3_bytes"])
            for one in dump["addresses"]}


def expected(amounts):
    """{domain: (packets, octets)} of IPv4 from SOURCE to DESTINATION, as counted() has it."""
    rows = {}
    for domain, (packets, octets) in amounts.items():
        rows[SOURCE, domain] = (packets, octets, 0, 0)
        rows[DESTINATION, domain] = (0, 0, packets, octets)
    return rows
