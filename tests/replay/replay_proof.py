# SPDX-License-Identifier: GPL-2.0-or-later
"""The proof: it holds for every shape, it can fail, and it is of the object that it names."""

import json

from replay_common import (CORPUS, MUTANTS, OBJECT, SAME, good, make_corpus, needs_root, octets_of,
                           prove, refused, run, sha256, test)
from replay import account_of_pcap  # tests/e2e

SHAPES_MIN = 200
N_SHAPES = make_corpus()  # the captures of all tests


@test
def corpus_has_every_shape_and_proves_equal():
    for name in CORPUS:
        verdict = prove(name)
        assert verdict["conserved"] and not verdict["rollups"], verdict
        assert verdict["capture"] == name and verdict["differences"] == [], verdict
    assert N_SHAPES >= SHAPES_MIN, N_SHAPES
    assert prove("corpus.pcap")["packets"] == sum(i % 7 + 1 for i in range(N_SHAPES))
    assert prove("flood.pcap")["addresses"] > 150000


@test
def every_format_byte_order_and_clock_gives_one_result():
    results = {prove(name)["result_sha256"] for name in SAME}
    assert len(results) == 1, results
    results = {prove(name)["result_sha256"] for name in ("cut.pcap", "cut.pcapng", "fcs-cut.pcap")}
    assert len(results) == 1, results


@test
def without_the_hot_tier_the_result_is_the_same():
    for name in ("corpus.pcap", "flood.pcap"):
        with_it, without = prove(name), prove(name, "--hot", "off")
        assert with_it["hot"] and not without["hot"]
        assert with_it["result_sha256"] == without["result_sha256"]


@test
def inner_addresses_are_proven_like_outer_ones():
    for hot in ("on", "off"):
        verdict = prove("corpus.pcap", "--account", "inner", "--hot", hot)
        assert verdict["account"] == "inner" and verdict["conserved"], verdict
    assert prove("corpus.pcap")["account"] == "outer"
    outer, inner = (json.loads(good("-j", "--totals", "--account", account, "corpus.pcap"))
                    for account in ("outer", "inner"))
    assert outer["interfaces"][0]["inner_packets"] == 0
    assert inner["interfaces"][0]["inner_packets"] > 100, inner["interfaces"]
    assert inner["interfaces"][0]["tunnel_outer_packets"] > 100
    for name in ("seen_packets", "seen_l2_bytes", "accounted_packets", "ignored"):
        assert inner["interfaces"][0][name] == outer["interfaces"][0][name], name
    # the proof can fail here, too
    prove("corpus.pcap", "--account", "inner", "--drill", "1500", code=3)


@test
def hashes_are_those_of_capture_object_and_canonical_text():
    verdict = prove("corpus.pcapng")
    assert verdict["capture_sha256"] == sha256(octets_of("corpus.pcapng"))
    assert verdict["object_sha256"] == sha256(octets_of(OBJECT))
    text = good("--canonical", "corpus.pcapng")
    assert verdict["result_sha256"] == verdict["expected_sha256"] == sha256(text)


@test
def canonical_text_is_what_a_third_reader_writes():
    """replay.py reads the file itself and knows neither the program nor the witness."""
    for name in ("corpus.pcap", "cut.pcap", "flood.pcap"):
        account = account_of_pcap(name)
        lines = [json.loads(line) for line in good("--canonical", name).splitlines()]
        totals, rows = lines[0], lines[1:]
        assert (totals["seen_packets"], totals["seen_l2_bytes"]) == \
            (account.packets, account.l2_bytes)
        ignored = {key[len("ignored_"):-len("_packets")]: value for key, value in totals.items()
                   if key.startswith("ignored_") and key.endswith("_packets") and value}
        assert ignored == account.ignored, (name, ignored, account.ignored)
        got = {row["address"]: (row["tx_packets"], row["tx_l3_bytes"], row["rx_packets"],
                                row["rx_l3_bytes"]) for row in rows}
        assert got == account.addresses, name
        assert all(row["type"] == "address" for row in rows)


