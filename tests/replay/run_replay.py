#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-replay on captures of every shape of the packet table.

usage: run_replay.py REPLAY MAKE_CORPUS OBJECT MUTANT... [--update] [PART OF A TEST'S NAME...]

Prints TAP. Tests that run the program need root and are skipped without it. --update writes the
stored outputs anew: read the difference before committing it."""

import hashlib
import json
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))
from replay import account_of_pcap  # noqa: E402  pylint: disable=wrong-import-position

UPDATE = "--update" in sys.argv
FILES = [os.path.abspath(path) for path in sys.argv[1:] if os.path.exists(path)]
PARTS = [part for part in sys.argv[1:] if not part.startswith("--") and not os.path.exists(part)]
REPLAY, MAKE, OBJECT, *MUTANTS = FILES
DEADLINE_S = 60
SHAPES_MIN = 200
NOBODY = 65534
SAME = ["corpus.pcap", "ns.pcap", "big-endian.pcap", "big-endian-ns.pcap", "corpus.pcapng",
        "big-endian-ns.pcapng", "fcs.pcap"]
CORPUS = SAME + ["cut.pcap", "cut.pcapng", "fcs-cut.pcap", "short.pcap", "flood.pcap"]
TESTS = []


class Skip(Exception):
    """Why a test cannot run here."""


def test(function):
    TESTS.append(function)
    return function


def run(*args, **more):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    for name in os.environ:
        if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "LD_LIBRARY", "TMPDIR")):
            env[name] = os.environ[name]
    return subprocess.run([REPLAY, *args], env=env, timeout=DEADLINE_S, check=False,
                          **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                             "stderr": subprocess.PIPE, **more})


def needs_root():
    if os.geteuid() != 0:
        raise Skip("needs root: the program runs in the kernel")


def good(*args, **more):
    needs_root()
    done = run(*args, **more)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr.decode()}"
    assert not done.stderr, f"standard error: {done.stderr.decode()}"
    return done.stdout


def refused(code, *args, says="", **more):
    done = run(*args, **more)
    text = done.stderr.decode()
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {text}"
    assert says in text, f"'{says}' is not in: {text}"
    assert text.startswith("ipacct-replay: ") and text.count("\n") <= 2, text
    assert not done.stdout, f"standard output: {done.stdout[:200]}"
    return text


def prove(name, *args, code=0):
    needs_root()
    done = run("--prove", *args, name)
    assert done.returncode == code, f"{name}: exit {done.returncode}: {done.stderr.decode()}" \
        f"{done.stdout.decode()[:400]}"
    verdict = json.loads(done.stdout)
    assert verdict["verdict"] == ("equal" if code == 0 else "different"), verdict
    return verdict


def octets_of(name):
    with open(name, "rb") as file:
        return file.read()


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


def pcap(records, link=1, snaplen=262144, name="own.pcap"):
    """records: (frame, octets on the wire) each; classic, this machine's byte order."""
    with open(name, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link))
        for number, (frame, wire) in enumerate(records):
            file.write(struct.pack("=IIII", 1700000000, number, len(frame), wire) + frame)
    return name


def udp4(source, target, octets):
    """A frame of so many octets; addresses as numbers."""
    head = bytes.fromhex("020000000002020000000001080045000000")
    head = head[:16] + struct.pack("!H", octets - 14) + bytes(4) + b"\x40\x11\0\0"
    return (head + struct.pack("!II", source, target)).ljust(octets, b"\xa5")


# ---- The proof ---------------------------------------------------------------------------------

@test
def corpus_has_every_shape_and_proves_equal():
    for name in CORPUS:
        verdict = prove(name)
        assert verdict["conserved"] and not verdict["rollups"], verdict
        assert verdict["capture"] == name and verdict["differences"] == [], verdict
    assert SHAPES >= SHAPES_MIN, SHAPES
    assert prove("corpus.pcap")["packets"] == sum(i % 7 + 1 for i in range(SHAPES))
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


# ---- What a capture may be ---------------------------------------------------------------------

@test
def cut_packets_are_said_in_words_and_numbers():
    text = good("cut.pcap").decode()
    assert "812 packets were cut by the capture (654 KiB missing): counted as captured" in text
    facts = json.loads(good("-j", "cut.pcap"))["replay"]
    whole = json.loads(good("-j", "corpus.pcap"))["replay"]
    assert facts["cut_packets"] == 812
    assert facts["l2_bytes"] + facts["cut_l2_bytes"] == whole["l2_bytes"]
    needs_root()
    done = run("--csv", "cut.pcap")
    assert b"812 packets were cut by the capture" in done.stderr and done.returncode == 0


