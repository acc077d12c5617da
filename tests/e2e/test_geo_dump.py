# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-dump --geo over what the daemon's geo worker answered, from a database that deploy/geo made."""

import ipaddress
import os
import struct

import geo
from harness import Daemon, Network, Place, program, run
from tap import Skip, check, check_equal, test, wait_for

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/geo/country-from-tor.sh")
LOOKUPS_AT = 64  # struct ipacct_geo_header

# In the two formats of tor-geoipdb.
SOURCE4 = [("8.8.8.0", "8.8.8.255", "US"), ("9.0.0.0", "9.255.255.255", "DE")]
SOURCE6 = [("2400::", "24ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "JP")]
OFFICE = "192.168.1.0/24 name=office\n"

# Source, destination, packets, octets of the IP packet; and what must be known of each address.
TRAFFIC = [("8.8.8.8", "192.168.1.1", 5, 1000), ("9.1.2.3", "8.8.8.9", 3, 60),
           ("11.1.1.1", "10.0.0.5", 2, 100), ("192.0.2.1", "9.1.2.3", 7, 700),
           ("2400::1", "2600::1", 4, 1280), ("2600::1", "2001:db8::1", 1, 80)]
KNOWN = {"8.8.8.8": ("US", "global", None), "8.8.8.9": ("US", "global", None),
         "9.1.2.3": ("DE", "global", None), "11.1.1.1": (None, "global", None),
         "10.0.0.5": (None, "private", None), "192.168.1.1": (None, "private", "office"),
         "192.0.2.1": (None, "documentation", None), "2001:db8::1": (None, "documentation", None),
         "2400::1": ("JP", "global", None), "2600::1": (None, "global", None)}


def packet(source, destination, octets):
    """An Ethernet frame with an IP packet of so many octets and no transport."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if a.version == 4:
        head = struct.pack("!BBHIBBH4s4s", 0x45, 0, octets, 0, 64, 253, 0, a.packed, b.packed)
        return bytes(12) + b"\x08\x00" + head + bytes(octets - len(head))
    head = struct.pack("!IHBB16s16s", 6 << 28, octets - 40, 59, 64, a.packed, b.packed)
    return bytes(12) + b"\x86\xdd" + head + bytes(octets - len(head))


def send(network, traffic):
    return geo.send_frames(network, [packet(source, destination, octets)
                                     for source, destination, n, octets in traffic
                                     for _ in range(n)])


def group_of(address):
    country, kind, _ = KNOWN[address]
    return country or (kind if kind != "global" else "unknown")


def expected_groups(traffic):
    """Group of --by country → tx packets, tx octets, rx packets, rx octets."""
    groups = {}
    for source, destination, n, octets in traffic:
        for address, at in ((source, 0), (destination, 2)):
            counters = groups.setdefault(group_of(address), [0, 0, 0, 0])
            counters[at] += n
            counters[at + 1] += n * octets
    return groups


def groups_of(dump):
    return {g["group"]: [g[one] for one in ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")]
            for g in dump["groups"]}


def make_database(place):
    source = os.path.join(place.base, "source")
    os.mkdir(source)
    for name, ranges in (("geoip", SOURCE4), ("geoip6", SOURCE6)):
        with open(os.path.join(source, name), "w", encoding="ascii") as file:
            file.write("# Vendor:    Test\n# License:   none\n")
            for first, last, country in ranges:
                if name == "geoip":
                    first, last = (int(ipaddress.ip_address(one)) for one in (first, last))
                file.write(f"{first},{last},{country}\n")
    database = os.path.join(place.base, "country.mmdb")
    run(SCRIPT, "--source", source, database)
    return database


def lookups(place):
    with open(os.path.join(place.runtime, "geo"), "rb") as file:
        return struct.unpack_from("=Q", file.read(4096), LOOKUPS_AT)[0]


def counting_daemon(context, network, interval):
    """A daemon with the countries of SOURCE4 and SOURCE6, and the office."""
    if "--geo-database" not in run(program("ipacctd"), "--help").stdout:
        raise Skip("this daemon has no geo worker")
    if run(SCRIPT, "--check", expect=None).returncode:
        raise Skip("libmaxmind-db-writer-perl or mmdb-bin is missing")
    place = Place(context)
    overrides = os.path.join(place.base, "overrides")
    with open(overrides, "w", encoding="ascii") as file:
        file.write(OFFICE)
    return Daemon(context, network, "--geo-database", make_database(place), "--geo-overrides",
                  overrides, place=place, interval=interval).start()


def cut_until(daemon, n_packets):
    wait_for(lambda: daemon.cut() and daemon.seen() >= n_packets, "all packets in the ledger")


@test(limit_s=60, guest=False)
def geo_dump_joins_what_the_worker_answered(context):
    network = Network(context)
    daemon = counting_daemon(context, network, "100ms")
    cut_until(daemon, send(network, TRAFFIC))
    wait_for(lambda: all(a["class"] for a in daemon.dump("--geo")["addresses"]), "all answers")
    asked = lookups(daemon.place)
    check(asked > 0, "the worker looked nothing up")
    rows = {a["address"]: (a["country"], a["class"], a["name"])
            for a in daemon.dump("--geo")["addresses"]}
    check_equal(rows, KNOWN, "what is known")
    check_equal(groups_of(daemon.dump("--by", "country")), expected_groups(TRAFFIC), "by country")
    names = {g["group"]: g["addresses"] for g in daemon.dump("--by", "name")["groups"]}
    check_equal(names, {"office": 1, "unknown": 9}, "by name")
    text = daemon.tool("ipacct-dump", "--by", "country").stdout
    check("(private)" in text and "(documentation)" in text and "conserved:" in text, text)
    for _ in range(20):
        daemon.dump("--geo", "--country", "DE,private")
    check_equal(lookups(daemon.place), asked, "look-ups while reading")


def live_before_a_cut(daemon, network, sent):
    """Send from an address that is new and read it live; None when a cut came between."""
    cut = daemon.cut()
    address = f"9.200.0.{sent % 250 + 1}"
    send(network, [(address, "8.8.8.8", 6, 200)])
    wait_for(lambda: daemon.seen("--live") >= sent + 6, "all packets in the maps")
    rows, groups = daemon.dump("--live", "--geo"), daemon.dump("--live", "--by", "country")
    return (address, rows, groups) if rows["cut"] == groups["cut"] == cut else None


@test(limit_s=90, guest=False)
def geo_dump_live_shows_new_addresses_as_pending(context):
    network = Network(context)
    daemon = counting_daemon(context, network, "3s")
    sent = send(network, TRAFFIC)
    cut_until(daemon, sent)
    found, n_tries = None, 0
    while not found:
        check(n_tries < 10, "a cut came between each time")
        wait_for(lambda: all(a["class"] for a in daemon.dump("--geo")["addresses"]), "all answers")
        found = live_before_a_cut(daemon, network, sent)
        sent, n_tries = sent + 6, n_tries + 1
    address, rows, groups = found
    known = {a["address"]: a["country"] for a in rows["addresses"] if a["class"]}
    check(address not in known, "there is no answer before there is a cut")
    check_equal(known["8.8.8.8"], "US", "of the ledger, although it moved since the cut")
    want = expected_groups(TRAFFIC)
    want["pending"] = [6, 1200, 0, 0]
    if n_tries > 1:
        want["DE"][0] += 6 * (n_tries - 1)
        want["DE"][1] += 1200 * (n_tries - 1)
    want["US"][2] += 6 * n_tries
    want["US"][3] += 1200 * n_tries
    check_equal(groups_of(groups), want, "live, by country")
    delta = daemon.dump("-w", "0.1", "--count", "1", "--by", "country")
    check_equal(delta["groups"], [], "nothing moves")
    daemon.cut()
    wait_for(lambda: {a["address"]: a["country"] for a in daemon.dump("--geo")["addresses"]}
             [address] == "DE", "the answer after the cut")
