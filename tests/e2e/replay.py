# SPDX-License-Identifier: GPL-2.0-or-later
"""A pcap with something of everything, written by scapy, and a reader of it that shares nothing
with ipacct: struct only, written from the RFCs and the list of reasons in ipacct/counters.h."""

import collections
import ipaddress
import random
import struct

PCAP_HEADER_BYTES = 24  # pcap-savefile(5)
RECORD_HEADER_BYTES = 16
TAGS = (0x8100, 0x88A8, 0x9100)
TAGS_MAX, LABELS_MAX, EXTENSIONS_MAX = 4, 8, 8  # xdp/bpf/parse.h
EXTENSIONS = (0, 43, 44, 51, 60, 135, 139, 140)  # IANA protocol numbers


class Ignored(Exception):
    """Seen, not accounted; the text is the reason."""


class Account:
    """What a pcap holds."""

    def __init__(self):
        self.packets = self.l2_bytes = 0
        self.ignored = collections.Counter()
        self.addresses = {}

    def add(self, frame):
        self.packets += 1
        self.l2_bytes += len(frame)
        try:
            source, target, l3_bytes = addresses_of(frame)
        except Ignored as reason:
            self.ignored[str(reason)] += 1
            return
        for address, slot in ((source, 0), (target, 2)):
            counters = list(self.addresses.get(address, (0, 0, 0, 0)))
            counters[slot] += 1
            counters[slot + 1] += l3_bytes
            self.addresses[address] = tuple(counters)


def take(frame, at, form, reason):
    if at + struct.calcsize(form) > len(frame):
        raise Ignored(reason)
    return struct.unpack_from(form, frame, at)


def mpls(frame, at):
    for _ in range(LABELS_MAX):
        label, = take(frame, at, "!I", "truncated_l2")
        at += 4
        if label & 0x100:  # RFC 3032 2.1: bottom of stack
            first, = take(frame, at, "!B", "truncated_l2")
            if first >> 4 not in (4, 6):
                raise Ignored("mpls_payload")
            return at, first >> 4
    raise Ignored("mpls_depth")


def network_layer(frame):
    """(offset of the IP header, 4 or 6)"""
    at, tags = 12, 0
    while True:
        kind, = take(frame, at, "!H", "truncated_l2")
        at += 2
        if kind not in TAGS:
            break
        tags += 1
        if tags > TAGS_MAX:
            raise Ignored("vlan_depth")
        take(frame, at, "!H", "truncated_l2")
        at += 2
    if kind < 0x600:
        raise Ignored("llc")
    if kind == 0x0806:
        raise Ignored("arp")
    if kind in (0x8847, 0x8848):
        return mpls(frame, at)
    if kind == 0x8864:
        protocol, = take(frame, at + 6, "!H", "truncated_l2")
        if protocol not in (0x0021, 0x0057):
            raise Ignored("pppoe_control")
        return at + 8, 4 if protocol == 0x0021 else 6
    if kind in (0x0800, 0x86DD):
        return at, 4 if kind == 0x0800 else 6
    raise Ignored("other_ethertype")


def ipv4(frame, at):
    take(frame, at, "!20s", "truncated_l3")
    first, _, total = struct.unpack_from("!BBH", frame, at)
    header = (first & 15) * 4
    if first >> 4 != 4:
        raise Ignored("bad_ip_version")
    if header < 20:
        raise Ignored("bad_ihl")
    if at + header > len(frame):
        raise Ignored("truncated_l3")
    if total and total < header:
        raise Ignored("bad_length")
    room = len(frame) - at
    return frame[at + 12:at + 16], frame[at + 16:at + 20], min(total or room, room)


def ipv6(frame, at):
    take(frame, at, "!40s", "truncated_l3")
    first, payload, following = struct.unpack_from("!BxxxHB", frame, at)
    if first >> 4 != 6:
        raise Ignored("bad_ip_version")
    room = len(frame) - at
    l3_bytes = room if payload == 0 and following == 0 else min(40 + payload, room)
    extension, count = at + 40, 0
    while following in EXTENSIONS:
        count += 1
        if count > EXTENSIONS_MAX:
            raise Ignored("ipv6_ext_depth")
        if following == 44:
            following, _, offset = take(frame, extension, "!BBHxxxx", "truncated_l3")
            extension += 8
            if offset >> 3:
                break
            continue
        unit, more = (4, 2) if following == 51 else (8, 1)
        following, length = take(frame, extension, "!BB", "truncated_l3")
        extension += (length + more) * unit
    return frame[at + 8:at + 24], frame[at + 24:at + 40], l3_bytes


def text_of(address):
    """::ffff:a.b.c.d inside IPv6 is counted under a.b.c.d: xdp/README.md."""
    address = ipaddress.ip_address(address)
    return str(getattr(address, "ipv4_mapped", None) or address)


def addresses_of(frame):
    """(source, destination, bytes of IP header and payload) or Ignored."""
    at, family = network_layer(frame)
    source, target, l3_bytes = (ipv4 if family == 4 else ipv6)(frame, at)
    return text_of(source), text_of(target), l3_bytes


