# SPDX-License-Identifier: GPL-2.0-or-later
"""The geo worker's answers: right, in time, once."""

import os
import random
import shutil

import geo_world
from geo import (GeoFile, KNOWN, OVERRIDE, address_text, is_public, make_database, mmdblookup,
                 random_addresses, send, send_and_cut, with_database)
from harness import Daemon, Network, Place, status_field
from tap import check, check_equal, test, wait_for
from traffic import Traffic


@test(limit_s=60, guest=False)
def geo_new_address_has_its_record_after_one_tick(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    geo = GeoFile(place)
    send_and_cut(daemon, network, ["8.8.8.8", "9.1.2.3", "11.1.1.1", "192.168.1.1"])
    # The first tick that begins after the cut: updated_ns is written at the beginning of each.
    last = geo.header()["updated_ns"]
    wait_for(lambda: geo.header()["updated_ns"] > last, "one tick", limit_s=3)
    wait_for(lambda: geo.header()["pending"] == 0, "the end of that tick", limit_s=0.1)
    answers = geo.answers()
    check_equal([answers["8.8.8.8"][one] for one in ("country", "country_name", "city", "flags")],
                ["US", "United States", None, KNOWN], "8.8.8.8")
    check_equal([answers["9.1.2.3"][one] for one in
                 ("country", "country_name", "region", "city", "asn", "address_class")],
                ["DE", "Germany", "Bavaria", "Munich", 0, "global"], "9.1.2.3")
    check_equal([answers["11.1.1.1"][one] for one in ("country", "flags", "address_class")],
                [None, 0, "global"], "a negative answer is a record, too")
    check_equal(answers["192.168.1.1"]["address_class"], "private", "RFC 1918")
    header = geo.header()
    check_equal((header["known"], header["negative"], header["lookups"]), (2, 2, 3), "counters")


@test(limit_s=60, guest=False)
def geo_answers_come_within_a_second_however_far_apart_cuts_are(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place, interval="1h").start()
    geo = GeoFile(place)
    send_and_cut(daemon, network, ["8.8.8.8", "9.1.2.3"])
    last = geo.header()["updated_ns"]
    wait_for(lambda: geo.header()["updated_ns"] > last, "a tick, one second long", limit_s=3)
    wait_for(lambda: geo.header()["pending"] == 0, "the end of that tick", limit_s=0.1)
    check_equal(geo.answers()["9.1.2.3"]["country"], "DE", "answer")


def public_half(seed, world, n):
    """n addresses of each family, half of them inside the networks of that world."""
    wanted = []
    for version in (4, 6):
        inside = [one for one in world if (":" in one[0]) == (version == 6)]
        wanted += geo_world.addresses_in(seed + version, inside, n // 2, is_public)
        wanted += random_addresses(n - n // 2, seed + version, version)
    return list(dict.fromkeys(wanted))


def compare(expected, read, answers, text):
    """Every record against what mmdblookup says; returns how many knew something."""
    known = 0
    for address, answer in expected.items():
        wanted = read(answer)
        record = answers[address]
        check(record is not None, f"{text}: no answer for {address}")
        check_equal({one: record[one] for one in wanted}, wanted, f"{text}: {address}")
        known += bool(answer)
        check_equal(record["flags"] & KNOWN, KNOWN if wanted != geo_world.NOTHING else 0,
                    f"{text}: {address} known")
    return known


def read_until(geo, generation, where, both):
    """Read records at random until all are of this generation; returns how many."""
    draw, seen, addresses = random.Random(generation), 0, list(both)
    while geo.header()["generation"] < generation or geo.header()["pending"]:
        address = draw.choice(addresses)
        record = geo.record(where[address])
        check({one: record[one] for one in geo_world.NOTHING} in both[address],
              f"neither the old answer nor the new one: {address}: {record}")
        seen += 1
    return seen


def layout_is_read_right_before_and_after_a_swap(context, entry, read, *options, **how):
    network = Network(context)
    old, new = geo_world.world(1, entry), geo_world.world(2, entry)
    place, path = with_database(context, old, **how)
    other = os.path.join(place.base, "other.mmdb")
    make_database(other, new, **how)
    addresses = public_half(3, old + new, 1700)  # of three layouts 10,000
    check(len(addresses) >= 3390, f"only {len(addresses)} addresses")
    daemon = Daemon(context, network, "--geo-database", path, *options, place=place).start()
    load = Traffic(context, network, addresses=2000, rate=20_000).start()
    send_and_cut(daemon, network, addresses)
    geo = GeoFile(place)
    geo.settled(len(addresses), generation=1)
    first = mmdblookup(path, addresses)
    known = compare(first, read, geo.answers(), "before")
    check(known > 1360, f"the databases know only {known} addresses")
    second = mmdblookup(other, addresses)
    lookups = geo.header()["lookups"]
    check_equal(lookups, len(addresses), "look-ups of one pass")

    # Whatever is read from now on is one of the two answers, whole.
    where = {address_text(packed): index
             for index, (packed, _) in enumerate(geo.ledger_addresses())}
    both = {one: [read(first[one]), read(second[one])] for one in addresses}
    seen = 0
    for swap, source in enumerate([other, path + ".old"] * 5 + [other]):
        if not swap:
            shutil.copy(path, path + ".old")
        shutil.copy(source, path + ".new")
        os.rename(path + ".new", path)
        seen += read_until(geo, swap + 2, where, both)
        geo.settled(len(addresses), generation=swap + 2)
    check(load.running(), "the load ended too early")
    compare(second, read, geo.answers(), "after")
    check_equal(geo.header()["lookups"], lookups + (swap + 1) * len(addresses),
                "look-ups of a pass each")
    load.finish()
    daemon.cut()
    daemon.ctl("verify")
    context.note(f"{len(addresses)} addresses, {known} known before, {seen} reads in {swap + 1} swaps")


@test(limit_s=240, guest=False)
def geo_city_layout_of_maxmind_and_dbip(context):
    layout_is_read_right_before_and_after_a_swap(
        context, geo_world.nested_city,
        lambda answer: geo_world.read_nested_city(answer, ("de", "en")),
        "--geo-language", "de", "--geo-language", "en", kind="GeoLite2-City", record_size=28,
        languages=("de", "en"))


@test(limit_s=240, guest=False)
def geo_as_layout_of_maxmind_and_dbip(context):
    layout_is_read_right_before_and_after_a_swap(context, geo_world.plain_asn,
                                                 geo_world.read_plain_asn, kind="GeoLite2-ASN")


@test(limit_s=240, guest=False)
def geo_flat_layout_of_ipinfo(context):
    layout_is_read_right_before_and_after_a_swap(
        context, geo_world.flat_lite, geo_world.read_flat_lite, kind="ipinfo lite", flat=True,
        record_size=32)


@test(limit_s=60, guest=False)
def geo_three_databases_and_a_list_make_one_answer(context):
    network = Network(context)
    place = Place(context)
    paths = [os.path.join(place.base, name) for name in ("city", "asn", "lite")]
    make_database(paths[0], [["9.0.0.0/8", {"country": {"iso_code": "DE", "names":
                                                        {"en": "Germany"}}}]])
    make_database(paths[1], [["9.0.0.0/9", {"autonomous_system_number": 64500,
                                            "autonomous_system_organization": "One"}]], "ASN")
    make_database(paths[2], [["9.0.0.0/8", {"country_code": "AT", "country": "Austria",
                                            "asn": "AS64501", "as_name": "Two"}],
                             ["15.0.0.0/8", {"country_code": "AT", "country": "Austria"}]],
                  "lite", flat=True)
    overrides = os.path.join(place.base, "prefixes")
    with open(overrides, "w", encoding="utf-8") as out:
        out.write("9.1.0.0/16 name=\"Customer A\"\n9.1.1.0/24 name=A1 country=FR asn=64999\n"
                  "10.0.0.0/8 name=LAN\n")
    Daemon(context, network, *(word for path in paths for word in ("--geo-database", path)),
           "--geo-overrides", overrides, place=place).start()
    send(network, ["9.1.1.1", "9.1.2.1", "9.200.0.1", "15.0.0.1", "10.1.1.1"])
    geo = GeoFile(place)
    geo.settled(5)
    fields = ("country", "country_name", "asn", "as_org", "name", "flags", "address_class")
    answers = {one: [record[field] for field in fields] for one, record in geo.answers().items()}
    both = KNOWN | OVERRIDE
    check_equal(answers, {
        "9.1.1.1": ["FR", None, 64999, None, "A1", both, "global"],
        "9.1.2.1": ["DE", "Germany", 64500, "One", "Customer A", both, "global"],
        "9.200.0.1": ["DE", "Germany", 64501, "Two", None, KNOWN, "global"],
        "15.0.0.1": ["AT", "Austria", 0, None, None, KNOWN, "global"],
        "10.1.1.1": [None, None, 0, None, "LAN", both, "private"],
    }, "answers")


@test(limit_s=60, guest=False)
def geo_steady_state_asks_nothing_and_sleeps(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    addresses = random_addresses(5000, 1, 4)
    send_and_cut(daemon, network, addresses)
    geo = GeoFile(place)
    before = geo.settled(len(addresses))
    pid = daemon.status()["geo"]["pid"]

    def wakeups():
        return int(status_field(pid, "voluntary_ctxt_switches")[0])

    first, stamps = wakeups(), {geo.header()["updated_ns"]}

    def ticks():
        stamps.add(geo.header()["updated_ns"])
        return len(stamps) > 20

    # The same addresses go on: known ones are nobody's work.
    send(network, addresses)
    wait_for(ticks, "twenty ticks", limit_s=20)
    woken = wakeups() - first
    after = geo.header()
    check_equal(after["lookups"], before["lookups"], "look-ups")
    check_equal(after["strings_bytes"], before["strings_bytes"], "names")
    check(woken <= len(stamps) + 2, f"{woken} wake-ups in {len(stamps)} ticks")
    context.note(f"{woken} wake-ups in {len(stamps)} ticks, 0 look-ups")


@test(limit_s=120, guest=False)
def geo_address_in_a_folded_place_has_its_record_too(context):
    network = Network(context)
    place, path = with_database(context, geo_world.world(1, geo_world.nested_city))
    daemon = Daemon(context, network, "--geo-database", path, "--ledger-addresses", "2000",
                    place=place, memory="96M").start()
    geo = GeoFile(place)
    addresses = random_addresses(2300, 1, 4)
    send_and_cut(daemon, network, addresses[:2000])
    geo.settled(1900)
    # A cut of a full ledger gives a 64th of its places to others.
    found = set()
    for at in range(2000, len(addresses), 30):
        send_and_cut(daemon, network, addresses[at:at + 30])
        # What came last is there (only what is idle is folded), and is answered one tick later.
        last = geo.header()["updated_ns"]
        wait_for(lambda stamp=last: geo.header()["updated_ns"] > stamp, "one tick", limit_s=3)
        wait_for(lambda: geo.header()["pending"] == 0, "the end of that tick")
        answers = geo.answers()
        here = [one for one in addresses[at:at + 30] if one in answers]
        check(all(answers[one] for one in here), "an address without its answer")
        found.update(here)
    check(len(found) > 150, f"only {len(found)} of 300 found a place")
    check_equal(len(geo.ledger_addresses()), 2000, "places")
    context.note(f"{len(found)} addresses took over a place")
