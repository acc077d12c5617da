#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Outputs of ipacct-dump and ipacctctl on ledgers whose every number is known.

usage: run_dump.py DUMP CTL MAKE_LEDGER MAKE_GEO [DAEMON] [--update]

Prints TAP. --update writes the stored outputs anew: read the difference before committing it."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dump")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
UPDATE = "--update" in sys.argv
DUMP, CTL, MAKE, MAKE_GEO, *DAEMON = (os.path.abspath(path) for path in sys.argv[1:]
                            if not path.startswith("--"))
DEADLINE_S = 30
BIG = 200000  # addresses: far more output than a pipe holds
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(program, *args, columns=None, **more):
    """Run a tool on the ledger in ./VARIANT (default: ./committed)."""
    variant = more.pop("variant", "committed")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    for name in os.environ:
        if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "LD_LIBRARY")):
            env[name] = os.environ[name]
    if columns:
        env["COLUMNS"] = str(columns)
    command = [program, "--runtime-dir", variant, "--bpffs", "no-bpffs", *args]
    if more.pop("background", False):
        return subprocess.Popen(command, env=env, **more)
    return subprocess.run(command, env=env, timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})


def good(program, *args, **more):
    done = run(program, *args, **more)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr.decode()}"
    assert done.stderr == b"", f"standard error: {done.stderr.decode()}"
    return done.stdout


def refused(code, program, *args, says="", **more):
    done = run(program, *args, **more)
    text = done.stderr.decode()
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {text}"
    assert says in text, f"'{says}' is not in: {text}"
    assert done.stdout == b"", f"standard output: {done.stdout[:200]}"


def stored(name, got):
    path = os.path.join(HERE, name)
    if UPDATE:
        with open(path, "wb") as file:
            file.write(got)
    with open(path, "rb") as file:
        want = file.read()
    if got == want:
        return
    for number, (a, b) in enumerate(zip(got.splitlines(), want.splitlines()), 1):
        assert a == b, f"{name}:{number}: got\n{a.decode()}\nstored\n{b.decode()}"
    raise AssertionError(f"{name}: {len(got)} octets, stored are {len(want)}")


GOLDEN = {
    "dump.json": (DUMP, ["-j"]),
    "pretty-top.json": (DUMP, ["-p", "--top", "2", "-i", "eth0", "192.0.2.0/24", "198.18.0.0/15"]),
    "dump.ndjson": (DUMP, ["--ndjson"]),
    "filtered.ndjson": (DUMP, ["--ndjson", "-6", "-n1"]),
    "totals.json": (DUMP, ["-p", "--totals", "-i", "ppp0"]),
    "dump.csv": (DUMP, ["--csv"]),
    "domain.csv": (DUMP, ["--csv", "--domain", "7"]),
    "totals.csv": (DUMP, ["--csv", "--totals"]),
    "oneline.txt": (DUMP, ["-o", "--sort", "address"]),
    "exact.txt": (DUMP, ["-b"]),
    "si.txt": (DUMP, ["-hsi", "--sort", "rx_packets", "-r"]),
    "top.txt": (DUMP, ["-t", "2", "-4"]),
    "totals.txt": (DUMP, ["--totals"]),
    "rollups.txt": (DUMP, ["--rollups"]),
    "geo.json": (DUMP, ["-p", "--geo", "-i", "eth0"]),
    "geo.ndjson": (DUMP, ["--ndjson", "--geo", "--country", "de,pending"]),
    "geo.csv": (DUMP, ["--csv", "--geo"]),
    "geo-oneline.txt": (DUMP, ["-o", "--geo"]),
    "geo.txt": (DUMP, ["--geo", "-b", "--sort", "address"]),
    "by-country.txt": (DUMP, ["--by", "country"]),
    "by-country.json": (DUMP, ["-p", "--by", "country", "-i", "eth0"]),
    "by-asn.csv": (DUMP, ["--csv", "--by", "asn"]),
    "by-asn-top.ndjson": (DUMP, ["--ndjson", "--by", "asn", "-n2"]),
    "by-name.txt": (DUMP, ["--by", "name", "-4"]),
    "by-prefix.txt": (DUMP, ["--by", "prefix"]),
    "by-prefix-oneline.txt": (DUMP, ["-o", "--by", "prefix=8,16", "--sort=address"]),
    "by-group.txt": (DUMP, ["--by", "group", "-b"]),
    "by-group.json": (DUMP, ["-p", "--by", "group", "-i", "eth0"]),
    "by-group.csv": (DUMP, ["--csv", "--by", "group", "--top", "2"]),
    "by-group-oneline.txt": (DUMP, ["-o", "--by", "group", "--group", "customer-a,silent"]),
    "group.ndjson": (DUMP, ["--ndjson", "--group", "Customer B"]),
    "groups.txt": (CTL, ["groups"]),
    "groups.json": (CTL, ["groups", "-p"]),
    "verify.txt": (CTL, ["verify"]),
    "verify.json": (CTL, ["verify", "-p"]),
}