@test
def padded_packets_have_the_lengths_of_the_wire():
    frames = [udp4(0xC0000200 + i % 50, 0xC6336400 + i % 9, 60 + 7 * i) for i in range(200)]
    whole = prove(pcap([(frame, len(frame)) for frame in frames]))
    cut = pcap([(frame[:64], len(frame)) for frame in frames])
    assert prove(cut)["result_sha256"] != whole["result_sha256"]
    padded = prove(cut, "--pad")
    assert padded["result_sha256"] == whole["result_sha256"]
    assert padded["padded"] and padded["cut_packets"] == 199
    assert "counted with zeros in their place" in good("--pad", "-n1", cut).decode()
    # the limit is 2^18; the kernel's is below it
    refused(1, "--pad", pcap([(frames[0], (1 << 18) + 1)]),
            says="packet 1 at octet 24: it had 262145 octets on the wire")
    refused(1, "--pad", pcap([(frames[0], 1 << 18)]), says="takes no frame of 262144 octets")


@test
def packets_shorter_than_a_header_are_not_run():
    verdict = prove("short.pcap")
    assert (verdict["packets"], verdict["short_packets"]) == (21, 14), verdict
    assert "14 packets are shorter than an Ethernet header" in good("short.pcap").decode()
    refused(1, "--prove", pcap([(bytes(13), 13)]), says="nothing to prove")
    assert prove(pcap([(bytes(14), 14)]))["packets"] == 1


@test
def large_frames_run_up_to_what_the_kernel_takes():
    for octets in (3520, 3521, 9000, 65000):
        frame = udp4(0xC0000201, 0xC6336401, octets)
        assert prove(pcap([(frame, octets)]))["l2_bytes"] == octets
    refused(1, pcap([(b"x" * 60, 60), (b"x" * 200000, 200000)]),
            says="packet 2 at octet 100: the kernel's BPF_PROG_TEST_RUN takes no frame of 200000")


@test
def other_link_types_are_refused_by_name():
    needs_root()
    for link, name in ((0, "NULL"), (101, "RAW"), (105, "IEEE802_11"), (113, "LINUX_SLL"),
                       (276, "LINUX_SLL2")):
        refused(1, pcap([(bytes(60), 60)], link=link), says=f"link type {name} (")
    block = struct.pack("=IIHHII", 1, 20, 113, 0, 0, 20)
    data = octets_of("corpus.pcapng")
    with open("mixed.pcapng", "wb") as file:
        file.write(data[:28] + data[28:48] + block + data[68:])
    refused(1, "mixed.pcapng", says="type")


@test
def damaged_files_are_refused_with_packet_and_octet():
    needs_root()
    open("empty.pcap", "wb").close()
    refused(1, "empty.pcap", says="the file is empty")
    refused(1, "/dev/null", says="the file is empty")
    refused(1, ".", says="Is a directory")
    refused(1, "/nonexistent", says="No such file")
    refused(1, pcap([(bytes(60), 60), (bytes(262145), 262145)]), says="packet 2 at octet 100: ")
    with open("noise", "wb") as file:
        file.write(bytes(range(256)) * 8)
    refused(1, "noise", says="unknown file format")
    header = octets_of("corpus.pcap")[:24]
    with open("header.pcap", "wb") as file:
        file.write(header)
    assert json.loads(good("-j", "header.pcap"))["replay"]["packets"] == 0
    refused(1, "--prove", "header.pcap", says="nothing to prove")


@test
def file_that_ends_anywhere_is_a_shorter_capture_or_an_error():
    needs_root()
    data = octets_of("seed.pcap")[:2000]
    records, at = {24}, 24
    while at < len(data):
        at += 16 + struct.unpack_from("=I", data, at + 8)[0]
        records.add(at)
    for end in sorted({*range(0, 60), *range(60, len(data), 53), *records} - {at}):
        with open("short-file.pcap", "wb") as file:
            file.write(data[:end])
        done = run("short-file.pcap")
        assert done.returncode == (0 if end in records else 1), (end, done)
        assert end in records or end < 24 or b" at octet " in done.stderr, (end, done)


