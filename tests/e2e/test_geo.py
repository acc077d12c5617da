# SPDX-License-Identifier: GPL-2.0-or-later
"""The geo worker: right answers, who it is, what it may do, and what happens to it."""

import os

from geo import GeoFile, make_database, send
from harness import Daemon, Network, Place
from tap import check, check_equal, test

CITIES = [
    ["8.8.8.0/24", {"country": {"iso_code": "US", "names": {"en": "United States"}}}],
    ["9.0.0.0/8", {"country": {"iso_code": "DE", "names": {"en": "Germany", "de": "Deutschland"}},
                   "city": {"names": {"en": "Munich", "de": "M\u00fcnchen"}},
                   "subdivisions": [{"iso_code": "BY", "names": {"en": "Bavaria"}}]}],
]


def with_database(context, networks=None, **more):
    """A place, a readable database in it, and its path."""
    place = Place(context)
    path = os.path.join(place.base, "city.mmdb")
    make_database(path, networks or CITIES, **more)
    return place, path


@test(limit_s=60, guest=False)
def new_address_gets_its_record_within_one_tick(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    send(network, ["8.8.8.8", "9.1.2.3", "11.1.1.1", "192.168.1.1"])
    daemon.cut()
    geo = GeoFile(place)
    geo.settled(4)
    answers = geo.answers()
    check_equal([answers["8.8.8.8"][one] for one in ("country", "country_name", "city", "flags")],
                ["US", "United States", None, 1], "8.8.8.8")
    check_equal([answers["9.1.2.3"][one] for one in
                 ("country", "country_name", "region", "city", "asn", "address_class")],
                ["DE", "Germany", "Bavaria", "Munich", 0, "global"], "9.1.2.3")
    check_equal([answers["11.1.1.1"][one] for one in ("country", "flags", "address_class")],
                [None, 0, "global"], "a negative answer is a record, too")
    check_equal(answers["192.168.1.1"]["address_class"], "private", "RFC 1918")
    header = geo.header()
    check_equal((header["known"], header["negative"], header["lookups"]), (2, 2, 3), "counters")
    check(geo.databases()[0]["state"] == 1, "state")
    daemon.stop()