def account_of_pcap(path):
    account = Account()
    with open(path, "rb") as file:
        data = file.read()
    at = PCAP_HEADER_BYTES
    while at < len(data):
        captured, = struct.unpack_from("=I", data, at + 8)
        at += RECORD_HEADER_BYTES
        account.add(data[at:at + captured])
        at += captured
    return account


def shapes(draw):
    """One frame of each shape as scapy layers, addresses drawn anew (RFC 5737, RFC 3849)."""
    # pylint: disable=import-outside-toplevel,no-name-in-module  # slow to load, not in the guest
    from scapy.contrib.mpls import MPLS
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
    from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                    IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
    from scapy.layers.ipsec import AH, ESP
    from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Dot3, Ether, GRE, LLC, STP
    from scapy.layers.ppp import PPP, PPPoE
    from scapy.packet import Raw

    def four(**more):
        return IP(src=f"198.51.100.{draw.randrange(256)}", dst=f"203.0.113.{draw.randrange(256)}",
                  **more)

    def six(**more):
        return IPv6(src=f"2001:db8::{draw.randrange(400):x}",
                    dst=f"2001:db8:1::{draw.randrange(400):x}", **more)

    def body(least=0, most=1400):
        return Raw(bytes(draw.randrange(least, most)))

    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return [
        ether / four() / UDP() / body(),
        ether / four() / TCP() / body(),
        ether / four() / ICMP() / body(),
        ether / four() / GRE() / body(),
        ether / four(options=[IPOption_NOP()] * 8) / UDP() / body(),
        ether / four(flags="MF", frag=0) / body(8),
        ether / four(frag=185) / body(8),
        ether / four(len=28) / UDP() / body(18, 40),  # padded
        ether / four(len=0) / UDP() / body(),
        ether / four(len=60000) / UDP() / body(),
        ether / four(version=5) / UDP(),
        ether / four(ihl=4) / UDP(),
        ether / four(ihl=15, len=100) / UDP(),
        ether / four(len=12) / UDP(),
        ether / six() / UDP() / body(),
        ether / six() / TCP() / body(),
        ether / six() / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt() / UDP(),
        ether / six() / IPv6ExtHdrFragment(m=1, offset=0, nh=17) / body(8),
        ether / six() / IPv6ExtHdrFragment(offset=181, nh=17) / body(8),
        ether / six() / IPv6ExtHdrFragment(nh=17) / UDP() / body(),
        ether / six() / AH(nh=6, payloadlen=4, icv=b"0" * 12) / TCP() / body(),
        ether / six() / ESP(spi=1) / body(16),
        ether / six(nh=59) / body(),
        ether / six(version=4) / UDP(),
        ether / six(nh=60) / Raw(b"\x3c\0\1\4\0\0\0\0" * 9 + b"\x11\0" * 8),
        ether / six(nh=60, plen=8) / Raw(b"\x2c"),
        ether / Dot1Q(vlan=10) / four() / UDP() / body(),
        ether / Dot1AD(vlan=20) / Dot1Q(vlan=10) / six() / UDP() / body(),
        ether / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / Dot1Q(vlan=4) / four() / UDP(),
        ether / Dot1Q() / Dot1Q() / Dot1Q() / Dot1Q() / Dot1Q() / four() / UDP(),
        ether / PPPoE(sessionid=7) / Raw(b"\x00\x21") / four() / UDP() / body(),
        ether / PPPoE(sessionid=7) / Raw(b"\x00\x57") / six() / UDP() / body(),
        ether / PPPoE(sessionid=7) / PPP(proto=0xC021) / body(20, 40),
        ether / MPLS(label=16, s=0) / MPLS(label=17, s=1) / four() / UDP() / body(),
        ether / MPLS(label=18, s=1) / six() / UDP() / body(),
        Ether(src=ether.src, dst=ether.dst, type=0x8847) / Raw(b"\0\1\0\x40" * 9 + bytes(40)),
        Ether(src=ether.src, dst=ether.dst, type=0x8847) / Raw(b"\0\1\1\x40" + bytes(40)),
        ether / ARP(psrc="192.0.2.1", pdst="192.0.2.2") / Raw(bytes(18)),
        Dot3(src=ether.src, dst="01:80:c2:00:00:00") / LLC() / STP() / Raw(bytes(8)),
        Ether(src=ether.src, dst=ether.dst, type=0x88CC) / body(46, 100),
        Ether(src=ether.src, dst=ether.dst, type=0x0800) / Raw(b"\x45\0\0\x14" + bytes(12)),
        Ether(src=ether.src, dst=ether.dst, type=0x86DD) / Raw(b"\x60" + bytes(20)),
        ether / four() / UDP() / Raw(bytes(8000)),  # jumbo
    ]


def write_mixed_pcap(path, n_frames, seed=1):
    """A pcap of n_frames: every shape with many addresses, plus frames cut short."""
    draw = random.Random(seed)
    pool = []
    while len(pool) < n_frames // 20:
        for packet in shapes(draw):
            frame = bytes(packet)
            pool.append(frame)
            # The wire carries 14 bytes at least; below that the kernel refuses to send.
            pool.append(frame[:draw.randrange(14, min(len(frame), 90) + 1)])
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(n_frames):
            frame = pool[draw.randrange(len(pool))]
            file.write(struct.pack("=IIII", 1, number, len(frame), len(frame)) + frame)
