# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that die at a labelled step (daemon/crash.h), and what they leave on the interface."""

import os
import signal

import bpf
from harness import status_field
from tap import wait_for


def link_of(daemon, slot=0):
    """(link id, program id) of the pinned link, asked from the kernel."""
    descriptor = bpf.obj_get(os.path.join(daemon.place.bpffs, f"link_{slot}"))
    try:
        return bpf.link_ids(descriptor)
    finally:
        os.close(descriptor)


def crash_once(daemon, step):
    """Run the daemon until one of its processes has died at this step, then kill the rest."""
    words = "the collector ended (signal 9)"
    before = daemon.log().count(words)
    daemon.spawn(environment={"IPACCT_CRASH_AT": step})
    wait_for(lambda: daemon.process.poll() is not None or daemon.log().count(words) > before,
             f"a death at step {step}", limit_s=20)
    daemon.notify.close()
    if daemon.process.poll() is None:
        kill_stopped(daemon)


def kill_stopped(daemon):
    """Kill the supervisor of a collector that has died: not while it makes another one, which would
    outlive it unseen and hold its socket."""
    os.kill(daemon.process.pid, signal.SIGSTOP)
    wait_for(lambda: status_field(daemon.process.pid, "State")[0] in "TZ", "it stands still")
    daemon.kill()