@test
def standard_input_is_a_capture():
    for name in ("corpus.pcap", "corpus.pcapng"):
        with open(name, "rb") as file:
            verdict = json.loads(good("--prove", "-", stdin=file))
        assert verdict["capture"] == "standard input"
        assert verdict["capture_sha256"] == sha256(octets_of(name))
    with subprocess.Popen(["cat", "corpus.pcap"], stdout=subprocess.PIPE) as cat:
        assert json.loads(good("-j", "-", stdin=cat.stdout))["replay"]["packets"] == 1550


@test
def more_addresses_than_allowed_end_it():
    n_addresses = prove("corpus.pcap")["addresses"]
    good("--max-addresses", str(n_addresses), "corpus.pcap")
    refused(1, "--max-addresses", str(n_addresses - 1), "corpus.pcap",
            says=f"more than {n_addresses - 1} addresses")
    refused(1, "--max-addresses", "65536", "flood.pcap", says="packet 65536 at octet 4980684: more")


# ---- Outputs -----------------------------------------------------------------------------------

STORED = {
    "table.txt": ["cut.pcap"],
    "totals.txt": ["--totals", "corpus.pcap"],
    "dump.json": ["-p", "--totals", "--sort", "address", "corpus.pcap"],
    "dump.ndjson": ["--ndjson", "-6", "-n2", "cut.pcap"],
    "oneline.txt": ["-o", "-n1", "cut.pcap"],
    "totals.csv": ["--csv", "--totals", "corpus.pcap"],
    "by.txt": ["--by", "prefix=8,32", "corpus.pcap"],
    "canonical.ndjson": ["--canonical", "corpus.pcap"],
}


@test
def stored_outputs():
    for name, args in STORED.items():
        got, path = good(*args), os.path.join(HERE, "stored", name)
        if UPDATE:
            with open(path, "wb") as file:
                file.write(got)
        for number, (a, b) in enumerate(zip(got.splitlines(), octets_of(path).splitlines()), 1):
            assert a == b, f"{name}:{number}: got\n{a.decode()}\nstored\n{b.decode()}"
        assert got == octets_of(path), name


@test
def command_lines_that_mean_nothing_are_refused():
    for args in ([], ["--prove"], ["a", "nonsense"], ["--prove", "a", "192.0.2.0/24"],
                 ["--prove", "--canonical", "a"], ["--prove", "-n1", "a"], ["--drill", "1", "a"],
                 ["--prove", "--csv", "a"], ["--by", "asn", "a"], ["--max-addresses", "0", "a"],
                 ["--max-addresses", "1073741825", "a"], ["--hot", "maybe", "a"], ["--live", "a"],
                 ["--prove", "--drill", "0", "a"], ["--canonical", "--totals", "a"],
                 ["--object", "", "a"], ["--runtime-dir", "x", "a"]):
        refused(2, *args)


@test
def without_privilege_it_says_what_it_needs():
    needs_root()
    os.chmod(".", 0o755)
    for args in (["corpus.pcap"], ["--prove", "corpus.pcap"]):
        refused(1, *args, user=NOBODY, group=NOBODY, extra_groups=[],
                says="needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")
    done = run("--help", user=NOBODY, group=NOBODY, extra_groups=[])
    assert done.returncode == 0 and b"--prove" in done.stdout


@test
def privilege_is_gone_before_the_capture_is_read():
    """The capture comes through a pipe: while it is held back, look at who is waiting for it."""
    needs_root()
    data = octets_of("corpus.pcap")
    with subprocess.Popen([REPLAY, "--prove", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline, status = time.monotonic() + DEADLINE_S, {}
        while time.monotonic() < deadline and status.get("NoNewPrivs") != ["1"]:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                status = {line.split(":")[0]: line.split(":")[1].split() for line in file}
        # CapEff goes last: with it everything has gone, or never will.
        while time.monotonic() < deadline and int(status["CapEff"][0], 16) | int(
                status["CapBnd"][0], 16):
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                status = {line.split(":")[0]: line.split(":")[1].split() for line in file}
        assert status["Uid"] == status["Gid"] == [str(NOBODY)] * 4, status
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name][0], 16) == 0, (name, status[name])
        out, _ = process.communicate(data, timeout=DEADLINE_S)
        assert json.loads(out)["verdict"] == "equal"


@test
def output_that_nobody_reads_is_no_error_and_a_full_disk_is():
    needs_root()
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        done = run("flood.pcap", stdout=closed)
        assert (done.returncode, done.stderr) == (0, b""), done
    with open("/dev/full", "wb") as full:
        for args in (["flood.pcap"], ["--prove", "corpus.pcap"]):
            done = run(*args, stdout=full)
            assert done.returncode == 1 and b"cannot write the output" in done.stderr, done


