# SPDX-License-Identifier: GPL-2.0-or-later
"""What the golden tests of programs have in common: an environment without surprises, stored outputs, TAP."""

import os
import select
import sys
import time
import traceback

DEADLINE_S = 30
UPDATE = "--update" in sys.argv
TESTS = []


class SkipTest(Exception):
    """The machine lacks what a test needs."""


def programs():
    """Paths on the command line, before tests change the directory."""
    return [os.path.abspath(path) for path in sys.argv[1:] if not path.startswith("--")]


def test(function):
    TESTS.append(function)
    return function


def environment(**more):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **more}
    for name in os.environ:
        if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "LD_LIBRARY")):
            env[name] = os.environ[name]
    return env


def stored(folder, name, got):
    """The output is what is kept beside this file; with --update that becomes the output."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), folder, name)
    if UPDATE:
        with open(path, "wb") as file:
            file.write(got)
    with open(path, "rb") as file:
        want = file.read()
    for number, (a, b) in enumerate(zip(got.splitlines(), want.splitlines()), 1):
        assert a == b, f"{name}:{number}: got\n{a.decode()}\nstored\n{b.decode()}"
    assert got == want, f"{name}: {len(got)} octets, stored are {len(want)}"


def golden(folder, outputs, output_of):
    """A test for each stored output; output_of(its value) makes it anew."""
    def one(name):
        def check():
            stored(folder, name, output_of(outputs[name]))
        check.__name__ = f"stored output {name}"
        return check

    for name in outputs:
        test(one(name))


def wait_for_timer(tool):
    """Until it has its first reading: it makes its timer after that."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        assert tool.poll() is None, "it ended early"
        for name in os.listdir(f"/proc/{tool.pid}/fd"):
            try:
                if os.readlink(f"/proc/{tool.pid}/fd/{name}") == "anon_inode:[timerfd]":
                    return
            except OSError:
                pass
        select.select([], [], [], 0.01)
    raise AssertionError("no timer within the deadline")


def run_all():
    """Every test in its order. Returns the exit code."""
    print(f"1..{len(TESTS)}")
    failed = 0
    for number, function in enumerate(TESTS, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except SkipTest as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception:  # pylint: disable=broad-except  # anything else is a failed test, too
            failed = 1
            print(f"not ok {number} - {name}")
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    return failed
