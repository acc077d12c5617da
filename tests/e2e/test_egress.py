# SPDX-License-Identifier: GPL-2.0-or-later
"""Departures at tc hooks are counted as the wire has them: super-packets, tunnels, tags."""

import os
import socket
import struct

from ends import chain, equal_ends, equal_totals, lines, settled_totals
from harness import Daemon, scaled
from tap import Skip, check, check_equal, test
from topology import Space, cable, finish

STREAM = scaled(8_000_000)


@test(limit_s=90, guest=True)
def departures_equal_the_arrivals_at_the_other_end(context):
    """TCP and UDP with and without GSO, fragments, small frames; IPv4 and IPv6."""
    here, there, out, arrive = chain(context)
    for address in ("192.0.2.2", "2001:db8::2"):
        sink = there.flow_start("sink", address, 7001, 1)
        here.flow("stream", address, 7001, STREAM)
        check_equal(finish(sink), str(STREAM), "octets of the stream")
        drain = there.flow_start("drain", address, 7002, 60)
        here.flow("segments", address, 7002, 20_100, 1200, 3)  # 17 datagrams each, the last of 900
        here.flow("datagrams", address, 7002, 1, 3)
        here.flow("datagrams", address, 7002, 1472, 3)
        here.flow("datagrams", address, 7002, 5000, 3)  # fragments
        check_equal(finish(drain), str(3 * (20_100 + 1 + 1472 + 5000)), "octets of datagrams")
    found = equal_ends(here, out, arrive)
    bundles = found["super_packets"]
    check(bundles["frames"] > scaled(50), f"hardly any super-packet: {bundles}")
    check(bundles["packets"] > 3 * bundles["frames"], f"small super-packets: {bundles}")
    context.note(f"{found['seen_packets']} packets, {bundles}")
    out.ctl("verify")


def frame(source, destination, payload_bytes, destination_mac="ff:ff:ff:ff:ff:ff"):
    """Ethernet, IPv4 and UDP (port 7003) as they are written by hand: no checksums."""
    head = bytes.fromhex(destination_mac.replace(":", "")) + bytes(6) + b"\x08\x00"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + payload_bytes, 0, 0, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(destination))
    return head + ip + struct.pack("!HHHH", 7003, 7003, 8 + payload_bytes, 0) + bytes(payload_bytes)


def tcp_frame(source, destination, payload_bytes):
    """The same with TCP, 12 octets of options."""
    head = b"\xff" * 6 + bytes(6) + b"\x08\x00"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 52 + payload_bytes, 0, 0, 64, 6, 0,
                     socket.inet_aton(source), socket.inet_aton(destination))
    tcp = struct.pack("!HHIIBBHHH", 7003, 7003, 1, 1, 0x80, 0x10, 512, 0, 0) + b"\x01" * 12
    return head + ip + tcp + bytes(payload_bytes)


VNET_TCP, VNET_UDP = 1, 5  # linux/virtio_net.h VIRTIO_NET_HDR_GSO_TCPV4, _UDP_L4


@test(limit_s=60)
def super_packets_of_a_guest_and_headers_in_fragments(context):
    """A packet socket with a virtio header: gso_segs is 0 (SKB_GSO_DODGY), and only the first octets
    of a frame are in its linear part."""
    here, there, out, arrive = chain(context, mtu=9000)
    # 7 segments of 1000 and one of 500; in the middle a frame of which only Ethernet is linear
    pair = "192.0.2.1", "192.0.2.2"
    here.flow("vnet", "a0", VNET_TCP, 1000, 66, tcp_frame(*pair, 7500).hex())
    here.flow("vnet", "a0", 0, 0, 14, frame(*pair, 8000).hex())
    here.flow("vnet", "a0", VNET_UDP, 1000, 42, frame(*pair, 7500).hex())
    found = equal_ends(here, out, arrive)
    there_rx = lines(out.dump())[("addresses", "192.0.2.2", 0)][2]
    check_equal(there_rx, 8 + 1 + 8, "packets to the far end")
    check_equal(found["super_packets"], {"frames": 2, "packets": 16,
                                         "added_l2_bytes": 7 * 66 + 7 * 42}, "super-packets")


