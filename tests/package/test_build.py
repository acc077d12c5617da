# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages as files: they build, lintian has nothing to say, and everything is in its place."""

import os
import re

from harness import run
from packages import TOP, built_in, packages, unpack, version
from tap import check, check_equal, test

# What every build of Debian has (build-essential), and what debhelper asks for itself.
ASSUMED = {"gcc", "libc6-dev"}
DEBHELPER = {"debhelper-compat", "dh-sequence-installsysusers"}


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as text:
        return text.read()


def files_of(name):
    lines = run("dpkg-deb", "-c", packages()[name]).stdout.splitlines()
    return {line.split()[5][1:] for line in lines if not line.split()[5].endswith("/")}


@test(limit_s=300)
def packages_build_and_lintian_has_nothing_to_say(context):
    names = packages()
    changes = [entry for entry in os.listdir(built_in()) if entry.endswith(".changes")]
    check_equal(len(changes), 1, f".changes beside {list(names)}")
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", "--color", "never",
               "--show-overrides", os.path.join(built_in(), changes[0]), expect=None, limit_s=120)
    complaints = [line for line in done.stdout.splitlines() if re.match("[EWO]:", line)]
    check_equal((done.returncode, complaints), (0, []), "exit code and complaints of lintian")
    context.note(", ".join(f"{os.path.basename(path)} {os.path.getsize(path) // 1024} KiB"
                           for path in names.values()))


@test()
def maintainer_scripts_are_sound(_context):
    folder = os.path.join(TOP, "deploy/debian")
    scripts = [os.path.join(folder, name) for name in os.listdir(folder)
               if name.endswith((".preinst", ".postinst", ".prerm", ".postrm"))]
    check(len(scripts) >= 2, f"scripts: {scripts}")
    run("shellcheck", *scripts)


@test()
def versions_agree(_context):
    project = re.search(r"^\s*version: '(.*)',$", read("meson.build"), re.MULTILINE).group(1)
    first = re.match(r"ipacct \((.*?)\)", read("deploy/debian/changelog")).group(1)
    check_equal((first, version()), (project, project), "of the changelog and of the package")


@test()
def build_dependencies_are_those_of_packages_txt(_context):
    to_build = read("deploy/packages.txt").split("# To run", maxsplit=1)[0]
    listed = {line for line in to_build.splitlines() if line and not line.startswith("#")}
    control = re.search(r"^Build-Depends:\n((?: .*\n)+)", read("deploy/debian/control"),
                        re.MULTILINE).group(1)
    declared = {line.split("(")[0].strip(" ,") for line in control.splitlines()}
    check(DEBHELPER <= declared, f"debhelper in {declared}")
    check_equal(sorted(declared - DEBHELPER), sorted(listed - ASSUMED),
                "Build-Depends of deploy/debian/control and the build part of deploy/packages.txt")


@test()
def every_program_has_its_manual_and_every_tool_its_completion(_context):
    everything = {path for name in packages() for path in files_of(name)}
    programs = {path for path in everything if re.match(r"/usr/s?bin/", path)}
    check({"/usr/sbin/ipacctd", "/usr/sbin/ipacctctl", "/usr/bin/ipacct-dump"} <= programs,
          f"programs: {programs}")
    for path in programs:
        name = os.path.basename(path)
        check(any(f"/usr/share/man/man{section}/{name}.{section}.gz" in everything
                  for section in "18"), f"no manual of {name}")
        check(name == "ipacctd" or
              f"/usr/share/bash-completion/completions/{name}" in everything,
              f"no completion of {name}")


@test()
def every_package_has_what_belongs_to_it(context):
    daemon, tools, library, headers = (files_of(name) for name in (
        "ipacct", "ipacct-tools", "libipacct0", "libipacct-dev"))
    check({"/etc/ipacct/ipacct.yaml", "/lib/systemd/system/ipacctd.service",
           "/lib/systemd/system/run-ipacct-bpf.mount", "/usr/lib/sysusers.d/ipacct.conf",
           "/usr/lib/tmpfiles.d/ipacct.conf", "/usr/sbin/ipacctd"} <= daemon, f"{daemon}")
    check({"/usr/bin/ipacct-dump", "/usr/sbin/ipacctctl"} <= tools, f"{tools}")
    check(any(path.endswith("/libipacct.so.0") for path in library), f"{library}")
    published = {f"/usr/include/ipacct/{entry}"
                 for entry in os.listdir(os.path.join(TOP, "xdp/include/ipacct"))}
    check(published <= headers and
          any(path.endswith("/pkgconfig/libipacct.pc") for path in headers), f"{headers}")
    for name in packages():
        unpack(name, context.folder)
    # No path of the machine that built it (deploy/package.sh: ipacct-package.XXXXXX)…
    for top, _, entries in os.walk(context.folder):
        for entry in entries:
            with open(os.path.join(top, entry), "rb") as content:
                check(b"/ipacct-package." not in content.read(), f"build path in {entry}")
    # …and no search path but the system's.
    for program in ("usr/sbin/ipacctd", "usr/sbin/ipacctctl", "usr/bin/ipacct-dump"):
        dynamic = run("readelf", "-d", os.path.join(context.folder, program)).stdout
        check("RPATH" not in dynamic and "RUNPATH" not in dynamic, f"{program}: {dynamic}")


@test()
def default_configuration_and_its_examples_are_accepted(context):
    unpack("ipacct", context.folder)
    daemon = os.path.join(context.folder, "usr/sbin/ipacctd")
    shipped = os.path.join(context.folder, "etc/ipacct/ipacct.yaml")
    run(daemon, "-c", shipped, "--check-config")
    done = run(daemon, "-c", shipped, "--dry-run", expect=2)
    check("no interface" in done.stderr, f"what is missing: {done.stderr}")
    text = read("deploy/ipacct.yaml")
    used = re.sub(r"^#(?=[a-z_]+:|  )", "", text, flags=re.MULTILINE)
    check(used.count("\ninterfaces:\n  - name: eth0\n") == 1, f"the examples in use:\n{used}")
    with open(shipped, "w", encoding="utf-8") as out:
        out.write(used)
    run(daemon, "-c", shipped, "--check-config")
