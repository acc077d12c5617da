# SPDX-License-Identifier: GPL-2.0-or-later
"""The tc hooks: departures counted as the wire has them, NAT-true clients, nothing twice."""

import json
import os
import socket
import struct

from harness import Daemon, Network, run, scaled
from tap import Skip, check, check_equal, test, wait_for
from topology import Space, cable, finish
from traffic import MIX, Traffic, settle

# How a tc hook is attached to where nobody says: tcx came with Linux 6.6.
LINKED = "tcx" if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 6) else "tc"

STREAM = scaled(8_000_000)
STRACE = "/usr/bin/strace"

# What is each end's own; all the rest of an entry must be equal at both ends of a cable.
OWN = ("ifname", "ifindex", "hook", "mode", "attach", "attached")


def lines(dump):
    """Every address and roll-up with its four counters."""
    return {(kind, line["address"] if kind == "addresses" else line["prefix"],
             line.get("domain", 0)):
            tuple(line[name] for name in ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes"))
            for kind in ("addresses", "rollups") for line in dump[kind]}


def settled(*daemons):
    """Cut all until nothing moves any more; their dumps."""
    before = [None]

    def quiet():
        for daemon in daemons:
            daemon.cut()
        now = [daemon.dump() for daemon in daemons]
        seen = [[one["seen_packets"] for one in dump["interfaces"]] for dump in now]
        if seen == before[0]:
            return now
        before[0] = seen
        return None

    return wait_for(quiet, "everything counted")


def totals(daemon):
    return json.loads(daemon.tool("ipacct-dump", "--totals", "-j").stdout)


def chain(context, attach="auto", mtu=1500):
    """a0 in one space, b0 in another; departures of a0 and arrivals at b0 are counted."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0", mtu)
    out = Daemon(context, here, "--attach", attach, interface="a0:tc-egress").start()
    arrive = Daemon(context, there, interface="b0").start()
    # the far end first: what a0 sends to a device that is down is lost
    there.up("b0", "192.0.2.2/24", "2001:db8::2/64")
    here.up("a0", "192.0.2.1/24", "2001:db8::1/64")
    return here, there, out, arrive


def equal_ends(here, out, arrive):
    sent, got = settled(out, arrive)
    check_equal(here.counter("a0", "tx_dropped"), 0, "the cable lost frames")
    one, other = sent["interfaces"][0], got["interfaces"][0]
    check_equal((one["hook"], other["hook"]), ("tc-egress", "xdp"), "hooks")
    a, b = totals(out)["interfaces"][0], totals(arrive)["interfaces"][0]
    for name in sorted(set(a) & set(b)):
        if name not in OWN:
            check_equal(a[name], b[name], f"{name} at both ends")
    check_equal(lines(sent), lines(got), "every address")
    return a


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


def overlay(context, space, device, local, remote, inside):
    """A VXLAN device over the cable; what it sends is cut by the stack behind the hook."""
    made = space.inside("ip", "link", "add", "vx0", "type", "vxlan", "id", 42, "local", local,
                        "remote", remote, "dstport", 4789, "dev", device, expect=None)
    if "Unknown device type" in made.stderr:
        raise Skip("this kernel has no VXLAN devices")
    check_equal(made.returncode, 0, made.stderr)
    space.up("vx0", *inside)


def through_an_overlay(context, out, arrive, here, there, device, other):
    """TCP and UDP through VXLAN: the addresses inside, as departures and as arrivals."""
    overlay(context, there, other, "192.0.2.2", "192.0.2.1", ("10.7.0.2/24", "2001:db8:7::2/64"))
    overlay(context, here, device, "192.0.2.1", "192.0.2.2", ("10.7.0.1/24", "2001:db8:7::1/64"))
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


@test(limit_s=120, guest="one")
def vlan_domains_hold_for_super_packets_too(context):
    """A VLAN device above a0: its tag lies beside the frame at tc-egress, in it at the peer's XDP.
    And plain packets, which the hot tier has met: those of the tag are not the interface's."""
    here, there = Space(context), Space(context)
    cable(here, "a0", there, "b0")
    ends = []
    for space, device, hook in ((here, "a0", "tc-egress"), (there, "b0", "xdp")):
        # a veth that may hand tags over beside the frame hides them from the other end's XDP
        space.inside("ethtool", "-K", device, "txvlan", "off")
        path = os.path.join(context.folder, f"{device}.yaml")
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: {device}, hooks: [{hook}], domain: 1, "
                      "vlan_domains: {7: 9}, account: inner}]\n")
        ends.append(Daemon(context, space, "-c", path, interface=None).start())
    for space, device, number in ((there, "b0", 2), (here, "a0", 1)):
        space.up(device, f"192.0.2.{number}/24")
        made = space.inside("ip", "link", "add", "v7", "link", device, "type", "vlan", "id", 7,
                            expect=None)
        if "Unknown device type" in made.stderr:
            raise Skip("this kernel has no VLAN devices")
        check_equal(made.returncode, 0, made.stderr)
        space.up("v7", f"198.51.100.{number}/24")
    for address in ("192.0.2.2", "198.51.100.2"):
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
                        ("198.51.100.2", 9)}, "addresses and their domains")


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