def overlay(space, device, local, remote, inside, port=4789):
    """A VXLAN device over the cable; what it sends is cut by the stack behind the hook. With checksums
    of its own: else only a network card could tell GRO that they are right."""
    made = space.inside("ip", "link", "add", "vx0", "type", "vxlan", "id", 42, "local", local,
                        "remote", remote, "dstport", port, "udpcsum", "dev", device, expect=None)
    if "Unknown device type" in made.stderr:
        raise Skip("this kernel has no VXLAN devices")
    check_equal(made.returncode, 0, made.stderr)
    space.up("vx0", *inside)


def through_an_overlay(context, out, arrive, here, there, device, other):
    """TCP and UDP through VXLAN: the addresses inside, as departures and as arrivals."""
    overlay(there, other, "192.0.2.2", "192.0.2.1", ("10.7.0.2/24", "2001:db8:7::2/64"))
    overlay(here, device, "192.0.2.1", "192.0.2.2", ("10.7.0.1/24", "2001:db8:7::1/64"))
    for address in ("10.7.0.2", "2001:db8:7::2"):
        sink = there.flow_start("sink", address, 7001, 1)
        here.flow("stream", address, 7001, STREAM)
        check_equal(finish(sink), str(STREAM), "octets of the stream")
        drain = there.flow_start("drain", address, 7002, 6)
        here.flow("segments", address, 7002, 5100, 1200, 1)
        here.flow("datagrams", address, 7002, 100, 1)
        finish(drain)
    found = equal_ends(here, out, arrive)
    check(found["super_packets"]["frames"] > scaled(50), f"super-packets: {found['super_packets']}")
    check(found["inner_packets"] > found["super_packets"]["packets"], "packets inside a tunnel")
    rows = {address: row for (_, address, _), row in lines(out.dump()).items()}
    check(rows["10.7.0.1"][0] > STREAM // 1500, f"the inner address: {rows['10.7.0.1']}")
    check("192.0.2.1" not in rows or rows["192.0.2.1"][0] < 50, "the tunnel's own address")
    context.note(f"{found['inner_packets']} inside a tunnel, {found['super_packets']}")
    return rows


@test(limit_s=120)
def super_packets_inside_of_a_tunnel_count_for_the_addresses_inside(context):
    """account: inner at tc-egress and at the peer's XDP: equal to the octet."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0")
    ends = []
    for space, device, hook in ((here, "a0", "tc-egress"), (there, "b0", "xdp")):
        path = os.path.join(context.folder, f"{device}.yaml")
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: {device}, hooks: [{hook}], account: inner}}]\n")
        ends.append(Daemon(context, space, "-c", path, interface=None).start())
    there.up("b0", "192.0.2.2/24")
    here.up("a0", "192.0.2.1/24")
    through_an_overlay(context, *ends, here, there, "a0", "b0")


@test(limit_s=90)
def super_packets_of_a_tunnel_to_a_port_of_somebodys_own(context):
    """Departures by GSO, the same by XDP, and behind it by GRO: no port tells what is in them."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0")
    out = Daemon(context, here, interface="a0:tc-egress").start()
    arrive = Daemon(context, there, interface="b0").start()
    behind = Daemon(context, there, "--listen", "off", interface="b0:tc-ingress").start()
    there.inside("ethtool", "-K", "b0", "gro", "on")
    there.up("b0", "192.0.2.2/24")
    here.up("a0", "192.0.2.1/24")
    overlay(there, "b0", "192.0.2.2", "192.0.2.1", ("10.7.0.2/24",), 12345)
    overlay(here, "a0", "192.0.2.1", "192.0.2.2", ("10.7.0.1/24",), 12345)
    sink = there.flow_start("sink", "10.7.0.2", 7001, 1)
    here.flow("stream", "10.7.0.2", 7001, STREAM)
    check_equal(finish(sink), str(STREAM), "octets of the stream")
    drain = there.flow_start("drain", "10.7.0.2", 7002, 5)
    here.flow("segments", "10.7.0.2", 7002, 5100, 1200, 1)
    finish(drain)
    found = equal_ends(here, out, arrive)
    _, sums = settled_totals(behind, arrive)
    merged, apart = (one["interfaces"][0] for one in sums)
    equal_totals(merged, apart)
    for name, one in (("GSO", found), ("GRO", merged)):
        check(one["super_packets"]["frames"] > 50, f"{name}: {one['super_packets']}")


