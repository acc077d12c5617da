# SPDX-License-Identifier: GPL-2.0-or-later
"""What a capture may be: cut, short, large, damaged, of another link type, without an end."""

import json
import struct
import subprocess

from replay_common import (good, needs_root, octets_of, pcap, prove, refused, run, sha256, test,
                           udp4)


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
