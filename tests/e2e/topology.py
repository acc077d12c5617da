# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces with more than one cable between them, and known traffic of real sockets."""

import itertools
import os
import subprocess

import flow
from harness import Network, end_process, run
from tap import SLOW, check_equal

_NUMBERS = itertools.count(1)
FLOW = os.path.abspath(flow.__file__)  # imported so that the guests of tests/vm have its modules


class Space:
    """A network namespace; stands where a Daemon wants a network."""

    def __init__(self, context, forward=False):
        self.context = context
        self.receiver = f"ipacct-{os.getpid()}-s{next(_NUMBERS)}"
        run("ip", "netns", "add", self.receiver)
        context.callback(run, "ip", "netns", "del", self.receiver, expect=None)
        # No solicitations of routers, no duplicate address detection: what is sent is asked for.
        self.sysctl("ipv6/conf/default/accept_dad", 0)
        self.sysctl("ipv6/conf/default/router_solicitations", 0)
        self.inside("ip", "link", "set", "lo", "up")
        if forward:
            self.sysctl("ipv4/ip_forward", 1)
            self.sysctl("ipv6/conf/all/forwarding", 1)

    def command_inside(self, _name, *command):
        return Network.command_inside(self.receiver, *command)

    def inside(self, *command, **options):
        if command[0] == self.receiver:  # as Daemon.tool() calls it
            command = command[1:]
        return run(*Network.command_inside(self.receiver, *command), **options)

    def sysctl(self, path, value):
        self.inside("sh", "-ec", f"echo {value} > /proc/sys/net/{path}")

    def counter(self, device, name):
        """One of the kernel's own counters of a device."""
        return int(self.inside("cat", "/proc/net/dev").stdout.split(f"{device}:")[1]
                   .split()[{"rx_packets": 1, "tx_packets": 9, "tx_dropped": 11}[name]])

    def up(self, device, *addresses):
        for address in addresses:
            family = ("nodad",) if ":" in address else ()
            self.inside("ip", "address", "add", address, "dev", device, *family)
        self.inside("ip", "link", "set", device, "up")

    def flow(self, *arguments, **options):
        """flow.py inside, to its end; what it printed."""
        return self.inside("python3", FLOW, *arguments, limit_s=60, **options).stdout.strip()

    def flow_start(self, *arguments):
        """flow.py inside, in the background; returns when it says that it is ready."""
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(word) for word in
             Network.command_inside(self.receiver, "python3", FLOW, *arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.context.callback(end_process, process)
        check_equal(process.stdout.readline(), "ready\n", f"flow.py {arguments}")
        return process


def cable(first, device, second, other, mtu=1500):
    """A veth pair between two spaces, both ends down."""
    run("ip", "-n", first.receiver, "link", "add", device, "mtu", mtu, "type", "veth", "peer",
        "name", other, "mtu", mtu, "netns", second.receiver)


def finish(process, limit_s=60):
    """The rest of what flow.py printed; it must end well."""
    output, _ = process.communicate(timeout=limit_s * SLOW)
    check_equal(process.returncode, 0, "exit code of flow.py")
    return output.strip()