@test(limit_s=120, guest="one")
def vlan_domains_hold_for_super_packets_too(context):
    """A VLAN device above a0: its tag lies beside the frame at tc-egress, in it at the peer's XDP.
    Of a pair of tags the outer one decides. And plain packets, which the hot tier has met: those of
    the tag are not the interface's."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0")
    ends = []
    for space, device, hook in ((here, "a0", "tc-egress"), (there, "b0", "xdp")):
        # a veth that may hand tags over beside the frame hides them from the other end's XDP
        space.inside("ethtool", "-K", device, "txvlan", "off", "tx-vlan-stag-hw-insert", "off")
        path = os.path.join(context.folder, f"{device}.yaml")
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: {device}, hooks: [{hook}], domain: 1, "
                      "vlan_domains: {6: 8, 7: 9, 5: 10}, account: inner}]\n")
        ends.append(Daemon(context, space, "-c", path, interface=None).start())
    for space, device, number in ((there, "b0", 2), (here, "a0", 1)):
        space.up(device, f"192.0.2.{number}/24")
        made = space.inside("ip", "link", "add", "v7", "link", device, "type", "vlan", "id", 7,
                            expect=None)
        if "Unknown device type" in made.stderr:
            raise Skip("this kernel has no VLAN devices")
        check_equal(made.returncode, 0, made.stderr)
        space.up("v7", f"198.51.100.{number}/24")
        # a pair of tags: 802.1ad 6 outside, 802.1Q 5 inside
        space.inside("ip", "link", "add", "v6", "link", device, "type", "vlan", "proto", "802.1ad",
                     "id", 6)
        # 4 octets less: a veth of MTU 1500 takes frames of one tag more, not of two
        space.inside("ip", "link", "add", "v5", "link", "v6", "mtu", 1496, "type", "vlan", "id", 5)
        space.up("v6")
        space.up("v5", f"203.0.113.{number}/24")
    for address in ("192.0.2.2", "198.51.100.2", "203.0.113.2"):
        sink = there.flow_start("sink", address, 7001, 1)
        here.flow("stream", address, 7001, STREAM)
        check_equal(finish(sink), str(STREAM), "octets of the stream")
        drain = there.flow_start("drain", address, 7002, 40)
        here.flow("datagrams", address, 7002, 100, 40)
        finish(drain)
    equal_ends(here, *ends)
    found = {(address, domain) for (kind, address, domain) in lines(ends[0].dump())
             if kind == "addresses" and "." in address}
    check_equal(found, {("192.0.2.1", 1), ("192.0.2.2", 1), ("198.51.100.1", 9),
                        ("198.51.100.2", 9), ("203.0.113.1", 8), ("203.0.113.2", 8)},
                "addresses and their domains: of a pair of tags the outer one's")


@test(limit_s=60)
def a_guest_that_writes_a_short_length_pays_for_all(context):
    """The kernel cuts by the buffer and writes each length anew: a bridged guest may have said less."""
    here, _, out, arrive = chain(context, mtu=9000)
    for length in (52, 40, 600):
        raw = bytearray(tcp_frame("192.0.2.1", "192.0.2.2", 7500))
        raw[16:18] = length.to_bytes(2, "big")  # RFC 791 3.1: total length
        here.flow("vnet", "a0", VNET_TCP, 1000, 66, raw.hex())
    equal_ends(here, out, arrive)
    line = lines(out.dump())[("addresses", "192.0.2.2", 0)]
    check_equal(line[2:], (3 * 8, 3 * (7500 + 8 * 52)), "packets and octets to the far end")
