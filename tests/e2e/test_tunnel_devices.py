# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own tunnels between two namespaces: the cable below them by the tunnel's addresses
and by those inside, the devices themselves at tc hooks, and what the kernel says that it received.

In a guest of tests/vm, which has the modules."""

import json
import os

from ends import equal_totals, lines, settled_totals
from harness import Daemon, Place, run, scaled
from sockets import bulk, datagrams
from tap import Skip, check, check_equal, test
from test_domains import config_of
from test_tunnels import VXLAN
from topology import Space, cable

STREAM = scaled(8_000_000, 400_000)
HERE, THERE = "192.0.2.1", "192.0.2.2"
DATAGRAMS = 12 * (100,)
SUPER, SEGMENT = (5100,), 1200  # five datagrams, the last one short
MTU = 1400  # of all: whoever knows no device below begins with 1500, and the cable has fragments
MAC = "02:00:00:00:%02x:%02x"


def tunnels(local, remote):
    """ip link add NAME type … for each kind; WireGuard gets its keys later."""
    ends = ("local", local, "remote", remote)
    return {"vxlan": ("id", 42, *ends, "dstport", VXLAN), "geneve": ("id", 43, "remote", remote),
            "gretap": ends, "gre": (*ends, "key", 7), "ipip": ends, "sit": ends, "wireguard": ()}


ETHERNET = ("vxlan", "geneve", "gretap")
# What `account: inner` cannot look into; what carries IPv6 only.
OPAQUE, ONLY6 = ("wireguard",), ("sit",)


def device_of(kind):
    return kind + "9"  # "0" is what modules of the kernel call their own


def inside(number, kind, end):
    """Addresses in a tunnel, of TCP and of UDP: only known datagrams have the second one."""
    if kind in ONLY6:
        return f"2001:db8:{number}::{end}", f"2001:db8:{number}::{end + 2}"
    return f"10.7.{number}.{end}", f"10.7.{number}.{end + 2}"


def make_tunnel(space, kind, number, end, words):
    """Down; the test asks for what this kernel must have."""
    device = device_of(kind)
    address = ("address", MAC % (number, end)) if kind in ETHERNET else ()
    made = space.inside("ip", "link", "add", device, "mtu", MTU, *address, "type", kind, *words,
                        expect=None)
    if "Unknown device type" in made.stderr:
        raise Skip(f"this kernel has no {kind} devices")
    check_equal(made.returncode, 0, f"{kind}: {made.stderr}")
    if kind in ONLY6:
        space.sysctl(f"ipv6/conf/{device}/disable_ipv6", 0)
    for one in inside(number, kind, end):
        family = ("nodad",) if ":" in one else ()
        space.inside("ip", "address", "add", one + ("/64" if family else "/24"), "dev", device,
                     *family)


def make_keys(context, ends):
    """Both ends of the WireGuard tunnel know each other."""
    keys = [os.path.join(context.folder, f"key{end}") for end in (1, 2)]
    public = [run("sh", "-ec", f"umask 077; wg genkey >{key}; wg pubkey <{key}").stdout.strip()
              for key in keys]
    for end, space in enumerate(ends, 1):
        space.inside("wg", "set", device_of("wireguard"), "private-key", keys[end - 1],
                     "listen-port", 51820, "peer", public[2 - end], "allowed-ips", "10.7.0.0/16",
                     "endpoint", f"192.0.2.{3 - end}:51820")


def kernel_received(space, device):
    """Packets and octets that the kernel counted at a device."""
    words = space.inside("cat", "/proc/net/dev").stdout.split(f"{device}:")[1].split()
    return int(words[1]), int(words[0])


def by_slot(sums):
    return {(one["ifname"], one["hook"]): one for one in sums["interfaces"]}


class World:
    """here —(a0 b0)— there, a tunnel of each kind between them.

    `outer` counts a0 by the tunnels' own addresses and each tunnel device in a domain of its own;
    `inner` counts b0 by the addresses inside."""

    def __init__(self, context, kinds):
        self.context = context
        self.kinds = dict(zip(kinds, range(10, 100)))
        self.ends = self.here, self.there = Space(context), Space(context)
        for space in self.ends:
            space.sysctl("ipv6/conf/all/disable_ipv6", 1)
            space.sysctl("ipv6/conf/default/disable_ipv6", 1)
        cable(self.here, "a0", self.there, "b0")
        for end, space, device in ((1, self.here, "a0"), (2, self.there, "b0")):
            space.up(device, f"192.0.2.{end}/24")
            for kind, number in self.kinds.items():
                words = tunnels(*((HERE, THERE) if end == 1 else (THERE, HERE)))[kind]
                make_tunnel(space, kind, number, end, words)
        if "wireguard" in self.kinds:
            make_keys(context, self.ends)
        self.outer = self.daemon(self.here, [{"name": "a0", "hooks": ["xdp", "tc-egress"],
                                              "domain": 1}] + [
            {"name": device_of(kind), "hooks": ["tc-ingress", "tc-egress"], "domain": number}
            for kind, number in self.kinds.items()])
        self.inner = self.daemon(self.there, [{"name": "b0", "hooks": ["xdp", "tc-egress"],
                                               "account": "inner"}])
        for space, device in ((self.here, "a0"), (self.there, "b0")):
            # so that the kernel's own counters above are those of packets
            space.inside("ethtool", "-K", device, "gro", "off")
        for kind, number in self.kinds.items():
            for end, space in ((2, self.there), (1, self.here)):
                space.inside("ip", "link", "set", device_of(kind), "up")
                for other in inside(number, kind, 3 - end) if kind in ETHERNET else ():
                    # fixed, so that nobody asks for it
                    space.inside("ip", "neigh", "add", other, "lladdr", MAC % (number, 3 - end),
                                 "dev", device_of(kind))

    def daemon(self, space, interfaces):
        place = Place(self.context)
        daemon = Daemon(self.context, space, place=place, interface=None)
        daemon.options = ["-c", config_of(place, interfaces, "1s")]
        return daemon.start(limit_s=30)

    def traffic(self, kind):
        """TCP both ways, datagrams both ways; what is known of the datagrams' addresses."""
        number = self.kinds[kind]
        (one, one_udp), (two, two_udp) = inside(number, kind, 1), inside(number, kind, 2)
        bulk(self.context, self.here, self.there, (one, two), STREAM)
        bulk(self.context, self.there, self.here, (two, one), STREAM // 2)
        packets = octets = 0
        for sizes, segment in ((DATAGRAMS, None), (SUPER, SEGMENT)):
            for ends, pair in ((self.ends, (one_udp, two_udp)),
                               (self.ends[::-1], (two_udp, one_udp))):
                sent = datagrams(self.context, *ends, pair, sizes, segment)
            packets, octets = packets + sent[0], octets + sent[1]
        octets += packets * (48 if kind in ONLY6 else 28)  # RFC 8200 3, RFC 791 3.1; RFC 768
        return {address: (packets, octets, packets, octets) for address in (one_udp, two_udp)}


# What the totals have by the addresses that count: others inside than outside.
BY_ADDRESS = ("accounted_l3_bytes", "families", "protocols", "inner_packets",
              "tunnel_outer_packets", "first_fragments", "other_fragments", "account", "domain")


def check_cable(world, outer, inner, dump):
    """Both ends saw the same frames; all of them were the tunnels' own and are counted as that."""
    for here, there in (("tc-egress", "xdp"), ("xdp", "tc-egress")):
        equal_totals(outer["a0", here], inner["b0", there], f"at a0 {here}, b0 {there}", BY_ADDRESS)
    found = {address: row for (_, address, domain), row in lines(dump).items() if domain == 1}
    check_equal(set(found), {HERE, THERE}, "the tunnels' addresses")
    for address, tx, rx in ((HERE, "tc-egress", "xdp"), (THERE, "xdp", "tc-egress")):
        wanted = []
        for hook in (tx, rx):
            packets = outer["a0", hook]["accounted_packets"]
            ignored = outer["a0", hook]["ignored"]
            check_equal({name for name, n in ignored.items() if n} - {"arp"}, set(), "ignored")
            octets = outer["a0", hook]["accounted_l2_bytes"] - 14 * packets
            wanted += [packets, octets]
        check_equal(found[address], tuple(wanted), f"{address} in the tunnels' own packets")
    for space, device in ((world.here, "a0"), (world.there, "b0")):
        check_equal(space.counter(device, "tx_dropped"), 0, "the cable lost frames")


def check_tunnel(world, kind, outer, dumps, known):
    """The device's hooks, the addresses inside as b0 has them, what is known, and the kernel."""
    number, device = world.kinds[kind], device_of(kind)
    own, below = ({address: row for (_, address, domain), row in lines(dump).items()
                   if domain == domain_of} for dump, domain_of in zip(dumps, (number, 0)))
    check_equal(set(own), {*inside(number, kind, 1), *inside(number, kind, 2)},
                f"{kind}: its addresses")
    for address, row in known.items():
        check_equal(own[address], row, f"{kind}: datagrams of {address} at the device")
    if kind not in OPAQUE:
        for address, row in own.items():
            check_equal(below.get(address), row, f"{kind}: {address} below, inside the tunnel")
    for hook, space in (("tc-egress", world.there), ("tc-ingress", world.here)):
        one = outer[device, hook]
        packets, octets = kernel_received(space, device)
        check_equal(one["accounted_packets"], one["seen_packets"], f"{kind} {hook}: all accounted")
        if kind in OPAQUE:
            # the kernel takes handshakes for packets of the device, octets as they were encrypted
            check(0 <= packets - one["seen_packets"] <= 4, f"{kind} {hook}: {packets} received,"
                  f" {one['seen_packets']} counted")
            continue
        check_equal(one["seen_packets"], packets, f"{kind} {hook}: as many as the kernel received")
        if kind in ETHERNET:
            check_equal(one["seen_l2_bytes"] - one["accounted_l3_bytes"], 14 * packets,
                        f"{kind} {hook}: Ethernet before each")
        else:
            check_equal((one["seen_l2_bytes"], one["accounted_l3_bytes"]), (octets, octets),
                        f"{kind} {hook}: octets, no Ethernet")
    check(outer[device, "tc-egress"]["super_packets"]["frames"] > 3, f"{kind}: super-packets")


@test(limit_s=120, guest="one")
def tunnels_of_the_kernel_agree_from_all_sides(context):
    if not os.access("/usr/bin/wg", os.X_OK):
        raise Skip("wireguard-tools is not installed")
    world = World(context, list(tunnels(HERE, THERE)))
    known = {kind: world.traffic(kind) for kind in world.kinds}
    dumps, sums = settled_totals(world.outer, world.inner)
    outer, inner = map(by_slot, sums)
    check_cable(world, outer, inner, dumps[0])
    for kind in world.kinds:
        check_tunnel(world, kind, outer, dumps, known[kind])
    # what b0 counts by the tunnel's own addresses is WireGuard's, and nothing else
    own = lines(dumps[1]).get(("addresses", HERE, 0), (0, 0, 0, 0))
    rest = [inner["b0", hook]["accounted_packets"] - inner["b0", hook]["inner_packets"]
            for hook in ("xdp", "tc-egress")]
    check_equal([own[0], own[2]], rest, "packets that stay the tunnel's own")
    check_equal(inner["b0", "xdp"]["tunnel_outer_packets"], 0, "tunnels that nobody could read")
    check(outer["a0", "tc-egress"]["super_packets"]["frames"] > 20, "super-packets on the cable")
    told = [json.loads(daemon.ctl("verify", "-j").stdout)["witness"]
            for daemon in (world.outer, world.inner)]
    check_equal({one["ifname"] for one in told[0] if not one["applies"]},
                {device_of(kind) for kind in world.kinds if kind in OPAQUE}, "devices whose own counters say nothing")
    context.note(json.dumps({kind: outer[device_of(kind), "tc-egress"]["seen_packets"]
                             for kind in world.kinds}))