@test
def dump_has_the_same_numbers_as_the_third_reader():
    account = account_of_pcap("corpus.pcap")
    dump = json.loads(good("-j", "corpus.pcap"))
    got = {row["address"]: (row["tx_packets"], row["tx_l3_bytes"], row["rx_packets"],
                            row["rx_l3_bytes"]) for row in dump["addresses"]}
    assert got == account.addresses
    device = dump["interfaces"][0]
    assert (device["ifname"], device["mode"], device["attach"]) == \
        ("corpus.pcap", "replay", "none")
    assert device["seen_packets"] == account.packets == dump["replay"]["packets"]


@test
def two_replays_print_the_same_octets():
    assert good("-j", "flood.pcap") == good("-j", "flood.pcap")
    assert good("--prove", "corpus.pcap") == good("--prove", "corpus.pcap")


# ---- The proof can fail ------------------------------------------------------------------------

def mutant(name):
    return next(path for path in MUTANTS if path.endswith(f"mutant-{name}.bpf.o"))


@test
def planted_faults_are_found():
    expected = {"length": "seen_l2_bytes", "reason": "ignored_llc_packets",
                "class": "udp_packets"}
    for fault, counter in expected.items():
        verdict = prove("corpus.pcap", "--object", mutant(fault), code=3)
        assert verdict["object_sha256"] == sha256(octets_of(mutant(fault)))
        assert counter in {row["counter"] for row in verdict["differences"]}, verdict
        assert verdict["result_sha256"] != verdict["expected_sha256"]
        assert verdict["n_differences"] >= len(verdict["differences"]) <= 20


@test
def lost_records_are_found_and_break_conservation():
    needs_root()
    for hot, least in (("on", 4000), ("off", 150000)):
        done = run("--prove", "--object", mutant("lru"), "--hot", hot, "flood.pcap")
        verdict = json.loads(done.stdout)
        assert done.returncode == 3 and verdict["verdict"] == "different", verdict
        assert not verdict["conserved"] and verdict["n_differences"] >= least, verdict
        assert b"ipacct-replay: error: cut" in done.stderr, done.stderr
    done = run("--object", mutant("lru"), "-n1", "flood.pcap")
    assert done.returncode == 3 and b"NOT CONSERVED" in done.stdout, done


@test
def program_that_drops_packets_is_refused():
    needs_root()
    refused(1, "--object", mutant("verdict"), "corpus.pcap",
            says="packet 1 at octet 24: the program's verdict is 1, not XDP_PASS")


@test
def one_packet_kept_from_the_program_is_found():
    for number in (1, 600, prove("corpus.pcap")["packets"]):
        verdict = prove("corpus.pcap", "--drill", str(number), code=3)
        seen = next(row for row in verdict["differences"] if row["counter"] == "seen_packets")
        assert seen["expected"] - seen["counted"] == 1, seen
        assert verdict["drill_packet"] == number
    refused(1, "--prove", "--drill", "1000000", "corpus.pcap", says="has only")


# ---- Other objects -----------------------------------------------------------------------------

@test
def saved_object_is_the_built_in_one_and_runs():
    good("--save-object", "saved.o")
    assert octets_of("saved.o") == octets_of(OBJECT)
    verdict = prove("corpus.pcap", "--object", "saved.o")
    assert verdict == prove("corpus.pcap")


@test
def foreign_objects_are_refused():
    needs_root()
    refused(78, "--object", mutant("setting"), "corpus.pcap", says="it has other settings")
    refused(78, "--object", "corpus.pcap", "corpus.pcap", says="not a BPF object")
    refused(78, "--object", "/bin/true", "corpus.pcap", says="not a BPF object")
    refused(1, "--object", "/nonexistent", "corpus.pcap", says="No such file")
    refused(1, "--object", "/dev/zero", "corpus.pcap", says="Invalid argument")
    refused(1, "--save-object", "/nonexistent/o", says="No such file")
    for more, code in ((0, 78), (1, 1)):
        with open("large.o", "wb") as file:
            file.truncate((16 << 20) + more)
        refused(code, "--object", "large.o", "corpus.pcap")
