# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiny TAP 13 runner: @test functions, one context each, undone in reverse order.

A test is a function of one argument, the Context. It fails by raising (a failed check is an
exception with the figures in it), skips by raising Skip, and passes by returning. What it makes
it registers with the context, which undoes everything whatever happens, also on SIGTERM."""

import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback

# One number that stretches every deadline and shrinks every amount of traffic: 1 on a real
# machine, about 15 under qemu's TCG.
SLOW = float(os.environ.get("IPACCT_TEST_SLOW", "1"))


class Skip(Exception):
    """This machine cannot run the test; the text says why."""


class Failure(Exception):
    """A check that did not hold."""


class Interrupted(BaseException):
    """SIGTERM or SIGINT: undo and leave."""


class Expired(BaseException):
    """The test ran longer than its own limit."""


TESTS = []


def test(limit_s=60, guest=False, crash_build=False, fault=None):
    """Register a test. limit_s is scaled by SLOW; guest=True makes it one of the core tests that
    run on every kernel of the matrix, too (which has 6 minutes: tests/vm/README.md), "only" one
    that runs nowhere else, "one" one that runs in one guest of the matrix;
    crash_build=True needs the build with crash points; fault is the row of tests/faults that it
    proves, and becomes a part of its name."""

    def register(function):
        if fault:
            function.__name__ = f"{fault} {function.__name__}"
        TESTS.append((function, limit_s, guest, crash_build))
        return function

    return register


class Context(contextlib.ExitStack):
    """What one test made. Everything callable that is registered runs at its end."""

    def __init__(self):
        super().__init__()
        self.notes = []
        self.folder = self.enter_context(tempfile.TemporaryDirectory(prefix="ipacct-test-"))

    def note(self, text):
        """A figure worth printing even when the test passes."""
        self.notes.append(text)


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(actual, expected, text):
    if actual != expected:
        raise Failure(f"{text}: got {actual!r}, expected {expected!r}")


def wait_for(probe, what, limit_s=10):
    """Call probe() until it answers something true; return that. Never longer than the limit."""
    deadline = time.monotonic() + limit_s * SLOW
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {limit_s * SLOW:.0f} s")
        # The pause between two looks at an event that has no descriptor to wait on.
        time.sleep(0.005)


def _on_signal(number, _frame):
    raise Interrupted(signal.Signals(number).name)


def _on_alarm(_number, _frame):
    raise Expired()


def _run_one(function, limit_s):
    """Run one test; return (outcome, diagnostics, notes)."""
    context = Context()
    outcome, text = "ok", ""
    try:
        with context:
            # The alarm repeats, so that an `except` in library code cannot swallow it for good.
            signal.setitimer(signal.ITIMER_REAL, limit_s * SLOW, 5)
            try:
                function(context)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    except Skip as skip:
        outcome, text = "skip", str(skip)
    except Failure as failure:
        outcome, text = "not ok", str(failure)
        frame = traceback.extract_tb(failure.__traceback__)
        text += "".join(f"\n  at {os.path.basename(f.filename)}:{f.lineno}" for f in frame[2:])
    except Expired:
        outcome, text = "not ok", f"took longer than {limit_s * SLOW:.0f} s"
        text += "\n" + traceback.format_exc()
    except Exception:  # pylint: disable=broad-except  # anything else is a failed test, too
        outcome, text = "not ok", traceback.format_exc()
    return outcome, text, context.notes


def _diagnostic(text):
    for line in text.splitlines():
        print(f"# {line}", flush=True)


def selected(patterns, guest, crash_build):
    """The tests to run: all, or those whose name holds one of the patterns."""
    for function, limit_s, in_guest, needs_crash in TESTS:
        if patterns and not any(pattern in function.__name__ for pattern in patterns):
            continue
        if (guest and not in_guest) or (not guest and in_guest in ("only", "one")):
            continue
        if in_guest == "one" and not patterns and not os.environ.get("IPACCT_VM_ONE"):
            continue
        yield function, limit_s, needs_crash and not crash_build


def run(patterns, guest=False, crash_build=True):
    """Run the selected tests, print TAP, return the exit code."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGALRM, _on_alarm)
    chosen = list(selected(patterns, guest, crash_build))
    print("TAP version 13", flush=True)
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (function, limit_s, lacks_build) in enumerate(chosen, 1):
        name = function.__name__
        started = time.monotonic()
        if lacks_build:
            outcome, text, notes = "skip", "IPACCT_CRASH_BUILD names no build", []
        else:
            outcome, text, notes = _run_one(function, limit_s)
        took = time.monotonic() - started
        if outcome == "skip":
            print(f"ok {number} - {name} # SKIP {text}", flush=True)
            continue
        print(f"{outcome} {number} - {name} ({took:.1f} s)", flush=True)
        for line in notes:
            _diagnostic(line)
        if outcome != "ok":
            failed += 1
            _diagnostic(text)
    return 1 if failed else 0


def main(arguments):
    if "--list" in arguments:
        for function, *_ in TESTS:
            print(function.__name__)
        return 0
    guest = "--guest" in arguments
    patterns = [argument for argument in arguments if not argument.startswith("-")]
    try:
        return run(patterns, guest, bool(os.environ.get("IPACCT_CRASH_BUILD")))
    except Interrupted as why:
        print(f"Bail out! {why}", flush=True)
        return 1


if __name__ == "__main__":
    sys.exit("run tests/e2e/run.py")