def golden(name):
    program, args = GOLDEN[name]

    def check():
        stored(name, good(program, *args))

    check.__name__ = f"stored output {name}"
    return check


for stored_name in GOLDEN:
    test(golden(stored_name))


SHARED = {
    "shared.txt": ["-6", "-b"],
    "shared.ndjson": ["--ndjson", "-6", "--geo"],
    "shared.csv": ["--csv", "2001:db8:1:2ff::7", "--geo"],
    "shared-by-prefix.csv": ["--csv", "--by", "prefix=24,64", "-6"],
    "shared-group.csv": ["--csv", "--group", "customer-a", "-6"],
}


@test
def a_shared_record_is_an_address_of_its_length():
    for name, args in SHARED.items():
        stored(name, good(DUMP, *args, variant="shared"))


@test
def table_fits_80_and_120_columns():
    for columns in (80, 120):
        text = good(DUMP, columns=columns)
        assert max(map(len, text.decode().splitlines())) <= columns
        stored(f"table-{columns}.txt", text)
        # an IPv6 address of full length leaves no room for a country in 80 columns
        only = ["-4", "--domain=0"] if columns == 80 else []
        for name, args in (("geo", ["--geo", *only]), ("by-asn", ["--by=asn"])):
            text = good(DUMP, *args, columns=columns)
            assert max(map(len, text.decode().splitlines())) <= columns
            stored(f"{name}-{columns}.txt", text)


@test
def json_has_the_pinned_shape_and_key_order():
    dump = json.loads(good(DUMP, "-j"))
    assert list(dump) == ["schema", "live", "cut", "cut_time", "conservation", "interfaces",
                          "addresses", "rollups"]
    assert list(dump["conservation"]) == ["error_packets", "error_l3_bytes"]
    assert list(dump["interfaces"][0]) == [
        "ifname", "ifindex", "hook", "mode", "attach", "seen_packets", "seen_l2_bytes",
        "accounted_packets", "accounted_l3_bytes", "ignored", "size_histogram"]
    counters = ["tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes"]
    assert list(dump["addresses"][0]) == ["address", "domain", *counters, "first_seen", "last_seen"]
    assert list(dump["rollups"][0]) == ["prefix", "domain", *counters]
    assert len(dump["interfaces"][0]["ignored"]) == 14
    assert len(dump["interfaces"][0]["size_histogram"]) == 8


