# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices above others, a real driver, and a CPU that goes away: each packet is counted once.

In the guests of tests/vm only: they need modules that few machines have loaded, take devices away
from their namespace and switch a CPU off."""

import os

from ends import lines, settled
from harness import Daemon, Network, Place, run, scaled
from sockets import datagrams
from tap import check, check_equal, test, wait_for
from test_domains import config_of
from topology import Space, cable
from traffic import Traffic, exact, settle

CPU1 = "/sys/devices/system/cpu/cpu1/online"
# No traffic of the kernel's own (LACP, ARP) may come between.
BOND_MODE = "active-backup"


def add_device(network, *words):
    run("ip", "-n", network.receiver, "link", "add", *words)


def set_device(network, device, *words):
    run("ip", "-n", network.receiver, "link", "set", device, *words)


def receive_packets(network, device):
    """The kernel's own count of what the device received."""
    done = network.inside(network.receiver, "cat", "/proc/net/dev")
    for line in done.stdout.splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == device:
            return int(numbers.split()[1])
    raise AssertionError(f"{device} is not in {done.stdout}")


def send_and_settle(context, network, daemon, **more):
    traffic = Traffic(context, network, packets=scaled(60_000, 4000),
                      addresses=scaled(2000, 300), **more).start()
    traffic.finish()
    exact(daemon, traffic)
    return traffic


@test(limit_s=60, guest="only")
def tagged_packets_are_counted_once_below_their_vlan_device(context):
    network = Network(context)
    add_device(network, "link", "rx0", "name", "rx0.100", "type", "vlan", "id", "100")
    set_device(network, "rx0.100", "up")
    daemon = Daemon(context, network).start()
    send_and_settle(context, network, daemon, mix="v4:2,vlan:4,vlan6:4,qinq:2,arp")
    check(network.xdp_attached("rx0"), "nothing on rx0")
    check_equal(network.xdp_attached("rx0.100"), 0, "program on the device above")


@test(limit_s=60, guest="only")
def vlan_device_beside_its_lower_one_is_refused(context):
    network = Network(context)
    add_device(network, "link", "rx0", "name", "rx0.100", "type", "vlan", "id", "100")
    for order in (("rx0", "rx0.100"), ("rx0.100", "rx0")):
        daemon = Daemon(context, network, "--mode", "generic", "-i", order[1],
                        interface=order[0])
        daemon.refuse(code=1, limit_s=3, words=["rx0.100", "rx0", "twice"])
        check_equal((network.xdp_attached("rx0"), network.xdp_attached("rx0.100")), (0, 0),
                    "programs after the refusal")


def make_bond(context):
    """bond0 over rx0 and rx1; what the sender's tx0 sends arrives on rx0."""
    network = Network(context)
    add_device(network, "bond0", "type", "bond", "mode", BOND_MODE)
    add_device(network, "rx1", "type", "veth", "peer", "name", "tx1")
    for device in ("rx0", "rx1"):
        set_device(network, device, "down")
        set_device(network, device, "master", "bond0")
    for device in ("tx1", "rx1", "rx0", "bond0"):
        set_device(network, device, "up")
    set_device(network, "bond0", "type", "bond", "active_slave", "rx0")
    return network


@test(limit_s=60, guest="only")
def packets_of_a_bond_are_counted_once_at_its_ports(context):
    network = make_bond(context)
    daemon = Daemon(context, network, "-i", "rx1").start()
    before = receive_packets(network, "bond0")
    traffic = send_and_settle(context, network, daemon)
    # They did go up to the bond, where a second count would have been.
    wait_for(lambda: receive_packets(network, "bond0") - before >= traffic.sent(),
             "the bond receives them")
    check_equal(network.xdp_attached("bond0"), 0, "program on the bond")


@test(limit_s=60, guest="only")
def bond_beside_its_port_is_refused(context):
    network = make_bond(context)
    for mode in ("native", "generic"):
        daemon = Daemon(context, network, "--mode", mode, "-i", "bond0")
        daemon.refuse(code=1, limit_s=3, words=["bond0", "rx0", "twice"])
    check_equal((network.xdp_attached("rx0"), network.xdp_attached("bond0")), (0, 0),
                "programs after the refusal")


def bonded(space, bond, *ports):
    space.inside("ip", "link", "add", bond, "type", "bond", "mode", BOND_MODE)
    for port in ports:
        # tags stay in the frames: XDP at the other end sees no others
        space.inside("ethtool", "-K", port, "txvlan", "off")
        space.inside("ip", "link", "set", port, "master", bond)
    for device in (*ports, bond):
        space.inside("ip", "link", "set", device, "up")
    space.inside("ip", "link", "add", "v7", "link", bond, "type", "vlan", "id", 7)


class BondedRouter:
    """client =(c0 p0, c1 p1)= router — server: bonds at both ends of two cables, the client's
    network in VLAN 7, another one without a tag."""

    def __init__(self, context):
        self.context = context
        self.router, self.client, self.server = [Space(context, forward=True), Space(context),
                                                 Space(context)]
        for number in range(2):
            cable(self.router, f"p{number}", self.client, f"c{number}")
        cable(self.router, "wan0", self.server, "s0")
        bonded(self.router, "bond0", "p0", "p1")
        bonded(self.client, "bond1", "c0", "c1")
        self.use(0)
        self.router.up("wan0", "198.51.100.1/24")
        self.server.up("s0", "198.51.100.2/24")
        self.server.inside("ip", "route", "add", "default", "via", "198.51.100.1")
        for space, bond, number in ((self.router, "bond0", 1), (self.client, "bond1", 10)):
            space.up(bond, f"203.0.113.{number}/24")
            space.up("v7", f"192.0.2.{number}/24")
        self.client.inside("ip", "route", "add", "default", "via", "192.0.2.1")

    def use(self, number):
        for space, bond, port in ((self.router, "bond0", "p"), (self.client, "bond1", "c")):
            space.inside("ip", "link", "set", bond, "type", "bond", "active_slave",
                         f"{port}{number}")

    def traffic(self):
        """The client's upload and download through the router; and without a tag, to the router."""
        pair = "192.0.2.10", "198.51.100.2"
        datagrams(self.context, self.client, self.server, pair, 40 * (100,))
        datagrams(self.context, self.server, self.client, pair[::-1], 30 * (200,))
        datagrams(self.context, self.client, self.router, ("203.0.113.10", "203.0.113.1"),
                  5 * (300,))

    def daemon(self, interfaces):
        place = Place(self.context)
        daemon = Daemon(self.context, self.router, place=place, interface=None)
        daemon.options = ["-c", config_of(place, interfaces, "1s")]
        return daemon


