# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of ipacct-replay have in common: the programs, captures of a test's own, TAP."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

UPDATE = "--update" in sys.argv
FILES = [os.path.abspath(path) for path in sys.argv[1:] if os.path.exists(path)]
PARTS = [part for part in sys.argv[1:] if not part.startswith("--") and not os.path.exists(part)]
REPLAY, MAKE, OBJECT, *MUTANTS = FILES
DEADLINE_S = 60
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


def make_corpus():
    """Write the captures here. Returns how many shapes are in them."""
    return int(subprocess.run([MAKE, "."], check=True, stdout=subprocess.PIPE,
                              timeout=DEADLINE_S).stdout)


def run_all():
    """Every test in its order, or those that were named. Returns the exit code."""
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
    return int(failed != 0)
