# SPDX-License-Identifier: GPL-2.0-or-later
"""Protected prefixes: exact in a flood, from list and file, followed by reloads that lose nothing."""

import os
import struct

import bpf
from harness import Daemon, Network, Place, scaled, write
from tap import check, check_equal, test, wait_for
from traffic import Traffic, exact, settle

OWN4 = "10.0.0.0/8"  # what the generator sends beside its flood, tests/traffic/addresses.c
OWN6 = [f"3fff:{number:x}:0:ad::/64" for number in range(4096)]
FLOOD = ("--flood", 400_000, "--flood-percent", 98)


def guarded(daemon):
    """Entries of the map that the program asks: (domain, address, bits of it), in order."""
    descriptor = bpf.obj_get(os.path.join(daemon.place.bpffs, "ipacct_guard"))
    try:
        keys = bpf.keys(descriptor, 24)
    finally:
        os.close(descriptor)
    found = []
    for key in keys:
        bits, domain, address = struct.unpack("=I2s16s2x", key)
        found.append((int.from_bytes(domain, "big"), address.hex(), bits - 16))
    return sorted(found)


def entry4(text, bits, domain=0):
    """As guarded() shows an IPv4 prefix."""
    octets = bytes(map(int, text.split(".")))
    return (domain, (bytes(10) + b"\xff\xff" + octets).hex(), 96 + bits)


def own_records(traffic, dump):
    """Account and dump of the addresses that are no flood's; as (expected, found)."""
    expected = {}
    with open(traffic.account, encoding="ascii") as lines:
        for line in lines:
            fields = line.split()
            if fields[0].startswith("10.") or ":0:ad::" in fields[0]:
                expected[fields[0]] = tuple(map(int, fields[2:6]))
    found = {entry["address"]: (entry["tx_packets"], entry["tx_l3_bytes"], entry["rx_packets"],
                                entry["rx_l3_bytes"]) for entry in dump["addresses"]}
    return expected, {address: found.get(address) for address in expected}


def check_own_exact(traffic, dump):
    expected, found = own_records(traffic, dump)
    check(len(expected) > 100, f"only {len(expected)} addresses of our own")
    for address, counters in expected.items():
        check_equal(found[address], counters, address)


def exact_in_a_flood(context, memory, *options):
    network = Network(context)
    place = Place(context)
    path = write(os.path.join(place.base, "ours"),
                 "# of IPv6\n" + "".join(f"{prefix}\n" for prefix in OWN6))
    daemon = Daemon(context, network, "--protect", OWN4, "--protect-file", path, *options,
                    place=place, memory=memory, interval="10s").start()
    check_equal(daemon.status()["protected"]["prefixes"], 4097, "prefixes")
    # Few cuts and a small table, which the flood fills before one in twenty of our own has come.
    traffic = Traffic(context, network, packets=scaled(600_000, 100_000), addresses=1500,
                      mix="v4,v6", options=FLOOD).start()
    traffic.finish()
    dump = settle(daemon, traffic)
    check(dump["rollups"], "nothing was rolled up: the flood was too small")
    check_own_exact(traffic, dump)
    traffic.compare(daemon, rollups=True)
    state = daemon.status()["protected"]
    check_equal((state["rolled_up_packets"], state["unrecorded_keys"]), (0, 0), "rolled up")
    check("protected: 4097 prefixes" in daemon.ctl("status").stdout, "status for people")


@test(limit_s=120)
def protected_addresses_are_exact_in_a_flood_without_hot_tier(context):
    exact_in_a_flood(context, "40M", "--hot", "off")


@test(limit_s=120)
def protected_addresses_are_exact_in_a_flood_with_hot_tier(context):
    exact_in_a_flood(context, "32M", "--hot", "on")


@test(limit_s=120, guest=False)
def protected_addresses_are_exact_in_a_flood_of_a_shared_partition(context):
    exact_in_a_flood(context, "23M", "--receive-cpus", "none")


CONFIG = "interval: 100ms\nmemory: 48M\nhot: on\ninterfaces: [{name: rx0}]\n"


def with_config(context, network, text):
    place = Place(context)
    path = write(os.path.join(place.base, "ipacct.yaml"), text)
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    return daemon, path


@test(limit_s=120)
def reload_adds_and_removes_prefixes_and_loses_no_packet(context):
    network = Network(context)
    daemon, path = with_config(context, network, CONFIG)
    daemon.start()
    check_equal(guarded(daemon), [], "at the start")
    programs = [network.xdp_attached()]
    traffic = Traffic(context, network, addresses=2000, mix="v4", options=FLOOD).start()

    def reload(protect, entries, replaced):
        write(path, CONFIG + protect)
        daemon.ctl("reload")
        check_equal(guarded(daemon), sorted(entries), f"after {protect}")
        check_equal(daemon.status()["protected"]["entries"], len(entries), "entries told")
        programs.append(network.xdp_attached())
        check_equal(programs[-1] != programs[-2], replaced, f"program replaced by {protect}")

    ours, other = entry4("10.0.0.0", 8), entry4("192.0.2.0", 24)
    for _ in range(scaled(5, 2)):
        reload("protect: [10.0.0.0/8]\n", [ours], True)
        reload("protect: [10.0.0.0/8]\n", [ours], False)
        reload("protect: [10.0.0.0/8, 192.0.2.0/24]\n", [ours, other], False)
        reload("protect: [192.0.2.0/24]\n", [other], False)
        reload("protect: []\n", [], True)
    reload("protect: [10.0.0.0/8]\n", [ours], True)
    traffic.finish()
    exact(daemon, traffic, rollups=True)
    context.note(f"{traffic.sent()} packets, {len(programs) - 1} reloads")

    # Known to the table before, protected since the reload: from there on each is exact.
    before = daemon.dump()
    again = Traffic(context, network, packets=scaled(400_000, 100_000), addresses=2000, mix="v4",
                    seed=2, options=FLOOD).start()
    again.finish()
    expected, found = own_records(again, settle(daemon, traffic, again))
    _, old = own_records(again, before)
    for address, counters in expected.items():
        grown = tuple(now - then for now, then in zip(found[address], old[address] or (0,) * 4))
        check_equal(grown, counters, address)


