# SPDX-License-Identifier: GPL-2.0-or-later
"""Invented worlds: networks and what three kinds of databases say about them."""

import ipaddress
import random

COUNTRIES = {"DE": ("Germany", "Deutschland"), "FR": ("France", "Frankreich"),
             "US": ("United States", "USA"), "JP": ("Japan", "Japan"), "BR": ("Brazil", "Brasilien"),
             "CI": ("C\u00f4te d'Ivoire", "Elfenbeink\u00fcste"), "NZ": ("New Zealand", "Neuseeland")}


def networks(draw, n):
    """Random networks, nested ones too, half of each family."""
    found = {}
    while len(found) < n:
        if len(found) % 2:
            length = draw.randrange(8, 25)
            one = ipaddress.ip_network((draw.getrandbits(32), length), strict=False)
        else:
            length = draw.randrange(16, 57)
            # 2400::/6: outside 6to4 and Teredo, which are aliases of IPv4 in such files
            one = ipaddress.ip_network((0x24 << 120 | draw.getrandbits(122), length), strict=False)
        found[str(one)] = True
    # Shorter ones first: the writer lets later ones win, as longer ones do for a reader.
    return sorted(found, key=lambda one: int(one.split("/")[1]))


def nested_city(draw, number):
    """MaxMind's and DB-IP's city layout; names of some places are not known in every language."""
    code = draw.choice(list(COUNTRIES))
    english, german = COUNTRIES[code]
    entry = {"country": {"iso_code": code, "names": {"en": english, "de": german}}}
    if draw.random() < 0.7:
        entry["city"] = {"names": {"en": f"City {number % 500}"}}
        if draw.random() < 0.5:
            entry["city"]["names"]["de"] = f"Stadt {number % 500}"
    if draw.random() < 0.5:
        entry["subdivisions"] = [{"iso_code": "XX", "names": {"en": f"Region {number % 50}"}}]
    return entry


def plain_asn(draw, number):
    """MaxMind's and DB-IP's AS layout."""
    entry = {"autonomous_system_number": draw.choice([64496 + number % 16, 4200000000 + number])}
    if draw.random() < 0.9:
        entry["autonomous_system_organization"] = f"Net \u2116{number % 300} Ltd."
    return entry


def flat_lite(draw, number):
    """IPinfo's Lite layout."""
    code = draw.choice(list(COUNTRIES))
    entry = {"country": COUNTRIES[code][0], "country_code": code, "continent": "Somewhere"}
    if draw.random() < 0.8:
        number = 64496 + number % 1000
        entry.update({"asn": f"AS{number}", "as_name": f"Example {number}",
                      "as_domain": "example.net"})
    return entry


def world(seed, entry, n=3000):
    """Input for geo.make_database."""
    draw = random.Random(seed)
    return [[network, entry(draw, number)] for number, network in enumerate(networks(draw, n))]


def addresses_in(seed, wanted, n, public):
    """n different addresses inside the networks, as far as `public` says yes to them."""
    draw = random.Random(seed)
    found = {}
    while len(found) < n:
        network = ipaddress.ip_network(draw.choice(wanted)[0])
        one = network[draw.getrandbits(network.max_prefixlen - network.prefixlen)]
        if public(one):
            found[str(one)] = True
    return list(found)


# ---- How a person reads each layout: one function each, from mmdblookup's answer to a record -----

NOTHING = {"country": None, "country_name": None, "region": None, "city": None, "asn": 0,
           "as_org": None}


def read_nested_city(answer, languages=("en",)):
    def named(part):
        names = (part or {}).get("names", {})
        return next((names[one] for one in languages if one in names), None)
    answer = answer or {}
    return dict(NOTHING, country=answer.get("country", {}).get("iso_code"),
                country_name=named(answer.get("country")), city=named(answer.get("city")),
                region=named((answer.get("subdivisions") or [None])[0]))


def read_plain_asn(answer):
    answer = answer or {}
    return dict(NOTHING, asn=answer.get("autonomous_system_number", 0),
                as_org=answer.get("autonomous_system_organization"))


def read_flat_lite(answer):
    answer = answer or {}
    return dict(NOTHING, country=answer.get("country_code"), country_name=answer.get("country"),
                asn=int(answer.get("asn", "AS0")[2:]), as_org=answer.get("as_name"))
