# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices above others, a real driver, and a CPU that goes away: each packet is counted once.

In the guests of tests/vm only: they need modules that few machines have loaded, take devices away
from their namespace and switch a CPU off."""

import os

from harness import Daemon, Network, run, scaled
from tap import check, check_equal, test, wait_for
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
    traffic = Traffic(context, network, addresses=300, rate=scaled(20_000, 1000)).start()
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
