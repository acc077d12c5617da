# SPDX-License-Identifier: GPL-2.0-or-later
"""A reload whose system calls fail, one at a time: it is taken or refused, and the next one is taken."""

import os
import re

from fault_kills import failing, undisturbed
from harness import Daemon, Network, Place, scaled, write
from inject import syscalls_of, tracer
from tap import check, check_equal, test, wait_for
from traffic import steady

PLAIN = "interval: 100ms\nmemory: 48M\ninterfaces: [{name: rx0}]\n"
GROUPS = "198.18.0.0/22 target protect=yes\n10.0.0.0/8 others\n"


@test(limit_s=120, fault="T-KILL-NTH")
def system_calls_of_a_reload_fail_and_the_next_reload_is_taken(context):
    network = Network(context)
    reloads = Reloads(context, network)
    traffic = steady(context, network)

    def some(calls):
        special = [one for one in calls if re.search("=(poll|restart_syscall|socketpair):", one)]
        return special + calls[::max(1, len(calls) // scaled(15, 2))]

    results = list(reloads.failing(some))
    undisturbed(reloads.daemon, traffic)
    check(any(results) and not all(results), f"taken: {results.count(True)} of {len(results)}")
    context.note(f"{len(results)} reloads with a failed call, {results.count(False)} refused, "
                 f"{traffic.sent()} packets")


class Reloads:
    """A daemon that goes to and fro between two configurations: without protected prefixes and
    groups, and with them, which takes another program, another collector and a reader."""

    def __init__(self, context, network):
        self.context, self.network = context, network
        place = Place(context)
        groups = os.path.join(place.base, "groups")
        write(groups, GROUPS)
        self.texts = (PLAIN, PLAIN + f"protect: [192.0.2.0/24, '2001:db8::/32']\n"
                                     f"groups_file: {groups}\n")
        self.path = write(os.path.join(place.base, "ipacct.yaml"), PLAIN)
        self.daemon = Daemon(context, network, place=place, interface=None)
        self.daemon.options = ["-c", self.path]
        self.daemon.start()

    def _go(self, number):
        """Reload; whether it was taken. An answer that does not come is none."""
        write(self.path, self.texts[number])
        try:
            return self.daemon.control("reload")["exit"] == 0
        except (OSError, ValueError):
            return False

    def _state(self):
        """Prefixes that are protected, and those of groups."""
        status = self.daemon.status()
        return status["protected"]["prefixes"], (status.get("groups") or {}).get("prefixes", 0)

    def failing(self, choose):
        """Reload to each configuration with each chosen call failing; yields whether it was taken."""
        pid = self.daemon.process.pid
        for number in (1, 0):
            calls = syscalls_of(self.context, pid, lambda number=number: self._go(number))
            wait_for(lambda number=number: self._go(number), "a reload")
            wanted = self._state()
            for injection in choose(calls):
                check(self._go(1 - number), f"back before {injection}")
                with tracer(self.context, pid, failing(injection)):
                    taken = self._go(number)
                check(self.daemon.process.poll() is None,
                      f"ended after {injection}: {self.daemon.log()[-600:]}")
                check(self._go(number), f"the reload after the one with {injection}: "
                                        f"{self.daemon.log()[-600:]}")
                wait_for(lambda: self.daemon.pid_of_collector(), f"a collector after {injection}")
                check_equal(self._state(), wanted, f"prefixes after {injection}")
                check(self.network.xdp_attached(), f"detached after {injection}")
                yield taken
