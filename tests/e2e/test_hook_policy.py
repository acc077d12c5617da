# SPDX-License-Identifier: GPL-2.0-or-later
"""What would count packets twice is refused, where it is written and where it is attached."""

import os

from harness import Daemon, run
from tap import check, check_equal, test
from topology import Space, cable

CONFIG = """interfaces:
  - name: lan0
    hooks: [xdp, tc-egress]
  - {name: wan0, hooks: [xdp]%s}
"""


@test(limit_s=60)
def what_would_count_twice_is_refused_where_it_is_written(context):
    space = Space(context)
    for device in ("lan0", "wan0"):
        cable(space, device, Space(context), "x0")
    path = os.path.join(context.folder, "ipacctd.yaml")

    def write(text):
        with open(path, "w", encoding="ascii") as out:
            out.write(text)

    daemon = Daemon(context, space, "-c", path, interface=None)
    write(CONFIG % "")
    daemon.refuse(code=78, words=[f"{path}:4:25:", "lan0", "wan0", "domain", "forwarded_twice"])
    daemon.refuse("--check-config", code=78, words=[f"{path}:4:25:"])
    write("interfaces: [{name: lan0, hooks: [xdp, tc-ingress]}]\n")
    daemon.refuse(code=78, words=[f"{path}:1:34:", "lan0", "tc-ingress"])
    write("interfaces: [{name: lan0, hooks: [xdp, egress]}]\n")
    daemon.refuse(code=78, words=[f"{path}:1:40:", "egress", "tc-egress"])
    write("interfaces: [{name: lan0, hooks: []}]\n")
    daemon.refuse(code=78, words=[f"{path}:1:34:", "empty"])
    write("{}")
    daemon.refuse("-i", "lan0:tc-egress", "-i", "wan0", code=78, words=["lan0", "wan0"])
    daemon.refuse("-i", "lan0:egress", code=2, words=["egress", "tc-egress"])
    for way_out in (", domain: 7", ", forwarded_twice: yes"):
        write(CONFIG % way_out)
        run(*daemon.command("--check-config"))
    daemon.start()
    before = [(one["ifname"], one["hook"], one["prog_id"]) for one in daemon.status()["programs"]]
    check_equal([one[:2] for one in before],
                [("lan0", "xdp"), ("lan0", "tc-egress"), ("wan0", "xdp")], "hooks")
    write(CONFIG % "")
    done = daemon.ctl("reload", expect=None)
    check_equal(done.returncode, 78, f"exit code of a reload: {done.stderr}")
    check(f"{path}:4:25:" in done.stderr + daemon.log(), "no position")
    check_equal([(one["ifname"], one["hook"], one["prog_id"])
                 for one in daemon.status()["programs"]], before, "programs after it")
    write("interfaces: [{name: lan0}, {name: wan0}]\n")
    daemon.ctl("reload")
    check_equal([(one["ifname"], one["hook"], one["state"])
                 for one in daemon.status()["programs"]],
                [("lan0", "xdp", "attached"), ("lan0", "tc-egress", "detached"),
                 ("wan0", "xdp", "attached")], "a hook that is not listed any more")


@test(limit_s=60)
def arrivals_move_to_another_hook_only_after_a_detach(context):
    """For the moment in which both were attached every packet would be counted twice."""
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    path = os.path.join(context.folder, "ipacct.yaml")

    def configure(hooks):
        with open(path, "w", encoding="ascii") as out:
            out.write(f"interfaces: [{{name: a0, hooks: {hooks}}}]\n")

    configure("[xdp]")
    daemon = Daemon(context, space, "-c", path, interface=None).start()
    for old, new in (("xdp", "[tc-ingress, tc-egress]"), ("tc-ingress", "[xdp]")):
        configure(new)
        done = daemon.ctl("reload", expect=78)
        check(f"a0 counts arrivals at {old}" in done.stderr and "detach a0" in done.stderr,
              done.stderr)
        check_equal([one["hook"] for one in daemon.status()["programs"]
                     if one["state"] == "attached" and one["hook"] != "tc-egress"], [old], "hook")
        daemon.ctl("detach", "a0")
        daemon.process.wait(10)  # nothing is left to count
        daemon.start()
        check_equal({one["hook"] for one in daemon.status()["programs"]
                     if one["state"] == "attached"}, set(new.strip("[]").split(", ")), "hooks then")


@test(limit_s=60)
def an_unconfirmed_start_takes_back_its_own_hook_only(context):
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    daemon = Daemon(context, space, interface="a0:xdp").start()
    daemon.stop()
    daemon.options[daemon.options.index("a0:xdp")] = "a0:xdp,tc-egress"
    daemon.start("--confirm", "1")
    daemon.process.wait(20)
    check_equal(daemon.process.returncode, 1, "exit code of a start that was not confirmed")
    states = {one["hook"]: one["state"] for one in daemon.dump("--totals")["interfaces"]}
    check_equal(states, {"xdp": "attached", "tc-egress": "detached"}, "hooks")
    check("prog/xdp" in space.inside("ip", "link", "show", "a0").stdout, "XDP is gone")


@test(limit_s=60)
def what_was_attached_before_may_not_count_twice_either(context):
    """Not configured any more, it goes on; beside arrivals at another port it is refused by name."""
    space = Space(context)
    for device in ("lan0", "wan0"):
        cable(space, device, Space(context), "x0")
    daemon = Daemon(context, space, interface="lan0:xdp,tc-egress").start()
    daemon.stop()
    daemon.options[daemon.options.index("lan0:xdp,tc-egress")] = "wan0"
    before = daemon.place.pins()
    daemon.refuse(code=1, words=["lan0", "wan0", "tc-egress", "ipacctctl detach lan0"])
    check_equal(daemon.place.pins(), before, "pins")
    daemon.ctl("detach", "lan0")
    daemon.start()
    check_equal([(one["ifname"], one["state"]) for one in daemon.status()["programs"]],
                [("lan0", "detached"), ("lan0", "detached"), ("wan0", "attached")], "programs")


@test(limit_s=60)
def what_was_attached_and_is_gone_may_not_come_back_to_count_twice(context):
    space = Space(context)
    for device in ("lan0", "wan0"):
        cable(space, device, Space(context), "x0")
    daemon = Daemon(context, space, interface="lan0:xdp,tc-egress").start()
    daemon.stop()
    space.inside("ip", "link", "del", "lan0")
    daemon.options[daemon.options.index("lan0:xdp,tc-egress")] = "wan0"
    daemon.refuse(code=1, words=["lan0", "wan0", "tc-egress", "ipacctctl detach lan0"])
    daemon.ctl("detach", "lan0")
    daemon.start()


@test(limit_s=60)
def what_a_filter_of_before_counts_is_not_counted_above_it(context):
    space = Space(context)
    cable(space, "a0", Space(context), "b0")
    space.inside("ip", "link", "add", "br0", "type", "bridge")
    space.inside("ip", "link", "set", "a0", "master", "br0")
    for attach in ("auto", "tc"):
        daemon = Daemon(context, space, "--attach", attach, interface="a0:tc-ingress").start()
        daemon.stop()
        daemon.options[daemon.options.index("a0:tc-ingress")] = "br0:tc-ingress"
        daemon.refuse(code=1, words=["br0 lies above a0"])
        daemon.ctl("detach")