def sums(rows):
    return [sum(int(row[key]) for row in rows)
            for key in ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")]


@test
def addresses_and_rollups_sum_to_what_the_interfaces_accounted():
    dump = json.loads(good(DUMP, "-j"))
    packets = sum(i["accounted_packets"] for i in dump["interfaces"])
    l3_bytes = sum(i["accounted_l3_bytes"] for i in dump["interfaces"])
    assert sums(dump["addresses"] + dump["rollups"]) == [packets, l3_bytes] * 2


@test
def filters_say_what_they_leave_out_and_it_still_sums():
    whole = json.loads(good(DUMP, "-j"))
    everything = sums(whole["addresses"] + whole["rollups"])
    for args in (["-4"], ["-6"], ["-n3"], ["--domain", "7"], ["2001:db8::/32"], ["0.0.0.0/0"],
                 ["::/0"], ["192.0.2.1", "203.0.113.0/28"], ["10.0.0.0/8", "-t1"]):
        part = json.loads(good(DUMP, "-j", *args))
        shown = part["addresses"] + part["rollups"]
        assert sums(shown + [part["left_out"]]) == everything, args
        assert len(shown) < len(whole["addresses"] + whole["rollups"]), args
        lines = [json.loads(line) for line in good(DUMP, "--ndjson", *args).splitlines()]
        counted = [x for x in lines if x["type"] in ("address", "rollup", "left_out")]
        assert sums(counted) == everything, args
        rows = list(csv.DictReader(io.StringIO(good(DUMP, "--csv", *args).decode())))
        assert sums(rows) == everything, args


@test
def families_and_prefixes_select_the_right_rows():
    def addresses(*args):
        return {a["address"] for a in json.loads(good(DUMP, "-j", *args))["addresses"]}

    everything = addresses()
    v6 = {a for a in everything if ":" in a}
    assert len(v6) == 2 and "203.0.113.9" not in everything
    assert addresses("-6") == v6 == addresses("::/0")
    assert addresses("-4") == everything - v6 == addresses("0.0.0.0/0")
    assert addresses("192.0.2.2/31") == {"192.0.2.2"}
    assert addresses("192.0.2.1") == {"192.0.2.1"}
    assert addresses("192.0.2.0/30", "-6") == set()
    assert addresses("2001:db8:1234::/47") == {"2001:db8:1234:5678:9abc:def0:1234:5678"}
    prefixes = json.loads(good(DUMP, "-j", "198.18.7.0/24"))["rollups"]
    assert {p["prefix"] for p in prefixes} == {"198.18.0.0/16", "0.0.0.0/0"}


AXES = ("country", "asn", "name", "prefix", "prefix=0,0", "prefix=9", "prefix=32,128")
GEO_FIELDS = ["country", "region", "city", "asn", "as_org", "class", "name"]


@test
def groups_sum_to_the_total_whatever_they_are_by():
    whole = json.loads(good(DUMP, "-j"))
    everything = sums(whole["addresses"] + whole["rollups"])
    for axis in AXES:
        for args in ([], ["-n1"], ["-4"], ["--domain", "7"], ["192.0.2.0/24"], ["--country=DE"],
                     ["--asn", "64500", "--name", "customers"], ["--country", "XX"]):
            dump = json.loads(good(DUMP, "-j", "--by", axis, *args))
            assert "addresses" not in dump and "rollups" not in dump
            rows = dump["groups"] + ([dump["left_out"]] if args else [])
            assert sums(rows) == everything, (axis, args)
            for key, n in (("addresses", 7), ("rollups", 4)):
                assert sum(row[key] for row in rows) == n, (axis, args)
            lines = [json.loads(x) for x in good(DUMP, "--ndjson", "--by", axis, *args).splitlines()]
            assert sums([x for x in lines if x["type"] in ("group", "left_out")]) == everything
            text = good(DUMP, "--csv", "--by", axis, *args).decode()
            assert sums(list(csv.DictReader(io.StringIO(text)))) == everything, (axis, args)
            table = good(DUMP, "-b", "--by", axis, *args).decode()
            assert re.search(r"^= total +7 +" + " +".join(map(str, everything)), table, re.M), table


@test
def every_address_is_in_the_group_of_its_own_fields():
    dump = json.loads(good(DUMP, "-j", "--geo", variant=str(BIG)))
    for axis, field in (("country", "country"), ("asn", "asn")):
        want = {}
        for row in dump["addresses"]:
            if row[field]:
                name = str(row[field])
            else:
                name = {None: "pending", "global": "unknown"}.get(row["class"], row["class"])
            want[name] = want.get(name, 0) + row["tx_l3_bytes"]
        want["rolled_up"] = sum(row["tx_l3_bytes"] for row in dump["rollups"])
        groups = json.loads(good(DUMP, "-j", "--by", axis, variant=str(BIG)))["groups"]
        assert {g["group"]: g["tx_l3_bytes"] for g in groups} == want
        assert len(groups) == len(want) > 5
    groups = json.loads(good(DUMP, "-j", "--by=asn", "--sort=address", variant=str(BIG)))["groups"]
    assert [g["group"] for g in groups[-11:]] == [
        "private", "shared", "loopback", "link_local", "multicast", "broadcast", "documentation",
        "reserved", "unknown", "pending", "rolled_up"]
    prefixes = json.loads(good(DUMP, "-j", "--by", "prefix", variant=str(BIG)))["groups"]
    assert sum(g["addresses"] for g in prefixes) == BIG + 7
    assert {g["addresses"] for g in prefixes if g["group"].startswith("10.")} == {256, BIG % 256}


@test
def geo_filters_select_by_country_as_and_name():
    def addresses(*args):
        return [(a["address"], a["domain"]) for a in
                json.loads(good(DUMP, "-j", "--sort=address", *args))["addresses"]]

    german = [("192.0.2.1", 0), ("198.51.100.7", 0)]
    assert addresses("--country", "DE") == german == addresses("--country=de")
    assert addresses("--asn", "64500") == german == addresses("--asn", "AS64500")
    assert addresses("--country", "DE", "--name", "customers") == german[1:]
    assert addresses("--country=AT,DE") == addresses("--country", "AT", "--country", "DE")
    assert addresses("--country=AT,DE") == [german[0], ("192.0.2.2", 0), german[1]]
    assert addresses("--asn", "64501,private") == [("192.0.2.2", 0), ("198.51.100.7", 7)]
    assert addresses("--country", "unknown") == [("2001:db8::1", 0)]
    assert addresses("--country", "pending") == [("203.0.113.10", 0)]
    assert addresses("--country", "DE", "--asn", "64501") == []
    assert addresses("--name", "Customers") == []
    assert json.loads(good(DUMP, "-j", "--country", "DE"))["rollups"] == []


@test
def geo_fields_are_null_until_they_are_known():
    rows = {(a["address"], a["domain"]): a for a in
            json.loads(good(DUMP, "-j", "--geo"))["addresses"]}
    for row in rows.values():
        assert list(row)[-7:] == GEO_FIELDS
    assert [rows["192.0.2.1", 0][key] for key in GEO_FIELDS] == [
        "DE", "Hessen", "Frankfurt am Main", 64500, "Example Networks", "global", None]
    assert [rows["203.0.113.10", 0][key] for key in GEO_FIELDS] == [None] * 7
    assert [rows["198.51.100.7", 7][key] for key in GEO_FIELDS] == [None] * 5 + ["private", None]
    lines = list(csv.DictReader(io.StringIO(good(DUMP, "--csv", "--geo").decode())))
    assert list(lines[0])[-7:] == GEO_FIELDS
    for line in lines:
        row = rows.get((line["address"], int(line["domain"])))
        want = [row[key] if row and row[key] else "" for key in GEO_FIELDS]
        assert [line[key] for key in GEO_FIELDS] == [str(value) for value in want], line
    assert not list(json.loads(good(DUMP, "-j"))["addresses"][0])[8:]


@test
def without_a_geo_file_it_is_said_in_one_line():
    for args in (["--geo"], ["--by", "country"], ["--asn", "1"], ["--geo", "-w", "1"]):
        refused(1, DUMP, *args, variant="locked", says="no geo file in locked")
        assert run(DUMP, *args, variant="locked").stderr.count(b"\n") == 1
    good(DUMP, "--by", "prefix", variant="locked")
    refused(1, DUMP, "--geo", variant="geo-magic", says="does not begin like one")
    refused(1, DUMP, "--geo", variant="geo-truncated", says="shorter")
    refused(78, DUMP, "--geo", variant="geo-version", says="version 2, this program reads version 1")


@test
def the_tool_does_not_look_anything_up():
    elf = subprocess.run(["readelf", "-d", DUMP], check=True, stdout=subprocess.PIPE).stdout
    assert b"(NEEDED)" in elf and b"maxmind" not in elf.lower()


@test
def geo_usage_errors_say_what_is_wanted():
    for key in ("size", "prefix=", "prefix=33", "prefix=24,129", "prefix=24,", "prefix=-1",
                "prefix=024x", "countryx", "prefix=24,48,64"):
        refused(2, DUMP, "--by", key, says="prefix=LEN4,LEN6")
    for more in ("--totals", "--rollups"):
        refused(2, DUMP, "--by", "asn", more, says="--by sums addresses up")
    for country in ("DEU", "D", "1A", "global", ""):
        refused(2, DUMP, "--country", f"AT,{country}", says=f"'{country}' is not a country")
    for asn in ("0", "4294967296", "AS", "-1", "x", ""):
        refused(2, DUMP, "--asn", asn, says="is not an AS number")
    good(DUMP, "--asn", "4294967295")
    refused(2, DUMP, "--name", "a,,b", says="is not a name")
    refused(2, DUMP, "--country", ",".join(["DE"] * 65), says="more than 64")
    good(DUMP, "--country", ",".join(["DE"] * 64))
    refused(2, DUMP, *["--asn=1"] * 65, says="too often")
    good(DUMP, *["--asn=1"] * 64)


@test
def every_sort_key_orders_and_reverses():
    keys = {"tx_packets": ["tx_packets"], "rx_packets": ["rx_packets"], "tx_bytes": ["tx_l3_bytes"],
            "rx_bytes": ["rx_l3_bytes"], "bytes": ["tx_l3_bytes", "rx_l3_bytes"],
            "packets": ["tx_packets", "rx_packets"]}
    for key, fields in keys.items():
        for args in ([], ["-r"]):
            rows = json.loads(good(DUMP, "-j", "--sort", key, *args))["addresses"]
            values = [sum(row[field] for field in fields) for row in rows]
            assert values == sorted(values, reverse=not args), key
            assert len(set(values)) > 3
    seen = [a["last_seen"] for a in json.loads(good(DUMP, "-j", "--sort=last_seen"))["addresses"]]
    assert seen == sorted(seen, reverse=True)
    for axis in AXES:
        for key, fields in keys.items():
            rows = json.loads(good(DUMP, "-j", "--by", axis, "--sort", key))["groups"]
            values = [sum(row[field] for field in fields) for row in rows]
            assert values == sorted(values, reverse=True), (axis, key)
    rows = json.loads(good(DUMP, "-j", "--by=country", "--sort=address"))["groups"]
    assert [row["group"] for row in rows] == [
        "AT", "DE", "US", "private", "unknown", "pending", "rolled_up"]
    rows = json.loads(good(DUMP, "-j", "--by=asn", "--sort=address", "-r"))["groups"]
    assert [row["group"] for row in rows] == [
        "rolled_up", "pending", "unknown", "private", "64501", "64500"]


@test
def csv_and_exact_table_carry_the_integers_of_the_json():
    dump = json.loads(good(DUMP, "-j"))
    text = good(DUMP, "--csv").decode()
    assert text.count("\r\n") == text.count("\n") == 1 + len(dump["addresses"] + dump["rollups"])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    want = [{k: str(v) for k, v in a.items()} | {"type": "address", "mode": "mixed"}
            for a in dump["addresses"]]
    assert [r for r in rows if r["type"] == "address"] == want
    table = good(DUMP, "-b").decode()
    for address in dump["addresses"]:
        line = next(x for x in table.splitlines() if x.split()[:2] ==
                    [address["address"], str(address["domain"])])
        assert line.split()[2:6] == [str(address[k]) for k in (
            "tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")]


@test
def generic_mode_is_said_in_every_output():
    for args in ([], ["--totals"], ["--rollups"], ["-o"]):
        assert b"mode=generic" in good(DUMP, *args), args
    for args in (["-j"], ["--ndjson"]):
        assert b'"mode":"generic"' in good(DUMP, *args), args
    assert b"mixed" in good(DUMP, "--csv")
    assert b",generic," in good(DUMP, "--csv", "--totals")
    assert b"generic" in good(CTL, "status")


@test
def before_the_first_cut_there_is_nothing_and_no_time():
    dump = json.loads(good(DUMP, "-j", variant="uncut"))
    assert (dump["cut"], dump["cut_time"]) == (0, None)
    assert dump["addresses"] == dump["rollups"] == dump["interfaces"] == []
    assert b"no cut yet" in good(DUMP, variant="uncut")


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


class SkipTest(Exception):
    """Why this machine cannot run the test."""


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
def a_ledger_that_leaks_a_packet_is_not_conserved():
    assert b"NOT CONSERVED: off by 1 packets, 60 l2 bytes" in good(DUMP, variant="leaky")
    assert json.loads(good(DUMP, "-j", variant="leaky"))["conservation"]["error_packets"] == 1
    for args in ([], ["-j"]):
        done = run(CTL, "verify", *args, variant="leaky")
        assert done.returncode == 3, done
    proof = json.loads(done.stdout)
    assert not proof["closed"] and not proof["conserved"]
    broken = [(e["ifname"], e["equation"], e["unit"]) for e in proof["equations"] if not e["holds"]]
    assert broken == [("eth0", "seen = accounted + ignored", "packets"),
                      ("eth0", "seen = accounted + ignored", "l2_bytes"),
                      ("eth0", "seen = size histogram", "packets")]


def wait_for_timer(tool):
    """Until the watch has its first snapshot: it makes its timer after that."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        assert tool.poll() is None, "the watch ended early"
        links = []
        for name in os.listdir(f"/proc/{tool.pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{tool.pid}/fd/{name}"))
            except OSError:
                pass
        if "anon_inode:[timerfd]" in links:
            return
        select.select([], [], [], 0.01)
    raise AssertionError("no timer within the deadline")


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


@test
def options_in_help_and_manual_are_the_same():
    pages = [(DUMP, "ipacct-dump.1.scd"), (CTL, "ipacctctl.8.scd")]
    for program, page in pages + [(daemon, "ipacctd.8.scd") for daemon in DAEMON]:
        text = subprocess.run([program, "--help"], check=True, timeout=DEADLINE_S,
                              stdout=subprocess.PIPE).stdout.decode()
        listed = set(re.findall(r"^  (?:-\w, |    )(--[\w-]+)", text, re.M))
        with open(os.path.join(TOP, "tools", "man", page), encoding="utf-8") as file:
            manual = set(re.findall(r"^\*?(?:-\w\*, \*)?(--[\w-]+)\*", file.read(), re.M))
        assert listed and listed == manual, (page, listed ^ manual)


def complete(program, *words):
    """What bash offers for the last word."""
    name = os.path.basename(program)
    script = f"""source "{TOP}/tools/completion/{name}"
        shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _{name.replace("-", "_")}
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", "x", program, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, b""), done
    return set(done.stdout.decode().split())


@test
def bash_completes_verbs_options_and_values():
    assert complete(CTL, "st") == {"status"}
    assert complete(CTL, "") == {"status", "verify", "groups", "doctor", "plan", "reload", "cut",
                                 "confirm", "detach"}
    assert complete(CTL, "--run") == {"--runtime-dir"}
    assert complete(DUMP, "--s") == {"--sort"}
    assert {"--json", "--oneline", "--help", "--human"} <= complete(DUMP, "--")
    assert complete(DUMP, "--sort", "tx") == {"tx_bytes", "tx_packets"}
    assert complete(DUMP, "--color", "=", "a") == {"auto", "always"}
    assert complete(DUMP, "--top", "") == set()
    assert complete(DUMP, "--by", "") == {"country", "asn", "name", "group", "prefix"}
    assert complete(DUMP, "--asn", "") == set()


def answer_once(path, reply, heard):
    """A peer on the control socket that takes one request and sends these octets."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(path)
    server.listen(1)

    def serve():
        with server:
            peer, _ = server.accept()
            with peer:
                heard.append(peer.recv(65536))
                if reply:
                    peer.send(reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def with_peer(reply, *args):
    make("peer", "committed")
    heard = []
    thread = answer_once("peer/control", reply, heard)
    done = run(CTL, *args, variant="peer")
    thread.join(DEADLINE_S)
    os.unlink("peer/control")
    return done, json.loads(heard[0])


@test
def ctl_sends_one_request_and_obeys_the_reply():
    done, request = with_peer(b'{"exit":0,"cut":41}', "cut")
    assert (done.returncode, done.stdout) == (0, b"cut 41\n") and request == {"command": "cut"}
    done, request = with_peer(b'{"exit":78,"error":"f.yaml:3:1: unknown key"}', "reload")
    assert done.returncode == 78 and b"f.yaml:3:1: unknown key" in done.stderr
    done, request = with_peer(b'{"exit":0}', "detach", "eth0", "eth1")
    assert done.returncode == 0
    assert request == {"command": "detach", "interfaces": ["eth0", "eth1"]}
    done, request = with_peer(b'{"exit":0}', "confirm", "-j")
    assert json.loads(done.stdout) == {"exit": 0} and request == {"command": "confirm"}


@test
def ctl_refuses_replies_that_are_none():
    for reply in (b"", b"x", b"{}", b"[]", b'{"exit":"0"}', b'{"exit":-1}', b'{"exit":256}',
                  b'{"exit":0,"exit":0}', b'{"exit":0,"cut":"' + b"x" * 70000 + b'"}'):
        done, _ = with_peer(reply, "cut")
        assert done.returncode == 1 and done.stdout == b"" and done.stderr, reply[:40]
    done, _ = with_peer(b'{"exit":1,"error":"\\u001b[31mred"}', "cut")
    assert b"\033" not in done.stderr, "what comes from outside does not steer the terminal"


GEO = {"state": "running", "pid": 7, "restarts": 2, "resident_bytes": 2 << 20, "generation": 3,
       "updated_ns": 1, "records_max": 100, "known": 41, "negative": 5, "pending": 1, "lookups": 99,
       "strings_bytes": 10, "strings_bytes_max": 20, "strings_full": 0, "file_bytes": 1 << 20,
       "databases": [
           {"path": "/a.mmdb", "type": "GeoLite2-City", "build_s": 1767225600, "loaded_ns": 1,
            "state": "in_use"},
           {"path": "/b\u001b[31m", "type": "", "build_s": 0, "loaded_ns": 0,
            "state": "not_usable"}]}


@test
def status_tells_what_the_geo_worker_knows():
    reply = {"exit": 0, "status": {"version": "1", "geo": GEO}}
    done, _ = with_peer(json.dumps(reply).encode(), "status")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    text = text[text.index("geo:"):]
    assert [line.rstrip() for line in text.splitlines()] == [
        "geo: worker running, pid 7, restarts 2, 2.00 MiB; file 1.00 MiB",
        "generation 3: 41 addresses known, 5 not, 1 pending; 99 look-ups so far",
        "DATABASE  TYPE           BUILT (UTC)          STATE",
        "/a.mmdb   GeoLite2-City  2026-01-01 00:00:00  in use",
        "/b?[31m   -              -                    NOT USABLE"], text
    GEO["strings_full"] = 4
    done, _ = with_peer(json.dumps(reply).encode(), "status")
    assert b"NAMES LEFT OUT: 4," in done.stdout
    done, _ = with_peer(json.dumps(reply).encode(), "status", "-j")
    assert json.loads(done.stdout)["status"]["geo"] == GEO
    reply["status"]["geo"] = None
    done, _ = with_peer(json.dumps(reply).encode(), "status")
    assert b"geo" not in done.stdout


COST = {"profile": "staging", "windows": 3, "interval_max_ns": 16 * 10**9,
        "program": {"measured": True, "error": None, "ns_per_packet": 59.5, "clock_ns": 30.1,
                    "sampled_packets": 1000, "sampled_ns": 59500},
        "cpu": {"cpus": 4, "budget_ppb": 20000000, "used_ppb": 21001020, "over_budget": True,
                "since_ns": 1767225600 * 10**9,
                "parts_ppb": {"supervisor": 1000, "collector": 6000000, "geo": 20,
                              "program": 15000000}},
        "memory": {"budget_bytes": 256 << 20, "used_bytes": 128 << 20, "over_budget": False,
                   "since_ns": 0, "parts_bytes": {"maps": 100 << 20, "geo": 1 << 20}}}


@test
def status_tells_what_it_costs():
    reply = {"exit": 0, "status": {"version": "1", "cost": COST}}

    def lines():
        done, _ = with_peer(json.dumps(reply).encode(), "status")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.decode().splitlines() if line.startswith("cost:")]

    assert lines() == [
        "cost: CPU 2.1001 % of 2.0000 % of 4 CPUs: program 1.5000 % (60 ns a packet), collector "
        "0.6000 %, supervisor 0.0001 %, geo worker 0.0000 %: OVER BUDGET since 2026-01-01 00:00:00 UTC",
        "cost: memory 128 MiB of 256 MiB"], lines()
    COST["program"].update(measured=False, error="Not\u001b[31m allowed")
    COST["memory"]["over_budget"] = True
    assert "program not measured: Not?[31m allowed, collector" in lines()[0], lines()
    assert lines()[1].startswith("cost: memory 128 MiB of 256 MiB: OVER BUDGET since"), lines()
    COST["windows"] = 0
    assert lines() == [], "nothing is known yet"
    reply["status"]["cost"] = None
    assert lines() == []


@test
def status_without_daemon_says_so_and_tells_what_the_ledger_tells():
    text = good(CTL, "status").decode()
    assert "ipacctd is not running" in text and "cut 2 at 2026-01-01 12:34:56 UTC" in text
    status = json.loads(good(CTL, "status", "-j"))
    assert (status["daemon"], status["status"], status["ledger"]["cut"]) == (False, None, 2)
    assert [i["state"] for i in status["interfaces"]] == ["attached", "detached"]
    for verb in ("reload", "cut", "confirm"):
        refused(1, CTL, verb, says="not running")


def make(folder, variant):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([MAKE, f"{folder}/ledger", variant], check=True, timeout=DEADLINE_S)
    make_geo(folder, variant if variant.isdigit() else "known")


def make_geo(folder, variant):
    if os.path.exists(f"{folder}/geo"):
        os.unlink(f"{folder}/geo")
    subprocess.run([MAKE_GEO, f"{folder}/geo", variant], check=True, timeout=DEADLINE_S)


def main():
    with tempfile.TemporaryDirectory(prefix="ipacct-golden-") as folder:
        os.chdir(folder)
        os.chmod(folder, 0o755)
        for variant in ("committed", "uncut", "abi", "magic", "truncated", "leaky", "shared", str(BIG)):
            make(variant, variant)
        make("locked", "committed")
        os.unlink("locked/geo")
        for variant in ("version", "magic", "truncated"):
            make(f"geo-{variant}", "committed")
            make_geo(f"geo-{variant}", variant)
        print(f"1..{len(TESTS)}")
        failed = 0
        for number, function in enumerate(TESTS, 1):
            name = function.__name__.replace("_", " ")
            try:
                function()
                print(f"ok {number} - {name}", flush=True)
            except SkipTest as why:
                print(f"ok {number} - {name} # SKIP {why}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {name}")
                print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
        os.chdir("/")
    return 1 if failed else 0


sys.exit(main())