@test(limit_s=60, guest=False)
def broken_list_keeps_the_old_one(context):
    network = Network(context)
    place = Place(context)
    ours = write(os.path.join(place.base, "ours"), "10.0.0.0/8\n2001:db8::/32 domain=3\n")
    text = (f"interfaces: [{{name: rx0}}, {{name: absent9, optional: yes, domain: 7}}]\n"
            f"protect: [192.0.2.0/24]\nprotect_file: {ours}\n")
    path = write(os.path.join(place.base, "ipacct.yaml"), text)
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    daemon.start()
    before = guarded(daemon)
    check_equal(before, sorted([
        entry4("10.0.0.0", 8), entry4("10.0.0.0", 8, 7), entry4("192.0.2.0", 24),
        entry4("192.0.2.0", 24, 7), (3, "20010db8" + 24 * "0", 32)]), "every domain, or its own")
    state = network.xdp_attached(), daemon.place.pins(), daemon.status()["protected"]

    def refused(words):
        done = daemon.ctl("reload", expect=78)
        check(words in done.stderr, f"{words} in: {done.stderr}")
        check_equal(guarded(daemon), before, "the map")
        check_equal((network.xdp_attached(), daemon.place.pins(), daemon.status()["protected"]),
                    state, "program, pins, status")
        run_check = daemon.refuse("--check-config", code=78, words=[words])
        check(not run_check.stdout, "--check-config says ok, too")

    write(ours, "10.0.0.0/8\n\n  10.0.0.1/8 # typo\n")
    refused(f"{ours}:3:3: '10.0.0.1/8' has bits behind the prefix: probably 10.0.0.0/8")
    write(ours, "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(65_536)))
    refused(f"{ours}:65536:1: more than 65536 protected prefixes")
    write(ours, "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(40_000)))
    done = daemon.ctl("reload", expect=78)
    check("40001 protected prefixes in 2 domains make 80002 entries" in done.stderr, done.stderr)
    check_equal(guarded(daemon), before, "the map")
    os.unlink(ours)
    refused(f"{ours}: No such file or directory")
    write(ours, "10.0.0.0/8\n2001:db8::/32 domain=3\n")
    write(path, text.replace("192.0.2.0/24", "192.0.2.0/240"))
    refused(f"{path}:2:11: protect: '192.0.2.0/240'")
    os.kill(daemon.process.pid, 1)  # SIGHUP
    wait_for(lambda: daemon.log().count(f"{path}:2:11: protect:") > 1, "the line in the log")
    check_equal(guarded(daemon), before, "the map")

    # A whole list is exchanged for another of the largest size, and for the old one again.
    write(path, text)
    write(ours, "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} domain=0\n"
                        for n in range(65_500)))
    daemon.ctl("reload")
    check_equal(len(guarded(daemon)), 65_502, "entries")
    write(ours, "".join(f"11.{n >> 16}.{n >> 8 & 255}.{n & 255} domain=0\n"
                        for n in range(65_500)))
    daemon.ctl("reload")
    check_equal(len(guarded(daemon)), 65_502, "entries")
    write(ours, "10.0.0.0/8\n2001:db8::/32 domain=3\n")
    daemon.ctl("reload")
    check_equal(guarded(daemon), before, "the old list again")


@test(limit_s=60, guest=False)
def failed_start_and_failed_reload_leave_the_list_alone(context):
    network = Network(context)
    daemon, path = with_config(context, network, CONFIG + "protect: [10.0.0.0/8]\n")
    daemon.start()
    before = guarded(daemon)
    # lo has no native XDP: refused when the prefixes are in the map already.
    write(path, CONFIG.replace("{name: rx0}", "{name: rx0}, {name: lo}") +
          "protect: [192.0.2.0/24]\n")
    daemon.ctl("reload", expect=1)
    check_equal(guarded(daemon), before, "after a reload that failed")
    check_equal(daemon.status()["protected"]["prefixes"], 1, "prefixes told")
    daemon.stop()
    daemon.refuse(code=1, words=["lo", "XDP"])
    check_equal(guarded(daemon), before, "after a start that failed")
    write(path, CONFIG + "protect_file: /nonexistent/list\n")
    daemon.refuse(code=78, words=["/nonexistent/list", "No such file"])
    check_equal(guarded(daemon), before, "after a start that was refused")
    # Whatever another program put there: a start makes it what is configured.
    write(path, CONFIG + "protect: [192.0.2.0/24]\n")
    daemon.start()
    check_equal(guarded(daemon), [entry4("192.0.2.0", 24)], "after a start with another list")
    daemon.stop()
    write(path, CONFIG)
    daemon.start()
    check_equal(guarded(daemon), [], "after a start without a list")