def terminal_output(*args):
    """What appears on a terminal that is standard error; standard output is a file."""
    master, slave = os.openpty()
    chunks = []
    with subprocess.Popen([REPLAY, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=slave) as process:
        os.close(slave)
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # EIO: the last writer is gone
                break
            if not chunk:
                break
            chunks.append(chunk)
        assert process.wait(DEADLINE_S) == 0
    os.close(master)
    return b"".join(chunks).decode()


def large_capture(n_packets=1000000):
    """So many packets of 60 octets with 256 x 256 pairs of addresses, quickly."""
    block, n_blocks = bytearray(), n_packets // 65536
    if os.path.exists("large.pcap") and os.path.getsize("large.pcap") == 24 + n_blocks * 65536 * 76:
        return n_blocks * 65536
    for number in range(65536):
        frame = udp4(0xC0000200 + number % 256, 0xC6336400 + number // 256, 60)
        block += struct.pack("=IIII", 1700000000, 0, len(frame), len(frame)) + frame
    with open("large.pcap", "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(n_blocks):
            file.write(block)
    return n_blocks * 65536


@test
def long_replays_show_progress_on_a_terminal_only():
    needs_root()
    large_capture()
    for attempt in (1, 4, 16):  # a fast machine is done before half a second
        if attempt > 1:
            large_capture(attempt * 1000000)
        text = terminal_output("--prove", "large.pcap")
        if text:
            break
    assert re.search(r"\r[0-9.]+ [kM] packets, [0-9.]+ [kM]/s, \d+ %, \S+ \S+ left\033\[K", text), \
        repr(text)
    assert text.endswith("\r\033[K"), repr(text)
    assert terminal_output("corpus.pcap") == "", "a short one is silent"
    assert good("-n1", "large.pcap")


@test
def half_a_million_packets_take_less_than_a_second():
    """In time of a CPU, which other load does not stretch; reading and start included."""
    needs_root()
    n_packets = large_capture()
    for args in (["-n1"], ["--prove"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        good(*args, "large.pcap")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"# {args[0]}: {n_packets / spent / 1e3:.0f} k packets for each second of CPU")
        assert n_packets / spent >= 500000, f"{args}: {n_packets / spent:.0f} packets/s"


@test
def nothing_is_left_behind():
    needs_root()
    os.mkdir("tmp")
    before = sorted(os.listdir("/sys/fs/bpf")) if os.path.isdir("/sys/fs/bpf") else []
    os.environ["TMPDIR"] = os.path.abspath("tmp")
    prove("flood.pcap")
    del os.environ["TMPDIR"]
    assert os.listdir("tmp") == []
    assert before == (sorted(os.listdir("/sys/fs/bpf")) if before else [])


@test
def options_in_help_manual_and_completion_are_the_same():
    text = run("--help").stdout.decode()
    listed = set(re.findall(r"^  (?:-\w, |    )(--[\w-]+)", text, re.M))
    with open(os.path.join(TOP, "tools", "man", "ipacct-replay.1.scd"), encoding="utf-8") as file:
        manual = set(re.findall(r"^\*?(?:-\w\*, \*)?(--[\w-]+)\*", file.read(), re.M))
    assert listed and listed == manual, listed ^ manual
    script = f"""source "{TOP}/tools/completion/ipacct-replay"
        COMP_WORDS=("{REPLAY}" "$1"); COMP_CWORD=1; _ipacct_replay
        printf '%s\\n' "${{COMPREPLY[@]}}" """
    for word, wanted in (("--", listed), ("corpus.pcapn", {"corpus.pcapng"})):
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", word], check=True,
                              stdout=subprocess.PIPE, timeout=DEADLINE_S)
        assert set(done.stdout.decode().split()) == wanted, (word, done.stdout)


def main():
    failed = 0
    tests = [function for function in TESTS
             if not PARTS or any(part in function.__name__ for part in PARTS)]
    for number, function in enumerate(tests, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}")
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}")
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}")
            print("# " + traceback.format_exc().strip().replace("\n", "\n# "))
        sys.stdout.flush()
    print(f"1..{len(tests)}")
    return failed != 0


with tempfile.TemporaryDirectory(prefix="ipacct-replay-") as directory:
    os.chdir(directory)
    SHAPES = int(subprocess.run([MAKE, "."], check=True, stdout=subprocess.PIPE,
                                timeout=DEADLINE_S).stdout)
    CODE = main()
    os.chdir("/")
sys.exit(CODE)
