# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages under test: built once for all tests of a run."""

import atexit
import functools
import os
import shutil
import tempfile

from harness import run
from tap import Failure, check_equal

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
NAMES = ("ipacct", "ipacct-tools", "libipacct-dev", "libipacct0")


@functools.cache
def work():
    """A folder for everything that is made once."""
    folder = tempfile.mkdtemp(prefix="ipacct-packages-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def built_in():
    """The folder with the packages; IPACCT_PACKAGES names one that is there already."""
    given = os.environ.get("IPACCT_PACKAGES")
    if given:
        return given
    folder = os.path.join(work(), "debs")
    run(os.path.join(TOP, "deploy/package.sh"), "--source", "-o", folder, limit_s=300)
    return folder


def packages(folder=None):
    """The binary packages of a folder by name, debug symbols left out."""
    found = {}
    folder = folder or built_in()
    for entry in sorted(os.listdir(folder)):
        name = entry.split("_")[0]
        if entry.endswith(".deb") and not name.endswith("-dbgsym"):
            found[name] = os.path.join(folder, entry)
    check_equal(tuple(sorted(found)), NAMES, f"packages in {folder}")
    return found


def field(package, name):
    return run("dpkg-deb", "-f", package, name).stdout.strip()


def version():
    return field(packages()["ipacct"], "Version")


@functools.cache
def next_packages():
    """The same packages with a higher version: what an upgrade brings."""
    old = version()
    new = old + "+next"
    folder = os.path.join(work(), "next")
    os.makedirs(folder)
    for name, path in packages().items():
        tree = os.path.join(work(), "tree")
        shutil.rmtree(tree, ignore_errors=True)
        run("dpkg-deb", "-R", path, tree)
        control = os.path.join(tree, "DEBIAN/control")
        with open(control, encoding="utf-8") as text:
            lines = text.read()
        changed = lines.replace(f"\nVersion: {old}\n", f"\nVersion: {new}\n")
        if changed == lines:
            raise Failure(f"{name}: no line 'Version: {old}' in {lines}")
        with open(control, "w", encoding="utf-8") as out:
            out.write(changed.replace(f"(= {old})", f"(= {new})"))
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, folder)
    return packages(folder)


def foreign_dependencies():
    """What our packages depend on and do not bring: the first of each set of alternatives."""
    names = set()
    ours = packages()
    for path in ours.values():
        for part in field(path, "Depends").split(","):
            name = part.split("|")[0].split("(")[0].strip()
            if name and name not in ours:
                names.add(name)
    return names


def unpack(name, tree):
    """The files of a package, without its scripts."""
    os.makedirs(tree, exist_ok=True)
    run("dpkg-deb", "-x", packages()[name], tree)
