# SPDX-License-Identifier: GPL-2.0-or-later
"""What the packages put on a machine, asked as tests/e2e asks a build."""

import json
import os

from harness import run
from packages import packages
from tap import check_equal

BPFFS = "/run/ipacct/bpf"


def install(machine, which, *names):
    """dpkg -i of these packages, all of them without names: dependencies have to be there."""
    folder = "/tmp/packages"
    os.makedirs(machine.path(folder), exist_ok=True)
    paths = [which[name] for name in names or which]
    for path in paths:
        machine.copy_in(path, folder)
    return machine.run("dpkg", "-i", *(os.path.join(folder, os.path.basename(path))
                                       for path in paths), limit_s=60)


class Installed:
    """The daemon of a machine and its tools; as much of harness.Daemon as Traffic needs."""

    def __init__(self, machine):
        self.machine = machine

    def tool(self, name, *arguments, **options):
        return self.machine.run(name, *arguments, **options)

    def ctl(self, *arguments, **options):
        return self.tool("ipacctctl", *arguments, **options)

    def dump(self, *arguments, **options):
        return json.loads(self.tool("ipacct-dump", "-j", *arguments, **options).stdout)

    def seen(self, *arguments):
        return sum(entry["seen_packets"] for entry in self.dump("-n", "1", *arguments)
                   ["interfaces"])

    def cut(self):
        return int(self.ctl("cut").stdout.split()[1])

    def status(self):
        return json.loads(self.ctl("status", "-j").stdout)["status"]

    def pins(self):
        return sorted(os.listdir(self.machine.path(BPFFS)))

    def kernel_objects(self):
        """What of ours lives in the kernel: (kind, id), found by the pins and the interface."""
        found = set()
        for name in self.pins():
            path = os.path.join(self.machine.path(BPFFS), name)
            if os.path.isdir(path) or name.endswith(".debug"):
                continue
            kind = "link" if name.startswith("link_") else "map"
            done = run("bpftool", "-j", kind, "show", "pinned", path)
            shown = json.loads(done.stdout)
            found.add((kind, shown["id"]))
            if kind == "link":
                found.add(("prog", shown["prog_id"]))
        return found


def still_in_kernel(objects):
    """Those that the kernel still has; ids are not used again before 2^31 others."""
    return {one for one in objects
            if run("bpftool", "-j", one[0], "show", "id", one[1], expect=None).returncode == 0}


def nothing_of_ours(machine, before, kept=()):
    """Compare the root with what it was; only what dpkg, systemd and the user database keep may
    differ."""
    after = machine.files()
    theirs = ("/var/lib/dpkg/", "/var/log/", "/var/cache/ldconfig/", "/var/lib/systemd/")
    accounts = {f"/etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow")
                for end in ("", "-")} | {"/etc/.pwd.lock"}
    left = {path for path, kind in after.items()
            if before.get(path) != kind and path not in accounts and path not in kept
            and (not path.startswith(theirs) or "ipacct" in path)}
    check_equal(left, set(), "files that were not there before")
    lost = {path for path in before if path not in after and not path.startswith(theirs)}
    check_equal(lost, set(), "files that are gone")
    check_equal([name for name in packages() if
                 machine.run("dpkg-query", "-W", name, expect=None).returncode == 0], [],
                "packages that dpkg still knows")
    check_equal(os.path.exists(machine.path("/run/ipacct")), False, "/run/ipacct is there")
