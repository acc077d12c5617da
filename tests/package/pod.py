# SPDX-License-Identifier: GPL-2.0-or-later
"""First process of a container as a manifest describes it: root of the image, volumes, few
capabilities, read-only.

usage: pod.py SPEC     in new mount and process namespaces; SPEC is JSON: root, mounts [[from, to,
read_only]], capabilities [number], command [word]. Becomes the command."""

import ctypes
import json
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
# linux/mount.h, linux/prctl.h
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38


def mount(source, target, kind, flags):
    if LIBC.mount(source and os.fsencode(source), os.fsencode(target), kind and kind.encode(),
                  flags, None):
        sys.exit(f"mount {source} on {target}: {os.strerror(ctypes.get_errno())}")


def prctl(option, value):
    if LIBC.prctl(option, value, 0, 0, 0):
        sys.exit(f"prctl {option} {value}: {os.strerror(ctypes.get_errno())}")


def main():
    spec = json.loads(sys.argv[1])
    root = spec["root"]
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount(root, root, None, MS_BIND)
    mount("proc", root + "/proc", "proc", 0)
    mount("sysfs", root + "/sys", "sysfs", MS_RDONLY)
    for source, target, read_only in spec["mounts"]:
        os.makedirs(root + target, exist_ok=True)
        mount(source, root + target, None, MS_BIND)
        if read_only:
            mount(None, root + target, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    mount(None, root, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as text:
        last = int(text.read())
    os.chroot(root)
    os.chdir("/")
    for number in range(last + 1):
        if number not in spec["capabilities"]:
            prctl(PR_CAPBSET_DROP, number)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.execve(spec["command"][0], spec["command"], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


if __name__ == "__main__":
    main()
