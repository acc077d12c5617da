#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Outputs of ipacct-dump and ipacctctl on ledgers whose every number is known.

usage: run_dump.py DUMP CTL MAKE_LEDGER MAKE_GEO [--update]

Prints TAP. --update writes the stored outputs anew: read the difference before committing it."""

import csv
import io
import json
import re
import subprocess
import sys

from golden import golden, stored, test
from ledgers import BIG, CTL, DUMP, good, main, refused, run

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


golden("dump", GOLDEN, lambda one: good(one[0], *one[1]))


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
        stored("dump", name, good(DUMP, *args, variant="shared"))


@test
def table_fits_80_and_120_columns():
    for columns in (80, 120):
        text = good(DUMP, columns=columns)
        assert max(map(len, text.decode().splitlines())) <= columns
        stored("dump", f"table-{columns}.txt", text)
        # an IPv6 address of full length leaves no room for a country in 80 columns
        only = ["-4", "--domain=0"] if columns == 80 else []
        for name, args in (("geo", ["--geo", *only]), ("by-asn", ["--by=asn"])):
            text = good(DUMP, *args, columns=columns)
            assert max(map(len, text.decode().splitlines())) <= columns
            stored("dump", f"{name}-{columns}.txt", text)


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


sys.exit(main("committed", "uncut", "leaky", "shared", "locked", "geo-version", "geo-magic",
              "geo-truncated", str(BIG)))
