#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How ipacct-dump is used: on terminals, pipes and full disks, with -w, on what it cannot read, wrongly.

usage: run_dump_use.py DUMP CTL MAKE_LEDGER MAKE_GEO"""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

from golden import DEADLINE_S, SkipTest, test, wait_for_timer
from ledgers import BIG, CTL, DUMP, good, main, make, refused, run


@test
def unreadable_ledgers_have_their_exit_codes():
    for program, verb in ((DUMP, []), (CTL, ["verify"])):
        refused(78, program, *verb, variant="abi", says="version 2, this program reads version 1")
        refused(1, program, *verb, variant="magic", says="ledger")
        refused(1, program, *verb, variant="truncated", says="shorter")
        refused(1, program, *verb, variant="missing", says="is ipacctd running?")
    refused(1, DUMP, "--live", says="no-bpffs")


@test
def a_stranger_is_told_the_group():
    os.chmod("locked", 0o700)
    if os.geteuid() != 0:
        raise SkipTest("needs root to become somebody else")
    refused(1, DUMP, variant="locked", says="group ipacct", user=65534, group=65534,
            extra_groups=[])


@test
def usage_errors_are_exit_2_and_say_what_is_wanted():
    refused(2, DUMP, "--sort", "size", says="tx_packets")
    refused(2, DUMP, "--bogus", says="--bogus")
    refused(2, DUMP, "-n", says="missing")
    for number in ("0", "-1", "1x", "4294967296", "99999999999999999999"):
        refused(2, DUMP, "-n", number, says="from 1 to 4294967295")
    good(DUMP, "-n", "4294967295")
    refused(2, DUMP, "--domain", "65536", says="from 0 to 65535")
    for interval in ("0", "0.099", "86400.001", "1s", "1.2345", ".5", "-1"):
        refused(2, DUMP, "-w", interval, says="0.100 to 86400")
    refused(2, DUMP, "--count", "1", says="-w")
    for prefix in ("192.0.2.0/33", "2001:db8::/129", "192.0.2", "1.2.3.4/", "1.2.3.4/-1", "eth0", ""):
        refused(2, DUMP, prefix, says="neither an address nor a prefix")
    refused(2, DUMP, *["192.0.2.1"] * 257, says="256")
    good(DUMP, *["192.0.2.1"] * 256)
    refused(1, DUMP, "-i", "eth9", says="never attached")
    refused(2, CTL, "stauts", says="did you mean 'status'")
    refused(2, CTL, "zzzzzzzzzz", says="unknown verb")
    refused(2, CTL, "verify", "eth0", says="no argument")
    assert run(CTL).returncode == 2 and b"Verbs" in run(CTL).stdout


@test
def a_closed_pipe_is_no_error():
    for args in ([], ["-j"], ["-p"], ["--ndjson"], ["--csv"], ["-o"], ["--geo"], ["--csv", "--geo"],
                 ["--ndjson", "--by", "prefix=32"], ["--by", "prefix=32", "-o"]):
        tool = run(DUMP, *args, variant=str(BIG), background=True, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE)
        assert tool.stdout.read(10)
        tool.stdout.close()
        complaint = tool.stderr.read()
        tool.stderr.close()
        assert (tool.wait(DEADLINE_S), complaint) == (0, b""), args


@test
def a_full_disk_is_an_error():
    with open("/dev/full", "wb") as full:
        for program, args in ((DUMP, []), (DUMP, ["-j"]), (DUMP, ["--help"]), (CTL, ["verify"])):
            done = run(program, *args, stdout=full)
            assert done.returncode == 1 and b"No space left" in done.stderr, args


@test
def a_large_ledger_streams_whole():
    dump = json.loads(good(DUMP, "-j", "10.0.0.0/8", variant=str(BIG)))
    assert len({a["address"] for a in dump["addresses"]}) == BIG
    lines = good(DUMP, "-b", variant=str(BIG)).decode().splitlines()
    rows = [x for x in lines if x.startswith("10.")]
    assert len(rows) == BIG and len(set(map(len, rows))) == 1, "aligned over all blocks"
    assert sum(x.startswith("ADDRESS") for x in lines) == 1


def watch(*args):
    """Start on cut 2, put cut 3 in its place, return what one interval printed."""
    make("watched", "committed")
    tool = run(DUMP, "-w", "0.1", "--count", "1", *args, variant="watched", background=True,
               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for_timer(tool)
    make("watched-next", "next")
    os.rename("watched-next/ledger", "watched/ledger")
    out, err = tool.communicate(timeout=DEADLINE_S)
    assert (tool.returncode, err) == (0, b""), (tool.returncode, err)
    return out


@test
def watch_shows_what_the_next_cut_added_over_its_own_time():
    delta = json.loads(watch("-j"))
    assert (delta["schema"], delta["cut"], delta["interval_ns"]) == (
        "ipacct.dump.interval/1", 3, 10**9)
    moved = {a["address"]: a for a in delta["addresses"]}
    assert moved["192.0.2.1"]["tx_packets"] == 7777777 - 1200
    assert moved["203.0.113.9"]["rx_l3_bytes"] == 7777777, "a new address counts whole"
    assert "192.0.2.2" not in moved, "what stood still is left out"
    lines = [json.loads(line) for line in watch("--ndjson").splitlines()]
    assert [x["address"] for x in lines if x["type"] == "address"] == [
        a["address"] for a in delta["addresses"]]
    assert re.search(r"^203\.0\.113\.9 +7\.78 M +62\.2 M +7\.78 M +62\.2 M$",
                     watch().decode(), re.M)


@test
def watch_groups_the_rates_and_takes_in_new_geo_records():
    delta = json.loads(watch("-j", "--by", "asn"))
    groups = {g["group"]: g for g in delta["groups"]}
    assert (groups["64500"]["tx_packets"], groups["64500"]["addresses"]) == (7777777 - 1200, 1)
    assert groups["4200000000"]["tx_packets"] == 7777777, "an address that was new"
    assert "private" not in groups, "what stood still is left out"
    assert json.loads(watch("-j", "--geo", "--country", "DE"))["addresses"][0]["asn"] in (
        64500, 4200000000)
    assert re.search(r"^4200000000 +Private Use +1 +7\.78 M +62\.2 M +7\.78 M +62\.2 M$",
                     watch("--by", "asn").decode(), re.M)


@test
def watch_goes_on_when_the_geo_file_breaks():
    make("watched", "committed")
    tool = run(DUMP, "-w", "0.1", "--count", "1", "-j", "--by", "asn", variant="watched",
               background=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for_timer(tool)
    os.truncate("watched/geo", 100)
    make("watched-next", "next")
    os.rename("watched-next/ledger", "watched/ledger")
    out, err = tool.communicate(timeout=DEADLINE_S)
    assert tool.returncode == 0 and err.count(b"\n") == 1 and b"geo file" in err, err
    assert [(g["kind"], g["addresses"]) for g in json.loads(out)["groups"]] == [("pending", 2)]


@test
def watch_ends_at_a_signal_and_when_its_reader_goes():
    for number in (signal.SIGINT, signal.SIGTERM):
        tool = run(DUMP, "-w", "3600", background=True, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE)
        wait_for_timer(tool)
        tool.send_signal(number)
        out, err = tool.communicate(timeout=DEADLINE_S)
        assert (tool.returncode, out, err) == (0, b"", b"")
    tool = run(DUMP, "-w", "3600", background=True, stdout=subprocess.PIPE)
    wait_for_timer(tool)
    tool.stdout.close()
    assert tool.wait(DEADLINE_S) == 0


def on_terminal(columns, *args):
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {"LC_ALL": "C.UTF-8", "TERM": "xterm", **{k: v for k, v in os.environ.items()
                                                    if k.startswith(("ASAN_", "UBSAN_"))}}
    tool = subprocess.Popen([DUMP, "--runtime-dir", "committed", *args], stdin=subprocess.DEVNULL,
                            stdout=end, stderr=end, env=env)
    os.close(end)
    text = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:  # EIO: the last writer closed
            break
        if not block:
            break
        text += block
    os.close(main)
    assert tool.wait(DEADLINE_S) == 0, text
    return text.decode()


@test
def a_terminal_gets_colours_unless_they_are_unwanted():
    assert "\033[" in on_terminal(100)
    assert "\033[" not in on_terminal(100, "--color=never")
    assert b"\033[" not in good(DUMP)
    assert b"\033[" in good(DUMP, "--color=always")


@test
def a_narrow_terminal_loses_columns_not_digits():
    for columns in (60, 70, 80):
        lines = on_terminal(columns, "-4", "--color=never", "--domain", "0").splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith("ADDRESS"))
        assert max(map(len, lines[start:start + 5])) <= columns, lines
        assert any("1.20 k" in line and "1.10 MiB" in line and "402 KiB" in line for line in lines)


sys.exit(main("committed", "abi", "magic", "truncated", "locked", str(BIG)))
