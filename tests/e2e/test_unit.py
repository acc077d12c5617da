# SPDX-License-Identifier: GPL-2.0-or-later
"""What the service manager gives and takes: capabilities, a sign of life."""

import os
import re
import signal
import socket

from harness import Daemon, Network, status_field, user_ids
from tap import SLOW, check, check_equal, test, wait_for
from traffic import Traffic, exact

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = os.path.join(HERE, "../../deploy/systemd/ipacctd.service.in")
CAPABILITIES = {  # linux/capability.h
    "CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SETPCAP": 8,
    "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}


def capabilities_of_the_unit():
    with open(UNIT, encoding="utf-8") as text:
        words = re.search(r"^CapabilityBoundingSet=(.*)$", text.read(), re.MULTILINE).group(1)
    return sum(1 << CAPABILITIES[word] for word in words.split())


class Bounded(Daemon):
    """ipacctd with no more than the capabilities of the unit, as systemd would start it."""

    def command(self, *extra):
        command = super().command(*extra)
        kept = capabilities_of_the_unit()
        dropped = ",".join(f"-cap_{number}" for number in range(64)
                           if not kept >> number & 1 and number <= last_capability())
        at = command.index("--") + 1
        return [*command[:at], "setpriv", "--no-new-privs", f"--bounding-set={dropped}",
                *command[at:]]


def last_capability():
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as text:
        return int(text.read())


@test(limit_s=60, guest=False)
def capabilities_of_the_unit_are_enough(context):
    network = Network(context)
    daemon = Bounded(context, network)
    traffic = Traffic(context, network, addresses=200, rate=20_000)
    daemon.start()
    check_equal(int(status_field(daemon.process.pid, "CapEff")[0], 16), capabilities_of_the_unit(),
                "capabilities of the supervisor")
    program = daemon.status()["programs"][0]
    check_equal((program["prog_name"], len(program["tag"])), ("ipacct_xdp", 16),
                "name and length of the tag in the status")
    traffic.start()
    old = daemon.pid_of_collector()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: daemon.pid_of_collector() not in (0, None, old), "a new collector")
    check_equal(status_field(daemon.pid_of_collector(), "CapBnd"), ["0" * 16],
                "bounding set of the collector")
    daemon.stop()
    daemon.start()  # adopts
    traffic.finish()
    exact(daemon, traffic)
    daemon.ctl("detach")
    check_equal(network.xdp_attached(), 0, "program")
    check_equal(daemon.process.wait(20), 0, "exit code")


@test(limit_s=30)
def collector_cannot_open_the_ledger_again(context):
    """It was handed a descriptor; what it was not handed it cannot take by name."""
    network = Network(context)
    daemon = Daemon(context, network).start()
    group = user_ids()[1]
    ledger = os.path.join(daemon.place.runtime, "ledger")
    found = os.stat(ledger)
    check_equal((found.st_uid, found.st_gid, found.st_mode & 0o7777), (0, group, 0o640),
                "owner, group and mode of the ledger")
    daemon.cut()
    check_equal(os.stat(ledger).st_ino, found.st_ino, "ledger after a cut")


def messages(link, limit_s):
    """What comes to the notify socket until the time is over."""
    link.settimeout(limit_s * SLOW)
    try:
        while True:
            yield link.recv(4096)
    except socket.timeout:
        return


@test(limit_s=60, guest=False)
def signs_of_life_come_only_while_the_collector_works(context):
    network = Network(context)
    daemon = Daemon(context, network)
    daemon.spawn(environment={"WATCHDOG_USEC": "300000"})
    with daemon.notify as link:
        check(any(b"READY=1" in text for text in messages(link, 10)), "no READY=1")
        check(any(b"WATCHDOG=1" in text for text in messages(link, 5)), "no WATCHDOG=1")
        collector = daemon.pid_of_collector()
        os.kill(collector, signal.SIGSTOP)
        list(messages(link, 0.5))  # what was under way
        check(not any(b"WATCHDOG=1" in text for text in messages(link, 2)),
              "a sign of life without a collector that works")
        os.kill(collector, signal.SIGCONT)
        check(any(b"WATCHDOG=1" in text for text in messages(link, 15)),
              "no sign of life after the collector went on")


@test(limit_s=30, guest=False)
def nobody_who_waits_gets_no_sign_of_life(context):
    network = Network(context)
    daemon = Daemon(context, network)
    daemon.spawn()
    with daemon.notify as link:
        check(any(b"READY=1" in text for text in messages(link, 10)), "no READY=1")
        check_equal(list(messages(link, 1)), [], "messages after READY=1")