class Router:
    """clients c1, c2 — (lan) router (wan) — server; a daemon counts on the router."""

    def __init__(self, context, *interfaces, masquerade=True, start=True):
        self.router, self.server = Space(context, forward=True), Space(context)
        self.clients = [Space(context), Space(context)]
        cable(self.router, "wan0", self.server, "s0")
        for number, client in enumerate(self.clients):
            cable(self.router, f"port{number}", client, "c0")
        # One LAN port: clients hang on a switch of their own, the router sees one cable.
        switch = Space(context)
        cable(self.router, "lan0", switch, "up0")
        switch.inside("ip", "link", "add", "br0", "type", "bridge")
        for number in range(2):
            run("ip", "-n", self.router.receiver, "link", "set", f"port{number}", "netns",
                switch.receiver)
        for port in ("up0", "port0", "port1"):
            switch.inside("ip", "link", "set", port, "master", "br0")
            switch.inside("ip", "link", "set", port, "up")
        switch.inside("ip", "link", "set", "br0", "up")
        self.daemon = Daemon(context, self.router, *[word for one in interfaces
                                                     for word in ("-i", one)], interface=None)
        if start:
            self.daemon.start()
        self.router.up("lan0", "192.0.2.1/24")
        self.router.up("wan0", "198.51.100.1/24")
        self.server.up("s0", "198.51.100.2/24")
        for number, client in enumerate(self.clients):
            client.up("c0", f"192.0.2.1{number}/24")
            client.inside("ip", "route", "add", "default", "via", "192.0.2.1")
        if masquerade:
            self.router.inside("nft", "add table ip t; add chain ip t out { type nat hook"
                               " postrouting priority srcnat; }; add rule ip t out oifname wan0"
                               " masquerade")
        else:
            self.server.inside("ip", "route", "add", "default", "via", "198.51.100.1")


@test(limit_s=90)
def clients_behind_nat_have_their_own_upload_and_download(context):
    """Both hooks on the LAN port: what is counted for a client is what its own cable carried."""
    world = Router(context, "lan0:xdp,tc-egress")
    meters = []
    for number, client in enumerate(world.clients):
        arrive = Daemon(context, client, interface="c0:tc-ingress,tc-egress").start()
        meters.append(arrive)
        sink = world.server.flow_start("sink", "198.51.100.2", 7001 + number, 1)
        client.flow("stream", "198.51.100.2", 7001 + number, 1_000_000 * (number + 1))
        check_equal(finish(sink), str(1_000_000 * (number + 1)), "octets uploaded")
        server = world.server.flow_start("serve", "198.51.100.2", 7011 + number, 1)
        check_equal(client.flow("fetch", "198.51.100.2", 7011 + number, 3_000_000 * (number + 1)),
                    str(3_000_000 * (number + 1)), "octets downloaded")
        finish(server)
        drain = world.server.flow_start("drain", "198.51.100.2", 7021, 10)
        client.flow("datagrams", "198.51.100.2", 7021, 100 + number, 10)
        finish(drain)
    dumps = settled(world.daemon, *meters)
    router = {line["address"]: line for line in dumps[0]["addresses"]}
    for number, dump in enumerate(dumps[1:]):
        address = f"192.0.2.1{number}"
        own = {line["address"]: line for line in dump["addresses"]}[address]
        for name in ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes"):
            check_equal(router[address][name], own[name], f"{address} {name}")
        least = 1_000_000 * (number + 1)
        check(least < own["tx_l3_bytes"] < 1.5 * least + 300_000, f"upload {own}")
        check(3 * least < own["rx_l3_bytes"] < 3.3 * least, f"download {own}")
    check("198.51.100.1" not in router, "NAT's own address was seen on the LAN port")
    world.daemon.ctl("verify")


