# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiny TAP 13 runner: @test functions, one context each, undone in reverse order.

A test is a function of one argument, the Context. It fails by raising (a failed check is an
exception with the figures in it), skips by raising Skip, and passes by returning. What it makes
it registers with the context, which undoes everything whatever happens, also on SIGTERM."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
import traceback

# One number that stretches every deadline and shrinks every amount of traffic: 1 on a real
# machine, about 15 under qemu's TCG.
SLOW = float(os.environ.get("IPACCT_TEST_SLOW", "1"))
SHARE = os.environ.get("IPACCT_VM_SHARE", "1/1").split("/")  # of the tests for one guest; 1/1: none


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
    that runs nowhere else, "one" one that runs in one guest of the matrix (they share them:
    IPACCT_VM_SHARE), "alone" one that runs in guests while nothing else does (--alone), "asked"
    one too slow for the matrix: it runs in a guest when it is named; crash_build=True needs the
    build with crash points; fault is the row of tests/faults that it proves, and becomes a part
    of its name."""

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
    signal.signal(number, signal.SIG_IGN)  # undoing is not to be interrupted again
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


def selected(patterns, guest, crash_build, alone=False):
    """The tests to run: all, or those whose name holds one of the patterns."""
    n_ones = 0
    for function, limit_s, in_guest, needs_crash in TESTS:
        if patterns and not any(pattern in function.__name__ for pattern in patterns):
            continue
        if (guest and not in_guest) or (not guest and in_guest in ("only", "one", "alone", "asked")):
            continue
        if not patterns and alone != (in_guest == "alone"):
            continue
        if in_guest == "asked" and not patterns:
            continue
        if in_guest == "one" and not patterns:
            n_ones += 1
            if n_ones % int(SHARE[1]) != int(SHARE[0]):
                continue
        yield function, limit_s, needs_crash and not crash_build


def _result(chosen, number):
    """Run one of the chosen tests; return what is to be said of it."""
    function, limit_s, lacks_build = chosen[number]
    started = time.monotonic()
    if lacks_build:
        outcome, text, notes = "skip", "IPACCT_CRASH_BUILD names no build", []
    else:
        outcome, text, notes = _run_one(function, limit_s)
    return {"name": function.__name__, "outcome": outcome, "text": text, "notes": notes,
            "took": time.monotonic() - started}


def _work(link, chosen):
    """A worker: a number in, a result out, until the other end is closed."""
    while True:
        number = link.recv(16)
        if not number:
            return
        link.sendall(json.dumps(_result(chosen, int(number))).encode() + b"\n")


def _start_worker(chosen, others):
    """Fork a worker; return (process id, socket to it)."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    code = 1
    try:
        for link in others + [ours]:  # or a worker would not see the end of the parent
            link.close()
        _work(theirs, chosen)
        code = 0
    except (Interrupted, OSError):
        pass
    finally:
        os._exit(code)


def _side_by_side(chosen, n_workers):
    """Results as they come, of so many tests at a time, each in its own process."""
    workers, waiting = {}, list(range(len(chosen)))
    sys.stdout.flush()
    try:
        for _ in range(n_workers):
            pid, link = _start_worker(chosen, list(workers))
            workers[link] = pid
        busy = list(workers)[:len(waiting)]
        for link in busy:
            link.sendall(b"%d" % waiting.pop(0))
        while busy:
            for link in select.select(busy, [], [])[0]:
                with link.makefile("rb") as stream:
                    line = stream.readline()
                yield json.loads(line) if line else {
                    "name": "a worker", "outcome": "not ok", "text": "ended in the middle of a test",
                    "notes": [], "took": 0}
                if line and waiting:
                    link.sendall(b"%d" % waiting.pop(0))
                else:
                    busy.remove(link)
        for number in waiting:  # nobody is left to run them
            yield dict(_result([(chosen[number][0], 0, True)], 0), outcome="not ok")
    finally:
        for link, pid in workers.items():
            link.close()
            if sys.exc_info()[0]:
                os.kill(pid, signal.SIGTERM)
        for pid in workers.values():
            os.waitpid(pid, 0)


def run(patterns, guest=False, crash_build=True, alone=False, n_workers=1):
    """Run the selected tests, print TAP, return the exit code."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGALRM, _on_alarm)
    chosen = list(selected(patterns, guest, crash_build, alone))
    print("TAP version 13", flush=True)
    print(f"1..{len(chosen)}", flush=True)
    results = (_side_by_side(chosen, n_workers) if n_workers > 1 else
               (_result(chosen, number) for number in range(len(chosen))))
    failed = 0
    for number, one in enumerate(results, 1):
        if one["outcome"] == "skip":
            print(f"ok {number} - {one['name']} # SKIP {one['text']}", flush=True)
            continue
        print(f"{one['outcome']} {number} - {one['name']} ({one['took']:.1f} s)", flush=True)
        for line in one["notes"]:
            _diagnostic(line)
        if one["outcome"] != "ok":
            failed += 1
            _diagnostic(one["text"])
    return 1 if failed else 0


def main(arguments):
    if "--list" in arguments:
        for function, *_ in TESTS:
            print(function.__name__)
        return 0
    guest = "--guest" in arguments
    patterns = [argument for argument in arguments if not argument.startswith("-")]
    n_workers = 2 if "--side-by-side" in arguments else 1
    try:
        return run(patterns, guest, bool(os.environ.get("IPACCT_CRASH_BUILD")),
                   "--alone" in arguments, n_workers)
    except Interrupted as why:
        print(f"Bail out! {why}", flush=True)
        return 1


if __name__ == "__main__":
    sys.exit("run tests/e2e/run.py")