def counted_by(daemon):
    return {(address, domain): row
            for (_, address, domain), row in lines(settled(daemon)[0]).items() if "." in address}


TAGGED = {"192.0.2.10": (40, 40 * 128, 30, 30 * 228), "198.51.100.2": (30, 30 * 228, 40, 40 * 128)}
UNTAGGED = {"203.0.113.10": (5, 5 * 328, 0, 0), "203.0.113.1": (0, 0, 5, 5 * 328)}


@test(limit_s=60, guest="one")
def both_directions_of_a_bond_are_counted_once_at_its_ports(context):
    """Upload and download behind a router, tagged and not, whichever port of the bond is in use."""
    world = BondedRouter(context)
    hooks = {"hooks": ["xdp", "tc-egress"], "vlan_domains": {"7": 9}}
    ports = [{"name": name, **hooks, "forwarded_twice": True} for name in ("p0", "p1")]
    twice = {"hooks": ["tc-ingress", "tc-egress"], "forwarded_twice": True}
    for upper in ("bond0", "v7"):
        world.daemon([*ports, {"name": upper, **twice}]).refuse(
            code=1, words=[upper, "lies above", "twice"])
    world.daemon([{"name": name, **hooks} for name in ("p0", "p1")]).refuse(
        code=78, words=["p0", "p1", "forwarded_twice"])
    daemon = world.daemon(ports).start()
    for number in (0, 1):
        world.use(number)
        world.traffic()
    check_equal(counted_by(daemon), {
        (address, domain): tuple(2 * one for one in row)
        for rows, domain in ((TAGGED, 9), (UNTAGGED, 0)) for address, row in rows.items()},
        "addresses")
    for one in daemon.dump("--totals")["interfaces"]:
        check(one["accounted_packets"] >= 30, f"{one['ifname']} {one['hook']} was not in use")
    daemon.ctl("verify")


@test(limit_s=60, guest="asked")
def vlan_device_above_a_bond_counts_its_own_packets_only(context):
    """Alone, at tc hooks: no tag is left in what it hands on, and what has none is not its."""
    world = BondedRouter(context)
    daemon = world.daemon([{"name": "v7", "hooks": ["tc-ingress", "tc-egress"]}]).start()
    world.traffic()
    check_equal(counted_by(daemon), {(address, 0): row for address, row in TAGGED.items()},
                "addresses")
    daemon.ctl("verify")


class VirtioNetwork(Network):
    """Two virtio-net devices on one hub of the emulator, moved into the two namespaces."""

    def add_pair(self, name="rx0"):
        found = [device for device in sorted(os.listdir("/sys/class/net"))
                 if os.path.realpath(f"/sys/class/net/{device}/device/driver")
                 .endswith("/virtio_net")]
        check_equal(len(found), 2, f"virtio-net devices: {found}")
        for device, space, new in ((found[0], self.sender, "tx0"), (found[1], self.receiver, name)):
            run("ip", "link", "set", device, "netns", space, "name", new)
            self.context.callback(run, "ip", "-n", space, "link", "set", new, "netns", "1",
                                  "name", device, expect=None)
            run("ip", "-n", space, "link", "set", new, "promisc", "on", "up")


@test(limit_s=90, guest="only")
def virtio_net_counts_natively_and_over_replacements(context):
    network = VirtioNetwork(context)
    daemon = Daemon(context, network).start()
    check_equal(daemon.dump("-n", "1")["interfaces"][0]["mode"], "native", "mode")
    # The emulated device loses packets when it is sent more than it takes.
    traffic = Traffic(context, network, addresses=300, rate=20_000).start()
    before = network.xdp_attached()
    programs = {before}
    for _ in range(2):
        daemon.kill()
        daemon.start()
        programs.add(network.xdp_attached())
    check_equal(len(programs), 3, "different programs")
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(daemon, traffic)
    context.note(f"{traffic.sent()} packets over virtio-net, 2 replacements")


def cpu1_online(value):
    with open(CPU1, "w", encoding="ascii") as switch:
        switch.write(value)


@test(limit_s=60, guest="alone", fault="T-HOTPLUG")
def counts_of_a_cpu_that_went_offline_stay(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    context.callback(cpu1_online, "1")
    first = Traffic(context, network, packets=scaled(60_000, 4000), addresses=300).start()
    first.finish()
    # Not cut since: what CPU 1 counted is still in its own slots when it goes.
    cpu1_online("0")
    check_equal(os.sched_getaffinity(0), {0}, "CPUs")
    exact(daemon, first)
    second = Traffic(context, network, packets=scaled(20_000, 2000), addresses=300,
                     seed=2).start()
    second.finish()
    settle(daemon, first, second)
    cpu1_online("1")
    third = Traffic(context, network, packets=scaled(20_000, 2000), addresses=300,
                    seed=3).start()
    third.finish()
    exact(daemon, first, second, third)
