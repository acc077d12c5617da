# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hook is refused for, warned of, or loses: one device above another, a router on a stick,
tunnels, filters that somebody touches."""

import json
import os
import signal

from harness import Daemon, alive, children
from tap import Skip, check, check_equal, test, wait_for
from test_egress import (LINKED, STRACE, calls_of_start, check_once, filters, injected,
                         settled)
from topology import Space, cable, finish

TUNSETIFF, TUNSETLINK = 0x400454CA, 0x400454CD  # linux/if_tun.h
ARPHRD_IPGRE = 778  # linux/if_arp.h


@test(limit_s=60)
def a_reload_of_what_only_a_detach_can_change_says_so(context):
    """How a program is attached, and in which mode, stays; it is never silent about that."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    path = os.path.join(context.folder, "ipacct.yaml")

    def configure(words):
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: a0, hooks: [xdp, tc-egress]{words}}}]\n")

    def said(daemon, words):
        configure(words)
        before = len(daemon.log())
        programs = [one["prog_id"] for one in daemon.status()["programs"]]
        daemon.ctl("reload")
        check_equal([one["prog_id"] for one in daemon.status()["programs"]], programs, "programs")
        return [line for line in daemon.log()[before:].splitlines() if "detach a0" in line]

    configure("")
    daemon = Daemon(context, space, "-c", path, interface=None).start()
    told = said(daemon, ", mode: generic")
    check(len(told) == 1 and "stays in native mode" in told[0], f"of the mode: {told}")
    told = said(daemon, ", attach: tc")
    if LINKED == "tcx":
        check(len(told) == 1 and "a tcx link (tc-egress)" in told[0], f"of a filter: {told}")
    else:
        check_equal(told, [], "of what is a filter already")
    check_equal(said(daemon, ""), [], "of what is as before")
    daemon.ctl("detach")
    daemon.process.wait(10)
    configure(", attach: tc")
    daemon.start()
    told = said(daemon, ", attach: link")
    if LINKED == "tcx":
        check(len(told) == 1 and "a filter (tc-egress)" in told[0], f"of a link: {told}")
    else:
        check_equal(told, [], "where there is nothing but filters")
