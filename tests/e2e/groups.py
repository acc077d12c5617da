# SPDX-License-Identifier: GPL-2.0-or-later
"""What each group must have, from the generator's account and a list; and what it has."""

import ipaddress

from tap import check, check_equal

COUNTERS = ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes")


def prefixes_of(text):
    found = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            cidr, name = line.split(None, 1)
            found.append((ipaddress.ip_network(cidr), name.strip().strip('"')))
    return sorted(found, key=lambda one: -one[0].prefixlen)


def add_up(expected, traffic, text):
    """Whose each address of the account is, by trying every prefix; into expected."""
    prefixes = prefixes_of(text)
    with open(traffic.account, encoding="ascii") as lines:
        for line in lines:
            fields = line.split()
            if fields[0] in ("total", "ignored"):
                continue
            address = ipaddress.ip_address(fields[0])
            name = next((name for network, name in prefixes
                         if network.version == address.version and address in network), None)
            total = expected.setdefault(name, [0, 0, 0, 0])
            for i, value in enumerate(fields[2:6]):
                total[i] += int(value)
    return expected


def totals(daemon, *options):
    """Totals by name; None: in no group. All of them must add up to what was accounted."""
    dump = daemon.dump("--by", "group", *options)
    found = {}
    for one in dump["groups"]:
        name = one["group"] if one["kind"] == "group" else (
            None if one["kind"] == "unknown" else (one["kind"],))
        check(name not in found, f"{name} twice")
        found[name] = [one[field] for field in COUNTERS]
    accounted = [sum(one["accounted_packets"] for one in dump["interfaces"]),
                 sum(one["accounted_l3_bytes"] for one in dump["interfaces"])] * 2
    if not dump["live"]:
        check_equal([sum(column) for column in zip(*found.values())], accounted,
                    "sum over the groups")
    return found


def check_exact(daemon, expected):
    found = totals(daemon)
    for name, counters in expected.items():
        check_equal(found.get(name), counters, f"group {name}")
    for name, counters in found.items():
        if name not in expected:
            check_equal(counters, [0, 0, 0, 0], f"group {name}, which sent nothing")
    check_equal(totals(daemon, "--live"), found, "live, when all is cut")
