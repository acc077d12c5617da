# SPDX-License-Identifier: GPL-2.0-or-later
"""A next release (a build with another layout of records), and what an old one leaves to it."""

import os
import signal
import socket

from dying import kill_stopped
from harness import CRASH_BUILD, Daemon, alive, scaled
from tap import Failure, Skip, check, wait_for
from traffic import steady

NEXT_BUILD = os.environ.get("IPACCT_NEXT_BUILD", "")
# Enough for every address of the traffic; the default is twice as slow to make.
SMALL = ("--memory", "100M", "--top-addresses", "20")
DRAINED = "are in the ledger"  # the collector's line


def next_daemon(context, network, place, *options, **more):
    if not NEXT_BUILD:
        raise Skip("IPACCT_NEXT_BUILD names no build")
    # Cuts when somebody asks: a busy machine takes longer than a tenth of a second to read one.
    return Daemon(context, network, *options, place=place, build=NEXT_BUILD, interval="1h", **more)


def aside(place):
    """Folders of maps that wait to be drained."""
    return [name for name in os.listdir(place.bpffs) if name.startswith("drain_")]


def settled(daemon):
    """The upgrade has left nothing behind."""
    wait_for(lambda: not aside(daemon.place), "the old maps' pins are gone")
    check(not os.path.exists(os.path.join(daemon.place.runtime, "ledger.before")),
          "the old ledger is still there")


def seen_so_far(daemon, least):
    wait_for(lambda: daemon.cut() and daemon.seen() >= least, f"{least} packets", limit_s=20)


def left_by_old(context, network, place, *options):
    """An old generation that died in the middle of a cut: it counts, both of its epochs have packets
    that no ledger has, and a record or two carry the number of a cut that was not committed."""
    old = Daemon(context, network, *options, place=place, build=CRASH_BUILD, interval="1h")
    # Nothing is counted at the cut of its start; the next one has enough records.
    old.spawn(environment={"IPACCT_CRASH_AT": f"stamped#{scaled(20, 8)}"})
    old.wait_ready()
    traffic = steady(context, network)
    some_counted(old, traffic)
    collector = old.pid_of_collector()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(os.path.join(place.runtime, "control"))
        link.send(b'{"command": "cut"}')
        wait_for(lambda: not alive(collector), "its collector dies in a cut")
        kill_stopped(old)
    return old, traffic


def left_without_ledger(context, network, place, *options):
    """The same, and what it had counted is in its maps only: the ledger is another one."""
    old = Daemon(context, network, *options, place=place, build=CRASH_BUILD, interval="1h").start()
    traffic = steady(context, network)
    some_counted(old, traffic)
    for pid in (old.process.pid, old.pid_of_collector()):
        os.kill(pid, signal.SIGKILL)
    old.kill()
    os.unlink(os.path.join(place.runtime, "ledger"))
    return old, traffic


def some_counted(daemon, traffic):
    """Without a cut. A machine that is busy with other tests takes its time."""
    least, seen = scaled(5000, 500), [0]

    def counted():
        seen[0] = daemon.seen("--live")
        return seen[0] >= least

    try:
        wait_for(counted, "some packets", limit_s=30)
    except Failure as late:
        raise Failure(f"{late}: {seen[0]} of {least}, the generator "
                      f"{'runs' if traffic.running() else 'ended'}: {daemon.log()[-900:]}") from late


def names(place):
    return sorted(path for path, _ in place.pins())
