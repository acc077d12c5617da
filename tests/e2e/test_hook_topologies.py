# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks on a router, a bridge, a macvlan and a tun device: NAT-true clients, and nothing twice."""

from ends import INGRESS_MIX, settled
from harness import Daemon, Network, run, scaled
from tap import Skip, check, check_equal, test
from topology import Space, cable, finish
from traffic import Traffic, settle


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


@test(limit_s=60)
def xdp_is_refused_where_frames_begin_with_ip(context):
    """In generic mode any device takes a program, and hands it what is no Ethernet."""
    space = Space(context)
    space.inside("ip", "tuntap", "add", "t0", "mode", "tun")
    for mode in ("generic", "native"):
        daemon = Daemon(context, space, "--mode", mode, interface="t0")
        daemon.refuse(code=1, words=["t0", "begin with IP", "-i t0:tc-ingress"])
        check("xdp" not in space.inside("ip", "-d", "link", "show", "t0").stdout, "it is attached")


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
