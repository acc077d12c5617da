#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of ipacct-top from one cut to the next, on a ledger whose every number is known.

usage: run_top.py TOP MAKE_LEDGER MAKE_GEO MAN_PAGE [--update]

Prints TAP. --update writes the stored outputs anew: read the difference before committing it."""

import json
import os
import re
import subprocess
import sys
import tempfile

from golden import DEADLINE_S, environment, golden, programs, run_all, test, wait_for_timer

TOP, MAKE, MAKE_GEO, MAN = programs()
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


def make(folder, variant):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([MAKE, f"{folder}/ledger", variant], check=True, timeout=DEADLINE_S)
    subprocess.run([MAKE_GEO, f"{folder}/geo", "known"], check=True, timeout=DEADLINE_S)


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


golden("top", GOLDEN, lambda arguments: frame(*arguments))
for function in (shape_is_pinned, shown_and_left_out_are_all, usage_errors_say_what_is_wanted,
                 manual_names_the_options_of_help):
    test(function)
sys.exit(run_all())
