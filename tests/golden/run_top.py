#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of ipacct-top from one cut to the next, on a ledger whose every number is known.

usage: run_top.py TOP MAKE_LEDGER MAKE_GEO MAN_PAGE [--update]

Prints TAP. --update writes the stored outputs anew: read the difference before committing it."""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "top")
UPDATE = "--update" in sys.argv
TOP, MAKE, MAKE_GEO, MAN = (os.path.abspath(path) for path in sys.argv[1:5])
DEADLINE_S = 30
HEADER_BYTES = 4096  # abi.h IPACCT_LEDGER_HEADER_BYTES
GOLDEN = {
    "frame.json": ["--json"],
    "frame.txt": ["--batch"],
    "wide.txt": ["--batch", "--width", "130", "--sort", "rx_bps", "-T"],
    "two-lines.txt": ["--batch", "--mode", "two-lines", "-t", "1"],
    "packets.txt": ["--batch", "--ascii", "-p", "-i", "eth0", "--mode=sum", "192.0.2.0/24"],
    "by-country.txt": ["--batch", "--by", "country"],
    "by-asn.json": ["--json", "--by", "asn", "--sort", "tx_pps", "-t", "1"],
    "by-domain.txt": ["--batch", "--by", "domain", "--window", "40"],
    "filtered.json": ["--json", "-6", "--domain", "0"],
}


def environment():
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    for name in os.environ:
        if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "LD_LIBRARY")):
            env[name] = os.environ[name]
    return env


def make(folder, variant):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([MAKE, f"{folder}/ledger", variant], check=True, timeout=DEADLINE_S)
    subprocess.run([MAKE_GEO, f"{folder}/geo", "known"], check=True, timeout=DEADLINE_S)


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


def frame(*args):
    """Start on cut 2, commit cut 3 in the same file, return the one frame of it."""
    with tempfile.TemporaryDirectory() as folder:
        make(f"{folder}/now", "committed")
        make(f"{folder}/next", "next")
        with subprocess.Popen([TOP, "--runtime-dir", f"{folder}/now", "--bpffs", "no-bpffs", "-d",
                               "0.1", "-n", "1", *args], env=environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as tool:
            wait_for_timer(tool)
            with open(f"{folder}/next/ledger", "rb") as file:
                committed = file.read()
            with open(f"{folder}/now/ledger", "r+b") as file:
                file.seek(HEADER_BYTES)
                file.write(committed[HEADER_BYTES:])
                file.flush()
                file.seek(0)
                file.write(committed[:HEADER_BYTES])
            out, err = tool.communicate(timeout=DEADLINE_S)
    lines = [line for line in err.splitlines() if b"no cut comes" not in line]
    assert tool.returncode == 0 and not lines, (tool.returncode, err)
    return re.sub(rb'"own_cpu_ns":\d+', b'"own_cpu_ns":0', out)


def stored(name, got):
    path = os.path.join(HERE, name)
    if UPDATE:
        with open(path, "wb") as file:
            file.write(got)
    with open(path, "rb") as file:
        want = file.read()
    for number, (a, b) in enumerate(zip(got.splitlines(), want.splitlines()), 1):
        assert a == b, f"{name}:{number}: got\n{a.decode()}\nstored\n{b.decode()}"
    assert got == want, f"{name}: {len(got)} octets, stored are {len(want)}"


def shape_is_pinned():
    one = json.loads(frame("--json"))
    assert list(one) == ["schema", "live", "cut", "time", "covered_ns", "window_ns", "addresses",
                         "moving", "conservation", "interfaces", "cost", "rows", "left_out"]
    row = {r.get("address"): r for r in one["rows"]}["192.0.2.1"]
    assert one["covered_ns"] == 10**9 == one["window_ns"][0]
    assert row["tx_pps"] == [7777777 - 1200] * 3, row
    assert row["tx_bps"] == [8 * (7777777 - 1150000)] * 3, row
    assert row["tx_packets"] == 7777777, row


def shown_and_left_out_are_all():
    whole = json.loads(frame("--json"))
    for args in (["-t1"], ["-4"], ["192.0.2.1"], ["--country", "DE"], ["--by", "country", "-t1"],
                 ["--by=domain"], ["--by", "prefix=8"], ["--asn=1"]):
        part = json.loads(frame("--json", *args))
        for key in ("tx_bps", "rx_bps", "tx_pps", "rx_pps", "tx_packets", "rx_l3_bytes"):
            def total(one, key=key):
                values = [r[key] for r in one["rows"] + [one["left_out"]]]
                return sum(v[0] if isinstance(v, list) else v for v in values)
            assert abs(total(part) - total(whole)) <= 3, (args, key)  # each is rounded


def usage_errors_say_what_is_wanted():
    for args, says in ((["-d", "0.01"], "0.100 to 86400"), (["--sort", "size"], "rx_bps"),
                       (["--by", "size"], "prefix=LEN4,LEN6"), (["--width", "39"], "40 to 400"),
                       (["--width", "401"], "40 to 400"), (["-t", "100001"], "1 to 100000"),
                       (["192.0.2.0/33"], "neither an address nor a prefix")):
        done = subprocess.run([TOP, *args], env=environment(), stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.PIPE, timeout=DEADLINE_S)
        assert done.returncode == 2 and says in done.stderr.decode(), done
    done = subprocess.run([TOP, "--runtime-dir", "/nonexistent", "--json"], env=environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S,
                          check=False)
    assert done.returncode == 1 and b"/nonexistent" in done.stderr, done


def manual_names_the_options_of_help():
    text = subprocess.run([TOP, "--help"], env=environment(), stdout=subprocess.PIPE, check=True,
                          timeout=DEADLINE_S).stdout.decode()
    with open(MAN, encoding="utf-8") as file:
        manual = file.read()
    options = set(re.findall(r"^  (?:-., |    )(--[a-z0-9-]+)", text, re.M))
    section = manual.split("# OPTIONS")[1].split("# JSON")[0]
    assert options == set(re.findall(r"^(?:\*-.\*, )?\*(--[a-z0-9-]+)\*", section, re.M)), options


def main():
    def golden(name):
        def check():
            stored(name, frame(*GOLDEN[name]))
        check.__name__ = f"stored output {name}"
        return check

    tests = [golden(name) for name in GOLDEN]
    tests += [shape_is_pinned, shown_and_left_out_are_all, usage_errors_say_what_is_wanted,
              manual_names_the_options_of_help]
    print(f"1..{len(tests)}")
    failed = 0
    for number, function in enumerate(tests, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # pylint: disable=broad-except  # anything else is a failed test, too
            failed = 1
            print(f"not ok {number} - {name}")
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    return failed


sys.exit(main())