@test(limit_s=60)
def router_counts_what_it_forwards_once_by_default(context):
    """LAN and WAN, arrivals only: each datagram is counted where it arrives, to the last one."""
    world = Router(context, "lan0", "wan0", masquerade=False)
    client = world.clients[0]
    drain = world.server.flow_start("drain", "198.51.100.2", 7001, 40)
    client.flow("datagrams", "198.51.100.2", 7001, 200, 40)
    finish(drain)
    drain = client.flow_start("drain", "192.0.2.10", 7002, 30)
    world.server.flow("datagrams", "192.0.2.10", 7002, 300, 30)
    finish(drain)
    dump = settled(world.daemon)[0]
    found = {line["address"]: line for line in dump["addresses"]}
    check_equal({name: found["192.0.2.10"][name] for name in
                 ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")},
                {"tx_packets": 40, "tx_l3_bytes": 40 * 228, "rx_packets": 30,
                 "rx_l3_bytes": 30 * 328}, "the client")
    check_equal({name: found["198.51.100.2"][name] for name in ("tx_packets", "rx_packets")},
                {"tx_packets": 30, "rx_packets": 40}, "the server")


def datagrams_across(context, interfaces, before=lambda here, there: None):
    """40 datagrams there and 30 back between two stations on a box's two ports; the box's dump."""
    box, left, right = Space(context), Space(context), Space(context)
    cable(box, "p0", left, "l0")
    cable(box, "p1", right, "r0")
    before(box, left)
    words = [word for one in interfaces for word in ("-i", one)]
    daemon = Daemon(context, box, *words, interface=None).start()
    for device in ("p0", "p1"):
        box.up(device)
    left.up("l0", "192.0.2.1/24")
    right.up("r0", "192.0.2.2/24")
    for here, there, address, n in ((left, right, "192.0.2.2", 40), (right, left, "192.0.2.1", 30)):
        drain = there.flow_start("drain", address, 7001, n)
        here.flow("datagrams", address, 7001, 100, n)
        finish(drain)
    return daemon, settled(daemon)[0]


def bridge(box, _left):
    box.inside("ip", "link", "add", "br0", "type", "bridge")
    for device in ("p0", "p1"):
        box.inside("ip", "link", "set", device, "master", "br0")
    box.inside("ip", "link", "set", "br0", "up")


def check_once(dump):
    found = {line["address"]: (line["tx_packets"], line["rx_packets"])
             for line in dump["addresses"] if line["address"].startswith("192.")}
    check_equal(found, {"192.0.2.1": (40, 30), "192.0.2.2": (30, 40)}, "datagrams")


@test(limit_s=60)
def bridge_counts_what_passes_once(context):
    """Arrivals at both ports; or both directions of one port."""
    check_once(datagrams_across(context, ("p0", "p1"), bridge)[1])
    check_once(datagrams_across(context, ("p0:xdp,tc-egress",), bridge)[1])
    check_once(datagrams_across(context, ("p1:tc-ingress,tc-egress",), bridge)[1])
    daemon = datagrams_across(context, ("p0:tc-egress", "p1:tc-egress"), bridge)[0]
    check_once(daemon.dump())
    daemon.ctl("verify")


@test(limit_s=60)
def macvlan_is_counted_at_the_device_below(context):
    """Both directions of the lower device; macvlan above it in a namespace of its own."""
    below, above, other = Space(context), Space(context), Space(context)
    cable(below, "p0", other, "o0")
    made = below.inside("ip", "link", "add", "m0", "link", "p0", "type", "macvlan", "mode",
                        "bridge", expect=None)
    if made.returncode:
        raise Skip(f"no macvlan in this kernel: {made.stderr.strip()}")
    run("ip", "-n", below.receiver, "link", "set", "m0", "netns", above.receiver)
    daemon = Daemon(context, below, interface="p0:xdp,tc-egress").start()
    below.up("p0")
    above.up("m0", "192.0.2.1/24")
    other.up("o0", "192.0.2.2/24")
    for here, there, address, n in ((above, other, "192.0.2.2", 40), (other, above, "192.0.2.1", 30)):
        drain = there.flow_start("drain", address, 7001, n)
        here.flow("datagrams", address, 7001, 100, n)
        finish(drain)
    check_once(settled(daemon)[0])


@test(limit_s=60)
def tun_has_both_directions_without_ethernet(context):
    """A device without XDP and without Ethernet: packets go to and come from a process."""
    space = Space(context)
    space.inside("ip", "tuntap", "add", "t0", "mode", "tun")
    daemon = Daemon(context, space, interface="t0:tc-ingress,tc-egress").start()
    space.up("t0", "192.0.2.1/24", "2001:db8::1/64")
    echo = space.flow_start("tun", "t0", 25)
    for far, near, n in (("192.0.2.9", "192.0.2.1", 20), ("2001:db8::9", "2001:db8::1", 5)):
        drain = space.flow_start("drain", near, 7001, n)
        space.flow("datagrams", far, 7001, 100, n)
        finish(drain)
    check_equal(finish(echo), "25", "datagrams that came out of the device")
    dump = settled(daemon)[0]
    found = {line["address"]: tuple(line[name] for name in ("tx_packets", "tx_l3_bytes",
                                                           "rx_packets", "rx_l3_bytes"))
             for line in dump["addresses"] if line["address"].endswith("9")}
    check_equal(found, {"192.0.2.9": (20, 20 * 128, 20, 20 * 128),
                        "2001:db8::9": (5, 5 * 148, 5, 5 * 148)}, "the far end")
    for one in dump["interfaces"]:
        check_equal(one["seen_l2_bytes"], one["accounted_l3_bytes"], f"{one['hook']}: no Ethernet")
    check_equal(sorted(one["hook"] for one in dump["interfaces"]), ["tc-egress", "tc-ingress"],
                "hooks")
    daemon.ctl("verify")


# A frame that ends inside its tag is dropped by the stack before the hook (skb_vlan_untag()).
INGRESS_MIX = MIX.replace("short2,", "")


@test(limit_s=90)
def every_kind_of_frame_is_the_generators_at_tc_ingress(context):
    """Tags too: the stack takes them out of the frame before the hook, on the wire they are."""
    network = Network(context)
    daemon = Daemon(context, network, interface="rx0:tc-ingress").start()
    # slowly: what the backlog of a CPU drops never comes to the hook
    traffic = Traffic(context, network, packets=scaled(60_000), addresses=2000, rate=30_000,
                      mix=INGRESS_MIX).start()
    traffic.finish()
    dump = settle(daemon, traffic)
    check_equal([(one["hook"], one["mode"]) for one in dump["interfaces"]],
                [("tc-ingress", "stack")], "hook")
    traffic.compare(daemon)


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


CONFIG = """interfaces:
  - name: lan0
    hooks: [xdp, tc-egress]
  - {name: wan0, hooks: [xdp]%s}
"""


@test(limit_s=60)
def what_would_count_twice_is_refused_where_it_is_written(context):
    space = Space(context)
    for device in ("lan0", "wan0"):
        cable(space, device, Space(context), "x0")
    path = os.path.join(context.folder, "ipacctd.yaml")

    def write(text):
        with open(path, "w", encoding="ascii") as out:
            out.write(text)

    daemon = Daemon(context, space, "-c", path, interface=None)
    write(CONFIG % "")
    daemon.refuse(code=78, words=[f"{path}:4:25:", "lan0", "wan0", "domain", "forwarded_twice"])
    daemon.refuse("--check-config", code=78, words=[f"{path}:4:25:"])
    write("interfaces: [{name: lan0, hooks: [xdp, tc-ingress]}]\n")
    daemon.refuse(code=78, words=[f"{path}:1:34:", "lan0", "tc-ingress"])
    write("interfaces: [{name: lan0, hooks: [xdp, egress]}]\n")
    daemon.refuse(code=78, words=[f"{path}:1:40:", "egress", "tc-egress"])
    write("interfaces: [{name: lan0, hooks: []}]\n")
    daemon.refuse(code=78, words=[f"{path}:1:34:", "empty"])
    write("{}")
    daemon.refuse("-i", "lan0:tc-egress", "-i", "wan0", code=78, words=["lan0", "wan0"])
    daemon.refuse("-i", "lan0:egress", code=2, words=["egress", "tc-egress"])
    for way_out in (", domain: 7", ", forwarded_twice: yes"):
        write(CONFIG % way_out)
        run(*daemon.command("--check-config"))
    daemon.start()
    before = [(one["ifname"], one["hook"], one["prog_id"]) for one in daemon.status()["programs"]]
    check_equal([one[:2] for one in before],
                [("lan0", "xdp"), ("lan0", "tc-egress"), ("wan0", "xdp")], "hooks")
    write(CONFIG % "")
    done = daemon.ctl("reload", expect=None)
    check_equal(done.returncode, 78, f"exit code of a reload: {done.stderr}")
    check(f"{path}:4:25:" in done.stderr + daemon.log(), "no position")
    check_equal([(one["ifname"], one["hook"], one["prog_id"])
                 for one in daemon.status()["programs"]], before, "programs after it")
    write("interfaces: [{name: lan0}, {name: wan0}]\n")
    daemon.ctl("reload")
    check_equal([(one["ifname"], one["hook"], one["state"])
                 for one in daemon.status()["programs"]],
                [("lan0", "xdp", "attached"), ("lan0", "tc-egress", "detached"),
                 ("wan0", "xdp", "attached")], "a hook that is not listed any more")


@test(limit_s=60)
def arrivals_move_to_another_hook_only_after_a_detach(context):
    """For the moment in which both were attached every packet would be counted twice."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    path = os.path.join(context.folder, "ipacct.yaml")

    def configure(hooks):
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: a0, hooks: {hooks}}}]\n")

    configure("[xdp]")
    daemon = Daemon(context, space, "-c", path, interface=None).start()
    for old, new in (("xdp", "[tc-ingress, tc-egress]"), ("tc-ingress", "[xdp]")):
        configure(new)
        done = daemon.ctl("reload", expect=78)
        check(f"a0 counts arrivals at {old}" in done.stderr and "detach a0" in done.stderr,
              done.stderr)
        check_equal([one["hook"] for one in daemon.status()["programs"]
                     if one["state"] == "attached" and one["hook"] != "tc-egress"], [old], "hook")
        daemon.ctl("detach", "a0")
        daemon.process.wait(10)  # nothing is left to count
        daemon.start()
        check_equal({one["hook"] for one in daemon.status()["programs"]
                     if one["state"] == "attached"}, set(new.strip("[]").split(", ")), "hooks then")


@test(limit_s=60)
def an_unconfirmed_start_takes_back_its_own_hook_only(context):
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    daemon = Daemon(context, space, interface="a0:xdp").start()
    daemon.stop()
    daemon.options[daemon.options.index("a0:xdp")] = "a0:xdp,tc-egress"
    daemon.start("--confirm", "1")
    daemon.process.wait(20)
    check_equal(daemon.process.returncode, 1, "exit code of a start that was not confirmed")
    states = {one["hook"]: one["state"] for one in daemon.dump("--totals")["interfaces"]}
    check_equal(states, {"xdp": "attached", "tc-egress": "detached"}, "hooks")
    check("prog/xdp" in space.inside("ip", "link", "show", "a0").stdout, "XDP is gone")


@test(limit_s=60)
def what_was_attached_before_may_not_count_twice_either(context):
    """Not configured any more, it goes on; beside arrivals at another port it is refused by name."""
    space = Space(context)
    for device in ("lan0", "wan0"):
        cable(space, device, Space(context), "x0")
    daemon = Daemon(context, space, interface="lan0:xdp,tc-egress").start()
    daemon.stop()
    daemon.options[daemon.options.index("lan0:xdp,tc-egress")] = "wan0"
    before = daemon.place.pins()
    daemon.refuse(code=1, words=["lan0", "wan0", "tc-egress", "ipacctctl detach lan0"])
    check_equal(daemon.place.pins(), before, "pins")
    daemon.ctl("detach", "lan0")
    daemon.start()
    check_equal([(one["ifname"], one["state"]) for one in daemon.status()["programs"]],
                [("lan0", "detached"), ("lan0", "detached"), ("wan0", "attached")], "programs")


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


@test(limit_s=60)
def what_was_attached_and_is_gone_may_not_come_back_to_count_twice(context):
    space = Space(context)
    for device in ("lan0", "wan0"):
        cable(space, device, Space(context), "x0")
    daemon = Daemon(context, space, interface="lan0:xdp,tc-egress").start()
    daemon.stop()
    space.inside("ip", "link", "del", "lan0")
    daemon.options[daemon.options.index("lan0:xdp,tc-egress")] = "wan0"
    daemon.refuse(code=1, words=["lan0", "wan0", "tc-egress", "ipacctctl detach lan0"])
    daemon.ctl("detach", "lan0")
    daemon.start()


@test(limit_s=60)
def what_a_filter_of_before_counts_is_not_counted_above_it(context):
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    space.inside("ip", "link", "add", "br0", "type", "bridge")
    space.inside("ip", "link", "set", "a0", "master", "br0")
    for attach in ("auto", "tc"):
        daemon = Daemon(context, space, "--attach", attach, interface="a0:tc-ingress").start()
        daemon.stop()
        daemon.options[daemon.options.index("a0:tc-ingress")] = "br0:tc-ingress"
        daemon.refuse(code=1, words=["br0 lies above a0"])
        daemon.ctl("detach")
