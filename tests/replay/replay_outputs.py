# SPDX-License-Identifier: GPL-2.0-or-later
"""What is printed, on what, by whom, how fast; and what the options mean."""

import json
import os
import re
import resource
import struct
import subprocess
import time

from replay_common import (DEADLINE_S, HERE, NOBODY, REPLAY, TOP, UPDATE, good, needs_root,
                           octets_of, prove, refused, run, test, udp4)

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
        def look():
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                return {line.split(":")[0]: line.split(":")[1].split() for line in file}

        deadline, status = time.monotonic() + DEADLINE_S, look()
        # CapEff goes last: with it everything has gone, or never will.
        while time.monotonic() < deadline and (status["NoNewPrivs"] != ["1"] or
                                               int(status["CapEff"][0], 16) |
                                               int(status["CapBnd"][0], 16)):
            status = look()
        status = look()  # of that moment: the kernel writes the user before it looks at the rest
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
